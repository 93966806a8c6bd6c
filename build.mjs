/**
 * Sets up, builds and starts everything, with Node's own modules only: a fresh clone has nothing else.
 *
 * Each step knows its inputs and leaves their hash in .cache/, so that what is up to date is skipped.
 * Progress goes to stderr; stdout belongs to the command that is started.
 */
import { campaign } from './src/build/campaigns.mjs';
import { install } from './src/build/install.mjs';
import { bench, buildAll } from './src/build/outputs.mjs';
import { BuildError, path, ROOT } from './src/build/project.mjs';
import { node } from './src/build/steps.mjs';

const OLDEST_NODE = 20;

const COMMANDS = {
  build: { does: 'install what is missing and build dist/', run: prepare },
  start: {
    does: 'build, then run the main job: each program under each policy',
    run: async (args) => {
      await prepare();
      return node(path('dist/cli.js'), 'demo', ...args);
    },
  },
  test: {
    does: 'build, then run the tests (--fast: the quick ones; other arguments go to vitest: test/policy)',
    run: async (args) => {
      await prepare();
      return runTests(args);
    },
  },
  campaign: {
    does: 'build, then run random tests at length (without a name: lists them)',
    run: async (args) => {
      await prepare();
      return campaign(args, runTests);
    },
  },
  check: {
    does: 'type-check, lint and check the format (--write: repair what can be repaired)',
    run: async (args) => {
      await install();
      const types = node(path('node_modules/typescript/bin/tsc'), '-p', ROOT);
      return (
        node(
          path('node_modules/@biomejs/biome/bin/biome'),
          'check',
          '--error-on-warnings',
          ...args,
        ) || types
      );
    },
  },
  bench: {
    does: 'build, then measure (test/bench)',
    run: async (args) => {
      await prepare();
      return bench(args);
    },
  },
};

function runTests(args) {
  const config = args.includes('--fast') ? 'fast.config.ts' : 'vitest.config.ts';
  const rest = args.filter((arg) => arg !== '--fast');
  return node(
    path('node_modules/vitest/vitest.mjs'),
    'run',
    '--config',
    path('test', config),
    ...rest,
  );
}

async function prepare() {
  await install();
  await buildAll();
}

function help() {
  const lines = Object.entries(COMMANDS).map(([name, { does }]) => `  ${name.padEnd(8)} ${does}`);
  process.stdout.write(`node build.mjs [COMMAND] [ARGUMENTS]\n\n${lines.join('\n')}\n`);
  return 0;
}

async function main([name = 'build', ...args]) {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < OLDEST_NODE) {
    throw new BuildError(
      `this is Node ${process.versions.node}; Node ${OLDEST_NODE} or later is needed`,
    );
  }
  if (name === '--help' || name === '-h') return help();
  if (!Object.hasOwn(COMMANDS, name)) {
    throw new BuildError(
      `unknown command '${name}': expected one of ${Object.keys(COMMANDS).join(', ')}`,
    );
  }
  return (await COMMANDS[name].run(args)) ?? 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`build.mjs: ${error.message}\n`);
  process.exitCode = 1;
}

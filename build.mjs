/**
 * Sets up, builds and starts everything, with Node's own modules only: a fresh clone has nothing else.
 *
 * Each step knows its inputs and leaves their hash in .cache/, so that what is up to date is skipped.
 * Progress goes to stderr; stdout belongs to the command that is started.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = dirname(fileURLToPath(import.meta.url));
const OLDEST_NODE = 20;
const path = (...parts) => join(ROOT, ...parts);
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** A failure that the user can do something about: printed as it is, without a stack trace. */
class BuildError extends Error {}

const COMMANDS = {
  build: { does: 'install what is missing and build dist/', run: () => prepare() },
  start: {
    does: 'build, then run the main job: each program under each policy',
    run: async (args) => {
      await prepare();
      return node(path('dist/cli.js'), 'demo', ...args);
    },
  },
  test: {
    does: 'build, then run the tests (arguments go to vitest, for instance test/mm)',
    run: async (args) => {
      await prepare();
      const vitest = path('node_modules/vitest/vitest.mjs');
      return node(vitest, 'run', '--config', path('test/vitest.config.ts'), ...args);
    },
  },
  check: {
    does: 'type-check, lint and check the format (--write: repair what can be repaired)',
    run: async (args) => {
      await install();
      const types = node(TSC, '-p', ROOT);
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
  bench: { does: 'build, then measure (test/bench)', run: (args) => bench(args) },
};

// ---------------------------------------------------------------- installing

const MARKER = 'node_modules/.mayexec-lock';

/** Runs `npm ci` when node_modules is not what package-lock.json says; otherwise nothing. */
async function install() {
  const wanted = `${hashOf(['package-lock.json'])} ${process.platform}-${process.arch}`;
  if (readText(MARKER) === wanted) return;
  if (!installedByHand()) {
    await step('installing dependencies with npm', () => npmCi());
  }
  fs.writeFileSync(path(MARKER), wanted);
}

/** True when someone ran npm already: every package that npm recorded has the lock file's version. */
function installedByHand() {
  const wanted = packagesOf('package-lock.json');
  const found = packagesOf('node_modules/.package-lock.json');
  const needed = Object.keys(wanted).filter((name) => name !== '' && !wanted[name].optional);
  return (
    needed.every((name) => name in found || wanted[name].peer) &&
    Object.keys(found).every((name) => found[name].version === wanted[name]?.version)
  );
}

function packagesOf(file) {
  return JSON.parse(readText(file) ?? '{}').packages ?? {};
}

async function npmCi() {
  // Under `npm start` npm names itself; started as `node build.mjs`, it is looked for on the path.
  const self = process.env.npm_execpath;
  const [command, first, shell] = self?.endsWith('.js')
    ? [process.execPath, [self], false]
    : ['npm', [], process.platform === 'win32'];
  // All dependencies are needed, whatever NODE_ENV or the user's settings leave out; none needs its scripts.
  const rest = ['ci', '--include=dev', '--include=optional', '--ignore-scripts'];
  const args = [...first, ...rest, '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, output, error } = await capture(command, args, shell);
  if (error) {
    throw new BuildError(
      `npm cannot be started (${error.code}): it comes with Node, and must be on the PATH`,
    );
  }
  if (status === 0) return;
  const offline = /E(NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NOTCACHED|NETUNREACH)/;
  const lines = output.trim().split('\n');
  throw new BuildError(
    offline.test(output)
      ? `npm could not reach its registry; the first start needs the network once\n${lines[0]}`
      : `npm ci failed (status ${status})\n${lines.slice(0, 12).join('\n')}`,
  );
}

// ---------------------------------------------------------------- building

/** Front ends import the one copy of the library, dist/index.js. */
const ENTRIES = [
  { name: 'index', entry: 'src/index.ts' },
  { name: 'cli', entry: 'src/cli/main.ts', library: './index.js' },
];
const ENGINE_FILES = ['unicorn1.wasm', 'unicorn1-js.mjs'];
const ENGINE_INPUT = 'node_modules/@specy/x86/dist/x86/deps/unicorn-x86.min.js';

async function prepare() {
  await install();
  await buildEngine();
  await buildBundles();
  await buildTypes();
}

/** Makes the engine's two forms, in .cache/engine for the sources and in dist/engine for the package. */
async function buildEngine() {
  const inputs = [...filesIn('src/unicorn-wasm'), ENGINE_INPUT];
  const outputs = ['.cache', 'dist'].flatMap((top) =>
    ENGINE_FILES.map((name) => `${top}/engine/${name}`),
  );
  await ifChanged('engine', inputs, outputs, 'building the engine', async (log) => {
    const script = await bundle('src/unicorn-wasm/build.ts', '.cache/bundled/unicorn-wasm.mjs');
    const { buildUnicorn, patchLoads, patchMmuFault } = await import(
      pathToFileURL(path(script)).href
    );
    const outDir = path('.cache/engine');
    const cacheDir = path('.cache/unicorn-wasm');
    await buildUnicorn({
      input: path(ENGINE_INPUT),
      outDir,
      cacheDir,
      optimise: 'fast',
      patch: (source) => patchMmuFault(patchLoads(source)),
      log,
    });
    for (const file of filesIn('.cache/engine')) {
      writeWhole(file.replace('.cache', 'dist'), fs.readFileSync(path(file)));
    }
  });
}

async function buildBundles() {
  const inputs = [...filesIn('src'), 'build.mjs', 'package-lock.json'];
  const outputs = ENTRIES.map(({ name }) => `dist/${name}.js`);
  await ifChanged('bundles', inputs, outputs, 'bundling dist/', async () => {
    for (const { name, entry, library } of ENTRIES) await bundle(entry, `dist/${name}.js`, library);
    fs.chmodSync(path('dist/cli.js'), 0o755);
  });
}

/** Declarations only: it is `npm run check` that checks types. */
async function buildTypes() {
  const inputs = [...filesIn('src'), 'build.mjs', 'tsconfig.json', 'package-lock.json'];
  await ifChanged('types', inputs, ['dist/types/index.d.ts'], 'writing dist/types', async () => {
    const compilerOptions = {
      noEmit: false,
      noCheck: true,
      declaration: true,
      emitDeclarationOnly: true,
      rootDir: '../src',
      outDir: '../dist/types',
    };
    const config = { extends: '../tsconfig.json', compilerOptions, files: ['../src/index.ts'] };
    writeWhole('.cache/tsconfig.types.json', JSON.stringify({ ...config, include: [] }));
    const { status, output } = await capture(process.execPath, [
      TSC,
      '-p',
      '.cache/tsconfig.types.json',
    ]);
    if (status !== 0) throw new BuildError(`tsc failed\n${output.trim()}`);
  });
}

async function bench(args) {
  await prepare();
  const library = pathToFileURL(path('dist/index.js')).href;
  return node(
    path(await bundle('test/bench/main.ts', '.cache/bundled/bench.mjs', library)),
    ...args,
  );
}

/** Bundles `entry` into `outfile`; with `library`, imports of src/index.js become imports of that. */
async function bundle(entry, outfile, library) {
  const esbuild = await import('esbuild');
  const elsewhere = {
    name: 'library',
    setup: ({ onResolve }) =>
      onResolve({ filter: /\/index\.js$/ }, ({ path: name, resolveDir }) =>
        join(resolveDir, name) === path('src/index.js') ? { path: library, external: true } : null,
      ),
  };
  const build = esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile,
    plugins: library === undefined ? [] : [elsewhere],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'silent',
  });
  const { outputFiles } = await build.catch(async ({ errors, message }) => {
    const lines = await esbuild.formatMessages(errors ?? [{ text: message }], { kind: 'error' });
    throw new BuildError(`${entry} does not build\n${lines.join('').trim()}`);
  });
  writeWhole(outfile, outputFiles[0].contents);
  return outfile;
}

// ---------------------------------------------------------------- steps

/** Runs a step unless its inputs are those of its last success and its outputs exist. */
async function ifChanged(name, inputs, outputs, title, action) {
  const stamp = `.cache/stamps/${name}`;
  const hash = hashOf(inputs);
  if (readText(stamp) === hash && outputs.every((file) => fs.existsSync(path(file)))) return;
  fs.rmSync(path(stamp), { force: true });
  await step(title, action);
  writeWhole(stamp, hash);
}

/** Says what is going on, and how long it took when that was long; a terminal shows the seconds go by. */
async function step(title, action) {
  const { stderr } = process;
  const start = performance.now();
  const seconds = () => Math.round((performance.now() - start) / 1000);
  const clear = stderr.isTTY ? '\r\x1b[K' : '';
  const show = (text) => stderr.write(clear ? `${clear}${text}` : `${text}\n`);
  show(`${title} ...`);
  const timer = setInterval(() => show(`${title} ... ${seconds()} s`), clear ? 1000 : 15_000);
  try {
    await action((line) => stderr.write(`${clear}  ${line}\n`));
    stderr.write(clear);
    if (seconds() > 0) stderr.write(`${title}: done in ${seconds()} s\n`);
  } catch (error) {
    stderr.write(`${clear}${title}: failed\n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/** Runs a program of ours with the terminal's own streams; the exit status is passed on. */
function node(...args) {
  const { status, signal, error } = spawnSync(process.execPath, args, {
    stdio: 'inherit',
    cwd: ROOT,
  });
  if (error) throw error;
  return status ?? 128 + constants.signals[signal];
}

/** Runs a program without blocking the progress line; its two streams come back as one text. */
function capture(command, args, shell = false) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, shell, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    child.on('error', (error) => resolve({ status: 127, output, error }));
    child.on('close', (status) => resolve({ status: status ?? 1, output }));
  });
}

// ---------------------------------------------------------------- files, named from the project's folder

function readText(file) {
  return fs.existsSync(path(file)) ? fs.readFileSync(path(file), 'utf8') : undefined;
}

function filesIn(folder) {
  const entries = fs.readdirSync(path(folder), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const bytes = fs.readFileSync(path(file));
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

/** Under another name first: whoever reads it meanwhile, or builds too, never sees half a file. */
function writeWhole(file, content) {
  fs.mkdirSync(dirname(path(file)), { recursive: true });
  fs.writeFileSync(path(`${file}.${process.pid}`), content);
  fs.renameSync(path(`${file}.${process.pid}`), path(file));
}

// ---------------------------------------------------------------- the command line

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

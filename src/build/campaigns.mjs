/** Campaigns: the random tests of `npm test` at lengths that take minutes to hours, one at a time. */
import { BuildError, path } from './project.mjs';
import { node } from './steps.mjs';

/** A variable that is set already stays: MAYEXEC_NATIVE=500 npm run campaign kernel. */
const CAMPAIGNS = {
  kernel: {
    does: 'sequences of memory calls on this kernel and in the sandbox',
    env: { MAYEXEC_NATIVE: '5000' },
    tests: ['test/native/native.spec.ts'],
  },
  'self-modifying': {
    does: "programs that rewrite themselves, on this host's CPU and in the sandbox",
    env: { MAYEXEC_NATIVE: '20000' },
    tests: ['test/native/self-modifying.spec.ts'],
  },
  cpu: {
    does: "code as compilers write it, on this host's CPU and in the sandbox",
    env: { MAYEXEC_CPU: '1000' },
    tests: ['test/runner/compare-with-host.spec.ts'],
  },
  instructions: {
    does: "single instructions of the whole opcode map, on this host's CPU and in the sandbox",
    env: { MAYEXEC_INSTRUCTIONS: '1000000' },
    tests: ['test/native/instructions.spec.ts'],
  },
  engine: {
    does: 'the two forms of the engine side by side, mutants of one, random code on both',
    env: { MAYEXEC_CAMPAIGN: '20' },
    tests: ['test/build/unicorn-wasm/differential.spec.ts', 'test/engine/conformance.spec.ts'],
  },
  paging: {
    does: "page tables and accesses of a ring-0 guest, against a model of the manual's page walk",
    env: { MAYEXEC_PAGING: '1000000' },
    tests: ['test/os/kernel/paging.spec.ts'],
  },
  guests: {
    does: 'system calls with any arguments, random code, handlers and executables',
    env: { MAYEXEC_CAMPAIGN: '20' },
    tests: ['test/os/linux/properties.spec.ts'],
  },
  probe: {
    does: 'each policy and combination that the probe can tell, probed and found again',
    env: { MAYEXEC_PROBE: 'all' },
    tests: ['test/probe'],
  },
  soak: {
    does: '100,000 sandboxes and 1,000,000 kit cases, whose memory must not grow (--sandboxes=N, --cases=N)',
    script: 'test/campaign/soak.mjs',
  },
  'damaged-pe': {
    does: '200,000 damaged programs for Windows, loaded, run and looked at (--inputs=N, --seed=N)',
    script: 'test/campaign/damaged-pe.mjs',
  },
  policies: {
    does: 'each rule of each policy taken away: a lesson must notice',
    script: 'test/scenario/mutate-policies.mjs',
  },
};

/** Runs those that are named; tells what there is when none is. Arguments behind `--` go to the tests' runner. */
export function campaign(args, runTests) {
  const names = args.filter((arg) => !arg.startsWith('-'));
  const options = args.filter((arg) => arg.startsWith('-'));
  for (const name of names) {
    if (Object.hasOwn(CAMPAIGNS, name)) continue;
    const known = Object.keys(CAMPAIGNS).join(', ');
    throw new BuildError(`unknown campaign '${name}': expected one of ${known}`);
  }
  if (names.length === 0) return list();
  return Math.max(...names.map((name) => run(name, options, runTests)));
}

function run(name, options, runTests) {
  const { does, env = {}, tests, script } = CAMPAIGNS[name];
  process.stderr.write(`campaign ${name}: ${does}\n`);
  if (script !== undefined) return node(path(script), ...options);
  for (const [key, value] of Object.entries(env)) process.env[key] ??= value;
  const status = runTests([...tests, '--disable-console-intercept', ...options]);
  for (const [key, value] of Object.entries(env)) {
    if (process.env[key] === value) delete process.env[key];
  }
  return status;
}

function list() {
  const lines = Object.entries(CAMPAIGNS).map(([name, { does, env = {} }]) => {
    const set = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    return `  ${name.padEnd(15)} ${does}${set.length === 0 ? '' : ` (${set})`}\n`;
  });
  process.stdout.write(`npm run campaign -- NAME...\n\n${lines.join('')}`);
  return 0;
}

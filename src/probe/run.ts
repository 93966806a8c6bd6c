/** The probe in the sandbox: the same executable that runs on real machines, under any policy. */
import type { Arch } from '../base/address.js';
import { InvariantError } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import { checkShape, oneOf } from '../base/shape.js';
import type { EngineChoice, PolicyChoice } from '../sandbox/options.js';
import { Sandbox } from '../sandbox/sandbox.js';
import { PROBED_SYSTEMS, type ProbedSystem } from './experiments.js';
import { probeProgram } from './program.js';
import { notStarted, type ProbeResults, parseProbe } from './results.js';
import { win32ProbeProgram } from './win32/program.js';

/** What of a machine is no policy and yet decides experiments. */
export interface Surroundings {
  /** Mounts whose files may not be executed. */
  readonly noexec: readonly ('/tmp' | '/dev/shm')[];
  /** A processor with protection keys. */
  readonly protectionKeys: boolean;
  /** i386: a 32-bit kernel, which keeps the fourth gigabyte. */
  readonly smallSpace: boolean;
}

const NEWLINE = 10;

export const USUAL: Surroundings = { noexec: [], protectionKeys: false, smallSpace: false };

export interface ProbeOptions {
  /** Default 'x86-64'. */
  readonly arch?: Arch | undefined;
  /** Default 'linux'. */
  readonly os?: ProbedSystem | undefined;
  /** Default 'nx', of Windows 'dep'. */
  readonly policy?: PolicyChoice | undefined;
  readonly surroundings?: Surroundings | undefined;
  /** Names of experiments; default: all. */
  readonly only?: readonly string[] | undefined;
  readonly seed?: number | undefined;
  /** The processor, as SandboxOptions.cpu. */
  readonly cpu?: string | undefined;
  readonly engine?: EngineChoice | undefined;
  /** Called as each line of output is complete: the header first, then a result each. */
  readonly onLine?: (() => void) | undefined;
}

const OPTIONS: OptionNames<ProbeOptions> = {
  arch: true,
  os: true,
  policy: true,
  surroundings: true,
  only: true,
  seed: true,
  cpu: true,
  engine: true,
  onLine: true,
};
const SURROUNDINGS: OptionNames<Surroundings> = {
  noexec: true,
  protectionKeys: true,
  smallSpace: true,
};

/**
 * Runs the probe in a sandbox under a policy.
 * @throws MayexecError as Sandbox.create does.
 */
export async function runProbe(options: ProbeOptions = {}): Promise<ProbeResults> {
  checkOptionNames('runProbe', options, OPTIONS);
  checkOptionNames('surroundings of runProbe', options.surroundings, SURROUNDINGS);
  const { arch = 'x86-64', os = 'linux', surroundings = USUAL, only = [], ...more } = options;
  const { onLine, ...rest } = more;
  checkShape('runProbe: the system', os, oneOf(PROBED_SYSTEMS));
  const { noexec, protectionKeys, smallSpace } = surroundings;
  const bytes = os === 'linux' ? await probeProgram(arch) : await win32ProbeProgram(arch, only);
  const linux = {
    protectionKeys,
    ...(smallSpace ? { layout: 'linux-i386' } : {}),
    mounts: Object.fromEntries(noexec.map((path) => [path, ['noexec']])),
  };
  const sandbox = await Sandbox.create({
    ...rest,
    arch,
    os,
    ...(os === 'linux' ? linux : {}),
    onOutput: (_fd, output) => {
      if (output.at(-1) === NEWLINE) onLine?.();
    },
    program:
      os === 'linux'
        ? { bytes, argv: ['probe', ...only] }
        : { bytes, path: '/probe.exe', argv: ['probe.exe'] },
  });
  try {
    return os === 'linux'
      ? resultsOf(sandbox, only.length > 0)
      : win32ResultsOf(sandbox, only.length > 0);
  } finally {
    sandbox.close();
  }
}

/** Wine may not start it, with or without a word, and a policy may kill it: that is a result, or its last one. */
function win32ResultsOf(sandbox: Sandbox, chosen: boolean): ProbeResults {
  sandbox.run();
  const text = new TextDecoder();
  const output = text.decode(sandbox.stdout) + text.decode(sandbox.stderr);
  if (sandbox.os === 'wine' && output === '') return notStarted(sandbox.arch);
  const results = { ...parseProbe(output), arch: sandbox.arch };
  return chosen ? { ...results, problems: [] } : results;
}

/** A choice of experiments is no damage. */
function resultsOf(sandbox: Sandbox, chosen: boolean): ProbeResults {
  const outcome = sandbox.run();
  const results = parseProbe(new TextDecoder().decode(sandbox.stdout));
  if (outcome.kind !== 'exit' || outcome.code !== 0) {
    throw new InvariantError(`the probe ended by ${outcome.kind} under ${sandbox.policy}`);
  }
  return chosen ? { ...results, problems: [] } : results;
}

/** One run of a program, and what of it expectations can be about: calls and faults with their rules. */
import type { Addr, Arch } from '../../base/address.js';
import { MayexecError } from '../../base/errors.js';
import type { Outcome } from '../../base/outcome.js';
import { type Cause, causeOfVerdict } from '../../base/verdict.js';
import type { Finding } from '../../diagnosis/monitor/finding.js';
import { finishedRun, unhindered } from '../../diagnosis/outcome/finished-run.js';
import type { FinishedRun } from '../../diagnosis/outcome/outcome-class.js';
import type { InjectionCount } from '../../inject/injector.js';
import type { PolicyChoice, SandboxOptions } from '../../sandbox/options.js';
import { Sandbox } from '../../sandbox/sandbox.js';
import type {
  ApiEvent,
  FaultEvent,
  SyscallEvent,
  TraceEvent,
  VerdictEvent,
} from '../../trace/events.js';
import type { ReadyProgram, ReadyScenario, ScenarioRun } from '../read/scenario.js';
import { ScenarioError } from '../read/scenario-error.js';

export interface ObservedCall {
  readonly name: string;
  /** Undefined where the call never returned. */
  readonly event: SyscallEvent | undefined;
  /** After the instruction that made it. */
  readonly pc: Addr;
  /** Rules that spoke during it, and the one that had taken the rights that it now lacks. */
  readonly rules: readonly string[];
  /** The decision that denied it or killed at it. */
  readonly denial: Cause | undefined;
  /** The Win32 error that a function of the Windows API set. */
  readonly error?: number | undefined;
}

export interface ObservedFault {
  readonly event: FaultEvent;
  readonly rule: string | undefined;
}

export interface Observed extends FinishedRun {
  readonly outcome: Outcome;
  readonly calls: readonly ObservedCall[];
  readonly faults: readonly ObservedFault[];
  readonly stderr: Uint8Array;
  readonly kernelLog: readonly string[];
  readonly injections: readonly InjectionCount[];
  readonly findings: readonly Finding[];
  /** Of a fetch that ended the run: where the stack says it was called from. */
  readonly calledFrom: Addr | undefined;
}

/** Policies may be replaced by the caller's own: mutation checks wrap them. */
export async function observe(
  scenario: ReadyScenario,
  program: ReadyProgram,
  policy: PolicyChoice,
  { inject, append }: Partial<Pick<ScenarioRun, 'inject' | 'append'>> = {},
): Promise<Observed> {
  const options = optionsOf(scenario, program, append);
  using sandbox = await Sandbox.create({ ...options, policy, inject, monitor: true });
  const outcome = sandbox.run();
  const trace = [...sandbox.trace];
  return {
    outcome,
    trace,
    // Under Wine the calls of interest are Wine's own, in the program's name.
    calls: callsOf(trace, scenario.os === 'wine'),
    faults: faultsOf(trace),
    stdout: sandbox.stdout.slice(),
    stderr: sandbox.stderr.slice(),
    kernelLog: [...sandbox.kernelLog],
    injections: sandbox.injections,
    findings: sandbox.findings,
    calledFrom: outcome.kind === 'signal' ? returnAddress(sandbox, scenario.arch) : undefined,
  };
}

/**
 * What the program does where nothing stands in its way.
 * @throws ScenarioError where the sandbox refuses what the file says of it: a program with the name of a
 * folder, for example. Which folders there are only the sandbox knows.
 */
export async function runFreely(
  scenario: ReadyScenario,
  program: ReadyProgram,
  append?: string,
): Promise<FinishedRun> {
  try {
    return await finishedRun(unhindered(optionsOf(scenario, program, append)));
  } catch (error) {
    if (!(error instanceof MayexecError)) throw error;
    const message = `program '${program.name}' cannot start: ${error.message}`;
    throw new ScenarioError([{ ...program.position, message, text: '' }]);
  }
}

function optionsOf(
  { arch, os, settings, kernel }: ReadyScenario,
  program: ReadyProgram,
  append: string | undefined,
): SandboxOptions {
  const path = `/${program.name}`;
  return {
    arch,
    os,
    seed: settings.seed,
    schedule: settings.schedule,
    layout: settings.layout,
    cpu: settings.cpu,
    limits: { blocks: settings.blocks },
    mounts: settings.mounts,
    protectionKeys: settings.protectionKeys,
    ...(kernel === undefined ? {} : { kernel: besideOf(settings, kernel, append) }),
    stdin:
      settings.stdin === undefined ? new Uint8Array() : new TextEncoder().encode(settings.stdin),
    program: {
      bytes: program.elf,
      path,
      argv: [path, ...settings.arguments, ...(os === 'kernel' ? wordsOf(append) : [])],
      xattrs: { ...settings.xattrs, ...program.xattrs },
    },
  };
}

function besideOf(
  { kernel: path = 'kernel' }: ReadyScenario['settings'],
  bytes: Uint8Array,
  append: string | undefined,
): SandboxOptions['kernel'] {
  return { program: { bytes, argv: [path, ...wordsOf(append)] } };
}

function wordsOf(append = ''): string[] {
  return append.split(' ').filter((word) => word !== '');
}

function returnAddress(sandbox: Sandbox, arch: Arch): Addr | undefined {
  const [register, size] = arch === 'i386' ? (['esp', 4] as const) : (['rsp', 8] as const);
  const word = sandbox.load(sandbox.regs[register] ?? 0n, size);
  if (!(word instanceof Uint8Array)) return undefined;
  return word.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function callsOf(trace: readonly TraceEvent[], hostsToo: boolean): ObservedCall[] {
  const calls: ObservedCall[] = [];
  const pending = new Map<number, VerdictEvent[]>();
  for (const event of trace) {
    if (event.type === 'verdict' && event.hook !== 'fault') {
      pending.set(event.pid, [...(pending.get(event.pid) ?? []), event]);
    } else if (event.type === 'syscall' && (hostsToo || !event.byHost)) {
      const verdicts = pending.get(event.pid) ?? [];
      pending.delete(event.pid);
      calls.push(observed(verdicts, event));
    } else if (event.type === 'api') {
      pending.delete(event.pid);
      calls.push(apiCall(event));
    }
  }
  // What is left was said during a call that never returned: the task was killed at it.
  for (const verdicts of pending.values()) calls.push(observed(verdicts, undefined));
  return calls;
}

/** A call of the Windows API, among the system calls of other worlds. */
function apiCall({ seq, pid, pc, name, args, shown, value, error, cause }: ApiEvent): ObservedCall {
  const event: SyscallEvent = {
    ...{ type: 'syscall', seq, pid, pc, name, number: 0, args, shown, value },
    ...{ errno: undefined, byHost: false },
    ...(cause === undefined ? {} : { cause }),
  };
  const denial = cause?.kind === 'denied' ? cause : undefined;
  return { name, event, pc, rules: cause === undefined ? [] : [cause.rule], denial, error };
}

function observed(
  verdicts: readonly VerdictEvent[],
  event: SyscallEvent | undefined,
): ObservedCall {
  const causes = verdicts.flatMap(
    ({ verdict, policy }) => causeOfVerdict({ ...verdict, policy }) ?? [],
  );
  const cause = event?.cause;
  const isDenial = ({ kind }: Cause): boolean => kind === 'denied' || kind === 'killed';
  const said = causes.map(({ rule }) => rule);
  return {
    name: event?.name ?? verdicts[0]?.call ?? 'execve',
    event,
    pc: event?.pc ?? verdicts[0]?.pc ?? 0n,
    rules: cause?.kind === 'taken' ? [...said, cause.rule] : said,
    denial: (event === undefined ? causes : cause === undefined ? [] : [cause]).find(isDenial),
  };
}

function faultsOf(trace: readonly TraceEvent[]): ObservedFault[] {
  return trace.flatMap((event) =>
    event.type === 'fault' ? [{ event, rule: event.cause?.rule }] : [],
  );
}

/**
 * Why a run was refused, and what would work: the call, the rule and its reason, the history of the
 * memory, and remedies. A remedy is only called one after a run with it has ended as the program ends
 * where nothing stands in its way, with nothing refused on the way.
 */

import { checkOptionNames, type OptionNames } from '../../base/options.js';
import type { Outcome } from '../../base/outcome.js';
import { describePolicy, policyNames } from '../../policy/registry.js';
import { parseSpec } from '../../policy/spec.js';
import type { SandboxOptions } from '../../sandbox/options.js';
import { Sandbox } from '../../sandbox/sandbox.js';
import type { ApiEvent } from '../../trace/events.js';
import { straceCall } from '../../trace/print.js';
import { faultLine } from '../../trace/print-cause.js';
import { backtrace, type Frame } from '../crash/backtrace.js';
import { isFetchOfZeros } from '../crash/plain-cause.js';
import { unhindered } from '../outcome/finished-run.js';
import {
  type Classified,
  classify,
  type FinishedRun,
  type OutcomeClass,
  type Refused,
  refusedText,
} from '../outcome/outcome-class.js';
import { checkedLimits, ExplainBudget, type ExplainLimits, type Spent } from './budget.js';
import { changesFor } from './changes.js';
import { firstStore } from './first-store.js';
import { callAbove, type HistoryStep, historyOf, type Subject, subjectOf } from './subject.js';
import { switchedRuns } from './switches.js';
import { windowsChangesFor } from './windows-changes.js';

export interface Remedy {
  /** The program makes another call; a program of another make; a switch that weakens the policy. */
  readonly kind: 'call' | 'program' | 'switch';
  readonly text: string;
  /** Of a switch: the spec with it, where it is one of the policy's and not of the program's file. */
  readonly policy?: string | undefined;
  /** Ended as without a policy, nothing refused. */
  readonly works: boolean;
  /** What the run came to. */
  readonly outcome: OutcomeClass;
  /** What refused it, when something did. */
  readonly refused: string | undefined;
  /** Ended by this limit of the explanation, not by itself. */
  readonly limit: 'blocks' | 'memory' | undefined;
}

export interface Explanation {
  readonly policy: string;
  readonly class: OutcomeClass;
  /** The call as strace prints it, or the access. */
  readonly asked: string;
  /** Of Wine: the function of Windows that made the system call in `asked`; undefined where Wine made it on its own. */
  readonly above: string | undefined;
  /** A call asked, not an access. */
  readonly byCall: boolean;
  /** The instruction that made the call or the access. */
  readonly pc: bigint;
  readonly rule: string | undefined;
  readonly reason: string | undefined;
  /** Why there is such a rule. */
  readonly why: string | undefined;
  /** Of the memory in question, oldest first; empty when the call would have made it. */
  readonly history: readonly HistoryStep[];
  /** Who called whom when a signal or exception ended the run, innermost first; empty when none did. */
  readonly frames: readonly Frame[];
  /** How the program ends where nothing stands in its way: by a signal or exception there too, nothing is tried. */
  readonly unhindered: Outcome;
  /** All that were tried. */
  readonly remedies: readonly Remedy[];
  /** What the budget left no room for; undefined when everything was tried. */
  readonly untried: Untried | undefined;
}

export interface Untried {
  /** Which limit was met: 'seconds' is the only one that depends on the machine. */
  readonly spent: Spent;
  /** That limit, in its unit. */
  readonly limit: number;
  readonly remedies: readonly string[];
}

/** A program that is known to run generated code in some way. */
export interface KnownProgram {
  readonly text: string;
  readonly elf: Uint8Array;
}

export interface ExplainOptions {
  /** A label of the program to call as a function, instead of starting it as a process. */
  readonly entry?: string | undefined;
  /** Tried under the same policy, as another way. */
  readonly programs?: readonly KnownProgram[];
  /** What all runs of the explanation may cost together. */
  readonly limits?: ExplainLimits | undefined;
}

const OPTIONS: OptionNames<ExplainOptions> = { entry: true, programs: true, limits: true };

/**
 * Runs the program of `options` again and says why it was refused. Undefined when nothing was: neither by
 * a policy nor by the rights of memory; a jump to nowhere, or to memory that nobody wrote code to, is no
 * refusal, and no other call would help.
 * @throws MayexecError as Sandbox.create does, and for a wrong limit.
 */
export async function explain(
  options: SandboxOptions,
  how: ExplainOptions = {},
): Promise<Explanation | undefined> {
  checkOptionNames('explain', how, OPTIONS);
  const { entry, programs = [], limits } = how;
  // Nobody is asked again, and what the user allows is no refusal to explain.
  const dep = options?.dep && { exempt: options.dep.exempt };
  const given = { ...options, onOutput: undefined, dep };
  const cost = checkedLimits(limits);
  const spec = await specOf(given);
  // Its clock starts when the engine has been loaded, which is no part of it.
  const budget = new ExplainBudget(cost);
  let os = 'linux';
  let noCode = false;
  let frames: readonly Frame[] = [];
  const run = await budget.reference(given, entry, (sandbox, outcome) => {
    noCode = isFetchOfZeros(sandbox, outcome);
    os = sandbox.os;
    if (outcome.kind === 'signal' || outcome.kind === 'exception') frames = backtrace(sandbox);
  });
  const reference = await budget.reference(unhindered(given), entry);
  const classified = classify(run, reference);
  const { refused } = classified;
  if (refused === undefined || !isRefusal(refused, run, reference)) return undefined;
  if (noCode && refused.kind === 'fault') return undefined;
  const subject = subjectOf(refused, run.trace, policiesOf(spec));
  const above = refused.event && callAbove(run.trace, refused.event);
  const store = await firstStore(budget, given, subject.made, entry);
  return {
    policy: spec,
    class: classified.class,
    asked: askedText(refused),
    above: above && straceCall(above),
    byCall: refused.kind === 'call',
    pc: siteOf(refused, above),
    rule: refused.rule,
    reason: refused.reason,
    why: whyOf(refused.rule),
    history: historyOf(run.trace, subject, refused.event?.seq, store),
    frames,
    unhindered: reference.outcome,
    ...(await tried(budget, ways(given, entry, { subject, programs, spec, os }), reference)),
  };
}

/** A remedy that may be tried. */
interface Way {
  readonly kind: Remedy['kind'];
  readonly text: string;
  readonly options: SandboxOptions;
  readonly entry: string | undefined;
  readonly policy?: string | undefined;
}

/** Likeliest first: another call, then another way altogether, then a weaker policy. */
function ways(
  options: SandboxOptions,
  entry: string | undefined,
  {
    subject,
    programs,
    spec,
    os,
  }: {
    readonly subject: Subject;
    readonly programs: readonly KnownProgram[];
    readonly spec: string;
    readonly os: string;
  },
): Way[] {
  return [
    ...(os === 'linux' ? changesFor(subject) : windowsChangesFor(subject)).map(
      ({ text, ...change }) => ({
        kind: 'call' as const,
        text,
        options: { ...options, ...change },
        entry,
      }),
    ),
    ...programs.map(({ text, elf }) => ({
      kind: 'program' as const,
      text,
      options: { ...options, intercept: undefined, inject: undefined, program: elf },
      entry: undefined,
    })),
    ...switchedRuns(options, spec, os).map((switched) => ({
      kind: 'switch' as const,
      ...switched,
      policy: specOnly(switched.options, options),
      entry,
    })),
  ];
}

/** The spec, where a switch changes nothing else. */
function specOnly({ policy, program }: SandboxOptions, given: SandboxOptions): string | undefined {
  return program === given.program && typeof policy === 'string' ? policy : undefined;
}

async function tried(
  budget: ExplainBudget,
  all: readonly Way[],
  reference: FinishedRun,
): Promise<Pick<Explanation, 'remedies' | 'untried'>> {
  const untried = (spent: Spent, from: number): Untried => ({
    spent,
    limit: budget.limits[spent],
    remedies: all.slice(from).map(({ text }) => text),
  });
  if (dies(reference.outcome)) return { remedies: [], untried: undefined };
  // Nobody knows how the program ends: nothing can be compared with it.
  if (reference.outcome.kind === 'limit') {
    return { remedies: [], untried: untried(budget.spent ?? reference.outcome.limit, 0) };
  }
  const remedies: Remedy[] = [];
  for (const [index, way] of all.entries()) {
    const { kind, text, options, entry, policy } = way;
    // A program of another make ends in its own way.
    const alike = kind === 'program' ? await budget.attempt(unhindered(options), entry) : reference;
    const run = alike && (await budget.attempt(options, entry));
    if (run === undefined) {
      return { remedies, untried: untried(budget.spent ?? 'blocks', index) };
    }
    remedies.push({ ...remedy(kind, text, run, classify(run, alike)), policy });
  }
  return { remedies, untried: undefined };
}

/** Something said no: a call, a policy at a fault, rights; not where there is nothing, or where it ends so anyway. */
function isRefusal(refused: Refused, run: FinishedRun, reference: FinishedRun): boolean {
  const { kind, event, rule } = refused;
  if (kind === 'call' || rule !== undefined || event?.type !== 'fault') return true;
  if (event.fault.code === 'SEGV_MAPERR' || event.fault.code === 'BUS_ADRERR') return false;
  return !endsByTheSame(run.outcome, reference.outcome);
}

/** Of itself, whatever anybody would allow. */
function dies({ kind }: Outcome): boolean {
  return kind === 'signal' || kind === 'exception';
}

function endsByTheSame(a: Outcome, b: Outcome): boolean {
  if (a.kind === 'exception' && b.kind === 'exception') {
    return a.status === b.status && a.parameters[0] === b.parameters[0];
  }
  return (
    a.kind === 'signal' &&
    b.kind === 'signal' &&
    a.signal === b.signal &&
    a.code === b.code &&
    a.access === b.access
  );
}

async function specOf(options: SandboxOptions): Promise<string> {
  using sandbox = await Sandbox.create(options);
  return sandbox.policy;
}

function policiesOf(spec: string): ReadonlySet<string> {
  return new Set(parseSpec(spec).map(({ name }) => name));
}

function remedy(
  kind: Remedy['kind'],
  text: string,
  { outcome: end }: FinishedRun,
  { class: outcome, refused }: Classified,
): Remedy {
  return {
    kind,
    text,
    works: outcome === 'works',
    outcome,
    refused: refused && refusedText(refused),
    limit: end.kind === 'limit' ? end.limit : undefined,
  };
}

function askedText({ event, call }: Refused): string {
  if (event?.type === 'fault') return faultLine(event);
  return event?.type === 'syscall' || event?.type === 'api'
    ? straceCall(event)
    : `${call ?? 'execve'}, which never returned`;
}

function siteOf({ kind, event, pc }: Refused, above: ApiEvent | undefined): bigint {
  const site = above?.site ?? event?.site;
  // System calls are instructions of two bytes.
  return site ?? (kind === 'call' ? pc - 2n : pc);
}

function whyOf(rule: string | undefined): string | undefined {
  const [name = ''] = (rule ?? '').split('/');
  return policyNames.includes(name) ? describePolicy(name).why : undefined;
}

/**
 * Why a run was refused, and what would work: the call, the rule and its reason, the history of the
 * memory, and remedies. A remedy is only called one after a run with it has ended as the program ends
 * where nothing stands in its way, with nothing refused on the way.
 */

import { checkOptionNames, type OptionNames } from '../../base/options.js';
import { describePolicy, policyNames } from '../../policy/registry.js';
import { parseSpec } from '../../policy/spec.js';
import type { SandboxOptions } from '../../sandbox/options.js';
import { Sandbox } from '../../sandbox/sandbox.js';
import { straceCall } from '../../trace/print.js';
import { faultLine } from '../../trace/print-cause.js';
import { finishedRun, unhindered } from '../outcome/finished-run.js';
import {
  type Classified,
  classify,
  type OutcomeClass,
  type Refused,
  refusedText,
} from '../outcome/outcome-class.js';
import { changesFor } from './changes.js';
import { firstStore } from './first-store.js';
import { type HistoryStep, historyOf, subjectOf } from './subject.js';
import { switchedRuns } from './switches.js';

/** A remedy is to be quick: one that needs more blocks than this does not count. */
const MOST_BLOCKS = 2_000_000;

export interface Remedy {
  /** The program makes another call; a program of another make; a switch that weakens the policy. */
  readonly kind: 'call' | 'program' | 'switch';
  readonly text: string;
  /** Ended as without a policy, nothing refused. */
  readonly works: boolean;
  /** What the run came to. */
  readonly outcome: OutcomeClass;
  /** What refused it, when something did. */
  readonly refused: string | undefined;
}

export interface Explanation {
  readonly policy: string;
  readonly class: OutcomeClass;
  /** The call as strace prints it, or the access. */
  readonly asked: string;
  /** A system call asked, not an access. */
  readonly byCall: boolean;
  /** Behind the instruction that made the call; at that of an access. */
  readonly pc: bigint;
  readonly rule: string | undefined;
  readonly reason: string | undefined;
  /** Why there is such a rule. */
  readonly why: string | undefined;
  /** Of the memory in question, oldest first; empty when the call would have made it. */
  readonly history: readonly HistoryStep[];
  /** All that were tried. */
  readonly remedies: readonly Remedy[];
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
}

const OPTIONS: OptionNames<ExplainOptions> = { entry: true, programs: true };

/**
 * Runs the program of `options` again and says why it was refused. Undefined when nothing was.
 * @throws MayexecError as Sandbox.create does.
 */
export async function explain(
  options: SandboxOptions,
  how: ExplainOptions = {},
): Promise<Explanation | undefined> {
  checkOptionNames('explain', how, OPTIONS);
  const { entry, programs = [] } = how;
  const blocks = Math.min(options.limits?.blocks ?? MOST_BLOCKS, MOST_BLOCKS);
  const bounded = { ...options, onOutput: undefined, limits: { ...options.limits, blocks } };
  const spec = await specOf(bounded);
  const reference = await finishedRun(unhindered(bounded), entry);
  const run = await finishedRun(bounded, entry);
  const { class: outcome, refused } = classify(run, reference);
  if (refused === undefined) return undefined;
  const subject = subjectOf(refused, run.trace, policiesOf(spec));
  const store = await firstStore(bounded, subject.made, entry);
  const remedies: Remedy[] = [];
  const attempt = async (kind: Remedy['kind'], text: string, changed: SandboxOptions) => {
    remedies.push(remedy(kind, text, classify(await finishedRun(changed, entry), reference)));
  };
  for (const { text, ...change } of changesFor(subject)) {
    await attempt('call', text, { ...bounded, ...change });
  }
  for (const known of programs) remedies.push(await otherWay(known, bounded));
  for (const { text, options: switched } of switchedRuns(bounded, spec)) {
    await attempt('switch', text, switched);
  }
  return {
    policy: spec,
    class: outcome,
    asked: askedText(refused),
    byCall: refused.kind === 'call',
    pc: refused.pc,
    rule: refused.rule,
    reason: refused.reason,
    why: whyOf(refused.rule),
    history: historyOf(run.trace, subject, refused.event?.seq, store),
    remedies,
  };
}

async function specOf(options: SandboxOptions): Promise<string> {
  using sandbox = await Sandbox.create(options);
  return sandbox.policy;
}

function policiesOf(spec: string): ReadonlySet<string> {
  return new Set(parseSpec(spec).map(({ name }) => name));
}

async function otherWay({ text, elf }: KnownProgram, options: SandboxOptions): Promise<Remedy> {
  const other = { ...options, intercept: undefined, inject: undefined, program: elf };
  const reference = await finishedRun(unhindered(other));
  return remedy('program', text, classify(await finishedRun(other), reference));
}

function remedy(kind: Remedy['kind'], text: string, classified: Classified): Remedy {
  const { class: outcome, refused } = classified;
  return {
    kind,
    text,
    works: outcome === 'works',
    outcome,
    refused: refused && refusedText(refused),
  };
}

function askedText({ event, call }: Refused): string {
  if (event?.type === 'fault') return faultLine(event);
  return event?.type === 'syscall'
    ? straceCall(event)
    : `${call ?? 'execve'}, which never returned`;
}

function whyOf(rule: string | undefined): string | undefined {
  const [name = ''] = (rule ?? '').split('/');
  return policyNames.includes(name) ? describePolicy(name).why : undefined;
}

/** checkFault, checkDenied, checkAllowed, checkNeverWritableAndExecutable: folds over the trace. */

import { checkText, checkTextList, wrongArgument } from '../../base/arguments.js';
import { MayexecError, unknownValue } from '../../base/errors.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import type { Fault } from '../../base/outcome.js';
import { describePolicy, listPolicies } from '../../policy/registry.js';
import { Sandbox } from '../../sandbox/sandbox.js';
import type { TraceEvent } from '../../trace/events.js';
import { verdictLine } from '../../trace/print.js';
import { faultLine, firstRefusal, refuses } from '../../trace/print-cause.js';
import { call } from '../pool.js';
import type { CallResult } from '../run/call-result.js';
import { checkResult } from '../run/result-shape.js';
import { placeAt } from '../watch/buffer-place.js';
import { outcomeText } from '../watch/failure.js';
import { type CheckVerdict, verdictOf } from './verdict.js';

/** What a matcher of traces takes: a call's result, or a sandbox with all that happened in it. */
export type Traced = CallResult | Sandbox;

export interface FaultWanted {
  readonly access?: Fault['access'];
  readonly code?: Fault['code'];
  /** The instruction: its label or address. */
  readonly at?: string | number | bigint;
  /** The address that it touched. */
  readonly address?: number | bigint;
}

const FAULT: OptionNames<FaultWanted> = { access: true, code: true, at: true, address: true };
const ACCESSES = ['read', 'write', 'exec'];
const CODES = ['SEGV_MAPERR', 'SEGV_ACCERR', 'SEGV_PKUERR', 'BUS_ADRERR'];

export function checkFault(traced: Traced, wanted: FaultWanted = {}): CheckVerdict {
  checkTraced('checkFault', traced);
  checkOptionNames('toFault', wanted, FAULT);
  if (wanted.access !== undefined && !ACCESSES.includes(wanted.access)) {
    throw unknownValue('access', wanted.access, ACCESSES);
  }
  if (wanted.code !== undefined && !CODES.includes(wanted.code)) {
    throw unknownValue('fault code', wanted.code, CODES);
  }
  const at = placeOf(traced, wanted.at);
  const faults = traced.trace.filter((event) => event.type === 'fault');
  const pass = faults.some(
    ({ fault }) =>
      (wanted.access === undefined || fault.access === wanted.access) &&
      (wanted.code === undefined || fault.code === wanted.code) &&
      (at === undefined || fault.pc === at) &&
      (wanted.address === undefined || fault.address === BigInt(wanted.address)),
  );
  const parts = [
    wanted.access,
    wanted.code,
    wanted.at === undefined ? '' : `at ${place(wanted.at)}`,
  ];
  const last = faults.at(-1);
  return tracedVerdict(traced, {
    pass,
    expected: ['fault', ...parts].filter(Boolean).join(' '),
    actual: () => {
      if (last?.type !== 'fault') return endOf(traced);
      const near =
        traced instanceof Sandbox ? undefined : placeAt(traced.facts.buffers, last.fault.address);
      const what = `it faulted at 0x${last.fault.pc.toString(16)} with ${faultLine(last)} (${last.fault.code})`;
      return near === undefined ? what : `${what}: ${near}`;
    },
  });
}

function place(at: string | number | bigint): string {
  return typeof at === 'string' ? at : `0x${at.toString(16)}`;
}

function placeOf(traced: Traced, at: FaultWanted['at']): bigint | undefined {
  if (at === undefined || typeof at !== 'string') return at === undefined ? undefined : BigInt(at);
  const { symbols } = traced instanceof Sandbox ? traced : traced.facts.code;
  const address = symbols.get(at);
  if (address === undefined) throw unknownValue('label', at, [...symbols.keys()]);
  return address;
}

export function checkDenied(traced: Traced, rule: string): CheckVerdict {
  checkTraced('checkDenied', traced);
  checkText('checkDenied: the rule', rule);
  checkRule(rule);
  return tracedVerdict(traced, {
    pass: deniedBy(traced.trace, rule),
    expected: `be denied by ${rule}`,
    actual: () =>
      firstRefusal(traced.trace)?.sentence ?? `no policy refused anything: ${endOf(traced)}`,
  });
}

/** A rule refuses by itself, or by rights that it took away, so that a later mprotect or an access fails. */
function deniedBy(trace: readonly TraceEvent[], rule: string): boolean {
  return trace.some((event) => {
    switch (event.type) {
      case 'syscall':
      case 'api':
        return event.cause?.rule === rule && refuses(event.cause);
      case 'fault':
        return event.cause?.rule === rule;
      case 'verdict':
        return event.verdict.kind === 'kill' && event.verdict.rule === rule;
      default:
        return false;
    }
  });
}

/** Rules of policies that we know must exist; those of a caller's own policy are its own affair. */
function checkRule(rule: string): void {
  const [name = ''] = rule.split('/');
  const names = listPolicies().map((policy) => policy.name);
  if (!names.includes(name)) return;
  const known = Object.keys(describePolicy(name).rules);
  if (!known.includes(rule)) throw unknownValue('rule', rule, known);
}

export function checkAllowed(
  result: CallResult,
  policies: string | readonly string[],
): CheckVerdict {
  checkResult('checkAllowed', result);
  const names = typeof policies === 'string' ? [policies] : policies;
  checkTextList('checkAllowed: the policies', names);
  if (names.length === 0) {
    throw new MayexecError('checkAllowed: the list of policies is empty: expected at least one');
  }
  const wrong: { readonly name: string; readonly run: CallResult; readonly why: string }[] = [];
  for (const name of names) {
    const { code, args, options, convention, os } = result.facts;
    const run = call(code, args, { ...options, abi: convention.name, policy: name, os });
    const refusal = firstRefusal(run.trace)?.sentence;
    if (refusal !== undefined) wrong.push({ name, run, why: refusal });
    else if (run.outcome.kind !== result.outcome.kind) {
      wrong.push({ name, run, why: outcomeText(run) });
    }
  }
  const [first] = wrong;
  return verdictOf(first?.run ?? result, {
    pass: wrong.length === 0,
    expected: `be allowed under ${names.join(', ')}`,
    actual: () =>
      wrong.length === 0
        ? 'nothing refused it'
        : wrong.map(({ name, why }) => `${name} says: ${why}`).join('; '),
  });
}

/** VM_WRITE and VM_EXEC, as in the rights of a maps line. */
const WX = 6;

export function checkNeverWritableAndExecutable(traced: Traced): CheckVerdict {
  checkTraced('checkNeverWritableAndExecutable', traced);
  const found = traced.trace.find(
    (event) =>
      event.type === 'vma' && event.after !== undefined && (event.after.rights & WX) === WX,
  );
  const now =
    traced instanceof Sandbox ? traced.maps().find(({ perms }) => /w.?x/.test(perms)) : undefined;
  const page = found?.type === 'vma' ? found.after?.start : now?.start;
  return tracedVerdict(traced, {
    pass: page === undefined,
    expected: 'never have a page that is writable and executable at once',
    actual: () => {
      if (page === undefined) return 'it never has';
      const cause = found?.type === 'vma' ? `${found.cause} made` : 'there is';
      return `${cause} 0x${page.toString(16)} writable and executable`;
    },
  });
}

interface TracedJudgement {
  readonly pass: boolean;
  readonly expected: string;
  readonly actual: () => string;
}

function checkTraced(door: string, traced: unknown): void {
  const ok = typeof traced === 'object' && traced !== null && 'trace' in traced;
  if (!ok) throw wrongArgument(`${door}: what was run`, traced, 'what call() gives, or a Sandbox');
}

function tracedVerdict(traced: Traced, judged: TracedJudgement): CheckVerdict {
  if (!(traced instanceof Sandbox)) return verdictOf(traced, judged);
  const message = (): string => {
    const wanted = judged.pass ? `not to ${judged.expected}` : `to ${judged.expected}`;
    const verdicts = traced.trace.filter((event) => event.type === 'verdict');
    const lines = verdicts.slice(-5).map((event) => `    ${verdictLine(event)}`);
    const policy = [
      `  policy    ${traced.policy}${lines.length === 0 ? '; it refused nothing' : ''}`,
    ];
    return [`expected the sandbox ${wanted}, but ${judged.actual()}`, ...policy, ...lines].join(
      '\n',
    );
  };
  return { pass: judged.pass, message };
}

function endOf(traced: Traced): string {
  return traced instanceof Sandbox ? 'nothing of the kind happened in it' : outcomeText(traced);
}

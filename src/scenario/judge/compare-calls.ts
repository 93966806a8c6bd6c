/** System calls against expectations: at their instruction, anywhere, or never. */

import { callFamily } from '../../abi/linux/call-set.js';
import { lineBefore, positionAt } from '../read/places.js';
import type { Check, Expectation, ExpectedResult, ReadyProgram } from '../read/scenario.js';
import type { Difference } from './difference.js';
import type { Observed, ObservedCall } from './observe.js';

interface CallExpectation extends Expectation {
  readonly check: Extract<Check, { kind: 'call' }>;
}

export function compareCalls(
  program: ReadyProgram,
  all: readonly Expectation[],
  observed: Observed,
): Difference[] {
  const expected = all.filter((each): each is CallExpectation => each.check.kind === 'call');
  const differences = expected.flatMap((each) => unmet(each, program, observed.calls));
  const seen = new Set<string>();
  for (const call of observed.calls) {
    const line = lineBefore(program, call.pc);
    const here = expected.filter(
      (each) =>
        each.where === 'here' && each.anchor === line && sameCall(each.check.name, call.name),
    );
    const met = [...here, ...expected.filter(({ where }) => where === 'anywhere')].some((each) =>
      meets(each, call),
    );
    if (met) continue;
    // A loop that differs a thousand times differs once.
    const key = `${line} ${callText(call)}`;
    if (seen.has(key)) continue;
    seen.add(key);
    // Where no expectation of this instruction was met by any call, each has been reported already.
    const place = observed.calls.filter(({ pc }) => lineBefore(program, pc) === line);
    const reported =
      here.length > 0 && !here.some((each) => place.some((other) => meets(each, other)));
    if (reported) continue;
    const difference = unexpected(call, here, all, positionAt(program, line));
    if (difference !== undefined) differences.push(difference);
  }
  return differences;
}

function unmet(
  expectation: CallExpectation,
  program: ReadyProgram,
  calls: readonly ObservedCall[],
): Difference[] {
  const { where, anchor, check, position, text } = expectation;
  const place = calls.filter((call) => where !== 'here' || lineBefore(program, call.pc) === anchor);
  const met = place.find((call) => meets(expectation, call));
  if (where === 'never') {
    if (met === undefined) return [];
    return [
      { position, message: 'it happened all the same', expected: text, actual: callText(met) },
    ];
  }
  if (met !== undefined) return [];
  const named = place.filter(({ name }) => sameCall(check.name, name));
  const others = [...new Set((named.length > 0 ? named : place).map(callText))];
  const actual =
    others.length === 0 || (where === 'anywhere' && named.length === 0)
      ? 'no such call was made'
      : others.slice(0, 5).join('; ');
  return [{ position, message: `${check.name} did not come to this`, expected: text, actual }];
}

function unexpected(
  call: ObservedCall,
  here: readonly CallExpectation[],
  all: readonly Expectation[],
  position: Difference['position'],
): Difference | undefined {
  if (call.denial !== undefined) {
    const { rule } = call.denial;
    // A policy that kills at a call: the ending names the rule.
    if (all.some((each) => each.check.kind === 'end' && each.rule === rule)) return undefined;
    const message = `unexpected denial of ${call.name}`;
    return { position, message, expected: undefined, actual: callText(call) };
  }
  if (here.length === 0) return undefined;
  const expected = here.map(({ text }) => text).join(' | ');
  return { position, message: `${call.name} went otherwise`, expected, actual: callText(call) };
}

function meets({ check, rule }: CallExpectation, call: ObservedCall): boolean {
  if (!sameCall(check.name, call.name)) return false;
  return resultMatches(check.result, call) && (rule === undefined || call.rules.includes(rule));
}

function sameCall(expected: string, actual: string): boolean {
  return expected === actual || expected === callFamily(actual);
}

function resultMatches(result: ExpectedResult, { event, error }: ObservedCall): boolean {
  if (event === undefined) return false;
  switch (result.kind) {
    case 'ok':
      return event.errno === undefined && error === undefined;
    case 'value':
      return event.errno === undefined && event.value === result.value;
    case 'errno':
      return event.errno === result.errno;
    case 'error':
      return error === result.error;
  }
}

/** `mprotect = EACCES by selinux/execmem`. */
export function callText({ name, event, rules, denial, error }: ObservedCall): string {
  const by = rules.length === 0 ? '' : ` by ${[...new Set(rules)].join(', ')}`;
  if (event === undefined) {
    const { signal } = denial ?? {};
    return `${name} killed${signal === undefined ? '' : ` with ${signal}`}${by}`;
  }
  const { errno, value } = event;
  const large = value !== undefined && (value > 0xffffn || value < -0xffffn);
  const shown = large ? `0x${BigInt.asUintN(64, value).toString(16)}` : String(value ?? '?');
  return `${name} = ${errno ?? (error === undefined ? shown : `error ${error}`)}${by}`;
}

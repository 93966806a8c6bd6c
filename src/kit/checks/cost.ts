/** checkWithin, checkTouches: how much the code runs, and which memory it touches. */

import { checkRecord, integerOf } from '../../base/arguments.js';
import { MayexecError, unknownValue } from '../../base/errors.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import { threadPages } from '../bed/thread.js';
import type { CallResult } from '../run/call-result.js';
import { checkResult } from '../run/result-shape.js';
import { bytesText, placeAt } from '../watch/buffer-place.js';
import { outcomeText } from '../watch/failure.js';
import { type CheckVerdict, verdictOf } from './verdict.js';

export interface Cost {
  readonly instructions: number;
}

const COST: OptionNames<Cost> = { instructions: true };

export function checkWithin(result: CallResult, wanted: Cost): CheckVerdict {
  checkResult('checkWithin', result);
  checkRecord('checkWithin: the cost', wanted, 'an object such as { instructions: 9 }');
  checkOptionNames('toRunWithin', wanted, COST);
  const { instructions: most } = wanted;
  if (!(most >= 0)) throw new MayexecError(`{ instructions: ${most} }: expected a number from 0`);
  const { instructions, counts } = result.watched();
  const [hottest] = [...counts].sort(([, a], [, b]) => b - a);
  const ended = result.outcome.kind === 'return';
  return verdictOf(result, {
    pass: ended && instructions <= most,
    expected: `run within ${most} instructions`,
    actual: () => {
      if (!ended) return outcomeText(result);
      const loop =
        hottest !== undefined && hottest[1] > 1 ? `; the marked one ran ${hottest[1]} times` : '';
      return `it ran ${instructions}${loop}`;
    },
    blame: () => (ended && hottest !== undefined && hottest[1] > 1 ? hottest[0] : undefined),
  });
}

/** A buffer's name, 'code', or addresses. */
export type Touchable = string | { readonly start: bigint | number; readonly length: number };

/** Memory that may be touched: for all accesses, or loads and stores apart. */
export type Reach = readonly Touchable[] | ReachByAccess;

export interface ReachByAccess {
  readonly read?: readonly Touchable[] | undefined;
  readonly write?: readonly Touchable[] | undefined;
}

const REACH: OptionNames<ReachByAccess> = { read: true, write: true };
const RANGE: OptionNames<Exclude<Touchable, string>> = { start: true, length: true };

interface Span {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * Besides what is named, code may always touch its own stack frame and arguments, and load its own
 * constants.
 */
export function checkTouches(result: CallResult, reach: Reach): CheckVerdict {
  checkResult('checkTouches', result);
  if (!Array.isArray(reach))
    checkRecord('checkTouches: the reach', reach, 'a list or { read, write }');
  const { read, write } = byAccess(reach);
  const writable = [...spans(result, write), ownStack(result)];
  const readable = [
    ...writable,
    ...spans(result, [...read, 'code']),
    threadPages(result.facts.code),
  ];
  const stray = result.watched().touched.find((access) => {
    const end = access.address + BigInt(access.length);
    return !(access.write ? writable : readable).some(
      (span) => span.start <= access.address && end <= span.end,
    );
  });
  const names = [...new Set([...read, ...write])].map((each) =>
    typeof each === 'string' ? each : `0x${each.start.toString(16)}+${each.length}`,
  );
  return verdictOf(result, {
    pass: stray === undefined,
    expected: `touch only ${names.length === 0 ? 'its own stack' : names.join(', ')}`,
    actual: () => {
      if (stray === undefined) return 'it does';
      const what = stray.write ? 'stores' : 'loads';
      return `it ${what} ${bytesText(stray.length)} at ${addressText(result, stray)}`;
    },
    blame: () => stray?.pc,
  });
}

function byAccess(reach: Reach): Record<'read' | 'write', readonly Touchable[]> {
  if (isList(reach)) return { read: reach, write: reach };
  checkOptionNames('toTouchOnly', reach, REACH);
  return { read: reach.read ?? [], write: reach.write ?? [] };
}

function isList(reach: Reach): reach is readonly Touchable[] {
  return Array.isArray(reach);
}

/** From 1 MiB below the return address to the end of the arguments. */
function ownStack({ facts }: CallResult): Span {
  const { returnSlot, plan, convention } = facts;
  const end = returnSlot + BigInt(convention.word + plan.stackBytes);
  return { start: returnSlot - 0x10_0000n, end };
}

function spans({ facts }: CallResult, ranges: readonly Touchable[]): Span[] {
  return ranges.flatMap((range) => {
    if (typeof range !== 'string') {
      checkOptionNames('a range of toTouchOnly', range, RANGE);
      const start = integerOf('start of a range', range.start);
      return [{ start, end: start + integerOf('length of a range', range.length) }];
    }
    if (range === 'code') {
      return facts.code.parts.map(({ address, bytes, length }) => ({
        start: address,
        end: address + BigInt(length ?? bytes.length),
      }));
    }
    const wanted = range.replace(/^@/, '');
    const buffer = facts.buffers.find(({ name }) => name === wanted);
    const names = facts.buffers.map(({ name }) => name);
    if (buffer === undefined) throw unknownValue('buffer', range, [...names, 'code']);
    return [{ start: buffer.address, end: buffer.address + BigInt(buffer.bytes.length) }];
  });
}

/** By the nearest buffer, when there is one on whose pages it lies or that it just missed. */
function addressText(
  { facts }: CallResult,
  { address, length }: { readonly address: bigint; readonly length: number },
): string {
  const hex = `0x${address.toString(16)}`;
  const place = placeAt(facts.buffers, address);
  if (place === undefined) return hex;
  const beyond = facts.buffers
    .filter((buffer) => address >= buffer.address)
    .map((buffer) => address + BigInt(length) - buffer.address - BigInt(buffer.bytes.length))
    .find((over) => over > 0n && over < length);
  const rest = beyond === undefined ? '' : `, the last ${beyond} of them behind its end`;
  return `${hex}: ${place}${rest}`;
}

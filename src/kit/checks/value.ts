/** checkReturn, checkLeaves: what a call leaves in registers, flags and memory. */

import { checkRecord } from '../../base/arguments.js';
import { MayexecError, unknownValue } from '../../base/errors.js';
import { FLAG_NAMES, flagBit } from '../abi/machine-state.js';
import { sameValue } from '../inputs/same-value.js';
import type { CallResult } from '../run/call-result.js';
import { checkResult } from '../run/result-shape.js';
import { outcomeText } from '../watch/failure.js';
import { lastStore, lastWriter, valueWriter } from '../watch/last-writer.js';
import { valueText } from '../watch/value-text.js';
import { type CheckVerdict, verdictOf } from './verdict.js';

export function checkReturn(result: CallResult, expected: unknown): CheckVerdict {
  checkResult('checkReturn', result);
  const { outcome, facts } = result;
  const { type } = facts.plan.result;
  const pass = outcome.kind === 'return' && sameValue(type, outcome.value, expected);
  return verdictOf(result, {
    pass,
    expected: `return ${valueText(expected)}`,
    actual: () => `${outcomeText(result)}${pass ? '' : narrowHint(result, expected)}`,
    blame: () => valueWriter(result),
  });
}

/** Without a type the result is as wide as a register; compilers leave the upper half of an int undefined or zero. */
function narrowHint({ outcome, facts }: CallResult, expected: unknown): string {
  const { signature, returns } = facts.options;
  if (signature !== undefined || returns !== undefined || facts.convention.word !== 8) return '';
  if (outcome.kind !== 'return' || typeof outcome.value !== 'bigint') return '';
  if (typeof expected !== 'bigint' && !Number.isSafeInteger(expected)) return '';
  const wanted = BigInt(expected as number | bigint);
  if (BigInt.asIntN(32, wanted) !== wanted && BigInt.asUintN(32, wanted) !== wanted) return '';
  if (BigInt.asUintN(32, outcome.value) !== BigInt.asUintN(32, wanted)) return '';
  return `, whose low 32 bits are ${wanted}: for a 32-bit result say returns: 'i32'`;
}

/** Registers by name, flags, and memory: buffers by name or bytes by address. */
export interface Leaves {
  readonly flags?: string | Readonly<Record<string, boolean>>;
  readonly memory?: Readonly<Record<string, Uint8Array | readonly number[]>>;
  readonly [register: string]: unknown;
}

interface Difference {
  readonly text: string;
  readonly blame: () => bigint | undefined;
}

export function checkLeaves(result: CallResult, expected: Leaves): CheckVerdict {
  checkResult('checkLeaves', result);
  checkRecord('checkLeaves: what to leave', expected, 'an object of registers, flags and memory');
  const { flags, memory, ...registers } = expected;
  const wrong = [
    ...Object.entries(registers).flatMap(([name, value]) => wrongRegister(result, name, value)),
    ...wrongFlags(result, flags),
    ...Object.entries(memory ?? {}).flatMap(([name, bytes]) => wrongBytes(result, name, bytes)),
  ];
  const names = [...Object.keys(registers), ...(flags === undefined ? [] : ['flags'])];
  const all = [...names, ...Object.keys(memory ?? {})];
  return verdictOf(result, {
    pass: wrong.length === 0,
    expected: `leave ${all.join(', ')} as given`,
    actual: () => (wrong.length === 0 ? 'it does' : wrong.map(({ text }) => text).join('; ')),
    blame: () => wrong[0]?.blame(),
  });
}

const PARTS: Readonly<Record<string, readonly [bits: number, shift: number]>> = {
  d: [32, 0],
  w: [16, 0],
  b: [8, 0],
};

/** The full register behind a name, and which bits of it are meant. */
function partOf(result: CallResult, name: string): { full: string; bits: number; shift: number } {
  const { after, facts } = result;
  const wide = facts.convention.word === 8;
  if (Object.hasOwn(after, name)) {
    return { full: name, bits: name.startsWith('xmm') ? 128 : wide ? 64 : 32, shift: 0 };
  }
  const numbered = /^(r\d+)([dwb])$/.exec(name);
  const part = numbered === null ? undefined : PARTS[numbered[2]!];
  if (numbered !== null && part !== undefined && numbered[1]! in after) {
    return { full: numbered[1]!, bits: part[0], shift: part[1] };
  }
  const full = (letters: string): string => `${wide ? 'r' : 'e'}${letters}`;
  if (/^e(..)$/.test(name) && full(name.slice(1)) in after) {
    return { full: full(name.slice(1)), bits: 32, shift: 0 };
  }
  const short = /^([abcd])([lhx])$|^(si|di|bp|sp)(l?)$/.exec(name);
  if (short === null) throw unknownValue('register', name, Object.keys(after));
  const [, letter, kind, index, low] = short;
  if (index !== undefined) return { full: full(index), bits: low ? 8 : 16, shift: 0 };
  return { full: full(`${letter}x`), bits: kind === 'x' ? 16 : 8, shift: kind === 'h' ? 8 : 0 };
}

function wrongRegister(result: CallResult, name: string, expected: unknown): Difference[] {
  const { full, bits, shift } = partOf(result, name);
  const actual = BigInt.asUintN(bits, (result.after[full] ?? 0n) >> BigInt(shift));
  const [wanted, width] = bitsOf(name, expected, bits);
  const low = BigInt.asUintN(width, actual);
  if (low === wanted) return [];
  const hex = (value: bigint): string => `0x${value.toString(16)}`;
  const text = `${name} is ${hex(low)} instead of ${hex(wanted)}`;
  return [{ text, blame: () => lastWriter(result, full) }];
}

/** The bits that a value stands for, and how many of the register they are. A fraction is a double in a vector register. */
function bitsOf(name: string, value: unknown, bits: number): [bigint, number] {
  const vector = name.startsWith('xmm');
  if (ArrayBuffer.isView(value) && vector && value.byteLength <= 16) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return [bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n), 8 * bytes.length];
  }
  if (typeof value === 'number' && vector) {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value);
    return [view.getBigUint64(0), 64];
  }
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) {
    return [BigInt.asUintN(bits, BigInt(value as number | bigint)), bits];
  }
  throw new MayexecError(
    `${String(value)} is no value of ${name}: expected an integer${vector ? ', a number (as a double) or a typed array' : ''}`,
  );
}

function wrongFlags(result: CallResult, expected: Leaves['flags']): Difference[] {
  if (expected === undefined) return [];
  const eflags = result.after.eflags ?? 0n;
  const wanted =
    typeof expected === 'string'
      ? Object.fromEntries(
          FLAG_NAMES.map((name) => [name, expected.toUpperCase().split(/\s+/).includes(name)]),
        )
      : expected;
  const given =
    typeof expected === 'string' ? expected.split(/\s+/).filter(Boolean) : Object.keys(expected);
  for (const name of given) {
    if (flagBit(name) === undefined) throw unknownValue('flag', name, FLAG_NAMES);
  }
  return Object.entries(wanted)
    .filter(([name, on]) => ((eflags & (flagBit(name) ?? 0n)) !== 0n) !== on)
    .map(([name, on]) => ({
      text: `${name.toUpperCase()} is ${on ? 'clear instead of set' : 'set instead of clear'}`,
      blame: () => lastWriter(result, 'eflags'),
    }));
}

function wrongBytes(
  result: CallResult,
  name: string,
  expected: Uint8Array | readonly number[],
): Difference[] {
  const wanted = Uint8Array.from(expected);
  const buffer = result.facts.buffers.find((each) => each.name === name);
  if (buffer === undefined && !/^(0x[0-9a-f]+|\d{4,})$/i.test(name)) {
    throw unknownValue(
      'buffer',
      name,
      result.facts.buffers.map((each) => each.name),
    );
  }
  const start = buffer?.address ?? BigInt(name);
  const actual = buffer === undefined ? result.memory(start, wanted.length) : result.buffers[name];
  if (actual === undefined)
    return [{ text: `${name} is not mapped any more`, blame: () => undefined }];
  if (buffer !== undefined && actual.length !== wanted.length) {
    throw new MayexecError(
      `buffer '${name}' has ${actual.length} bytes, ${wanted.length} are given`,
    );
  }
  const at = wanted.findIndex((byte, index) => byte !== actual[index]);
  if (at < 0) return [];
  const place = start + BigInt(at);
  const text = `${name}[${at}] is ${actual[at]} instead of ${wanted[at]}`;
  return [{ text, blame: () => lastStore(result, place, place + 1n) }];
}

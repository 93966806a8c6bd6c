/** The checks of arguments that have no options: one test of the type at a door, and one sentence for what is wrong. */
import { MayexecError } from './mayexec-error.js';
import { shorten } from './text.js';

/** Any value for a message, in a few words: it never throws, and never runs code of the value's own. */
export function shownValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `'${shorten(value, 60)}'`;
    case 'bigint':
      return `${shorten(String(value), 60)}n`;
    case 'function':
      return 'a function';
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return 'a list';
      return value instanceof Uint8Array ? 'bytes' : 'an object';
    default:
      return String(value);
  }
}

/** `files is 5: expected an object of paths and contents` */
export function wrongArgument(what: string, value: unknown, expected: string): MayexecError {
  return new MayexecError(`${what} is ${shownValue(value)}: expected ${expected}`);
}

/** An integer of any size, a bigint above 2^53. */
export function integerOf(what: string, value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (Number.isSafeInteger(value)) return BigInt(Number(value));
  throw wrongArgument(what, value, 'an integer (bigint above 2^53)');
}

export function checkText(what: string, value: unknown, expected = 'a string'): void {
  if (typeof value !== 'string') throw wrongArgument(what, value, expected);
}

export function checkBytes(what: string, value: unknown, expected = 'a Uint8Array'): void {
  if (!(value instanceof Uint8Array)) throw wrongArgument(what, value, expected);
}

/** An option that may be left out. */
export function checkBoolean(what: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') {
    throw wrongArgument(what, value, 'true or false');
  }
}

/** An option that may be left out. */
export function checkFunction(what: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') {
    throw wrongArgument(what, value, 'a function');
  }
}

/** An object of names and values: no list, no bytes, not null. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value)
  );
}

/** @param expected What its names and values are: 'an object of paths and contents'. */
export function checkRecord(what: string, value: unknown, expected: string): void {
  if (!isRecord(value)) throw wrongArgument(what, value, expected);
}

/** An object of names and texts. */
export function checkTexts(what: string, value: unknown): void {
  checkRecord(what, value, 'an object of names and strings');
  for (const [name, text] of Object.entries(value as object)) checkText(`${what} '${name}'`, text);
}

export function checkList(what: string, value: unknown, expected = 'a list'): void {
  if (!Array.isArray(value)) throw wrongArgument(what, value, expected);
}

export function checkTextList(what: string, value: unknown): void {
  checkList(what, value, 'a list of strings');
  for (const each of value as readonly unknown[]) {
    checkText(`an item of ${what}`, each);
  }
}

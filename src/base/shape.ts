/**
 * Shapes of values that the host hands back to the library (events, reports, results of calls): what is wrong with
 * one is told in a sentence, with where in it that is. A shape says what the library reads of a value, no more.
 */
import { isRecord, shownValue } from './arguments.js';
import { nearest } from './errors.js';
import { MayexecError } from './mayexec-error.js';

export interface Flaw {
  /** `[3].type`; empty when the value itself is wrong. */
  readonly path: string;
  readonly value: unknown;
  readonly expected: string;
}

/** The first flaw of a value, or undefined. */
export type Shape = (value: unknown) => Flaw | undefined;

/** @throws MayexecError `causeOf: the events[3].name is 5: expected a string` */
export function checkShape(what: string, value: unknown, shape: Shape): void {
  const flaw = shape(value);
  if (flaw === undefined) return;
  throw new MayexecError(
    `${what}${flaw.path} is ${shownValue(flaw.value)}: expected ${flaw.expected}`,
  );
}

export function satisfies(expected: string, test: (value: unknown) => boolean): Shape {
  return (value) => (test(value) ? undefined : { path: '', value, expected });
}

export const aText: Shape = satisfies('a string', (value) => typeof value === 'string');
export const aBigint: Shape = satisfies('a bigint', (value) => typeof value === 'bigint');
export const aNumber: Shape = satisfies('a number', (value) => typeof value === 'number');
export const aFunction: Shape = satisfies('a function', (value) => typeof value === 'function');
export const bytes: Shape = satisfies('a Uint8Array', (value) => value instanceof Uint8Array);
export const aMap: Shape = satisfies('a Map', (value) => value instanceof Map);

export function oneOf(names: readonly unknown[]): Shape {
  const listed = `one of ${names.join(', ')}`;
  return (value) => {
    if (names.includes(value)) return undefined;
    const texts = names.filter((name) => typeof name === 'string');
    const guess = typeof value === 'string' ? nearest(value, texts) : undefined;
    const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
    return { path: '', value, expected: `${listed}${hint}` };
  };
}

/** What may be left out. */
export function optional(shape: Shape): Shape {
  return (value) => (value === undefined ? undefined : shape(value));
}

/** @param from Where such a list comes from: 'what sandbox.trace gives'. */
export function listOf(each: Shape, from = 'a list'): Shape {
  return (value) => {
    if (!Array.isArray(value)) return { path: '', value, expected: from };
    for (const [index, item] of value.entries()) {
      const flaw = each(item);
      if (flaw !== undefined) return { ...flaw, path: `[${index}]${flaw.path}` };
    }
    return undefined;
  };
}

/** An object with these fields, and others. @param from As of listOf. */
export function objectOf(fields: Readonly<Record<string, Shape>>, from = 'an object'): Shape {
  const shapes = Object.entries(fields);
  return (value) => {
    if (!isRecord(value)) return { path: '', value, expected: from };
    for (const [name, shape] of shapes) {
      const flaw = shape(value[name]);
      if (flaw !== undefined) return { ...flaw, path: `.${name}${flaw.path}` };
    }
    return undefined;
  };
}

/** An object whose field `key` says which of the kinds it is. */
export function kindsOf(key: string, kinds: Readonly<Record<string, Shape>>, from: string): Shape {
  const known = oneOf(Object.keys(kinds));
  return (value) => {
    if (!isRecord(value)) return { path: '', value, expected: from };
    const kind = value[key];
    const flaw = known(kind);
    if (flaw !== undefined) return { ...flaw, path: `.${key}` };
    return kinds[String(kind)]?.(value);
  };
}

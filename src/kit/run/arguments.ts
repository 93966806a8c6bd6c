/**
 * Arguments of a call as the host writes them: plain values whose type is told by the signature or by
 * their look, and what has an address in the guest: bytes, named buffers, callbacks.
 */
import { MayexecError } from '../../base/errors.js';
import type { Convention } from '../abi/convention.js';
import { parseSignature, parseType, type Signature } from '../abi/signature.js';
import { shown } from '../abi/value-bytes.js';
import { namedType, type ValueType } from '../abi/value-type.js';
import { type BufferInit, type BufferPointer, type BufferText, pointerIn } from '../bed/buffers.js';
import { type Callback, isCallback } from '../bed/callback.js';

/** A value with its type, for calls without a signature: `arg.f32(1)`. */
export interface TypedValue {
  readonly kind: 'typed';
  readonly type: string;
  readonly value: Argument;
}

export type Argument =
  | number
  | bigint
  | boolean
  | ArrayBufferView
  | BufferPointer
  | BufferText
  | Callback
  | TypedValue
  | readonly Argument[];

const typed =
  (type: string) =>
  (value: Argument): TypedValue => ({ kind: 'typed', type, value });

/** Arguments with their types: `arg.i32(-1)`, `arg.struct('{ i32, f64 }', [1, 2.5])`. */
export const arg = {
  i8: typed('i8'),
  u8: typed('u8'),
  i16: typed('i16'),
  u16: typed('u16'),
  i32: typed('i32'),
  u32: typed('u32'),
  i64: typed('i64'),
  u64: typed('u64'),
  f32: typed('f32'),
  f64: typed('f64'),
  v128: typed('v128'),
  ptr: typed('ptr'),
  struct: (type: string, value: Argument): TypedValue => ({ kind: 'typed', type, value }),
} as const;

export interface TypedCall {
  readonly result: ValueType;
  readonly types: readonly ValueType[];
  readonly values: readonly Argument[];
  readonly variadicFrom: number | undefined;
}

export interface SignatureOptions {
  /** `i32(i32, f64, ...)`. Without it each argument's type is told by its look, and the result is an integer. */
  readonly signature?: string | undefined;
  /** Type of the result when there is no signature: 'f64'. */
  readonly returns?: string | undefined;
}

/** @throws MayexecError when arguments and signature do not fit. */
export function typeCall(
  { model, name }: Convention,
  args: readonly Argument[],
  { signature, returns }: SignatureOptions,
): TypedCall {
  const values = args.map(plainArgument);
  const own = (value: Argument): ValueType =>
    isTyped(value) ? parseType(value.type, model) : inferred(value, model.word);
  if (signature === undefined) {
    const result = parseType(returns ?? (model.word === 8 ? 'i64' : 'i32'), model);
    return { result, types: args.map(own), values, variadicFrom: undefined };
  }
  if (returns !== undefined) throw new MayexecError("'returns' and 'signature' exclude each other");
  const parsed = parseSignature(signature, model);
  const named = parsed.parameters.length;
  checkCount(signature, parsed, args.length);
  if (parsed.variadic && (name === 'stdcall' || name === 'fastcall')) {
    throw new MayexecError(`signature '${signature}': ${name} has no variadic functions`);
  }
  const types = args.map((value, index) => parsed.parameters[index] ?? promoted(own(value), model));
  return {
    result: parsed.result,
    types,
    values,
    variadicFrom: parsed.variadic ? named : undefined,
  };
}

/** Without its type, and `@dst` as the pointer that it stands for. */
function plainArgument(value: Argument): Argument {
  if (isTyped(value)) return plainArgument(value.value);
  if (typeof value === 'string') return pointerOf(value);
  return isList(value) ? value.map(plainArgument) : value;
}

function isList(value: Argument): value is readonly Argument[] {
  return Array.isArray(value);
}

function pointerOf(text: string): BufferPointer {
  const pointer = pointerIn(text);
  if (pointer !== undefined) return pointer;
  throw new MayexecError(
    `'${text}' is no argument: a pointer into a buffer is written '@dst' or '@dst+4'`,
  );
}

function checkCount(text: string, { parameters, variadic }: Signature, given: number): void {
  const { length } = parameters;
  if (given === length || (variadic && given > length)) return;
  const wanted = `${variadic ? 'at least ' : ''}${length} argument${length === 1 ? '' : 's'}`;
  throw new MayexecError(`signature '${text}' takes ${wanted}, not ${given}`);
}

/** Default argument promotions (C11, 6.5.2.2). */
function promoted(type: ValueType, model: Convention['model']): ValueType {
  if (type.kind === 'float') return namedType('f64', model);
  return type.kind === 'int' && type.size < 4 ? namedType('i32', model) : type;
}

/** The type of a value by its look: a number with a fraction is a double, bytes are a pointer to them. */
function inferred(value: Argument, word: 4 | 8): ValueType {
  const pick = (name: string): ValueType => namedType(name, { word, long: word, align8: word });
  const integer = word === 8 ? 'i64' : 'i32';
  switch (typeof value) {
    case 'boolean':
      return pick('i32');
    case 'bigint':
      return pick(word === 4 && BigInt.asIntN(32, value) !== value ? 'i64' : integer);
    case 'number':
      return pick(Number.isSafeInteger(value) && !Object.is(value, -0) ? integer : 'f64');
    case 'string':
      return pick('ptr');
    case 'object':
      if (value instanceof Uint8Array || isBufferPointer(value) || isCallback(value)) {
        return pick('ptr');
      }
      if (ArrayBuffer.isView(value) && value.byteLength === 16) return pick('v128');
  }
  throw new MayexecError(
    `the type of argument ${shown(value)} is not clear: give a signature, or arg.struct(...)`,
  );
}

/** Bytes among the arguments become buffers named by their position. */
export function argumentBuffers(args: readonly Argument[]): Record<string, BufferInit> {
  const buffers: Record<string, BufferInit> = {};
  for (const [index, value] of args.entries()) {
    if (value instanceof Uint8Array) buffers[String(index)] = value;
  }
  return buffers;
}

/** Every callback among the arguments, those in structures included. */
export function callbacksIn(args: readonly Argument[]): Callback[] {
  return args.flatMap((value) => {
    if (isCallback(value)) return [value];
    if (isTyped(value)) return callbacksIn([value.value]);
    return Array.isArray(value) ? callbacksIn(value as readonly Argument[]) : [];
  });
}

export function isTyped(value: unknown): value is TypedValue {
  return hasKind(value, 'typed');
}

export function isBufferPointer(value: unknown): value is BufferPointer {
  return hasKind(value, 'buffer');
}

function hasKind(value: unknown, kind: string): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

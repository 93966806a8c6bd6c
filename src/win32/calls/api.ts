/**
 * ApiFunction: one function behind an import table: its parameters, as documented, and what it does. The parameters
 * say how many bytes a stdcall function takes off the stack, and how a trace prints a call.
 */
import { InvariantError } from '../../base/errors.js';
import type { ApiCall } from './call.js';

/** How an argument is read in a trace. `u64` takes two words of a 32-bit stack. */
export const PARAMETER_KINDS = [
  'ptr',
  'size',
  'dword',
  'int',
  'flags',
  'bool',
  'handle',
  'alloc',
  'prot',
  'str',
  'wstr',
  'out',
  'u64',
] as const;
export type ParameterKind = (typeof PARAMETER_KINDS)[number];

export interface Parameter {
  readonly kind: ParameterKind;
  readonly name: string;
}

/** The value of the function's register. */
export type ApiResult = bigint | number | boolean;

export type ApiHandler = (call: ApiCall) => ApiResult;

export interface ApiFunction {
  readonly parameters: readonly Parameter[];
  /** The caller takes the arguments off the stack (32-bit). */
  readonly cdecl: boolean;
  readonly handler: ApiHandler;
}

export type ApiSet = Readonly<Record<string, ApiFunction>>;

/** `parameters` as 'ptr lpAddress, size dwSize'; empty for none. */
export function api(parameters: string, handler: ApiHandler): ApiFunction {
  return { parameters: parse(parameters), cdecl: false, handler };
}

/** A function of the C library. */
export function cdecl(parameters: string, handler: ApiHandler): ApiFunction {
  return { parameters: parse(parameters), cdecl: true, handler };
}

function parse(text: string): Parameter[] {
  if (text === '') return [];
  return text.split(', ').map((part) => {
    const [kind, name] = part.split(' ');
    const known = PARAMETER_KINDS.find((one) => one === kind);
    if (known === undefined || name === undefined) throw new InvariantError(`parameter '${part}'`);
    return { kind: known, name };
  });
}

/** Bytes of a 32-bit stack. */
export function stackBytes({ parameters }: ApiFunction): number {
  return parameters.reduce((sum, { kind }) => sum + (kind === 'u64' ? 8 : 4), 0);
}

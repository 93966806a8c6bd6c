/** ApiFunction: one function behind an import table: its parameters, as documented, and what it does. */
import type { ApiCall } from './call.js';
import { type ApiSignature, parametersOf } from './parameters.js';
import type { HostTask } from './task.js';

/** The value of the function's register: a double or a float as its bits. */
export type ApiResult = bigint | number | boolean;

/** A generator (a task) when the guest has to run before there is an answer. */
export type ApiHandler = (call: ApiCall) => ApiResult | HostTask<ApiResult>;

/** What a function gives back, where that is not a word: 64 bits in edx:eax, or what the platform has for reals. */
export type ResultKind = 'word' | 'u64' | 'f64' | 'f32';

export interface ApiFunction extends ApiSignature {
  /** The caller takes the arguments off the stack (32-bit). */
  readonly cdecl: boolean;
  readonly returns: ResultKind;
  readonly handler: ApiHandler;
}

export type ApiSet = Readonly<Record<string, ApiFunction>>;

/** `parameters` as 'ptr lpAddress, size dwSize'; empty for none. */
export function api(
  parameters: string,
  handler: ApiHandler,
  returns: ResultKind = 'word',
): ApiFunction {
  return { parameters: parametersOf(parameters), cdecl: false, returns, handler };
}

/** A function of the C library. */
export function cdecl(
  parameters: string,
  handler: ApiHandler,
  returns: ResultKind = 'word',
): ApiFunction {
  return { parameters: parametersOf(parameters), cdecl: true, returns, handler };
}

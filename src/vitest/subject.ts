/** What a matcher is given, and what it judges: the result of a call, or a sandbox's trace. */
import {
  type AssemblySource,
  type BytesSource,
  CallResult,
  type Calls,
  type Code,
  type CodeImage,
  MayexecError,
  type OpenCallOptions,
  Sandbox,
} from '../index.js';

/** A result, or code that is called without arguments. */
export type CallSubject =
  | CallResult
  | Uint8Array
  | string
  | AssemblySource
  | BytesSource
  | CodeImage
  | Code;

/** @throws MayexecError for anything else. */
export function resultOf(
  { call }: Pick<Calls, 'call'>,
  received: unknown,
  options: OpenCallOptions = {},
): CallResult {
  refusePromise(received);
  if (received instanceof CallResult) return received;
  if (received instanceof Sandbox) {
    throw new MayexecError(
      'a sandbox alone is no call: give call({ sandbox, address }, args) to this matcher',
    );
  }
  if (received === undefined || received === null) {
    throw new MayexecError(
      `${received} is no code and no result of call(): did the test forget to return one?`,
    );
  }
  return call(received as Exclude<CallSubject, CallResult>, [], options);
}

/** Whatever a promise will be, a matcher that does not wait cannot judge it. */
export function refusePromise(received: unknown): void {
  if (typeof received !== 'object' || received === null || !('then' in received)) return;
  throw new MayexecError(
    'a promise is no code and no result of call(): write await before it (call itself is synchronous)',
  );
}

/** What a matcher is given, and what it judges: the result of a call, or a sandbox's trace. */
import {
  type AssemblySource,
  type BytesSource,
  CallResult,
  type Code,
  type CodeImage,
  call,
  MayexecError,
  type OpenCallOptions,
  Sandbox,
} from '../index.js';

/** A result, one that is on its way, or code that is called without arguments. */
export type CallSubject =
  | CallResult
  | Promise<CallResult>
  | Uint8Array
  | string
  | AssemblySource
  | BytesSource
  | CodeImage
  | Code;

/** @throws MayexecError for anything else. */
export async function resultOf(
  received: unknown,
  options: OpenCallOptions = {},
): Promise<CallResult> {
  const subject = await received;
  if (subject instanceof CallResult) return subject;
  if (subject instanceof Sandbox) {
    throw new MayexecError(
      'a sandbox alone is no call: give call({ sandbox, address }, args) to this matcher',
    );
  }
  if (subject === undefined || subject === null) {
    throw new MayexecError(
      `${subject} is no code and no result of call(): did the test forget to return one?`,
    );
  }
  return call(subject as Exclude<CallSubject, CallResult | Promise<CallResult>>, [], options);
}

/**
 * mayexec/vitest: matchers for machine code. Importing it adds them to vitest's `expect` and loads engine and
 * assembler; after that nothing is asynchronous. Each matcher takes code (bytes, assembly text), the result of
 * `call(code, args, options)`, or a sandbox.
 */
// It stays in the declarations: what is declared for a module below is merged only when that one is loaded before.
import 'vitest';
import { expect, type MockInstance, Snapshots, vi } from 'vitest';
import {
  type AbiName,
  type CallResult,
  type Calls,
  type CheckVerdict,
  type CodeSource,
  type Cost,
  checkAllowed,
  checkBehavesLike,
  checkDenied,
  checkDisassembly,
  checkFault,
  checkFollows,
  checkLeaves,
  checkNeverWritableAndExecutable,
  checkPreserves,
  checkReturn,
  checkTouches,
  checkWithin,
  type Duty,
  type FaultWanted,
  type InputOptions,
  type Leaves,
  listingOf,
  MayexecError,
  openCalls,
  type Reach,
  Sandbox,
  type Touchable,
  type Traced,
} from '../index.js';
import { resultOf as subjectOf } from './subject.js';

export {
  type Argument,
  arg,
  type CallResult,
  type CodeSource,
  Coverage,
  callback,
  Kit,
  linkCode,
  pointerTo,
  Sandbox,
} from '../index.js';
export type { FaultWanted, Leaves, Touchable };

const calls = await openCalls();

/** Calls code and tells all that it did. @throws MayexecError, AssemblyError for what the host does wrong. */
export const call: Calls['call'] = atCaller(calls.call);
/** Looks for arguments at which code does not return. */
export const explore: Calls['explore'] = atCaller(calls.explore);
/** Looks for arguments at which another code does something else than a call's. */
export const disagreement: Calls['disagreement'] = atCaller(calls.disagreement);
/** Code ready to be called any number of times. */
export const loadCode: Calls['loadCode'] = atCaller(calls.loadCode);
/** The kit that this worker keeps for an architecture and a policy. */
export const kitFor: Calls['kitFor'] = atCaller(calls.kitFor);

/** What the host does wrong is told where it stands: the stack of the error begins at the caller. */
function atCaller<Given extends unknown[], Result>(
  door: (...given: Given) => Result,
): (...given: Given) => Result {
  return function mayexec(...given) {
    try {
      return door(...given);
    } catch (error) {
      if (error instanceof MayexecError) Error.captureStackTrace?.(error, mayexec);
      throw error;
    }
  };
}

export interface CodeMatchers<R> {
  /** The code returns this value: integers modulo their width, floats bit by bit. */
  toReturn(value: unknown): R;
  /** Afterwards registers, flags and memory are as given: { rax, xmm0, flags: 'CF ZF', memory: { dst: bytes } }. */
  toLeave(expected: Leaves): R;
  /** A duty of the convention ('callee-saved', 'red-zone', ...), 'flags', or registers by name. */
  toPreserve(what: Duty | 'flags' | (string & {}) | readonly string[]): R;
  /** The whole calling convention, also at each call that the code makes. */
  toFollow(abi?: AbiName): R;
  /** An access is refused: { access: 'write', code: 'SEGV_ACCERR', at: label or address of the instruction }. */
  toFault(fault?: FaultWanted): R;
  /** A policy's rule refused something: 'mdwe/gain-exec'. */
  toBeDeniedBy(rule: string): R;
  /** The same call ends alike under each of these policies, and none refuses anything. */
  toBeAllowedUnder(policies: string | readonly string[]): R;
  toRunWithin(most: Cost): R;
  /** Buffers by name, 'code', or addresses; for all accesses, or { read, write }. */
  toTouchOnly(reach: Reach): R;
  toNeverBeWritableAndExecutable(): R;
  /** Instructions, one a line or separated by semicolons. */
  toDisassembleTo(text: string): R;
  /** The listing is the snapshot's; `vitest -u` writes it. */
  toMatchListing(hint?: string): R;
  /** The other code returns and stores the same for the same arguments and for generated ones. */
  toBehaveLike(other: CodeSource, options?: InputOptions): R;
}

declare module 'vitest' {
  // vitest has a matcher toReturn for spies, without a value: that one is redeclared below.
  // biome-ignore lint/suspicious/noExplicitAny: the declaration that is merged with has this default.
  interface Matchers<T = any> extends Omit<CodeMatchers<void>, 'toReturn'> {}
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  interface Assertion<T = any> {
    toReturn(value?: unknown): void;
  }
}

/** What vitest's own matcher of this name says of a spy. */
function spyReturned(spy: MockInstance): CheckVerdict {
  const pass = spy.mock.results.some(({ type }) => type === 'return');
  const message = (): string =>
    `expected the spy ${pass ? 'not ' : ''}to have returned at least once`;
  return { pass, message };
}

function resultOf(received: unknown, abi?: AbiName): CallResult {
  return subjectOf(calls, received, abi === undefined ? {} : { abi });
}

/** A sandbox, or the result of a call. */
function tracedOf(received: unknown): Traced {
  return received instanceof Sandbox ? received : resultOf(received);
}

type Matcher = (received: unknown, ...given: never[]) => CheckVerdict;

const matchers = {
  toReturn(received: unknown, ...values: readonly unknown[]) {
    if (vi.isMockFunction(received)) return spyReturned(received);
    return checkReturn(resultOf(received), values[0]);
  },
  toLeave: (received: unknown, expected: Leaves) => checkLeaves(resultOf(received), expected),
  toPreserve: (received: unknown, what: string | readonly string[]) =>
    checkPreserves(resultOf(received), what),
  toFollow: (received: unknown, abi?: AbiName) => checkFollows(resultOf(received, abi), abi),
  toFault: (received: unknown, fault?: FaultWanted) => checkFault(tracedOf(received), fault),
  toBeDeniedBy: (received: unknown, rule: string) => checkDenied(tracedOf(received), rule),
  toBeAllowedUnder: (received: unknown, policies: string | readonly string[]) =>
    checkAllowed(resultOf(received), policies),
  toRunWithin: (received: unknown, most: Cost) => checkWithin(resultOf(received), most),
  toTouchOnly: (received: unknown, reach: Reach) => checkTouches(resultOf(received), reach),
  toNeverBeWritableAndExecutable: (received: unknown) =>
    checkNeverWritableAndExecutable(tracedOf(received)),
  toDisassembleTo: (received: unknown, text: string) => checkDisassembly(resultOf(received), text),
  toBehaveLike: (received: unknown, other: CodeSource, options?: InputOptions) =>
    checkBehavesLike(resultOf(received), other, options),
} satisfies Record<string, Matcher>;

expect.extend({
  ...Object.fromEntries(
    Object.entries(matchers).map(([name, matcher]) => [name, atCaller(matcher as Matcher)]),
  ),
  toMatchListing(received: unknown, hint?: string) {
    return Snapshots.toMatchSnapshot.call(this, listingOf(resultOf(received)), hint ?? '');
  },
});

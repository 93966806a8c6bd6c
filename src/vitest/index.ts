/**
 * mayexec/vitest: matchers for machine code. Importing it adds them to vitest's `expect`. Each takes code
 * (bytes, assembly text), the result of `call(code, args, options)`, or a sandbox, and is awaited.
 */
import { expect, type MockInstance, Snapshots, vi } from 'vitest';
import {
  type AbiName,
  type CheckVerdict,
  type CodeSource,
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
  Sandbox,
  type Touchable,
  type Traced,
} from '../index.js';
import { resultOf } from './subject.js';

export {
  type Argument,
  arg,
  type CallResult,
  type CodeSource,
  Coverage,
  call,
  callback,
  explore,
  Kit,
  kitFor,
  pointerTo,
  Sandbox,
} from '../index.js';
export type { FaultWanted, Leaves, Touchable };

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
  toRunWithin(most: { readonly instructions: number }): R;
  /** Buffers by name, 'code', or addresses; for all accesses, or { read, write }. */
  toTouchOnly(
    ranges:
      | readonly Touchable[]
      | { readonly read?: readonly Touchable[]; readonly write?: readonly Touchable[] },
  ): R;
  toNeverBeWritableAndExecutable(): R;
  /** Instructions, one a line or separated by semicolons. */
  toDisassembleTo(text: string): R;
  /** The listing is the snapshot's; `vitest -u` writes it. */
  toMatchListing(hint?: string): R;
  /** The other code returns and stores the same for the same arguments and for generated ones. */
  toBehaveLike(other: CodeSource, options?: InputOptions): R;
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: the declaration that is merged with has this default.
  interface Matchers<T = any> extends CodeMatchers<Promise<void>> {}
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  interface Assertion<T = any> {
    // vitest has a matcher of this name for spies, without a value.
    toReturn(value?: unknown): Promise<void>;
  }
}

/** What vitest's own matcher of this name says of a spy. */
function spyReturned(spy: MockInstance): CheckVerdict {
  const pass = spy.mock.results.some(({ type }) => type === 'return');
  const message = (): string =>
    `expected the spy ${pass ? 'not ' : ''}to have returned at least once`;
  return { pass, message };
}

/** A sandbox, or the result of a call. */
async function tracedOf(received: unknown): Promise<Traced> {
  const subject = await received;
  return subject instanceof Sandbox ? subject : resultOf(subject);
}

expect.extend({
  toReturn(received: unknown, ...values: readonly unknown[]) {
    if (vi.isMockFunction(received)) return spyReturned(received);
    return resultOf(received).then((result) => checkReturn(result, values[0]));
  },
  async toLeave(received: unknown, expected: Leaves) {
    return checkLeaves(await resultOf(received), expected);
  },
  async toPreserve(received: unknown, what: string | readonly string[]) {
    return checkPreserves(await resultOf(received), what);
  },
  async toFollow(received: unknown, abi?: AbiName) {
    return checkFollows(await resultOf(received, abi === undefined ? {} : { abi }), abi);
  },
  async toFault(received: unknown, fault?: FaultWanted) {
    return checkFault(await tracedOf(received), fault);
  },
  async toBeDeniedBy(received: unknown, rule: string) {
    return checkDenied(await tracedOf(received), rule);
  },
  async toBeAllowedUnder(received: unknown, policies: string | readonly string[]) {
    return checkAllowed(await resultOf(received), policies);
  },
  async toRunWithin(received: unknown, most: { readonly instructions: number }) {
    return checkWithin(await resultOf(received), most);
  },
  async toTouchOnly(received: unknown, ranges: Parameters<CodeMatchers<void>['toTouchOnly']>[0]) {
    return checkTouches(await resultOf(received), ranges);
  },
  async toNeverBeWritableAndExecutable(received: unknown) {
    return checkNeverWritableAndExecutable(await tracedOf(received));
  },
  async toDisassembleTo(received: unknown, text: string) {
    return checkDisassembly(await resultOf(received), text);
  },
  async toMatchListing(received: unknown, hint?: string) {
    return Snapshots.toMatchSnapshot.call(this, listingOf(await resultOf(received)), hint ?? '');
  },
  async toBehaveLike(received: unknown, other: CodeSource, options?: InputOptions) {
    return checkBehavesLike(await resultOf(received), other, options);
  },
});

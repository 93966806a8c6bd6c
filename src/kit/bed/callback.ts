/** Functions of the host that the guest can call through a pointer. */
import { checkText, wrongArgument } from '../../base/arguments.js';
import type { AbiName } from '../abi/convention.js';
import type { GuestValue } from '../abi/value-bytes.js';

/** What a callback can do to the guest while it runs. */
export interface GuestAccess {
  /** Bytes of memory; rights are ignored. @throws MayexecError where nothing is mapped. */
  read(address: number | bigint, length: number): Uint8Array;
  write(address: number | bigint, bytes: Uint8Array): void;
  /** Calls guest code on the stack below the caller's; the case ends with it when it does not return. */
  call(address: number | bigint, args: readonly (number | bigint)[], signature: string): GuestValue;
}

/** Gets its arguments, and after the last of them a GuestAccess; gives the result. */
export type CallbackFunction = (...args: never[]) => unknown;

export interface Callback {
  readonly kind: 'callback';
  readonly signature: string;
  readonly abi: AbiName | undefined;
  readonly name: string;
  readonly implementation: (...args: readonly unknown[]) => unknown;
}

/**
 * Makes a host function callable from the guest: pass it as an argument where the code expects a function
 * pointer. After a call every register that a callee may change holds garbage.
 * @param abi Default: the convention of the call that it is an argument of.
 */
export function callback(
  signature: string,
  implementation: CallbackFunction,
  abi?: AbiName,
): Callback {
  checkText('the signature of a callback', signature, "a string such as 'i32(i32)'");
  if (typeof implementation !== 'function') {
    throw wrongArgument('the callback', implementation, 'a function');
  }
  return {
    kind: 'callback',
    signature,
    abi,
    name: implementation.name || 'callback',
    implementation: implementation as (...args: readonly unknown[]) => unknown,
  };
}

export function isCallback(value: unknown): value is Callback {
  return (
    typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'callback'
  );
}

/** What a system call gives back, for every personality. */
import type { Result } from '../base/result.js';

export type SyscallArgs = readonly [bigint, bigint, bigint, bigint, bigint, bigint];

/**
 * The call does not return a value to the instruction after it: the process ended, or the call has
 * set the registers itself (rt_sigreturn, execve).
 */
export interface NoReturn {
  readonly ok: 'no-return';
}

export const noReturn: NoReturn = { ok: 'no-return' };

export type SyscallResult = Result<bigint | number> | NoReturn;

/** An argument declared `int` in C. */
export function int(arg: bigint): number {
  return Number(BigInt.asIntN(32, arg));
}

/** An argument declared `unsigned int` in C. */
export function uint(arg: bigint): number {
  return Number(BigInt.asUintN(32, arg));
}

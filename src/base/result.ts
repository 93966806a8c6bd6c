import type { Errno } from '../base/errno.js';
import type { Cause } from './verdict.js';

export interface Failure {
  readonly ok: false;
  readonly errno: Errno;
  /** The rule behind it; absent where the kernel itself refuses. */
  readonly cause?: Cause;
}

/** What a guest-visible operation gives: a value, or an errno and why. */
export type Result<T> = { readonly ok: true; readonly value: T } | Failure;

export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function fail(errno: Errno, cause?: Cause): Failure {
  return cause === undefined ? { ok: false, errno } : { ok: false, errno, cause };
}

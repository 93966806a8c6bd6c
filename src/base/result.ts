import type { Errno } from '../abi/linux/errno.js';

/** What a guest-visible operation gives: a value or an errno. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errno: Errno };

export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function fail(errno: Errno): { readonly ok: false; readonly errno: Errno } {
  return { ok: false, errno };
}

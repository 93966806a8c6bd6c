/**
 * What a run is to meet that it would not meet otherwise: calls that fail or answer something else, and
 * limits of the machine that are lower. Compare strace's `--inject=` (its man page, section "Tampering").
 */
import type { Errno } from '../base/errno.js';

/** Which invocations of a call: those from `first` to `last`, every `step`th. Counted from 1. */
export interface When {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

export type CallEffect =
  | { readonly kind: 'error'; readonly errno: Errno }
  /** Of functions of the Windows API: a Win32 error or an NTSTATUS. */
  | { readonly kind: 'failure'; readonly error: number }
  | { readonly kind: 'retval'; readonly value: bigint }
  /** The address that mmap is given counts only with MAP_FIXED. */
  | { readonly kind: 'ignore-hint' };

export interface CallInjection {
  readonly kind: 'call';
  /** As it was written. */
  readonly text: string;
  /** System calls by family: `mmap` is mmap2 of i386 as well. */
  readonly calls: readonly string[];
  readonly effect: CallEffect;
  readonly when: When;
}

/** vm.max_map_count. */
export interface MapCountInjection {
  readonly kind: 'map-count';
  readonly text: string;
  readonly count: number;
}

/** RLIMIT_*, soft and hard, from the program's start on. */
export interface LimitInjection {
  readonly kind: 'rlimit';
  readonly text: string;
  readonly resource: number;
  readonly bytes: bigint;
}

export type Injection = CallInjection | MapCountInjection | LimitInjection;

/** Does the `nth` invocation belong to it? */
export function isDue({ first, last, step }: When, nth: number): boolean {
  return nth >= first && nth <= last && (nth - first) % step === 0;
}

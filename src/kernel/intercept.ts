/**
 * SyscallInterceptor: stands between a guest's call (a system call, or a function of the Windows API) and the system, for fault injection (what if
 * this call failed?) and for runs with one call changed (would this have worked?). Compare strace's
 * `--inject=`, whose marks the trace has: (INJECTED) and (INJECTED: args).
 */

import type { Addr } from '../base/address.js';
import type { Errno } from '../base/errno.js';
import type { Access } from '../base/outcome.js';
import type { Result } from '../base/result.js';
import type { MemoryRequest } from '../memory/request.js';

/** What a call made in the guest's name gave. A function of the Windows API fails with a Win32 error or an NTSTATUS. */
export type PerformedCall =
  | Result<bigint>
  | { readonly ok: false; readonly error: number; readonly errno?: undefined }
  | 'no-return';

export interface InterceptedCall {
  readonly pid: number;
  /** After the instruction that makes the call. */
  readonly pc: Addr;
  /** As the system spells it: i386 programs make `mmap2`, programs for Windows `VirtualAlloc`. */
  readonly name: string;
  /** The arguments, as many as the call takes. */
  readonly args: readonly bigint[];
  /** What it asks of the memory; undefined for a call that is not about that. */
  readonly asks: MemoryRequest | undefined;
  /** Bytes of its memory; undefined where it cannot read them itself. Nothing is touched by it. */
  read(address: Addr, length: number): Uint8Array | undefined;
  /**
   * Makes another call in the guest's name first; it is judged and traced as any, as a call of the host.
   * 'no-return' for one that ends the process or would have to wait.
   */
  perform(name: string, ...args: readonly bigint[]): PerformedCall;
}

export type Interception =
  /** The kernel never hears of the call. */
  | { readonly kind: 'fail'; readonly errno: Errno }
  /** Of a function of the Windows API: it fails with this Win32 error, an Nt function with this NTSTATUS. */
  | { readonly kind: 'fail'; readonly error: number }
  /** Nor here: the guest gets this value. */
  | { readonly kind: 'answer'; readonly value: bigint }
  /** The call is made, with these arguments; `name` makes it another call, whose name and arguments the trace does not show. */
  | { readonly kind: 'change'; readonly name?: string; readonly args: readonly bigint[] };

export interface InterceptedFault {
  readonly pid: number;
  /** The instruction that faults; of a fetch its target. */
  readonly pc: Addr;
  readonly address: Addr;
  readonly access: Access;
  /** As that of an intercepted call. */
  readonly perform: InterceptedCall['perform'];
}

/** Asked before the kernel judges a page fault; 'retry' runs the instruction again, undefined lets it pass. */
export type FaultInterceptor = (fault: InterceptedFault) => 'retry' | undefined;

/** Asked at each call of the guest (never at the host's own); undefined lets it pass as it is. */
export type SyscallInterceptor = (call: InterceptedCall) => Interception | undefined;

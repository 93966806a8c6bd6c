import type { Addr } from './address.js';

export type Access = 'read' | 'write' | 'exec';

/**
 * SI_KERNEL: a general protection fault, which is no page fault: an address that is not canonical
 * (x86-64; the CPU then tells address 0), a fetch behind the end of the code segment (i386).
 */
export type FaultCode = 'SEGV_MAPERR' | 'SEGV_ACCERR' | 'SEGV_PKUERR' | 'BUS_ADRERR' | 'SI_KERNEL';

/** A memory access of the guest that the MMU refused. `pc` is the instruction that made it. */
export interface Fault {
  readonly address: Addr;
  readonly access: Access;
  readonly code: FaultCode;
  readonly pc: Addr;
}

/** How a run ended. What the guest does wrong is an Outcome, never a host exception. */
export type Outcome =
  | { readonly kind: 'return'; readonly value: bigint }
  | { readonly kind: 'exit'; readonly code: number }
  | {
      readonly kind: 'signal';
      readonly signal: string;
      readonly code: string;
      readonly address: Addr;
      readonly access?: Access;
      readonly pc: Addr;
    }
  | {
      readonly kind: 'exception';
      readonly status: number;
      readonly parameters: bigint[];
      readonly pc: Addr;
    }
  | { readonly kind: 'limit'; readonly limit: 'blocks' | 'memory' };

/**
 * How a run ends, in every world. docs/outcomes.md has all of it in one table, with exit statuses and
 * the si_code of each CPU exception.
 */

import type { Addr } from './address.js';
import { OTHER_END } from './outcome-shape.js';
import { checkShape } from './shape.js';

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

/** A process or thread that sleeps, and the call that it sleeps in. */
export interface Sleeper {
  readonly pid: number;
  /** As the system spells it. */
  readonly call: string;
}

/**
 * How a run ended. What the guest does wrong is an Outcome, never a host exception. No end is disguised as
 * another: `limit` means that a limit of the sandbox was reached, and nothing else.
 */
export type Outcome =
  /** A call came back to its caller. */
  | { readonly kind: 'return'; readonly value: bigint }
  /** The process ended itself. Of Windows the whole 32-bit code, unsigned. */
  | { readonly kind: 'exit'; readonly code: number }
  /** A signal killed the process. `code` is its si_code by name; `address` si_addr, 0 where there is none. */
  | {
      readonly kind: 'signal';
      readonly signal: string;
      readonly code: string;
      readonly address: Addr;
      readonly access?: Access;
      readonly pc: Addr;
    }
  /** Nobody handled a Windows exception: its NTSTATUS, unsigned, and ExceptionInformation. */
  | {
      readonly kind: 'exception';
      readonly status: number;
      readonly parameters: bigint[];
      readonly pc: Addr;
    }
  /** A kernel met an error that it does not survive: the first line of its report. */
  | {
      readonly kind: 'oops';
      readonly message: string;
      readonly address?: Addr;
      readonly access?: Access;
      readonly pc: Addr;
    }
  /** `hlt` with nothing left that could wake the machine: how a kernel program ends well. */
  | { readonly kind: 'halt'; readonly pc: Addr }
  /** An exception while a double fault was delivered: the machine resets. */
  | { readonly kind: 'triple-fault'; readonly pc: Addr }
  /** A signal stopped a process (SIGSTOP, SIGTSTP ...), and nothing in the sandbox can continue it. */
  | { readonly kind: 'stopped'; readonly signal: string; readonly pid: number }
  /** It sleeps, and only something from outside could wake it: a signal, input. */
  | { readonly kind: 'asleep'; readonly waiting: readonly Sleeper[] }
  /** It sleeps, and all that could wake it sleep too. */
  | { readonly kind: 'deadlock'; readonly waiting: readonly Sleeper[] }
  /** A limit of the sandbox ended the run (`limits`). After 'blocks' it can go on. */
  | { readonly kind: 'limit'; readonly limit: 'blocks' | 'memory' };

/** Ends of a sandbox's or a machine's own, as opposed to those of a process: the ones that have no value. */
export type OtherEnd = Exclude<Outcome, { kind: 'return' | 'exit' | 'signal' | 'exception' }>;

/** `stopped at the limit of blocks`, `asleep in pause`, `deadlock: 1000 in futex, 1001 in read`. */
export function otherEndText(outcome: OtherEnd): string {
  checkShape('otherEndText: the outcome', outcome, OTHER_END);
  switch (outcome.kind) {
    case 'oops':
      return `oops: ${outcome.message}`;
    case 'halt':
      return 'halted';
    case 'triple-fault':
      return `triple fault at 0x${outcome.pc.toString(16)}`;
    case 'stopped':
      return `stopped by ${outcome.signal}`;
    case 'asleep':
      return `asleep in ${outcome.waiting.map(({ call }) => call).join(', ')}`;
    case 'deadlock':
      return `deadlock: ${outcome.waiting.map(({ pid, call }) => `${pid} in ${call}`).join(', ')}`;
    case 'limit':
      return `stopped at the limit of ${outcome.limit}`;
  }
}

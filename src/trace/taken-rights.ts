/**
 * TakenRights: which verdict took rights from a mapping before a call asked for them. The kernel then
 * refuses by its own check of the VM_MAY* bits, and says nothing of who had cleared them.
 */
import type { Addr } from '../base/address.js';
import type { SyscallEvent, TraceEvent, VerdictEvent } from './events.js';

/** Calls that check the VM_MAY* bits: EACCES of any other has another cause. */
const CHECK_MAY_BITS = new Set(['mprotect', 'pkey_mprotect']);

interface Part {
  readonly start: Addr;
  readonly end: Addr;
  readonly pid: number;
  /** During which call of the process it was made or changed. */
  readonly call: number;
  /** Undefined: made or changed with nothing taken away. */
  readonly by: VerdictEvent | undefined;
}

/** A fold over a trace: show it each event in order, then ask. */
export class TakenRights {
  /** Latest last: a later one covers those before it. */
  readonly #parts: Part[] = [];
  /** By process, what was decided and is not yet done. */
  readonly #pending = new Map<number, VerdictEvent>();
  /** By process, how many of its calls have returned. */
  readonly #calls = new Map<number, number>();

  see(event: TraceEvent): void {
    if (event.type === 'verdict') {
      if (event.verdict.kind === 'narrow') this.#pending.set(event.pid, event);
    } else if (event.type === 'syscall') {
      this.#pending.delete(event.pid);
      this.#calls.set(event.pid, this.#count(event.pid) + 1);
    } else if (event.type === 'vma') {
      this.#changed(event.pid, event.after ?? event.before, event.op !== 'remove');
    }
  }

  /**
   * The verdict behind the EACCES of the call seen last, if it was one about rights that were gone
   * already: not one that the call itself met, before it came to the mapping that refused.
   */
  by({ name, errno, args, pid, injected }: SyscallEvent): VerdictEvent | undefined {
    if (errno !== 'EACCES' || injected !== undefined || !CHECK_MAY_BITS.has(name)) return undefined;
    const [start = 0n, length = 0n] = args;
    const end = start + length;
    const call = this.#count(pid) - 1;
    return this.#parts.findLast(
      (part) => part.start < end && start < part.end && (part.pid !== pid || part.call !== call),
    )?.by;
  }

  #count(pid: number): number {
    return this.#calls.get(pid) ?? 0;
  }

  #changed(pid: number, range: { start: Addr; end: Addr } | undefined, takes: boolean): void {
    if (range === undefined) return;
    const by = takes ? this.#pending.get(pid) : undefined;
    this.#parts.push({ start: range.start, end: range.end, pid, call: this.#count(pid), by });
    if (takes) this.#pending.delete(pid);
  }
}

/**
 * SignalQueue: signals that wait for delivery: those of one thread, or those of a process, which any of its threads
 * may take (struct sigpending: task_struct.pending and signal_struct.shared_pending).
 */
import { signalNumber } from '../../../abi/linux/signal.js';
import { KERNEL_BYTES } from '../../../base/charges.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { KernelPool } from '../../../memory/page-table.js';
import type { SignalInfo } from './siginfo.js';
import { bit } from './signal-actions.js';

/** Taken before any other: their handler is to see the state that caused them. */
const SYNCHRONOUS = (['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGTRAP', 'SIGFPE', 'SIGSYS'] as const).map(
  signalNumber,
);
/** Signals from here on queue. */
const SIGRTMIN = 32;

export class SignalQueue {
  /** By number, oldest first; none is empty. */
  #pending = new Map<number, SignalInfo[]>();
  #mask = 0n;
  #count = 0;
  readonly #pool: KernelPool | undefined;
  readonly #limit: () => number;

  /** `pool`: what queued signals count against. `limit`: RLIMIT_SIGPENDING now. */
  constructor(pool?: KernelPool, limit: () => number = () => Number.POSITIVE_INFINITY) {
    this.#pool = pool;
    this.#limit = limit;
  }

  /** Pending, blocked or not. */
  get mask(): bigint {
    return this.#mask;
  }

  /**
   * A signal that is pending already is not queued twice (the classic ones; real-time ones queue). Where the
   * queue is full it is only marked as pending, and what was to be said of it is lost: __send_signal_locked().
   */
  send(info: SignalInfo): void {
    const { signal } = info;
    const before = this.#pending.get(signal);
    if (before !== undefined && signal < SIGRTMIN) return;
    const room = this.#count < this.#limit() && this.#pool?.hasRoom(KERNEL_BYTES.signal) !== false;
    if (!room && before !== undefined) return;
    if (before === undefined) this.#pending.set(signal, [info]);
    else before.push(info);
    this.#mask |= bit(signal);
    this.#counted(1);
  }

  /** The next one of those in `wanted` leaves the queue; undefined when there is none. */
  take(wanted: bigint): SignalInfo | undefined {
    if ((this.#mask & wanted) === 0n) return undefined;
    let best: number | undefined;
    for (const signal of this.#pending.keys()) {
      if ((wanted & bit(signal)) === 0n) continue;
      if (best === undefined || rank(signal) < rank(best)) best = signal;
    }
    const queue = best === undefined ? undefined : this.#pending.get(best);
    if (best === undefined || queue === undefined) return undefined;
    const next = queue.shift();
    this.#counted(-1);
    if (queue.length === 0) this.#forget(best);
    return next;
  }

  /** Setting a signal to be ignored throws away what is pending of it. */
  discard(signal: number): void {
    this.#counted(-(this.#pending.get(signal)?.length ?? 0));
    this.#forget(signal);
  }

  discardAll(): void {
    for (const signal of [...this.#pending.keys()]) this.discard(signal);
  }

  save(): Saved {
    const pending = [...this.#pending].map(([signal, queue]) => [signal, [...queue]] as const);
    const mask = this.#mask;
    const count = this.#count;
    return saved(() => {
      this.#pending = new Map(pending.map(([signal, queue]) => [signal, [...queue]]));
      this.#mask = mask;
      this.#count = count;
    });
  }

  #forget(signal: number): void {
    this.#pending.delete(signal);
    this.#mask &= ~bit(signal);
  }

  #counted(change: number): void {
    this.#count += change;
    if (this.#pool !== undefined) this.#pool.reserved += change * KERNEL_BYTES.signal;
  }
}

function rank(signal: number): number {
  return SYNCHRONOUS.includes(signal) ? signal - 1000 : signal;
}

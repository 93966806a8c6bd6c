/** Signals of one thread: its mask, what is pending, its alternate stack. Compare kernel/signal.c. */

import { NSIG, SS_DISABLE, signalNumber } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import { KERNEL_BYTES } from '../../../base/charges.js';
import type { Access } from '../../../base/outcome.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { KernelPool } from '../../../memory/page-table.js';
import type { SignalInfo } from './siginfo.js';
import {
  bit,
  DEFAULT_HANDLER,
  IGNORE_HANDLER,
  NEVER_BLOCKED,
  type SignalActions,
} from './signal-actions.js';

/** stack_t as sigaltstack has set it; size 0: none. */
export interface AlternateStack {
  readonly start: Addr;
  readonly size: bigint;
  /** ss_flags as given. */
  readonly flags: number;
}

/** What the CPU said of the last exception; stands in every later frame (thread.trap_nr and friends). */
export interface TrapFacts {
  readonly number: number;
  readonly errorCode: number;
  /** CR2: of the last page fault. */
  readonly address: Addr;
  /** Of a page fault. */
  readonly access?: Access;
}

export const NO_ALTERNATE_STACK: AlternateStack = { start: 0n, size: 0n, flags: SS_DISABLE };

/** Taken before any other: their handler is to see the state that caused them. */
const SYNCHRONOUS = (['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGTRAP', 'SIGFPE', 'SIGSYS'] as const).map(
  signalNumber,
);
/** Signals from here on queue. */
const SIGRTMIN = 32;
export class SignalState {
  /** Of the process, which its threads share. */
  readonly actions: SignalActions;
  /** By number, oldest first; none is empty. */
  #pending = new Map<number, SignalInfo[]>();
  #pendingMask = 0n;
  #queued = 0;
  #blocked = 0n;
  #suspended: bigint | undefined;
  alternateStack = NO_ALTERNATE_STACK;
  trap: TrapFacts = { number: 0, errorCode: 0, address: 0n };

  readonly #pool: KernelPool | undefined;
  readonly #limit: () => number;

  /** `pool`: what queued signals count against. `limit`: RLIMIT_SIGPENDING now. */
  constructor(
    actions: SignalActions,
    pool?: KernelPool,
    limit: () => number = () => Number.POSITIVE_INFINITY,
  ) {
    this.actions = actions;
    this.#pool = pool;
    this.#limit = limit;
  }

  get blocked(): bigint {
    return this.#blocked;
  }

  set blocked(mask: bigint) {
    this.#blocked = BigInt.asUintN(NSIG, mask) & ~NEVER_BLOCKED;
  }

  /** The mask that a frame brings back: the one before sigsuspend, while that is on. */
  get maskToRestore(): bigint {
    return this.#suspended ?? this.#blocked;
  }

  /** sigsuspend: another mask until a handler has been set up. */
  suspend(mask: bigint): void {
    this.#suspended = this.#blocked;
    this.blocked = mask;
  }

  /** A handler's frame is set up: `mask` is blocked while it runs. */
  enterHandler(mask: bigint): void {
    this.blocked = this.maskToRestore | mask;
    this.#suspended = undefined;
  }

  /** Pending, blocked or not. */
  get pendingMask(): bigint {
    return this.#pendingMask;
  }

  /**
   * A signal that is pending already is not queued twice (the classic ones; real-time ones queue). Where the
   * queue is full it is only marked as pending, and what was to be said of it is lost: __send_signal_locked().
   */
  send(info: SignalInfo): void {
    const { signal } = info;
    const before = this.#pending.get(signal);
    if (before !== undefined && signal < SIGRTMIN) return;
    const room = this.#queued < this.#limit() && this.#pool?.hasRoom(KERNEL_BYTES.signal) !== false;
    if (!room && before !== undefined) return;
    if (before === undefined) this.#pending.set(signal, [info]);
    else before.push(info);
    this.#pendingMask |= bit(signal);
    this.#countQueued(1);
  }

  /**
   * A signal that the process cannot evade, as its own instruction caused it: where it is blocked or
   * ignored the default action comes back. Compare force_sig_info_to_task().
   */
  force(info: SignalInfo, fatal = false): void {
    const blocked = (this.#blocked & bit(info.signal)) !== 0n;
    const ignored = this.actions.of(info.signal).handler === IGNORE_HANDLER;
    if (blocked || ignored || fatal) {
      this.actions.set(info.signal, { ...this.actions.of(info.signal), handler: DEFAULT_HANDLER });
      this.blocked &= ~bit(info.signal);
    }
    this.send(info);
  }

  /** The next signal to deliver leaves the queue; undefined when none is left that is not blocked. */
  take(): SignalInfo | undefined {
    if ((this.#pendingMask & ~this.#blocked) === 0n) return undefined;
    let best: number | undefined;
    for (const signal of this.#pending.keys()) {
      if (this.#blocked & bit(signal)) continue;
      if (best === undefined || rank(signal) < rank(best)) best = signal;
    }
    const queue = best === undefined ? undefined : this.#pending.get(best);
    if (best === undefined || queue === undefined) return undefined;
    const next = queue.shift();
    this.#countQueued(-1);
    if (queue.length === 0) this.#forget(best);
    return next;
  }

  /** Setting a signal to be ignored throws away what is pending of it. */
  discard(signal: number): void {
    this.#countQueued(-(this.#pending.get(signal)?.length ?? 0));
    this.#forget(signal);
  }

  /** The process has ended: nothing waits for it. */
  discardAll(): void {
    for (const signal of [...this.#pending.keys()]) this.discard(signal);
  }

  #forget(signal: number): void {
    this.#pending.delete(signal);
    this.#pendingMask &= ~bit(signal);
  }

  #countQueued(change: number): void {
    this.#queued += change;
    if (this.#pool !== undefined) this.#pool.reserved += change * KERNEL_BYTES.signal;
  }

  /** fork: the mask is the parent's, nothing is pending. */
  inherit(parent: SignalState): void {
    this.#blocked = parent.#blocked;
    this.alternateStack = parent.alternateStack;
    this.trap = parent.trap;
  }

  /** execve. */
  resetForExec(): void {
    this.actions.resetForExec();
    this.alternateStack = NO_ALTERNATE_STACK;
  }

  save(): Saved {
    const pending = [...this.#pending].map(([signal, queue]) => [signal, [...queue]] as const);
    const mask = this.#pendingMask;
    const queued = this.#queued;
    const blocked = this.#blocked;
    const suspended = this.#suspended;
    const { alternateStack, trap } = this;
    return saved(() => {
      this.#pending = new Map(pending.map(([signal, queue]) => [signal, [...queue]]));
      this.#pendingMask = mask;
      this.#queued = queued;
      this.#blocked = blocked;
      this.#suspended = suspended;
      this.alternateStack = alternateStack;
      this.trap = trap;
    });
  }
}

function rank(signal: number): number {
  return SYNCHRONOUS.includes(signal) ? signal - 1000 : signal;
}

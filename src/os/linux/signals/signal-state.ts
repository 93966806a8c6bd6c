/**
 * Signals of one thread: its mask, what is pending of it and of its process, its alternate stack. Compare
 * kernel/signal.c.
 */

import { NSIG, SS_DISABLE } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import type { Access } from '../../../base/outcome.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { SignalInfo } from './siginfo.js';
import {
  bit,
  DEFAULT_HANDLER,
  IGNORE_HANDLER,
  NEVER_BLOCKED,
  type SignalActions,
} from './signal-actions.js';
import type { SignalQueue } from './signal-queue.js';

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

/** Where a process's own signals wait, and which of its threads gets them. */
export interface SharedSignals {
  readonly queue: SignalQueue;
  /** Does the thread that asks take this one? Asked of signals that it does not block. */
  readonly isMine: (signal: number) => boolean;
}

export class SignalState {
  /** Of the process, which its threads share. */
  readonly actions: SignalActions;
  readonly #own: SignalQueue;
  readonly #shared: SharedSignals;
  #blocked = 0n;
  #suspended: bigint | undefined;
  alternateStack = NO_ALTERNATE_STACK;
  trap: TrapFacts = { number: 0, errorCode: 0, address: 0n };

  constructor(actions: SignalActions, own: SignalQueue, shared: SharedSignals) {
    this.actions = actions;
    this.#own = own;
    this.#shared = shared;
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

  /** Pending, blocked or not: sent to this thread, or to its process. */
  get pendingMask(): bigint {
    return this.#own.mask | this.#shared.queue.mask;
  }

  /** Sent to this thread alone. */
  get ownMask(): bigint {
    return this.#own.mask;
  }

  /** Sent to its process. */
  get sharedMask(): bigint {
    return this.#shared.queue.mask;
  }

  /** What this thread would take now. */
  get readyMask(): bigint {
    const own = this.#own.mask & ~this.#blocked;
    const shared = this.#shared.queue.mask & ~this.#blocked;
    return shared === 0n ? own : own | this.#mine(shared);
  }

  /** To the process: any thread that does not block it may take it. */
  send(info: SignalInfo): void {
    this.#shared.queue.send(info);
  }

  /** To this thread. */
  sendHere(info: SignalInfo): void {
    this.#own.send(info);
  }

  /**
   * A signal that the thread cannot evade, as its own instruction caused it: where it is blocked or
   * ignored the default action comes back. Compare force_sig_info_to_task().
   */
  force(info: SignalInfo, fatal = false): void {
    const blocked = (this.#blocked & bit(info.signal)) !== 0n;
    const ignored = this.actions.of(info.signal).handler === IGNORE_HANDLER;
    if (blocked || ignored || fatal) {
      this.actions.set(info.signal, { ...this.actions.of(info.signal), handler: DEFAULT_HANDLER });
      this.blocked &= ~bit(info.signal);
    }
    this.sendHere(info);
  }

  /** The next signal to deliver leaves its queue, the thread's own first; undefined when none is left that is not blocked. */
  take(): SignalInfo | undefined {
    const own = this.#own.take(~this.#blocked);
    if (own !== undefined) return own;
    const shared = this.#shared.queue.mask & ~this.#blocked;
    return shared === 0n ? undefined : this.#shared.queue.take(this.#mine(shared));
  }

  /** Setting a signal to be ignored throws away what is pending of it. */
  discard(signal: number): void {
    this.#own.discard(signal);
  }

  /** The thread has ended: nothing waits for it. */
  discardAll(): void {
    this.#own.discardAll();
  }

  /** Of those in `mask` the ones that no other thread is to take. */
  #mine(mask: bigint): bigint {
    let mine = 0n;
    for (let signal = 1; signal <= NSIG; signal++) {
      if (mask & bit(signal) && this.#shared.isMine(signal)) mine |= bit(signal);
    }
    return mine;
  }

  /** fork and a new thread: the mask is the parent's, nothing is pending. A thread has no alternate stack. */
  inherit(parent: SignalState, isThread = false): void {
    this.#blocked = parent.#blocked;
    if (!isThread) this.alternateStack = parent.alternateStack;
    this.trap = parent.trap;
  }

  /** execve. */
  resetForExec(): void {
    this.actions.resetForExec();
    this.alternateStack = NO_ALTERNATE_STACK;
  }

  save(): Saved {
    const own = this.#own.save();
    const blocked = this.#blocked;
    const suspended = this.#suspended;
    const { alternateStack, trap } = this;
    return saved(() => {
      own.restore();
      this.#blocked = blocked;
      this.#suspended = suspended;
      this.alternateStack = alternateStack;
      this.trap = trap;
    });
  }
}

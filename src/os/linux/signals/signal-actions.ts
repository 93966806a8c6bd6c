/** SignalActions: what a process does about each signal, for all its threads (struct sighand_struct). */
import { NSIG, SA_RESETHAND, signalNumber } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';

/** SIG_DFL and SIG_IGN, as a handler's address. */
export const DEFAULT_HANDLER = 0n;
export const IGNORE_HANDLER = 1n;

export interface SignalAction {
  readonly handler: Addr;
  readonly flags: number;
  readonly restorer: Addr;
  readonly mask: bigint;
}

/** SIGKILL and SIGSTOP. */
export const NEVER_BLOCKED = bit(signalNumber('SIGKILL')) | bit(signalNumber('SIGSTOP'));

export function bit(signal: number): bigint {
  return 1n << BigInt(signal - 1);
}

const DEFAULT_ACTION: SignalAction = { handler: DEFAULT_HANDLER, flags: 0, restorer: 0n, mask: 0n };

export class SignalActions {
  #actions: readonly SignalAction[] = Array<SignalAction>(NSIG + 1).fill(DEFAULT_ACTION);

  of(signal: number): SignalAction {
    return this.#actions[signal] ?? DEFAULT_ACTION;
  }

  set(signal: number, action: SignalAction): void {
    this.#actions = this.#actions.with(signal, { ...action, mask: action.mask & ~NEVER_BLOCKED });
  }

  /** Signals that are ignored, and those that have a handler. */
  get ignoredMask(): bigint {
    return this.#maskOf((handler) => handler === IGNORE_HANDLER);
  }

  get caughtMask(): bigint {
    return this.#maskOf((handler) => handler !== IGNORE_HANDLER && handler !== DEFAULT_HANDLER);
  }

  /** fork. */
  copyFrom(parent: SignalActions): void {
    this.#actions = parent.#actions;
  }

  /** execve: handlers are gone with the old program, what was ignored stays so. */
  resetForExec(): void {
    this.#actions = this.#actions.map((action) =>
      action.handler === IGNORE_HANDLER
        ? { ...DEFAULT_ACTION, handler: IGNORE_HANDLER }
        : DEFAULT_ACTION,
    );
  }

  /** SA_RESETHAND. */
  resetOnce(signal: number): void {
    const action = this.of(signal);
    if (action.flags & SA_RESETHAND) this.set(signal, { ...action, handler: DEFAULT_HANDLER });
  }

  save(): Saved {
    const actions = this.#actions;
    return saved(() => {
      this.#actions = actions;
    });
  }

  #maskOf(pick: (handler: Addr) => boolean): bigint {
    return this.#actions.reduce(
      (mask, { handler }, signal) => (signal > 0 && pick(handler) ? mask | bit(signal) : mask),
      0n,
    );
  }
}

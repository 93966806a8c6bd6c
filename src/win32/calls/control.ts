/**
 * How the API changes what the guest does next. Host functions that call guest code run a loop of their own, nested
 * in the one that stopped for them; each of these goes up to the loop that it concerns.
 */
import type { Addr } from '../../base/address.js';
import type { Outcome } from '../../base/outcome.js';

/** A callback has returned to the gate: the loop whose stack pointer it is goes on. */
export class CallbackReturned extends Error {
  readonly stackPointer: Addr;

  constructor(stackPointer: Addr) {
    super('a callback returned');
    this.stackPointer = stackPointer;
  }
}

/** The registers were set to another place (an exception was handled, longjmp): frames below it are gone. */
export class Resumed extends Error {
  readonly stackPointer: Addr;

  constructor(stackPointer: Addr) {
    super('the guest goes on elsewhere');
    this.stackPointer = stackPointer;
  }
}

/** The current thread is over; the others go on. */
export class ThreadEnded extends Error {
  readonly code: number;

  constructor(code: number) {
    super('the thread has ended');
    this.code = code;
  }
}

/** The process, or the run, is over. */
export class ProcessEnded extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super('the process has ended');
    this.outcome = outcome;
  }
}

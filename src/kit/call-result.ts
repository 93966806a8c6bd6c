/** What one call did: its value or its end, registers before and after, buffers, and breaches of the convention. */
import type { Fault } from '../abi/outcome.js';
import type { TraceEvent } from '../trace/events.js';
import type { Overflow, PlannedBuffer } from './buffers.js';
import type { Code } from './code.js';
import type { Breach } from './conduct.js';
import type { Convention } from './convention.js';
import type { CallbackRecord } from './guest-run.js';
import type { CallPlan } from './locations.js';
import type { RegisterValues } from './machine-state.js';
import type { CallOutcome } from './outcome-text.js';
import type { GuestValue } from './value-bytes.js';
import type { WatchedRun } from './watch.js';

export interface CallFacts {
  readonly code: Code;
  readonly policy: string;
  readonly convention: Convention;
  readonly plan: CallPlan;
  readonly outcome: CallOutcome;
  readonly before: RegisterValues;
  readonly after: RegisterValues;
  readonly buffers: readonly PlannedBuffer[];
  readonly contents: Readonly<Record<string, Uint8Array | undefined>>;
  readonly overflows: readonly Overflow[];
  readonly breaches: readonly Breach[];
  readonly callbacks: readonly CallbackRecord[];
  /** Of the placement and of the run. */
  readonly trace: readonly TraceEvent[];
  /** The same call once more, each instruction watched. */
  readonly watch: () => WatchedRun;
}

export class CallResult {
  readonly facts: CallFacts;
  #watched: WatchedRun | undefined;

  constructor(facts: CallFacts) {
    this.facts = facts;
  }

  get outcome(): CallOutcome {
    return this.facts.outcome;
  }

  /** What the code returned; undefined for a void, and when it did not return. */
  get value(): GuestValue {
    return this.outcome.kind === 'return' ? this.outcome.value : undefined;
  }

  /** Registers by name when the code was entered. */
  get before(): RegisterValues {
    return this.facts.before;
  }

  /** When it returned or ended. */
  get after(): RegisterValues {
    return this.facts.after;
  }

  /** Contents of the buffers afterwards, by name; those of an argument by its position. */
  get buffers(): Readonly<Record<string, Uint8Array | undefined>> {
    return this.facts.contents;
  }

  /** Breaches of the calling convention that the host sees without watching instructions. */
  get breaches(): readonly Breach[] {
    return this.facts.breaches;
  }

  get callbacks(): readonly CallbackRecord[] {
    return this.facts.callbacks;
  }

  get trace(): readonly TraceEvent[] {
    return this.facts.trace;
  }

  /** The last access that the MMU refused. */
  get fault(): Fault | undefined {
    const event = this.trace.findLast((each) => each.type === 'fault');
    return event?.type === 'fault' ? event.fault : undefined;
  }

  /** Runs the call once more, watching each instruction; callbacks are called again. Done once. */
  watched(): WatchedRun {
    this.#watched ??= this.facts.watch();
    return this.#watched;
  }

  /** Instructions that the call runs. */
  get instructions(): number {
    return this.watched().instructions;
  }
}

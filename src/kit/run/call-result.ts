/** What one call did: its value or its end, registers before and after, buffers, and breaches of the convention. */
import type { Addr } from '../../base/address.js';
import type { Fault } from '../../base/outcome.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import type { GuestOs } from '../../sandbox/worlds.js';
import type { TraceEvent } from '../../trace/events.js';
import type { Convention } from '../abi/convention.js';
import type { Breach } from '../abi/duties.js';
import type { CallPlan } from '../abi/locations.js';
import type { RegisterValues } from '../abi/machine-state.js';
import type { GuestValue } from '../abi/value-bytes.js';
import type { Overflow, PlannedBuffer } from '../bed/buffers.js';
import type { Code } from '../bed/code.js';
import { type WatchedRun, watch } from '../watch/watch.js';
import type { Argument } from './arguments.js';
import type { CallOptions } from './call-options.js';
import type { CallbackRecord } from './guest-run.js';
import type { CallOutcome } from './outcome-text.js';

export interface CallFacts {
  readonly code: Code;
  readonly args: readonly Argument[];
  readonly options: CallOptions;
  readonly policy: string;
  readonly os: GuestOs;
  readonly convention: Convention;
  readonly plan: CallPlan;
  readonly outcome: CallOutcome;
  /** Some of them inherited: of those that were not set for the call. */
  readonly before: RegisterValues;
  readonly after: RegisterValues;
  /** Where the return address lies. */
  readonly returnSlot: Addr;
  readonly buffers: readonly PlannedBuffer[];
  readonly contents: Readonly<Record<string, Uint8Array | undefined>>;
  readonly overflows: readonly Overflow[];
  readonly breaches: readonly Breach[];
  readonly callbacks: readonly CallbackRecord[];
  /** Of the placement and of the run. */
  readonly trace: readonly TraceEvent[];
  /** The same call with other arguments, or of other code, in the same kit. */
  readonly call: (args: readonly Argument[], code?: Code) => CallResult;
  /** The same call once more, an observer called before each instruction. Callbacks are called again. */
  readonly rerun: (
    observe: (sandbox: Sandbox) => InstructionObserver,
    /** When it has ended, before anything is restored. */
    ended?: (sandbox: Sandbox) => void,
  ) => CallResult;
}

export type InstructionObserver = (pc: Addr) => void;

export class CallResult {
  readonly facts: CallFacts;
  #watched: WatchedRun | undefined;
  #before: RegisterValues | undefined;

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
    this.#before ??= allOf(this.facts.before);
    return this.#before;
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
    this.#watched ??= watch(this.facts);
    return this.#watched;
  }

  /** Memory after the call, by running it once more; undefined where nothing is mapped. */
  memory(address: Addr, length: number): Uint8Array | undefined {
    let bytes: Uint8Array | Fault | undefined;
    this.facts.rerun(
      () => () => {},
      (sandbox) => {
        bytes = sandbox.load(address, length);
      },
    );
    return bytes instanceof Uint8Array ? bytes : undefined;
  }

  /** Instructions that the call runs. */
  get instructions(): number {
    return this.watched().instructions;
  }
}

function allOf(values: RegisterValues): RegisterValues {
  const all: Record<string, bigint> = {};
  for (const name in values) all[name] = values[name] ?? 0n;
  return all;
}

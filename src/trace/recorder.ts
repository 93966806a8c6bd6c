/** Recorder: the trace of one sandbox in memory. */
import type { NewEvent, TraceEvent, TraceRecorder } from './events.js';

/** More than any program worth reading makes; a guest that loops must not fill the host's memory. */
const DEFAULT_LIMIT = 250_000;

export class Recorder implements TraceRecorder {
  /** At most this many events are kept; of a longer trace the latest. */
  readonly limit: number;
  #events: TraceEvent[] = [];
  /** Number of the next event: of all that were recorded, kept or not. */
  #next = 0;

  constructor(limit: number = DEFAULT_LIMIT) {
    this.limit = Math.max(1, limit);
  }

  get events(): readonly TraceEvent[] {
    return this.#events;
  }

  /** How many events were recorded; what `truncate` takes. */
  get count(): number {
    return this.#next;
  }

  record(event: NewEvent): void {
    // A quarter at a time, so that a long trace costs no more per event than a short one.
    if (this.#events.length >= this.limit) this.#events.splice(0, Math.ceil(this.limit / 4));
    this.#events.push({ ...event, seq: this.#next++ } as TraceEvent);
  }

  /** Forgets every event from number `count` on. */
  truncate(count: number): void {
    if (count >= this.#next) return;
    const end = this.#events.findIndex(({ seq }) => seq >= count);
    if (end >= 0) this.#events.length = end;
    this.#next = count;
  }

  clear(): void {
    this.#events = [];
    this.#next = 0;
  }
}

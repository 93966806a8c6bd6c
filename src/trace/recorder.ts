/** Recorder: the trace of one sandbox in memory. */
import type { NewEvent, TraceEvent, TraceRecorder } from './events.js';

/** More than any program worth reading makes; a guest that loops must not fill the host's memory. */
const MOST_EVENTS = 100_000;
/** And in characters of the texts that the events hold. */
const MOST_TEXT = 16 << 20;

export class Recorder implements TraceRecorder {
  /** At most this many events are kept; of a longer trace the latest. */
  readonly limit: number;
  /** Called before the oldest events go. */
  beforeDrop: (() => void) | undefined;
  #events: TraceEvent[] = [];
  #text = 0;
  /** Number of the next event: of all that were recorded, kept or not. */
  #next = 0;

  constructor(limit: number = MOST_EVENTS) {
    this.limit = Math.max(1, limit);
  }

  get events(): readonly TraceEvent[] {
    return this.#events;
  }

  /** How many events were recorded; what `truncate` takes. */
  get count(): number {
    return this.#next;
  }

  /** How many of them are kept no more. */
  get dropped(): number {
    return this.#events[0]?.seq ?? 0;
  }

  record(event: NewEvent): void {
    if (this.#events.length >= this.limit || this.#text > MOST_TEXT) this.#dropOldest();
    this.#text += textOf(event);
    const numbered = event as NewEvent & { seq: number };
    numbered.seq = this.#next++;
    this.#events.push(numbered as TraceEvent);
  }

  /** A quarter at a time, so that a long trace costs no more per event than a short one. */
  #dropOldest(): void {
    this.beforeDrop?.();
    const gone = this.#events.splice(0, Math.ceil(this.#events.length / 4));
    for (const event of gone) this.#text -= textOf(event);
  }

  /** Forgets every event from number `count` on. */
  truncate(count: number): void {
    if (count >= this.#next) return;
    // They are numbered without a gap.
    const end = Math.max(0, count - this.dropped);
    for (const event of this.#events.splice(end)) this.#text -= textOf(event);
    this.#next = count;
  }

  clear(): void {
    this.#events = [];
    this.#text = 0;
    this.#next = 0;
  }
}

/** As many characters as take the place of a mapping before and after its change. */
const CHANGE = 300;

function textOf(event: NewEvent): number {
  if (event.type !== 'syscall') return 'before' in event ? CHANGE : 0;
  let sum = 0;
  for (const text of event.shown) sum += text.length;
  return sum;
}

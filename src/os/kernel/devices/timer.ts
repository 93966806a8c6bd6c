/**
 * The timer: channel 0 of an 8254, whose clock is blocks of code begun instead of time, so that the same run has its
 * ticks at the same places. Port 0x43 takes the mode (0x30: once, 0x34: again and again), port 0x40 the count, its low
 * byte first; a count of 0 is 65536.
 */
export const PORT_TIMER_COUNT = 0x40;
export const PORT_TIMER_MODE = 0x43;
/** IRQ 0, where Linux has it (ISA_IRQ_VECTOR(0)). */
export const VECTOR_TIMER = 0x30;

const MODE_ONCE = 0x30;
const MODE_PERIODIC = 0x34;

export class BlockTimer {
  #mode = 0;
  #low: number | undefined;
  #period = 0;
  /** The moment, in blocks, of the next tick. */
  #due = Number.POSITIVE_INFINITY;

  get due(): number {
    return this.#due;
  }

  out(port: number, value: number, now: number): void {
    if (port === PORT_TIMER_MODE) {
      this.#mode = value;
      this.#low = undefined;
      this.#due = Number.POSITIVE_INFINITY;
      return;
    }
    if (this.#mode !== MODE_ONCE && this.#mode !== MODE_PERIODIC) return;
    if (this.#low === undefined) {
      this.#low = value;
      return;
    }
    this.#period = this.#low | (value << 8) || 0x1_0000;
    this.#low = undefined;
    this.#due = now + this.#period;
  }

  /** The tick was taken. */
  taken(now: number): void {
    this.#due = this.#mode === MODE_PERIODIC ? now + this.#period : Number.POSITIVE_INFINITY;
  }

  /** Returns what puts it back, at a later moment: what is left until the tick is as now. */
  save(now: number): (then: number) => void {
    const state = [this.#mode, this.#low, this.#period] as const;
    const left = this.#due - now;
    return (then) => {
      [this.#mode, this.#low, this.#period] = state;
      this.#due = then + left;
    };
  }
}

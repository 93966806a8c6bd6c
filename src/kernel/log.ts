/** The kernel's log: a ring of lines, as the real one is. Older lines make room for newer ones. */
import { type Saved, saved } from './snapshot.js';

/** Of the characters in it: the usual size of the real one (CONFIG_LOG_BUF_SHIFT 18). */
const MOST_TEXT = 1 << 18;

export class KernelLog {
  #lines: string[] = [];
  #text = 0;
  #dropped = 0;

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Lines that made room. */
  get dropped(): number {
    return this.#dropped;
  }

  print(line: string): void {
    this.#lines.push(line);
    this.#text += line.length;
    if (this.#text <= MOST_TEXT) return;
    // A quarter at a time: a long log costs no more per line than a short one.
    const gone = this.#lines.splice(0, Math.ceil(this.#lines.length / 4));
    this.#dropped += gone.length;
    this.#text -= gone.reduce((sum, { length }) => sum + length, 0);
  }

  save(): Saved {
    const lines = [...this.#lines];
    const text = this.#text;
    const dropped = this.#dropped;
    return saved(() => {
      this.#lines = [...lines];
      this.#text = text;
      this.#dropped = dropped;
    });
  }
}

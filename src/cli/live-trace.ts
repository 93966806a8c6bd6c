/** The trace while it grows: strace's lines, in step with what the program prints. */
import { type Sandbox, straceText } from '../index.js';

interface Output {
  write(text: string): unknown;
}

export class LiveTrace {
  readonly #output: Output;
  #sandbox: Sandbox | undefined;
  #printed = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  follow(sandbox: Sandbox): void {
    this.#sandbox = sandbox;
    this.catchUp();
  }

  /** Prints what came since the last time. */
  catchUp(): void {
    const events = this.#sandbox?.trace ?? [];
    if (events.length === this.#printed) return;
    this.#output.write(straceText(events.slice(this.#printed), events[0]?.pid));
    this.#printed = events.length;
  }
}

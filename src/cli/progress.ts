/** One line that changes, on a terminal only. */
import { terminalOf } from './terminal.js';

export class Progress {
  readonly #total: number;
  readonly #terminal = terminalOf(process.stderr);

  constructor(total: number) {
    this.#total = total;
  }

  show(count: number, what: string): void {
    this.#write(`${count}/${this.#total} ${what}`.slice(0, this.#terminal.width - 1));
  }

  done(): void {
    this.#write('');
  }

  #write(text: string): void {
    if (this.#terminal.isTerminal) process.stderr.write(`\r\x1b[K${text}`);
  }
}

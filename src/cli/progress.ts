/** One line that changes, on a terminal only. */
import { terminalOf } from './terminal.js';

/** In the place of the text before; an empty one takes it away. */
export function showProgress(text: string): void {
  const { isTerminal, width } = terminalOf(process.stderr);
  if (isTerminal) process.stderr.write(`\r\x1b[K${text.slice(0, width - 1)}`);
}

export class Progress {
  readonly #total: number;

  constructor(total: number) {
    this.#total = total;
  }

  show(count: number, what: string): void {
    showProgress(`${count}/${this.#total} ${what}`);
  }

  done(): void {
    showProgress('');
  }
}

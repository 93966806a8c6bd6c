/** One line that changes, on a terminal only. */
import { visible } from '../../index.js';
import { stderr } from './output.js';
import { terminalOf } from './terminal.js';

/** In the place of the text before; an empty one takes it away. */
export function showProgress(text: string): void {
  const { isTerminal, width } = terminalOf(stderr.stream);
  if (!isTerminal) return;
  const line = visible(text).slice(0, width - 1);
  stderr.write(new TextEncoder().encode(`\r\x1b[K${line}`));
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

/**
 * Standard output and error. What is written is out when the call returns, and what goes wrong with a
 * stream is one line for people. Text of ours goes through `print`, which spells out what a terminal would
 * obey; the program's own output goes through `write`, as it is.
 */
import { writeSync } from 'node:fs';
import { visible } from '../../index.js';
import { UsageError } from '../arguments.js';
import { reasonOf } from '../host/error.js';
import { pause } from '../host/pause.js';
import { hasColour, OWN_SEQUENCE } from './terminal.js';

class Output {
  readonly #fd: 1 | 2;

  constructor(fd: 1 | 2) {
    this.#fd = fd;
  }

  /** What it can show: see terminalOf. */
  get stream(): NodeJS.WriteStream {
    return this.#fd === 1 ? process.stdout : process.stderr;
  }

  /** @throws UsageError where nothing can be written. */
  write(bytes: Uint8Array): void {
    writeAll(this.#fd, bytes, this.#fd === 1 ? 'standard output' : 'standard error');
  }

  /** Lines of ours. Colours stay where there are some. */
  print(text: string): void {
    this.write(new TextEncoder().encode(printable(text, hasColour(this.stream))));
  }

  lines(lines: readonly string[]): void {
    if (lines.length > 0) this.print(`${lines.join('\n')}\n`);
  }
}

export const stdout = new Output(1);
export const stderr = new Output(2);

/** What a terminal would obey is spelt out, except for our own colours. */
export function printable(text: string, colour: boolean): string {
  const parts = colour ? text.split(OWN_SEQUENCE) : [text];
  return parts.map((part, index) => (index % 2 === 1 ? part : visible(part, '\n\t'))).join('');
}

/** @throws UsageError that names the file and what is wrong with it. */
export function writeAll(fd: number, bytes: Uint8Array, name: string): void {
  for (let at = 0; at < bytes.length; ) at += writeSome(fd, bytes.subarray(at), name);
}

function writeSome(fd: number, bytes: Uint8Array, name: string): number {
  for (;;) {
    try {
      return writeSync(fd, bytes);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A reader that went away (`| head`) wants no more output, and no complaint either.
      if (code === 'EPIPE') process.exit();
      // The other end may have made the pipe non-blocking.
      if (code !== 'EAGAIN') throw new UsageError(`${name}: ${reasonOf(error)}`);
      pause();
    }
  }
}

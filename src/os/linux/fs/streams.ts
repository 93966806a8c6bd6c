/** Streams to and from the host: the pipes that a guest has as descriptors 0, 1 and 2. */

import { S_IFIFO } from '../../../abi/linux/fcntl.js';
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../../abi/linux/poll.js';
import { ok, type Result } from '../../../base/result.js';
import type { OutputSink } from '../../../kernel/output.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import { Inode, type Mount } from './inode.js';

/** What a guest reads: bytes, or a function that is asked for them at the guest's first read. */
export type Input = Uint8Array | (() => Uint8Array);

/** The reading end of a pipe that holds all its bytes and has no writer left. */
export class InputStream extends Inode {
  #input: Input;

  constructor(mount: Mount, number: number, input: Input) {
    super(mount, number, S_IFIFO | 0o600);
    this.#input = input;
  }

  override get seekable(): boolean {
    return false;
  }

  /** `offset`: how much the (one) open description has taken so far. */
  /** What the host has to give is there, or its end is. */
  override poll(): number {
    return POLLIN | POLLRDNORM;
  }

  override read(offset: number, length: number): Result<Uint8Array> {
    if (typeof this.#input === 'function') this.#input = this.#input();
    return ok(this.#input.slice(offset, offset + length));
  }
}

/** The writing end of a pipe whose reader is the host. */
export class OutputStream extends Inode {
  readonly #sink: OutputSink;

  constructor(mount: Mount, number: number, sink: OutputSink) {
    super(mount, number, S_IFIFO | 0o600);
    this.#sink = sink;
  }

  override get seekable(): boolean {
    return false;
  }

  override poll(): number {
    return POLLOUT | POLLWRNORM;
  }

  override write(_offset: number, bytes: Uint8Array): Result<number> {
    this.#sink.write(bytes);
    return ok(bytes.length);
  }

  protected override saveContent(): Saved {
    const { length } = this.#sink;
    return saved(() => this.#sink.truncate(length));
  }
}

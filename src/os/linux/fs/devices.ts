/** The memory devices, major 1. Compare drivers/char/mem.c and drivers/char/random.c. */
import { S_IFCHR } from '../../../abi/linux/fcntl.js';
import { fail, ok, type Result } from '../../../base/result.js';
import type { MemoryObject } from '../../../memory/object.js';
import { Inode, type Mount } from './inode.js';

abstract class MemoryDevice extends Inode {
  readonly #minor: number;

  constructor(mount: Mount, number: number, minor: number) {
    super(mount, number, S_IFCHR | 0o666);
    this.#minor = minor;
  }

  override get rdev(): { readonly major: number; readonly minor: number } {
    return { major: 1, minor: this.#minor };
  }

  override write(_offset: number, bytes: Uint8Array): Result<number> {
    return ok(bytes.length);
  }

  /** null_lseek: wherever one seeks, the position is 0. */
  override get seeksToStart(): boolean {
    return true;
  }
}

export class NullDevice extends MemoryDevice {
  constructor(mount: Mount, number: number) {
    super(mount, number, 3);
  }

  /** write_null. */
  override get swallowsWrites(): boolean {
    return true;
  }

  override read(): Result<Uint8Array> {
    return ok(new Uint8Array());
  }
}

/** Mapped privately it is anonymous memory in all but name: the VMA keeps the file (execmod sees it). */
export class ZeroDevice extends MemoryDevice {
  readonly #object: MemoryObject;

  constructor(mount: Mount, number: number, object: MemoryObject) {
    super(mount, number, 5);
    this.#object = object;
  }

  override get object(): MemoryObject {
    return this.#object;
  }

  /** write_null. */
  override get swallowsWrites(): boolean {
    return true;
  }

  override read(_offset: number, length: number): Result<Uint8Array> {
    return ok(new Uint8Array(length));
  }
}

export class FullDevice extends MemoryDevice {
  constructor(mount: Mount, number: number) {
    super(mount, number, 7);
  }

  override read(_offset: number, length: number): Result<Uint8Array> {
    return ok(new Uint8Array(length));
  }

  override write(_offset: number, bytes: Uint8Array): Result<number> {
    return bytes.length === 0 ? ok(0) : fail('ENOSPC');
  }
}

/** /dev/random and /dev/urandom: the same stream, as since Linux 5.18. */
export class RandomDevice extends MemoryDevice {
  readonly #bytes: (length: number) => Uint8Array;

  constructor(mount: Mount, number: number, minor: 8 | 9, bytes: (length: number) => Uint8Array) {
    super(mount, number, minor);
    this.#bytes = bytes;
  }

  override read(_offset: number, length: number): Result<Uint8Array> {
    return ok(this.#bytes(length));
  }
}

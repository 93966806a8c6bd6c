/** Files of the guest: drive C: and the folder of the program, by names without case. */
import { MayexecError } from '../base/errors.js';

/** A file of at most this size: a program that writes for ever must not fill the host's memory. */
const MAX_FILE = 64 << 20;
const MAX_FILES = 4096;

export class GuestFileData {
  readonly path: string;
  #bytes: Uint8Array;
  #length: number;

  constructor(path: string, bytes: Uint8Array = new Uint8Array()) {
    this.path = path;
    this.#bytes = bytes;
    this.#length = bytes.length;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  read(at: number, length: number): Uint8Array {
    return this.bytes.slice(at, at + length);
  }

  /** Bytes taken: fewer than given when the file is full. */
  write(at: number, bytes: Uint8Array): number {
    const taken = bytes.subarray(0, Math.max(0, MAX_FILE - at));
    this.resize(Math.max(this.#length, at + taken.length));
    this.#bytes.set(taken, at);
    return taken.length;
  }

  /** False when it would be too large. */
  resize(length: number): boolean {
    if (length > MAX_FILE) return false;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      grown.set(this.bytes);
      this.#bytes = grown;
    } else {
      this.#bytes = this.#bytes.slice();
      if (length < this.#length) this.#bytes.fill(0, length, this.#length);
    }
    this.#length = length;
    return true;
  }

  copy(): GuestFileData {
    return new GuestFileData(this.path, this.bytes.slice());
  }
}

export class GuestFiles {
  #files = new Map<string, GuestFileData>();

  find(path: string): GuestFileData | undefined {
    return this.#files.get(fileKey(path));
  }

  /** Undefined when there are too many. */
  create(path: string, bytes?: Uint8Array): GuestFileData | undefined {
    if (this.#files.size >= MAX_FILES) return undefined;
    const file = new GuestFileData(path, bytes);
    this.#files.set(fileKey(path), file);
    return file;
  }

  remove(path: string): boolean {
    return this.#files.delete(fileKey(path));
  }

  /** @throws MayexecError when there is none. */
  bytes(path: string): Uint8Array {
    const file = this.find(path);
    if (file === undefined) throw new MayexecError(`no file '${path}' in the guest`);
    return file.bytes.slice();
  }

  save(): () => void {
    const files = new Map([...this.#files].map(([key, file]) => [key, file.copy()]));
    return () => {
      this.#files = new Map([...files].map(([key, file]) => [key, file.copy()]));
    };
  }
}

/** One spelling for every way to write a path: of the host's '/a/b' and the guest's 'C:\\a\\b'. */
function fileKey(path: string): string {
  const slashes = path.replaceAll('\\', '/').replace(/\/+/g, '/').toLowerCase();
  return slashes
    .replace(/^[a-z]:/, '')
    .replace(/^\.\//, '')
    .replace(/^\//, '');
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.replaceAll('\\', '/').split('/').at(-1) ?? path;
}

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
  /** Folders that were made; one with a file in it is there without. */
  #folders = new Set<string>();

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

  /** False when there is no such file, or the new name is taken. */
  rename(from: string, to: string): boolean {
    const file = this.find(from);
    if (file === undefined || this.find(to) !== undefined) return false;
    this.remove(from);
    return this.create(to, file.bytes) !== undefined;
  }

  isFolder(path: string): boolean {
    const key = fileKey(path).replace(/\/$/, '');
    if (key === '' || key === '.' || this.#folders.has(key)) return true;
    return [...this.#files.keys()].some((file) => file.startsWith(`${key}/`));
  }

  /** False when something has that name, or there are too many. */
  makeFolder(path: string): boolean {
    if (this.isFolder(path) || this.find(path) !== undefined) return false;
    if (this.#folders.size >= MAX_FILES) return false;
    this.#folders.add(fileKey(path).replace(/\/$/, ''));
    return true;
  }

  removeFolder(path: string): boolean {
    return this.#folders.delete(fileKey(path).replace(/\/$/, ''));
  }

  /** The folder that a path lies in: what is before its last part. */
  folderOf(path: string): string {
    return path.replaceAll('\\', '/').replace(/\/?[^/]*$/, '');
  }

  /** Names in a folder that match a pattern of * and ?, in order. */
  matching(pattern: string): { readonly name: string; readonly file: GuestFileData | undefined }[] {
    const folder = fileKey(this.folderOf(pattern)).replace(/\/$/, '');
    const inside = folder === '' || folder === '.' ? '' : `${folder}/`;
    const wanted = baseName(pattern);
    const found = new Map<string, GuestFileData | undefined>();
    for (const key of this.#folders) {
      if (key.startsWith(inside) && !key.slice(inside.length).includes('/')) {
        found.set(key.slice(inside.length), undefined);
      }
    }
    for (const [key, file] of this.#files) {
      if (!key.startsWith(inside) || key.slice(inside.length).includes('/')) continue;
      found.set(baseName(file.path), file);
    }
    return [...found]
      .filter(([name]) => matches(name, wanted))
      .map(([name, file]) => ({ name, file }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws MayexecError when there is none. */
  bytes(path: string): Uint8Array {
    const file = this.find(path);
    if (file === undefined) throw new MayexecError(`no file '${path}' in the guest`);
    return file.bytes.slice();
  }

  save(): () => void {
    const files = new Map([...this.#files].map(([key, file]) => [key, file.copy()]));
    const folders = new Set(this.#folders);
    return () => {
      this.#folders = new Set(folders);
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

/** * and ? as Windows reads them: '*.*' is everything. Never goes back further than the last *. */
function matches(name: string, pattern: string): boolean {
  if (pattern === '*.*') return true;
  const [text, wanted] = [name.toLowerCase(), pattern.toLowerCase()];
  let [at, next] = [0, 0];
  let [star, resume] = [-1, 0];
  while (at < text.length) {
    if (next < wanted.length && (wanted[next] === '?' || wanted[next] === text[at])) {
      at++;
      next++;
    } else if (wanted[next] === '*') {
      star = next++;
      resume = at;
    } else if (star >= 0) {
      next = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (wanted[next] === '*') next++;
  return next === wanted.length;
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.replaceAll('\\', '/').split('/').at(-1) ?? path;
}

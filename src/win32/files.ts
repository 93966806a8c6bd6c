/** Files of the guest: drive C: and the folder of the program, by names without case. */
import { MayexecError } from '../base/errors.js';
import { GuestFileData } from './file-data.js';

const MAX_FILES = 4096;

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
    file.path = to;
    this.#files.set(fileKey(to), file);
    return true;
  }

  isFolder(path: string): boolean {
    const key = fileKey(path).replace(/\/$/, '');
    if (key === '' || key === '.' || this.#folders.has(key)) return true;
    const inside = `${key}/`;
    for (const file of this.#files.keys()) if (file.startsWith(inside)) return true;
    return false;
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

  /**
   * Names in a folder that match a pattern of * and ?, in order.
   * @param compared told of the steps that each name may take: its length by the pattern's.
   */
  matching(
    pattern: string,
    compared: (steps: number) => void,
  ): { readonly name: string; readonly file: GuestFileData | undefined }[] {
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
      .filter(([name]) => {
        compared(name.length * wanted.length);
        return matches(name, wanted);
      })
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
    const files = new Map(this.#files);
    const folders = new Set(this.#folders);
    const contents = [...files.values()].map((file) => file.save());
    return () => {
      this.#folders = new Set(folders);
      this.#files = new Map(files);
      for (const restore of contents) restore();
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

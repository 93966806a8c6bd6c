/** Handles: the objects of a process by number, as Windows deals them: multiples of 4. */
import type { Section } from '../../os/windows/memory/section.js';
import type { GuestFileData } from '../file-data.js';
import type { Win32Thread } from './thread.js';

export type HandleObject =
  | {
      readonly kind: 'file';
      readonly file: GuestFileData;
      readonly access: number;
      position: number;
    }
  | { readonly kind: 'output'; readonly fd: 1 | 2 }
  | { readonly kind: 'input' }
  | { readonly kind: 'null' }
  | { readonly kind: 'section'; section: Section; readonly name?: string }
  | { readonly kind: 'process'; readonly pid: number; exitCode: number }
  | {
      readonly kind: 'thread';
      readonly thread: { readonly tid: number; readonly exitCode: number | undefined };
    }
  | { readonly kind: 'semaphore'; readonly name?: string; count: number; readonly most: number }
  | {
      readonly kind: 'mutex';
      readonly name?: string;
      owner: Win32Thread | undefined;
      /** How often its owner has it. */
      count: number;
    }
  | { readonly kind: 'event'; readonly name?: string; set: boolean; readonly manual: boolean }
  /** FindFirstFile's: `next` is the first name that has not been told. */
  | { readonly kind: 'search'; readonly names: readonly FoundFile[]; next: number };

export interface FoundFile {
  readonly name: string;
  /** Undefined: a folder. */
  readonly file: GuestFileData | undefined;
}

const FIRST = 0x1c;
/** More than any program here needs; one that leaks handles must not fill the host's memory. */
const MAX_HANDLES = 1 << 16;
/** Names that all open searches keep. */
const MAX_FOUND = 1 << 16;

export class Handles {
  #objects = new Map<number, HandleObject>();
  #next = FIRST;
  /** Those that a child gets. */
  #inheritable = new Set<number>();
  /** By plain name, how many handles stand for the object. */
  #named = new Map<string, { readonly object: HandleObject; handles: number }>();
  #found = 0;

  /** Undefined when there are too many. @param inherits A child gets it too. */
  add(object: HandleObject, inherits = false): number | undefined {
    if (this.#objects.size >= MAX_HANDLES) return undefined;
    const found = foundBy(object);
    if (this.#found + found > MAX_FOUND) return undefined;
    this.#found += found;
    const handle = this.#next;
    this.#next += 4;
    this.#objects.set(handle, object);
    if (inherits) this.#inheritable.add(handle);
    this.#index(object);
    return handle;
  }

  /** Handles of children begin above: theirs have the numbers that they have in the parent. */
  addInherited(handle: number, object: HandleObject): void {
    this.addAt(handle, object);
    this.#inheritable.add(handle);
    this.#next = Math.max(this.#next, handle + 4);
  }

  get inheritable(): ReadonlyMap<number, HandleObject> {
    const found = new Map<number, HandleObject>();
    for (const [handle, object] of this.#objects) {
      if (this.#inheritable.has(handle)) found.set(handle, object);
    }
    return found;
  }

  isInheritable(handle: number): boolean {
    return this.#inheritable.has(handle & ~3);
  }

  setInheritable(handle: number, inherits: boolean): void {
    if (inherits) this.#inheritable.add(handle & ~3);
    else this.#inheritable.delete(handle & ~3);
  }

  /** A handle whose number is agreed upon: the standard ones. */
  addAt(handle: number, object: HandleObject): void {
    this.close(handle);
    this.#objects.set(handle, object);
    this.#found += foundBy(object);
    this.#index(object);
  }

  /** A handle stands for a section of the file. */
  maps(file: GuestFileData): boolean {
    for (const object of this.#objects.values()) {
      if (object.kind === 'section' && object.section.file === file) return true;
    }
    return false;
  }

  /** The object of this name, as long as a handle stands for it. */
  named(name: string): HandleObject | undefined {
    return this.#named.get(plainName(name))?.object;
  }

  get(handle: number): HandleObject | undefined {
    return this.#objects.get(handle & ~3);
  }

  /** The object that the handle stood for; undefined: there is none. */
  close(handle: number): HandleObject | undefined {
    const object = this.#objects.get(handle & ~3);
    if (object === undefined) return undefined;
    this.#objects.delete(handle & ~3);
    this.#inheritable.delete(handle & ~3);
    this.#found -= foundBy(object);
    const name = nameOf(object);
    const known = name === undefined ? undefined : this.#named.get(name);
    if (name !== undefined && known?.object === object) {
      known.handles--;
      if (known.handles === 0) this.#named.delete(name);
    }
    return object;
  }

  save(): () => void {
    const objects = copied(this.#objects);
    const next = this.#next;
    const inheritable = new Set(this.#inheritable);
    // Files that were deleted are in no folder, and go on behind their handles.
    const files = [...objects.values()].map((object) =>
      object.kind === 'file' ? object.file.save() : undefined,
    );
    return () => {
      for (const restore of files) restore?.();
      this.#objects = copied(objects);
      this.#next = next;
      this.#inheritable = new Set(inheritable);
      this.#found = 0;
      this.#named = new Map();
      for (const object of this.#objects.values()) {
        this.#found += foundBy(object);
        this.#index(object);
      }
    };
  }

  #index(object: HandleObject): void {
    const name = nameOf(object);
    if (name === undefined) return;
    const known = this.#named.get(name);
    if (known === undefined) this.#named.set(name, { object, handles: 1 });
    else if (known.object === object) known.handles++;
  }
}

/** What two handles share, their copies share. */
function copied(objects: ReadonlyMap<number, HandleObject>): Map<number, HandleObject> {
  const copies = new Map<HandleObject, HandleObject>();
  for (const object of objects.values()) copies.set(object, { ...object });
  return new Map([...objects].map(([key, object]) => [key, copies.get(object)!]));
}

function foundBy(object: HandleObject): number {
  return object.kind === 'search' ? object.names.length : 0;
}

/** Undefined: nobody finds the object by its name. */
function nameOf(object: HandleObject): string | undefined {
  const name = 'name' in object ? (object.name ?? '') : '';
  return name === '' ? undefined : plainName(name);
}

function plainName(name: string): string {
  return name.replace(/^(Local|Global)\\/, '');
}

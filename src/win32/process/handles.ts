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
  /** FindFirstFile's: what is left to tell. */
  | { readonly kind: 'search'; readonly names: FoundFile[] };

export interface FoundFile {
  readonly name: string;
  /** Undefined: a folder. */
  readonly file: GuestFileData | undefined;
}

const FIRST = 0x1c;
/** More than any program here needs; one that leaks handles must not fill the host's memory. */
const MAX_HANDLES = 1 << 16;

export class Handles {
  #objects = new Map<number, HandleObject>();
  #next = FIRST;
  /** Those that a child gets. */
  #inheritable = new Set<number>();

  /** Undefined when there are too many. @param inherits A child gets it too. */
  add(object: HandleObject, inherits = false): number | undefined {
    if (this.#objects.size >= MAX_HANDLES) return undefined;
    const handle = this.#next;
    this.#next += 4;
    this.#objects.set(handle, object);
    if (inherits) this.#inheritable.add(handle);
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
    this.#objects.set(handle, object);
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
    const wanted = plainName(name);
    for (const object of this.#objects.values()) {
      if ('name' in object && object.name !== '' && plainName(object.name ?? '') === wanted) {
        return object;
      }
    }
    return undefined;
  }

  get(handle: number): HandleObject | undefined {
    return this.#objects.get(handle & ~3);
  }

  /** The object that the handle stood for; undefined: there is none. */
  close(handle: number): HandleObject | undefined {
    const object = this.#objects.get(handle & ~3);
    this.#objects.delete(handle & ~3);
    this.#inheritable.delete(handle & ~3);
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
    };
  }
}

/** What two handles share, their copies share. */
function copied(objects: ReadonlyMap<number, HandleObject>): Map<number, HandleObject> {
  const copies = new Map<HandleObject, HandleObject>();
  for (const object of objects.values()) copies.set(object, { ...object });
  return new Map([...objects].map(([key, object]) => [key, copies.get(object)!]));
}

function plainName(name: string): string {
  return name.replace(/^(Local|Global)\\/, '');
}

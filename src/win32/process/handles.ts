/** Handles: the objects of a process by number, as Windows deals them: multiples of 4. */
import type { Section } from '../../os/windows/memory/section.js';
import type { GuestFileData } from '../files.js';

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
  | { readonly kind: 'section'; readonly section: Section }
  | { readonly kind: 'process'; readonly pid: number; exitCode: number }
  | { readonly kind: 'thread'; readonly pid: number; exitCode: number }
  | { readonly kind: 'semaphore'; count: number; readonly most: number }
  | { readonly kind: 'event'; set: boolean; readonly manual: boolean };

const FIRST = 0x1c;
/** More than any program here needs; one that leaks handles must not fill the host's memory. */
const MAX_HANDLES = 1 << 16;

export class Handles {
  #objects = new Map<number, HandleObject>();
  #next = FIRST;

  /** Undefined when there are too many. */
  add(object: HandleObject): number | undefined {
    if (this.#objects.size >= MAX_HANDLES) return undefined;
    const handle = this.#next;
    this.#next += 4;
    this.#objects.set(handle, object);
    return handle;
  }

  /** A handle whose number is agreed upon: the standard ones. */
  addAt(handle: number, object: HandleObject): void {
    this.#objects.set(handle, object);
  }

  get(handle: number): HandleObject | undefined {
    return this.#objects.get(handle & ~3);
  }

  /** The object that the handle stood for; undefined: there is none. */
  close(handle: number): HandleObject | undefined {
    const object = this.#objects.get(handle & ~3);
    this.#objects.delete(handle & ~3);
    return object;
  }

  save(): () => void {
    const objects = new Map([...this.#objects].map(([key, object]) => [key, { ...object }]));
    const next = this.#next;
    return () => {
      this.#objects = new Map([...objects].map(([key, object]) => [key, { ...object }]));
      this.#next = next;
    };
  }
}

/**
 * VmaAccounts: what the kernel counts beside the list of VMAs (total_vm, data_vm, locked_vm, vm_committed_as), and which of
 * them map an object.
 */
import type { MemoryObject } from '../../../../memory/object.js';
import { isData, type MappedVma, pageCount } from './mapped-vma.js';
import { VM_ACCOUNT, VM_LOCKED, VM_MAYWRITE, VM_SHARED, type VmFlags } from './vma.js';

export interface VmaCounters {
  total: number;
  data: number;
  locked: number;
  accounted: number;
  shared: number;
}

/** Told when the first VMA of an object comes in and when the last one has gone. */
export interface ObjectObserver {
  objectMapped(object: MemoryObject): void;
  objectUnmapped(object: MemoryObject): void;
}

const NO_VMAS: ReadonlySet<MappedVma> = new Set();

function isSharedMayWrite(flags: VmFlags): boolean {
  return (flags & (VM_SHARED | VM_MAYWRITE)) === (VM_SHARED | VM_MAYWRITE);
}

export class VmaAccounts {
  /** Pages, each always equal to the sum over the list. */
  readonly counters: VmaCounters = { total: 0, data: 0, locked: 0, accounted: 0, shared: 0 };
  /** VMAs by object; one reference of each object is held. */
  readonly #objects = new Map<MemoryObject, Set<MappedVma>>();
  readonly #observer: ObjectObserver | undefined;

  constructor(observer: ObjectObserver | undefined) {
    this.#observer = observer;
  }

  get objects(): Iterable<MemoryObject> {
    return this.#objects.keys();
  }

  /** Those that map an object. */
  vmasOf(object: MemoryObject): ReadonlySet<MappedVma> {
    return this.#objects.get(object) ?? NO_VMAS;
  }

  /** `sign`: 1 for one that comes in, -1 for one that goes. */
  count(vma: MappedVma, sign: 1 | -1): void {
    const pages = sign * pageCount(vma);
    this.counters.total += pages;
    if (isData(vma.flags)) this.counters.data += pages;
    if (vma.flags & VM_LOCKED) this.counters.locked += pages;
    if (vma.flags & VM_ACCOUNT) this.counters.accounted += pages;
    if (vma.flags & VM_SHARED) this.counters.shared += pages;
    if (vma.object !== undefined) this.#countObject(vma.object, vma, sign);
  }

  #countObject(object: MemoryObject, vma: MappedVma, sign: 1 | -1): void {
    if (isSharedMayWrite(vma.flags)) object.countWritableMapping?.(sign);
    const known = this.#objects.get(object);
    if (sign === 1) {
      if (known !== undefined) {
        known.add(vma);
        return;
      }
      this.#objects.set(object, new Set([vma]));
      object.retain?.();
      this.#observer?.objectMapped(object);
      return;
    }
    known?.delete(vma);
    if (known === undefined || known.size > 0) return;
    this.#objects.delete(object);
    this.#observer?.objectUnmapped(object);
    object.release?.();
  }
}

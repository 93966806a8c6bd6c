/**
 * System V shared memory segments. Compare ipc/shm.c and ipc/util.c. A segment lives until it is marked
 * for removal and nothing has it mapped. Deviation: ids only count up.
 */
import {
  IPC_CREAT,
  IPC_EXCL,
  IPC_PRIVATE,
  SHM_EXEC,
  SHM_HUGETLB,
  SHM_RDONLY,
} from '../../abi/linux/ipc.js';
import { KERNEL_BYTES } from '../../base/charges.js';
import { fail, ok, type Result } from '../../base/result.js';
import { type Saved, saved } from '../../kernel/snapshot.js';
import type { Frames } from '../../memory/frames.js';
import { PagedObject } from '../../memory/objects.js';
import { Mm } from './mm/mm.js';

const PAGE_MASK = 0xfffn;
/** SHMMAX is nearly the whole word; more than this no sandbox has. */
const LARGEST = 1n << 40n;
/** kernel.shmmni. */
const SHMMNI = 4096;

export interface ShmSegment {
  readonly id: number;
  readonly object: PagedObject;
  /** Bytes, as asked for. */
  readonly size: bigint;
  readonly key: number;
  /** Permission bits. */
  readonly mode: number;
  readonly creator: number;
  /** IPC_RMID was called: goes with its last mapping. */
  readonly removed: boolean;
  /** SHM_LOCK was called: its pages count against RLIMIT_MEMLOCK. */
  readonly locked: boolean;
}

export class SharedSegments {
  #segments = new Map<number, ShmSegment>();
  /** Ids of those that are marked for removal. */
  #removed = new Set<number>();
  #next = 0;
  readonly #frames: Frames;

  constructor(frames: Frames) {
    this.#frames = frames;
  }

  /** ipcget(): an existing segment of that key, or a new one. */
  get(key: number, size: bigint, flags: number, creator: number): Result<number> {
    const found =
      key === IPC_PRIVATE
        ? undefined
        : this.#alive().find((one) => one.key === key && !one.removed);
    if (found === undefined) {
      if (key !== IPC_PRIVATE && !(flags & IPC_CREAT)) return fail('ENOENT');
      return this.#create(key, size, flags, creator);
    }
    if (flags & IPC_CREAT && flags & IPC_EXCL) return fail('EEXIST');
    if (found.size < size) return fail('EINVAL');
    return permitted(found, flags) ? ok(found.id) : fail('EACCES');
  }

  /** shm_obtain_object_check(). */
  find(id: number): ShmSegment | undefined {
    this.#sweep();
    return this.#segments.get(id);
  }

  replace(segment: ShmSegment): void {
    this.#segments.set(segment.id, segment);
    if (segment.removed) this.#removed.add(segment.id);
    this.#sweep();
  }

  /** user_shm_lock(): all locked segments together may have so many bytes. */
  lock(segment: ShmSegment, limit: bigint): Result<0> {
    if (segment.locked) return ok(0);
    const others = this.#alive().filter(({ locked }) => locked);
    const pages = [segment, ...others].reduce((sum, { size }) => sum + pagesOf(size), 0n);
    if (pages > limit >> 12n) return fail('ENOMEM');
    this.replace({ ...segment, locked: true });
    return ok(0);
  }

  save(): Saved {
    const segments = new Map(this.#segments);
    const removed = new Set(this.#removed);
    const next = this.#next;
    const states = [...segments.values()].map(({ object }) => {
      object.retain();
      return [object, object.saveState()] as const;
    });
    return saved(
      () => {
        for (const one of this.#segments.values()) {
          if (!segments.has(one.id)) one.object.release();
        }
        for (const one of segments.values()) {
          if (!this.#segments.has(one.id)) one.object.retain();
        }
        this.#segments = new Map(segments);
        this.#removed = new Set(removed);
        this.#next = next;
        for (const [object, state] of states) object.restoreState(state);
      },
      () => {
        for (const [object, state] of states) {
          object.dropState(state);
          object.release();
        }
      },
    );
  }

  close(): void {
    for (const { object } of this.#segments.values()) object.release();
    this.#segments = new Map();
  }

  #alive(): ShmSegment[] {
    this.#sweep();
    this.#frames.meter.charge('object', this.#segments.size);
    return [...this.#segments.values()];
  }

  #create(key: number, size: bigint, flags: number, creator: number): Result<number> {
    if (size < 1n || size > LARGEST) return fail('EINVAL');
    // can_do_hugetlb_shm: for those in the group of vm.hugetlb_shm_group alone.
    if (flags & SHM_HUGETLB) return fail('EPERM');
    if (this.#segments.size >= SHMMNI) return fail('ENOSPC');
    if (!this.#frames.reserve(KERNEL_BYTES.inode)) return fail('ENOMEM');
    const id = this.#next++;
    const name = (key >>> 0).toString(16).padStart(8, '0');
    const object = new PagedObject(this.#frames, {
      kind: 'sysv-shm',
      path: `/SYSV${name} (deleted)`,
      inode: id,
      inodePrivate: true,
      label: { type: 'tmpfs_t', class: 'file' },
      size: Number(pagesOf(size) << 12n),
    });
    const fresh = { removed: false, locked: false };
    this.replace({ id, object, size, key, mode: flags & 0o777, creator, ...fresh });
    return ok(id);
  }

  /** shm_destroy(): what is marked and mapped nowhere. */
  #sweep(): void {
    this.#frames.meter.charge('object', this.#removed.size);
    for (const id of this.#removed) {
      const segment = this.#segments.get(id);
      if (segment === undefined || attachments(segment) > 0) continue;
      this.#removed.delete(id);
      this.#segments.delete(id);
      this.#frames.unreserve(KERNEL_BYTES.inode);
      segment.object.release();
    }
  }
}

function pagesOf(size: bigint): bigint {
  return (size + PAGE_MASK) >> 12n;
}

/** shm_nattch: VMAs, so that one that is split counts twice. */
export function attachments({ object }: ShmSegment): number {
  let count = 0;
  for (const watcher of object.watchers) {
    if (!(watcher instanceof Mm)) continue;
    count += watcher.list.vmasOf(object).size;
  }
  return count;
}

/** ipcperms() for the owner, who every process here is: the bits asked for among the owner's. */
export function permitted({ mode }: ShmSegment, asked: number): boolean {
  const wanted = ((asked >> 6) | (asked >> 3) | asked) & 7;
  return (wanted & ~(mode >> 6)) === 0;
}

/** The permission bits that an attachment with these SHM_* flags asks for. */
export function attachMode(flags: number): number {
  return 0o444 | (flags & SHM_RDONLY ? 0 : 0o222) | (flags & SHM_EXEC ? 0o111 : 0);
}

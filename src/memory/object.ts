/**
 * MemoryObject: what can be mapped (struct file with its address_space). Its pages are frames of the
 * engine's memory, so every mapping of one object sees the same bytes.
 */
import type { Result } from '../base/result.js';

export type ObjectKind = 'file' | 'shmem' | 'memfd' | 'sysv-shm' | 'zero' | 'hugetlb' | 'special';

/** A file as the SELinux class check sees it. */
export interface SecurityLabel {
  readonly type: string;
  readonly class: 'file' | 'chr_file';
}

/** Who maps an object and has to know when its pages move or go (the reverse map, i_mmap). */
export interface ObjectWatcher {
  /** Pages [first, end) have other frames now, or (`gone`) lie past the end and leave every mapping. */
  pagesChanged(object: MemoryObject, first: number, end: number, gone: boolean): void;
}

export interface MemoryObject {
  readonly kind: ObjectKind;
  /** Path as /proc/self/maps prints it: '/tmp/a', '/memfd:x (deleted)', '/dev/zero (deleted)', '/SYSV00000000 (deleted)'. */
  readonly path: string;
  readonly inode: number;
  /** `major:minor` as in maps, for instance '00:01'. */
  readonly device: string;
  /** Its file system's name in the log (s_id): the block device's, or the type of one without; default 'tmpfs'. */
  readonly superblock?: string;
  /** S_PRIVATE: the security module skips it (hidden shmem of shared anonymous memory, SysV shm). */
  readonly inodePrivate: boolean;
  readonly label: SecurityLabel;
  /** Bytes. Pages past the last one that holds a byte raise SIGBUS. */
  readonly size: number;
  /** Reads as zeros and keeps no pages of its own when mapped privately (/dev/zero). */
  readonly readsAsZero: boolean;
  read(offset: number, length: number): Uint8Array;
  /** Bytes written; extends the object when it may grow. */
  write(offset: number, bytes: Uint8Array): Result<number>;
  truncate(size: number): Result<0>;
  /**
   * The frame of page `index`, allocated at first use. With `forWrite`, one that may be written in
   * place (a frame shared with a snapshot is copied first). Undefined: no frame was left.
   */
  frame(index: number, forWrite: boolean): number | undefined;
  /** True when page `index` has been used (page cache residency, as mincore tells it). */
  resident?(index: number): boolean;
  /** How many pages of [first, end) are in memory; the range may be far larger than what there is. */
  residentIn?(first: number, end: number): number;
  /** Forgets the pages wholly inside, which read as zeros from then on (FALLOC_FL_PUNCH_HOLE). */
  punchHole?(offset: number, length: number): Result<0>;
  /** References: links, open descriptions and VMAs. The last release frees the pages. */
  retain?(): void;
  release?(): void;
  /** F_SEAL_* bits of a memfd. */
  readonly seals?: number;
  /** Counts the mappings that are or may become shared and writable (i_mmap_writable): +1 or -1. */
  countWritableMapping?(change: number): void;
  readonly watchers?: Set<ObjectWatcher>;
  /** For snapshots: the whole state, its frames retained until `dropState`. */
  saveState?(): ObjectState;
  restoreState?(state: ObjectState): void;
  dropState?(state: ObjectState): void;
}

/** What an object needs to become what it was. Immutable. */
export interface ObjectState {
  readonly size: number;
  readonly fileBytes: number;
  readonly seals: number;
  readonly pages: ReadonlyMap<number, number>;
}

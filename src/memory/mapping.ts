/**
 * Mapping: one run of pages as every operating system has it, for whoever looks from outside (trace,
 * monitors, explanations, timeline, kit, the host). What only the system at hand knows of it (a VMA's flags,
 * a VAD's type) is in `native`, and nobody above that system needs it.
 */
import type { AddrRange } from '../base/address.js';
import type { VmaHistory } from './history.js';

/** Rights of pages, in the order of PROT_*. `rights` and `may` are made of these bits. */
export const RIGHT_READ = 1;
export const RIGHT_WRITE = 2;
export const RIGHT_EXEC = 4;

/** What is mapped: a file, a section, shared memory. Two mappings with the same one show the same bytes. */
export interface MappedObject {
  /** As the system's own listing prints it. */
  readonly path: string;
}

/** Half-open, page-aligned. An immutable value: a change makes another one. */
export interface Mapping<Native = unknown> extends AddrRange {
  /** What the pages may be used for now. */
  readonly rights: number;
  /** The same in the system's own word, where it has one: 'PAGE_READWRITE'. */
  readonly protection?: string;
  /** What `rights` may become at most. */
  readonly may: number;
  /** Stores are seen by everybody who maps the same object. */
  readonly shared: boolean;
  /** A stack that gets more pages at its lower end when it is used there. */
  readonly growsDown: boolean;
  /** As the system's own listing prints it: a path, '[heap]'; empty for memory without a name. */
  readonly name: string;
  /** Undefined for private memory without a file. */
  readonly object: MappedObject | undefined;
  /** Byte of `object` at `start`; 0 without one. */
  readonly offset: bigint;
  /** What created and changed it, oldest first. */
  readonly history: readonly VmaHistory[];
  readonly native: Native;
}

/** A mapping as a listing of the whole space has it. */
export interface ListedMapping extends Mapping {
  /** What else the system says of it, in its own short words: the codes of the VmFlags line of smaps. */
  readonly attributes: readonly string[];
}

/** `rw-p`, as /proc/PID/maps prints it. */
export function permsText({ rights, shared }: Pick<Mapping, 'rights' | 'shared'>): string {
  const bit = (right: number, letter: string): string => (rights & right ? letter : '-');
  return bit(RIGHT_READ, 'r') + bit(RIGHT_WRITE, 'w') + bit(RIGHT_EXEC, 'x') + (shared ? 's' : 'p');
}

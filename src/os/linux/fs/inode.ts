/**
 * Inodes of the in-memory file system: what a path leads to and an open file refers to. Content that
 * can be mapped is a MemoryObject, the same one for read(2), write(2) and mmap(2), so that all three
 * see the same bytes. Compare struct inode and struct file_operations (include/linux/fs.h).
 */

import { S_IFDIR, S_IFLNK, S_IFMT } from '../../../abi/linux/fcntl.js';
import { DEFAULT_POLLMASK } from '../../../abi/linux/poll.js';
import type { Errno } from '../../../base/errno.js';
import { fail, type Result } from '../../../base/result.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { MemoryObject } from '../../../memory/object.js';
import { ROOT_ID } from './mode.js';

/** A mounted file system, as far as its files show it. */
export interface Mount {
  /** As mount(8) names it: 'tmpfs'. */
  readonly type: string;
  readonly major: number;
  readonly minor: number;
  /** Its superblock's name in the kernel's log (s_id): the block device, else the type. */
  readonly superblock: string;
  /** As mount(8) takes them; those without a meaning here are kept for policies ('wxallowed'). */
  options: ReadonlySet<string>;
  /** Nothing on it may be executed or mapped executable. */
  readonly noexec: boolean;
  readonly readOnly: boolean;
}

/** SB_I_NOEXEC (fs/proc/root.c): whatever the options say. */
const NEVER_EXECUTABLE: ReadonlySet<string> = new Set(['proc', 'sysfs']);

/** A class, since an object with getters of its own lives until the next full collection of garbage. */
class FreshMount implements Mount {
  readonly type: string;
  readonly major: number;
  readonly minor: number;
  readonly superblock: string;
  options: ReadonlySet<string> = new Set();

  constructor(type: string, major: number, minor: number, superblock: string) {
    this.type = type;
    this.major = major;
    this.minor = minor;
    this.superblock = superblock;
  }

  get noexec(): boolean {
    return this.options.has('noexec') || NEVER_EXECUTABLE.has(this.type);
  }

  get readOnly(): boolean {
    return this.options.has('ro');
  }
}

export function newMount(type: string, major: number, minor: number, superblock = type): Mount {
  return new FreshMount(type, major, minor, superblock);
}

/** The largest offset of a file: ext4's with 4 KiB blocks, and exact as a number. */
export const MAX_FILE_SIZE = 0xffffffff000;

/** How a file was opened. */
export interface AccessMode {
  readonly readable: boolean;
  readonly writable: boolean;
}

const NO_XATTRS: ReadonlyMap<string, string> = new Map();

/** Each sandbox makes some sixty of them: fields that are assigned cost a third of fields that are defined. */
export abstract class Inode {
  declare readonly number: number;
  declare readonly mount: Mount;
  /** File type and permission bits. */
  declare mode: number;
  declare uid: number;
  declare gid: number;
  /** Names in directories. */
  declare links: number;
  /** Open descriptions (struct file) that refer to it. */
  declare openFiles: number;
  /** Bytes that it counts against the limit of memory: of those that a guest made. */
  declare reserved: number;
  /** Nanoseconds of the virtual clock at the last change of content. */
  declare modified: bigint;
  /** Extended attributes ('user.pax.flags'): the host sets them, policies read them. */
  declare xattrs: ReadonlyMap<string, string>;

  constructor(mount: Mount, number: number, mode: number) {
    this.mount = mount;
    this.number = number;
    this.mode = mode;
    this.uid = ROOT_ID;
    this.gid = ROOT_ID;
    this.links = 1;
    this.openFiles = 0;
    this.reserved = 0;
    this.modified = 0n;
    this.xattrs = NO_XATTRS;
  }

  get type(): number {
    return this.mode & S_IFMT;
  }

  get size(): number {
    return 0;
  }

  /** Device number of a device file. */
  get rdev(): { readonly major: number; readonly minor: number } {
    return { major: 0, minor: 0 };
  }

  /** False: a stream, for which an offset means nothing (ESPIPE). */
  get seekable(): boolean {
    return true;
  }

  /** Wherever lseek goes, it arrives at 0. */
  get seeksToStart(): boolean {
    return false;
  }

  /** lseek goes no further (s_maxbytes). */
  get largestOffset(): bigint {
    return BigInt(MAX_FILE_SIZE);
  }

  /** POLL* of an open file now; most files never let anybody wait. */
  poll(_mode: AccessMode): number {
    return DEFAULT_POLLMASK;
  }

  /** What mmap maps; undefined: ENODEV. */
  get object(): MemoryObject | undefined {
    return undefined;
  }

  /** Bytes from `offset`; none at the end. */
  read(_offset: number, _length: number): Result<Uint8Array> {
    return fail('EINVAL');
  }

  /** Moves a page's worth at a time, wherever it lies; a fault within one fails the whole transfer. */
  get copiesWholePages(): boolean {
    return false;
  }

  /** Takes any bytes without looking at them, so that a bad buffer goes unnoticed. */
  get swallowsWrites(): boolean {
    return false;
  }

  /** Why not even the first byte at `offset` of so many may be written; called before they are looked at. */
  beginWrite(_offset: number, _length: number): Errno | undefined {
    return undefined;
  }

  /** No byte came after `beginWrite`. */
  abandonWrite(_offset: number): void {}

  /** The number of bytes written. */
  write(_offset: number, _bytes: Uint8Array): Result<number> {
    return fail('EINVAL');
  }

  truncate(_size: number): Result<0> {
    return fail('EINVAL');
  }

  /** An open description has lost its last descriptor. True when nothing of the inode is left. */
  closed(_mode: AccessMode): boolean {
    return this.links === 0;
  }

  /** No name and no descriptor is left: gives the content back. */
  release(): void {}

  save(): Saved {
    const { mode, uid, gid, links, openFiles, reserved, modified } = this;
    const content = this.saveContent();
    // Each restore visits every inode: plain assignments, since an object of the fields costs ten times as much.
    return saved(() => {
      this.mode = mode;
      this.uid = uid;
      this.gid = gid;
      this.links = links;
      this.openFiles = openFiles;
      this.reserved = reserved;
      this.modified = modified;
      content.restore();
    }, content.drop);
  }

  protected saveContent(): Saved {
    return saved(() => {});
  }
}

export class Directory extends Inode {
  /** Undefined for the root, which is its own parent. */
  parent: Directory | undefined;
  name: string;
  protected entries = new Map<string, Inode>();
  /** Snapshots have the same entries: whoever changes them makes a copy first. */
  #shared = false;

  constructor(mount: Mount, number: number, permissions: number, name: string, parent?: Directory) {
    super(mount, number, S_IFDIR | permissions);
    this.name = name;
    this.parent = parent;
    this.links = 2;
  }

  /** Absolute, without a slash at the end but for the root's own. */
  get path(): string {
    const names: string[] = [];
    let at: Directory = this;
    for (; at.parent !== undefined; at = at.parent) names.push(at.name);
    return `/${names.reverse().join('/')}`;
  }

  get isEmpty(): boolean {
    return this.entries.size === 0;
  }

  /** The entries themselves; `list` may be another view of what a name leads to. */
  entriesNow(): Iterable<readonly [string, Inode]> {
    return this.entries;
  }

  pathOf(name: string): string {
    const { path } = this;
    return path === '/' ? `/${name}` : `${path}/${name}`;
  }

  lookup(name: string): Inode | undefined {
    return this.entries.get(name);
  }

  /** Names without '.' and '..', in the order of creation. */
  list(): readonly (readonly [string, Inode])[] {
    return [...this.entries];
  }

  insert(name: string, inode: Inode): void {
    this.#own().set(name, inode);
    if (inode instanceof Directory) {
      inode.parent = this;
      inode.name = name;
      this.links++;
    }
  }

  remove(name: string): void {
    if (this.entries.get(name) instanceof Directory) this.links--;
    this.#own().delete(name);
  }

  #own(): Map<string, Inode> {
    if (this.#shared) this.entries = new Map(this.entries);
    this.#shared = false;
    return this.entries;
  }

  override read(): Result<Uint8Array> {
    return fail('EISDIR');
  }

  protected override saveContent(): Saved {
    const { parent, name, entries } = this;
    this.#shared = true;
    return saved(() => {
      this.parent = parent;
      this.name = name;
      this.entries = entries;
      this.#shared = true;
    });
  }
}

export class Symlink extends Inode {
  readonly #target: () => string;

  /** A target that depends on who looks (/proc/self) is a function. */
  constructor(mount: Mount, number: number, target: string | (() => string)) {
    super(mount, number, S_IFLNK | 0o777);
    this.#target = typeof target === 'string' ? () => target : target;
  }

  get target(): string {
    return this.#target();
  }

  override get size(): number {
    return this.target.length;
  }
}

/** A link that leads to the inode itself, whatever its text says: a file behind it may have no name any more. */
export class MagicLink extends Symlink {
  readonly destination: Inode;

  constructor(mount: Mount, number: number, target: string, destination: Inode) {
    super(mount, number, target);
    this.destination = destination;
  }
}

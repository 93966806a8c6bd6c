/**
 * FileSystem: the tree that every process of a sandbox sees. Root's: /, /dev, /proc. The user's own:
 * /home/user and what the host puts in; /tmp is for everybody.
 *
 * Inode numbers count up from 1, so that the same run shows the same ones.
 */
import { KERNEL_BYTES } from '../../../base/charges.js';
import { MayexecError } from '../../../base/errors.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { visible } from '../../../base/text.js';
import type { HostNode, HostTree } from '../../../kernel/host-tree.js';
import { type Saved, saveAll, saved } from '../../../kernel/snapshot.js';
import type { Frames } from '../../../memory/frames.js';
import type { ObjectKind } from '../../../memory/object.js';
import { PagedObject } from '../../../memory/objects.js';
import type { KernelPool } from '../../../memory/page-table.js';
import { HostDirectory } from './host-directory.js';
import { Directory, type Inode, type Mount, newMount, Symlink } from './inode.js';
import { MAY_EXEC, MAY_WRITE, permits, ROOT_ID, USER_ID } from './mode.js';
import { type FoundPath, walk } from './path-walk.js';
import { RegularFile } from './regular-file.js';

export interface FileInit {
  readonly content: Uint8Array;
  /** Permission bits; default 0o644. */
  readonly mode?: number;
  /** Extended attributes by name. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

interface NewFile {
  readonly kind?: ObjectKind;
  /** As maps shows it; default: the path. */
  readonly path: string;
  readonly permissions: number;
  /** A function is asked when the bytes are needed; `size` says how many. */
  readonly content?: Uint8Array | (() => Uint8Array);
  readonly size?: number;
}

export class FileSystem {
  readonly root: Directory;
  /** Where processes start. */
  home: Directory;
  readonly disk = newMount('ext4', 8, 1, 'sda1');
  readonly tmpfs = newMount('tmpfs', 0, 0x1f);
  readonly devtmpfs = newMount('devtmpfs', 0, 6);
  readonly procfs = newMount('proc', 0, 0x15);
  /** /dev/shm. */
  readonly shm = newMount('tmpfs', 0, 0x19);
  /** The kernel's own tmpfs: memfd and shared memory. */
  readonly shmem = newMount('tmpfs', 0, 1);
  readonly pipefs = newMount('pipefs', 0, 0xd);
  /** What the host mounted, by path. */
  readonly mounted = new Map<string, Mount>();
  readonly #frames: Frames;
  /** Every inode that has a name or a descriptor. */
  #inodes = new Set<Inode>();
  /** Snapshots have the same set: whoever changes it makes a copy first. */
  #shared = false;
  #nextNumber = 1;

  /** `host`: files of the host's below what the sandbox has itself. */
  constructor(frames: Frames, host?: HostTree) {
    this.#frames = frames;
    this.root = this.add(this.#rootOver(host));
    const homes = this.directory(this.root, 'home', this.disk, 0o755);
    this.home = this.directory(homes, 'user', this.disk, 0o755, USER_ID);
    this.directory(this.root, 'tmp', this.tmpfs, 0o1777);
  }

  #rootOver(host: HostTree | undefined): Directory {
    const place = { mount: this.disk, number: this.newNumber(), permissions: 0o755 };
    if (host === undefined) return new Directory(this.disk, place.number, place.permissions, '');
    const below = {
      tree: host,
      make: (parent: HostDirectory, name: string): Inode | undefined => {
        const node = host.node(parent.pathOf(name));
        if (node === undefined || !this.hasRoom()) return undefined;
        const made = this.#hostInode(node, parent, name, below);
        this.reserve(made);
        return made;
      },
    };
    return new HostDirectory(place, '', undefined, below);
  }

  /** Root's, as the guest sees it: whoever it belongs to on the host is none of its business. */
  #hostInode(
    node: HostNode,
    parent: HostDirectory,
    name: string,
    below: ConstructorParameters<typeof HostDirectory>[3],
  ): Inode {
    const { mount } = parent;
    if (node.kind === 'link') return this.add(new Symlink(mount, this.newNumber(), node.target));
    if (node.kind === 'directory') {
      const place = { mount, number: this.newNumber(), permissions: node.mode };
      return this.add(new HostDirectory(place, name, parent, below));
    }
    const { mode: permissions, size, read } = node;
    const path = parent.pathOf(name);
    const file = this.newFile(mount, { path, permissions, content: read, size });
    file.uid = ROOT_ID;
    file.gid = ROOT_ID;
    return file;
  }

  newNumber(): number {
    return this.#nextNumber++;
  }

  /** Registers an inode, so that snapshots know it. */
  add<T extends Inode>(inode: T): T {
    this.#ownInodes().add(inode);
    return inode;
  }

  directory(parent: Directory, name: string, on: Mount, permissions: number, owner = 0): Directory {
    const made = this.add(new Directory(on, this.newNumber(), permissions, name, parent));
    made.uid = owner;
    made.gid = owner;
    parent.insert(name, made);
    return made;
  }

  /** A regular file of the user's without a name yet. */
  newFile(on: Mount, { kind, path, permissions, content, size }: NewFile): RegularFile {
    const inode = this.newNumber();
    const object = new PagedObject(this.#frames, {
      kind: kind ?? 'file',
      path,
      inode,
      device: deviceText(on),
      superblock: on.superblock,
      ...(content instanceof Uint8Array ? { content, size: content.length } : {}),
      ...(typeof content === 'function' ? { content, size: size ?? 0 } : {}),
    });
    const file = this.add(new RegularFile(on, inode, permissions, object));
    file.uid = USER_ID;
    file.gid = USER_ID;
    return file;
  }

  walk(from: Directory, path: string, follow: boolean): Result<FoundPath> {
    const { meter } = this.#frames;
    const found = walk(this.root, from, path, follow, () => meter.charge('component'));
    if (found.ok) meter.chargeBytes(found.value.path.length);
    return found;
  }

  /** What kernel objects are made from. */
  get pool(): KernelPool {
    return this.#frames;
  }

  /** Memory for an inode that a guest makes, its name and what opens it; `more` for what else it keeps. */
  hasRoom(more = 0): boolean {
    const { inode, name, openFile, descriptor } = KERNEL_BYTES;
    return this.#frames.hasRoom(inode + name + openFile + 2 * descriptor + more);
  }

  /** Counts an inode that a guest has made. */
  reserve(inode: Inode, more = 0): void {
    inode.reserved = KERNEL_BYTES.inode + KERNEL_BYTES.name + more;
    this.#frames.reserved += inode.reserved;
  }

  /** Makes a file or directory at a place where the walk found none. ENOSPC: no memory is left for it (and `more`). */
  create(found: FoundPath, make: (mount: Mount) => Inode, more = 0): Result<Inode> {
    const { parent, name } = found;
    if (parent.links === 0) return fail('ENOENT');
    if (parent.mount.readOnly) return fail('EROFS');
    if (!permits(parent, MAY_WRITE | MAY_EXEC)) return fail('EACCES');
    if (!this.hasRoom(more)) return fail('ENOSPC');
    const inode = make(parent.mount);
    this.reserve(inode, more);
    parent.insert(name, inode);
    return ok(inode);
  }

  /** The last name of a file may go while descriptors or mappings are left (`forget` ends it). */
  unlink(found: FoundPath, inode: Inode): void {
    found.parent.remove(found.name);
    inode.links = inode instanceof Directory ? 0 : inode.links - 1;
  }

  /** Nothing refers to the inode any more. */
  forget(inode: Inode): void {
    if (!this.#inodes.has(inode)) return;
    this.#frames.unreserve(inode.reserved);
    inode.reserved = 0;
    inode.release();
    this.#ownInodes().delete(inode);
  }

  #ownInodes(): Set<Inode> {
    if (this.#shared) this.#inodes = new Set(this.#inodes);
    this.#shared = false;
    return this.#inodes;
  }

  /**
   * Mounts an empty tmpfs with these options at a path; what was there is hidden. Where something is
   * mounted already, its options are set instead.
   */
  mountAt(path: string, options: readonly string[]): void {
    if (!path.startsWith('/')) {
      throw new MayexecError(`mount '${visible(path)}': expected the absolute path of a directory`);
    }
    const at = this.#directories(path === '/' ? '/' : `${path}/`);
    const { parent } = at;
    const isRoot = parent === undefined || parent.mount !== at.mount;
    const on = isRoot ? at.mount : newMount('tmpfs', 0, 0x20 + this.mounted.size);
    on.options = new Set(options);
    if (isRoot) return;
    this.mounted.set(path, on);
    parent.remove(at.name);
    const fresh = this.directory(parent, at.name, on, 0o1777);
    if (at === this.home) this.home = fresh;
  }

  /** What the host puts in: directories on the way appear, a file that exists gets the new content. */
  write(path: string, { content, mode, xattrs }: FileInit): void {
    if (!path.startsWith('/') || path.endsWith('/')) {
      throw new MayexecError(`file '${visible(path)}': expected the absolute path of a file`);
    }
    const parent = this.#directories(path);
    const name = path.slice(path.lastIndexOf('/') + 1);
    const file = this.newFile(parent.mount, {
      path: parent.pathOf(name),
      permissions: (mode ?? 0o644) & 0o7777,
      content: content.slice(),
    });
    file.xattrs = new Map(Object.entries(xattrs ?? {}));
    const before = parent.lookup(name);
    if (before instanceof Directory)
      throw new MayexecError(`file '${visible(path)}': is a directory`);
    if (before !== undefined) before.links = 0;
    parent.insert(name, file);
  }

  /** What a file holds now. */
  read(path: string): Uint8Array {
    const content = this.content(path);
    return content.read(0, content.size).slice();
  }

  /** The pages of a file. @throws MayexecError when there is none. */
  content(path: string): PagedObject {
    const found = this.walk(this.root, path, true);
    const inode = found.ok ? found.value.inode : undefined;
    if (!(inode instanceof RegularFile)) {
      const why = !found.ok ? found.errno : inode === undefined ? 'ENOENT' : 'not a regular file';
      throw new MayexecError(`no file '${visible(path)}' in the sandbox (${why})`);
    }
    return inode.content;
  }

  save(): Saved {
    const inodes = this.#inodes;
    this.#shared = true;
    const contents = saveAll(inodes);
    const next = this.#nextNumber;
    return saved(() => {
      if (this.#inodes !== inodes) {
        for (const inode of this.#inodes) if (!inodes.has(inode)) inode.release();
        this.#inodes = inodes;
        this.#shared = true;
      }
      this.#nextNumber = next;
      contents.restore();
    }, contents.drop);
  }

  /** Gives all content back. */
  close(): void {
    for (const inode of this.#inodes) inode.release();
    this.#inodes = new Set();
  }

  /** The directory that is to hold `path`, made with the user's rights where it is missing. */
  #directories(path: string): Directory {
    let at = this.root;
    for (const name of path.split('/').slice(1, -1)) {
      if (name === '' || name === '.' || name === '..') {
        throw new MayexecError(
          `file '${visible(path)}': expected a path without empty parts, '.' and '..'`,
        );
      }
      const next = at.lookup(name) ?? this.directory(at, name, at.mount, 0o755, USER_ID);
      if (!(next instanceof Directory)) {
        throw new MayexecError(
          `file '${visible(path)}': '${visible(at.pathOf(name))}' is not a directory`,
        );
      }
      at = next;
    }
    return at;
  }
}

function deviceText({ major, minor }: Mount): string {
  const two = (value: number): string => value.toString(16).padStart(2, '0');
  return `${two(major)}:${two(minor)}`;
}

/**
 * HostDirectory: a directory of the host's as the guest sees it. What the guest makes and takes away in it is its own;
 * the host's stays as it is (compare the upper and lower layers of fs/overlayfs).
 */
import type { HostTree } from '../../../kernel/host-tree.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import { Directory, type Inode, type Mount } from './inode.js';

/** Makes the inode of what stands at a path of the host's; undefined: nothing, or no memory is left for it. */
export type HostInode = (parent: HostDirectory, name: string) => Inode | undefined;

export class HostDirectory extends Directory {
  readonly #tree: HostTree;
  readonly #make: HostInode;
  /** Names of the host's that the guest took away. */
  #gone: ReadonlySet<string> = new Set();

  constructor(
    place: { readonly mount: Mount; readonly number: number; readonly permissions: number },
    name: string,
    parent: Directory | undefined,
    { tree, make }: { readonly tree: HostTree; readonly make: HostInode },
  ) {
    super(place.mount, place.number, place.permissions, name, parent);
    this.#tree = tree;
    this.#make = make;
  }

  override lookup(name: string): Inode | undefined {
    const own = super.lookup(name);
    if (own !== undefined || this.#gone.has(name)) return own;
    const made = this.#make(this, name);
    if (made !== undefined) this.insert(name, made);
    return made;
  }

  override list(): readonly (readonly [string, Inode])[] {
    for (const name of [...this.#tree.list(this.path)].sort()) this.lookup(name);
    return super.list();
  }

  override get isEmpty(): boolean {
    return this.list().length === 0;
  }

  override remove(name: string): void {
    super.remove(name);
    this.#gone = new Set([...this.#gone, name]);
  }

  protected override saveContent(): Saved {
    const gone = this.#gone;
    const entries = super.saveContent();
    return saved(() => {
      this.#gone = gone;
      entries.restore();
    }, entries.drop);
  }
}

/** SectionObjects: the memory behind the sections of a process. All sections of one file have the same. */
import { type Saved, saved } from '../../kernel/snapshot.js';
import type { Frames } from '../../memory/frames.js';
import type { MemoryObject } from '../../memory/object.js';
import { PagedObject } from '../../memory/objects.js';
import type { FilePages, GuestFileData } from '../file-data.js';
import { PagedFile } from '../paged-file.js';
import type { SectionInit } from '../space.js';

export class SectionObjects {
  readonly #frames: Frames;
  /** Told of an object's pages [first, end) that the engine must not remember. */
  readonly #changed: (object: MemoryObject, first: number, end: number) => void;
  #objects = new Set<PagedObject>();
  #files = new Map<GuestFileData, PagedFile>();

  constructor(frames: Frames, changed: (object: MemoryObject, first: number, end: number) => void) {
    this.#frames = frames;
    this.#changed = changed;
  }

  objectFor({ file, size }: SectionInit): MemoryObject {
    if (file === undefined) return this.#make({ path: 'section', size });
    const known = this.#files.get(file);
    if (known !== undefined) return known.object;
    const object = this.#make({ path: file.path, content: file.bytes.slice() });
    const pages = new PagedFile(object, (first, end) => this.#changed(object, first, end));
    this.#files.set(file, pages);
    file.mapIn(pages);
    return object;
  }

  pagesOf(object: MemoryObject): FilePages {
    return new PagedFile(object, (first, end) => this.#changed(object, first, end));
  }

  save(): Saved {
    const [objects, files] = [new Set(this.#objects), new Map(this.#files)];
    const states = [...objects].map((object) => ({ object, state: object.saveState() }));
    return saved(
      () => {
        for (const object of this.#objects) if (!objects.has(object)) object.release();
        for (const { object, state } of states) object.restoreState(state);
        this.#objects = new Set(objects);
        this.#files = new Map(files);
      },
      () => {
        for (const { object, state } of states) object.dropState(state);
      },
    );
  }

  /** The files have their bytes back. */
  close(): void {
    for (const [file, pages] of this.#files) file.leave(pages);
    for (const object of this.#objects) object.release();
    this.#objects.clear();
    this.#files.clear();
  }

  #make(init: {
    readonly path: string;
    readonly size?: number;
    readonly content?: Uint8Array;
  }): PagedObject {
    const object = new PagedObject(this.#frames, { kind: 'shmem', inode: 0, ...init });
    object.watchers.add({
      pagesChanged: (_object, first, end) => this.#changed(object, first, end),
    });
    this.#objects.add(object);
    return object;
  }
}

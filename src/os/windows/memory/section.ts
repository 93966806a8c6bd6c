/** Section: what can be mapped as views: memory of the page file, a file, or an image. */
import type { Addr } from '../../../base/address.js';
import type { PeContent } from '../../../formats/pe/content.js';
import type { MemoryObject } from '../../../memory/object.js';

export interface SectionFile {
  readonly path: string;
  /** Bytes. */
  readonly length: number;
  /** False when it cannot be so large. */
  resize(length: number): boolean;
}

export interface Section {
  readonly kind: 'pagefile' | 'file' | 'image';
  /** Bytes. */
  readonly size: number;
  /** The largest protection of its views: as it was created with. */
  readonly protect: number;
  /** Pages of a view are reserved until they are committed (SEC_RESERVE). */
  readonly reserves: boolean;
  readonly noCache: boolean;
  /** Pages shared by all views. */
  readonly object: MemoryObject | undefined;
  /** Of an image, relocated to where it is mapped. */
  readonly image?: PeContent;
  /** The image for a place; undefined: it cannot lie there. */
  readonly imageAt?: (base: Addr) => PeContent | undefined;
  readonly name: string;
  /** Of a file, which is the same for all its sections. */
  readonly file?: SectionFile;
  /** Descriptor of the file behind it, where the system below has one. */
  readonly handle?: bigint;
}

/** A program while it is assembled: sections of items, each item one statement that takes up room. */
import { ownEntry } from '../../base/own-entry.js';
import { anchorValue, type LinearValue } from '../syntax/evaluate.js';
import type { Mode } from '../syntax/operand.js';
import type { SourceStatement } from '../syntax/source-text.js';
import type { Site } from '../syntax/symbols.js';
import type { Values } from './instruction.js';
import type { EncodedItem } from './recheck.js';

export interface Item {
  /** Number of the place where it begins. */
  readonly anchor: number;
  readonly statement: SourceStatement;
  readonly site: Site;
  readonly mode: Mode;
  /** Keystone's text. Empty for a label. */
  readonly render: (values: Values) => string;
  /** Looks at the result once addresses are known. */
  readonly verify: ((values: Values, encoding: EncodedItem) => void) | undefined;
}

export interface SectionRights {
  readonly write: boolean;
  readonly exec: boolean;
  /** Takes up memory but no bytes of the file. */
  readonly nobits: boolean;
}

export class ProgramSection {
  readonly name: string;
  readonly rights: SectionRights;
  /** Not part of the image: a note for a linker. */
  readonly discarded: boolean;
  readonly startAnchor: number;
  readonly endAnchor: number;
  readonly items: Item[] = [];
  alignment = 1;
  /** Bytes reserved so far; sections without bits only. */
  reserved = 0n;

  constructor(name: string, rights: SectionRights, discarded: boolean, anchors: () => number) {
    this.name = name;
    this.rights = rights;
    this.discarded = discarded;
    this.startAnchor = anchors();
    this.endAnchor = anchors();
  }

  /** Where the next statement comes to lie. */
  site(sequence: number, anchor: number): Site {
    return this.rights.nobits
      ? new SectionSite(sequence, this.startAnchor, this.reserved)
      : new SectionSite(sequence, anchor, 0n);
  }

  align(alignment: number): void {
    this.alignment = Math.max(this.alignment, alignment);
    if (!this.rights.nobits) return;
    const unit = BigInt(alignment);
    this.reserved = ((this.reserved + unit - 1n) / unit) * unit;
  }
}

/** There is one for each statement: it makes a value of its place only when somebody asks. */
class SectionSite implements Site {
  readonly sequence: number;
  readonly #anchor: number;
  readonly #distance: bigint;

  constructor(sequence: number, anchor: number, distance: bigint) {
    this.sequence = sequence;
    this.#anchor = anchor;
    this.#distance = distance;
  }

  get here(): LinearValue {
    return anchorValue(this.#anchor, this.#distance);
  }
}

const TEXT: SectionRights = { write: false, exec: true, nobits: false };
const READ_ONLY: SectionRights = { write: false, exec: false, nobits: false };
const DATA: SectionRights = { write: true, exec: false, nobits: false };
const NO_BITS: SectionRights = { write: true, exec: false, nobits: true };

/** Rights of the sections that every assembler knows, by the first part of their name. */
const KNOWN: Readonly<Record<string, SectionRights>> = {
  text: TEXT,
  init: TEXT,
  rodata: READ_ONLY,
  data: DATA,
  bss: NO_BITS,
};

/** `.text.hot` is `.text`'s kin; flags such as `"awx"` and the type `@nobits` decide for other names. */
export function sectionRights(
  name: string,
  flags: string | undefined,
  type: string,
): SectionRights {
  const known = ownEntry(KNOWN, name.split('.')[1] ?? '');
  if (flags === undefined) return known ?? READ_ONLY;
  return {
    write: flags.includes('w'),
    exec: flags.includes('x'),
    nobits: type === 'nobits' || (type === '' && known === NO_BITS),
  };
}

/** `sectionOrder` of what is writable and has bits. */
export const WRITABLE_ORDER = 3;

/** Order in the image: what has the same rights lies together, what has no bits at the end. */
export function sectionOrder({ write, exec, nobits }: SectionRights): number {
  if (nobits) return 4;
  if (exec) return write ? 2 : 0;
  return write ? WRITABLE_ORDER : 1;
}

/** Where each section, each common symbol and each GOT slot of a linked image lies. */
import { type Addr, type Arch, pageUp } from '../base/address.js';
import { MayexecError } from '../base/errors.js';
import type { ObjectFile, ObjectSection } from '../formats/object-file.js';
import type { Definition, SymbolTable } from './symbol-table.js';
import { THREAD_BLOCK_BYTES } from './thread-block.js';

export interface PlacedSection {
  readonly file: ObjectFile;
  readonly section: ObjectSection;
  readonly address: Addr;
  /** Its place in the image's own order, from 1. */
  readonly number: number;
}

/** Pages with the same rights, filled from the start. */
export interface PlacedSegment {
  readonly start: Addr;
  /** Bytes, a multiple of the page size. */
  readonly length: number;
  /** Bytes up to the end of the last section. */
  readonly filled: number;
  /** PROT_* as letters: 'r-x'. */
  readonly rights: 'r-x' | 'r--' | 'rw-' | 'rwx';
}

export interface ImageLayout {
  readonly segments: readonly PlacedSegment[];
  readonly sections: ReadonlyMap<ObjectSection, PlacedSection>;
  readonly commons: ReadonlyMap<Definition, Addr>;
  /** Address of each slot by the name that it holds. */
  readonly slots: ReadonlyMap<string, Addr>;
  /** Start of the GOT; where it would be when it has no slot. */
  readonly got: Addr;
  /** Behind the thread-local sections; undefined when there are none. */
  readonly threadPointer: Addr | undefined;
  readonly end: Addr;
}

/** More than any test's code; a file that lies about a size must not take the host's memory. */
const MAX_IMAGE = 256n << 20n;

const ORDER = ['r-x', 'r--', 'rw-', 'rwx'] as const;

/** `base` is page-aligned. Slots are for the names in `slotNames`. */
export function layOut(
  files: readonly ObjectFile[],
  symbols: SymbolTable,
  slotNames: readonly string[],
  base: Addr,
): ImageLayout {
  const word = files[0]?.arch === 'i386' ? 4n : 8n;
  const sections = new Map<ObjectSection, PlacedSection>();
  const commons = new Map<Definition, Addr>();
  const slots = new Map<string, Addr>();
  const segments: PlacedSegment[] = [];
  let got = base;
  let threadPointer: Addr | undefined;
  let next = base;
  const inOrder = sectionsOf(files);
  const place = ({ file, section }: Pick<PlacedSection, 'file' | 'section'>): void => {
    next = alignUp(next, section.align);
    sections.set(section, { file, section, address: next, number: sections.size + 1 });
    next += BigInt(section.size);
  };
  for (const rights of ORDER) {
    const start = next;
    for (const each of inOrder) {
      if (rightsOf(each.section) === rights && !each.section.threadLocal) place(each);
    }
    if (rights === 'rw-') {
      for (const definition of symbols.globals.values()) {
        const { place } = definition.symbol;
        if (place.kind !== 'common') continue;
        next = alignUp(next, place.align);
        commons.set(definition, next);
        next += BigInt(place.size);
      }
      got = next = alignUp(next, Number(word));
      for (const name of slotNames) {
        slots.set(name, next);
        next += word;
      }
      const own = inOrder.filter(({ section }) => section.threadLocal);
      if (own.length > 0) {
        const align = alignments(own).reduce((a, b) => Math.max(a, b), THREAD_BLOCK_BYTES);
        next = alignUp(next, align);
        for (const each of own) place(each);
        threadPointer = next = alignUp(next, align);
        next += BigInt(THREAD_BLOCK_BYTES);
      }
    }
    if (next === start) continue;
    if (next - base > MAX_IMAGE) {
      throw new MayexecError(
        `the linked image would take ${next - base} bytes: at most ${MAX_IMAGE} are possible`,
      );
    }
    const filled = Number(next - start);
    next = pageUp(next);
    segments.push({ start, length: Number(next - start), filled, rights });
  }
  return { segments, sections, commons, slots, got, threadPointer, end: next };
}

export function wordOf(arch: Arch): 4 | 8 {
  return arch === 'i386' ? 4 : 8;
}

type FileSection = Pick<PlacedSection, 'file' | 'section'>;

/** Sections of a group come where its first one is, in the group's order. */
function sectionsOf(files: readonly ObjectFile[]): FileSection[] {
  const all = files.flatMap((file) => file.sections.map((section) => ({ file, section })));
  const groups = new Map<string, FileSection[]>();
  for (const each of all) {
    const name = each.section.group?.name;
    if (name === undefined) continue;
    const known = groups.get(name);
    if (known === undefined) groups.set(name, [each]);
    else known.push(each);
  }
  const order = ({ section }: FileSection): string => section.group?.order ?? '';
  return all.flatMap((each) => {
    const { group } = each.section;
    if (group === undefined) return [each];
    const members = groups.get(group.name) ?? [];
    if (members[0] !== each) return [];
    return members.toSorted((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0));
  });
}

function alignments(sections: readonly FileSection[]): number[] {
  return sections.map(({ section }) => section.align);
}

function rightsOf({ write, exec }: ObjectSection): PlacedSegment['rights'] {
  if (exec) return write ? 'rwx' : 'r-x';
  return write ? 'rw-' : 'r--';
}

function alignUp(address: Addr, align: number): Addr {
  const step = BigInt(align);
  return ((address + step - 1n) / step) * step;
}

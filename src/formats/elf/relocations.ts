/**
 * Relocation types of ELF objects for x86-64 and i386: System V ABI, AMD64 supplement 1.0 table 4.9, and
 * Intel386 supplement 1.1 table 4.9. Dynamic linking has no place in an object that is linked in memory, nor have
 * the thread-local models for it; their types are known by number only.
 */
import type { Arch } from '../../base/address.js';
import type { RelocationFormula, RelocationKind } from '../object-file.js';

type Row = readonly [
  type: number,
  name: string,
  formula: RelocationFormula,
  width: RelocationKind['width'],
  range: RelocationKind['range'],
];

/** A procedure linkage table is not needed: whatever the linker places, it places within reach. */
const X86_64: readonly Row[] = [
  [1, 'R_X86_64_64', 'absolute', 8, 'any'],
  [2, 'R_X86_64_PC32', 'relative', 4, 'signed'],
  [4, 'R_X86_64_PLT32', 'relative', 4, 'signed'],
  [9, 'R_X86_64_GOTPCREL', 'slot-relative', 4, 'signed'],
  [10, 'R_X86_64_32', 'absolute', 4, 'unsigned'],
  [11, 'R_X86_64_32S', 'absolute', 4, 'signed'],
  [12, 'R_X86_64_16', 'absolute', 2, 'either'],
  [13, 'R_X86_64_PC16', 'relative', 2, 'signed'],
  [14, 'R_X86_64_8', 'absolute', 1, 'either'],
  [15, 'R_X86_64_PC8', 'relative', 1, 'signed'],
  [18, 'R_X86_64_TPOFF64', 'thread-offset', 8, 'any'],
  [22, 'R_X86_64_GOTTPOFF', 'thread-slot-relative', 4, 'signed'],
  [23, 'R_X86_64_TPOFF32', 'thread-offset', 4, 'signed'],
  [24, 'R_X86_64_PC64', 'relative', 8, 'any'],
  [25, 'R_X86_64_GOTOFF64', 'got-offset', 8, 'any'],
  [26, 'R_X86_64_GOTPC32', 'got-relative', 4, 'signed'],
  [27, 'R_X86_64_GOT64', 'slot-offset', 8, 'any'],
  [28, 'R_X86_64_GOTPCREL64', 'slot-relative', 8, 'any'],
  [29, 'R_X86_64_GOTPC64', 'got-relative', 8, 'any'],
  [31, 'R_X86_64_PLTOFF64', 'got-offset', 8, 'any'],
  [32, 'R_X86_64_SIZE32', 'size', 4, 'unsigned'],
  [33, 'R_X86_64_SIZE64', 'size', 8, 'any'],
  [41, 'R_X86_64_GOTPCRELX', 'slot-relative', 4, 'signed'],
  [42, 'R_X86_64_REX_GOTPCRELX', 'slot-relative', 4, 'signed'],
];

const I386: readonly Row[] = [
  [1, 'R_386_32', 'absolute', 4, 'any'],
  [2, 'R_386_PC32', 'relative', 4, 'any'],
  [3, 'R_386_GOT32', 'slot-offset', 4, 'any'],
  [4, 'R_386_PLT32', 'relative', 4, 'any'],
  [9, 'R_386_GOTOFF', 'got-offset', 4, 'any'],
  [10, 'R_386_GOTPC', 'got-relative', 4, 'any'],
  [15, 'R_386_TLS_IE', 'thread-slot', 4, 'any'],
  [16, 'R_386_TLS_GOTIE', 'thread-slot-offset', 4, 'any'],
  [17, 'R_386_TLS_LE', 'thread-offset', 4, 'any'],
  [20, 'R_386_16', 'absolute', 2, 'either'],
  [21, 'R_386_PC16', 'relative', 2, 'signed'],
  [22, 'R_386_8', 'absolute', 1, 'either'],
  [23, 'R_386_PC8', 'relative', 1, 'signed'],
  [38, 'R_386_SIZE32', 'size', 4, 'unsigned'],
  [43, 'R_386_GOT32X', 'slot-offset', 4, 'any'],
];

const KINDS: Readonly<Record<Arch, ReadonlyMap<number, RelocationKind>>> = {
  'x86-64': kindsOf(X86_64),
  i386: kindsOf(I386),
};

/** R_X86_64_NONE and R_386_NONE: nothing to do. */
export const R_NONE = 0;

/** GOT32X of an instruction without a base register means the slot itself (i386 supplement, 4.4.1). */
export const GOT32X_WITHOUT_BASE: RelocationKind = {
  name: 'R_386_GOT32X',
  formula: 'slot',
  width: 4,
  range: 'any',
};

export function elfRelocationKind(arch: Arch, type: number): RelocationKind | undefined {
  return KINDS[arch].get(type);
}

/** All names of an architecture, for relocations that a host spells out. */
export function elfRelocationKinds(arch: Arch): Iterable<RelocationKind> {
  return KINDS[arch].values();
}

const TLS: Readonly<Record<Arch, readonly (readonly [number, number])[]>> = {
  'x86-64': [
    [16, 23],
    [34, 36],
  ],
  i386: [
    [14, 19],
    [24, 37],
    [39, 41],
  ],
};

/** Does the type concern thread-local storage? */
export function isThreadLocal(arch: Arch, type: number): boolean {
  return TLS[arch].some(([first, last]) => type >= first && type <= last);
}

function kindsOf(rows: readonly Row[]): ReadonlyMap<number, RelocationKind> {
  return new Map(
    rows.map(([type, name, formula, width, range]) => [type, { name, formula, width, range }]),
  );
}

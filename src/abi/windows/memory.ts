/** Constants of the Win32 memory API, as memoryapi.h and winnt.h spell them. */

export const PAGE_NOACCESS = 0x01;
export const PAGE_READONLY = 0x02;
export const PAGE_READWRITE = 0x04;
export const PAGE_WRITECOPY = 0x08;
export const PAGE_EXECUTE = 0x10;
export const PAGE_EXECUTE_READ = 0x20;
export const PAGE_EXECUTE_READWRITE = 0x40;
export const PAGE_EXECUTE_WRITECOPY = 0x80;
export const PAGE_GUARD = 0x100;
export const PAGE_NOCACHE = 0x200;
export const PAGE_WRITECOMBINE = 0x400;
export const PAGE_TARGETS_INVALID = 0x4000_0000;

export const PAGE_ANY_EXECUTE = 0xf0;
export const PAGE_ANY_COPY = PAGE_WRITECOPY | PAGE_EXECUTE_WRITECOPY;
export const PAGE_ANY_WRITE = 0xcc;

export const MEM_COMMIT = 0x1000;
export const MEM_RESERVE = 0x2000;
export const MEM_DECOMMIT = 0x4000;
export const MEM_RELEASE = 0x8000;
export const MEM_FREE = 0x10000;
export const MEM_PRIVATE = 0x20000;
export const MEM_MAPPED = 0x40000;
export const MEM_RESET = 0x80000;
export const MEM_TOP_DOWN = 0x100000;
export const MEM_WRITE_WATCH = 0x200000;
export const MEM_RESET_UNDO = 0x1000000;
export const MEM_IMAGE = 0x1000000;

export const MEM_COALESCE_PLACEHOLDERS = 0x1;
export const MEM_PRESERVE_PLACEHOLDER = 0x2;
export const MEM_REPLACE_PLACEHOLDER = 0x4000;
export const MEM_RESERVE_PLACEHOLDER = 0x40000;

export const SEC_FILE = 0x80_0000;
export const SEC_IMAGE = 0x100_0000;
export const SEC_RESERVE = 0x400_0000;
export const SEC_COMMIT = 0x800_0000;
export const SEC_NOCACHE = 0x1000_0000;

export const SECTION_MAP_WRITE = 0x2;
export const SECTION_MAP_READ = 0x4;
export const SECTION_MAP_EXECUTE = 0x8;

export const FILE_MAP_COPY = 0x1;
export const FILE_MAP_WRITE = 0x2;
export const FILE_MAP_READ = 0x4;
export const FILE_MAP_EXECUTE = 0x20;

export const ALLOCATION_GRANULARITY = 0x10000;
export const ALLOCATION_PAGES = 16;

const PROTECTIONS: readonly (readonly [number, string])[] = [
  [PAGE_NOACCESS, 'PAGE_NOACCESS'],
  [PAGE_READONLY, 'PAGE_READONLY'],
  [PAGE_READWRITE, 'PAGE_READWRITE'],
  [PAGE_WRITECOPY, 'PAGE_WRITECOPY'],
  [PAGE_EXECUTE, 'PAGE_EXECUTE'],
  [PAGE_EXECUTE_READ, 'PAGE_EXECUTE_READ'],
  [PAGE_EXECUTE_READWRITE, 'PAGE_EXECUTE_READWRITE'],
  [PAGE_EXECUTE_WRITECOPY, 'PAGE_EXECUTE_WRITECOPY'],
  [PAGE_GUARD, 'PAGE_GUARD'],
  [PAGE_NOCACHE, 'PAGE_NOCACHE'],
  [PAGE_WRITECOMBINE, 'PAGE_WRITECOMBINE'],
  [PAGE_TARGETS_INVALID, 'PAGE_TARGETS_INVALID'],
];

const ALLOCATION_TYPES: readonly (readonly [number, string])[] = [
  [MEM_COMMIT, 'MEM_COMMIT'],
  [MEM_RESERVE, 'MEM_RESERVE'],
  [MEM_DECOMMIT, 'MEM_DECOMMIT'],
  [MEM_RELEASE, 'MEM_RELEASE'],
  [MEM_RESET, 'MEM_RESET'],
  [MEM_TOP_DOWN, 'MEM_TOP_DOWN'],
  [MEM_WRITE_WATCH, 'MEM_WRITE_WATCH'],
  [MEM_RESET_UNDO, 'MEM_RESET_UNDO'],
  [MEM_RESERVE_PLACEHOLDER, 'MEM_RESERVE_PLACEHOLDER'],
];

/** 'PAGE_READWRITE|PAGE_GUARD'; a number where bits have no name. */
export function protectionName(protect: number): string {
  return flagNames(PROTECTIONS, protect);
}

/** 'MEM_RESERVE|MEM_COMMIT'. */
export function allocationTypeName(type: number): string {
  return flagNames(ALLOCATION_TYPES, type);
}

export function flagNames(table: readonly (readonly [number, string])[], value: number): string {
  const names = table.filter(([bit]) => (value & bit) !== 0).map(([, name]) => name);
  const known = table.reduce((bits, [bit]) => bits | bit, 0);
  const rest = (value & ~known) >>> 0;
  if (rest !== 0 || names.length === 0) names.push(rest === 0 ? '0' : `0x${rest.toString(16)}`);
  return names.join('|');
}

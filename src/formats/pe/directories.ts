/**
 * The tables of a PE image: imports, exports, base relocations, TLS. Each reader stops at the first entry that points
 * nowhere and says so; no table makes it read without end.
 */
import type { Addr } from '../../base/address.js';
import { MayexecError } from '../../base/errors.js';
import { Struct } from '../../base/struct.js';
import type { PeContent } from './content.js';
import { DIRECTORY, IMAGE_FILE_RELOCS_STRIPPED } from './image.js';

const MAX_DLLS = 1024;
const MAX_IMPORTS = 16384;
const MAX_EXPORTS = 65536;
const MAX_CALLBACKS = 1024;

export interface PeImport {
  /** By name, or undefined when by ordinal. */
  readonly name: string | undefined;
  readonly ordinal: number;
  /** RVA of the word of the import address table. */
  readonly slot: number;
}

export interface PeImportDll {
  readonly dll: string;
  readonly imports: readonly PeImport[];
}

/** What the table says is not so: the file cannot be used. */
function malformed(table: string, why: string): MayexecError {
  return new MayexecError(`malformed ${table} table: ${why}`);
}

/** @throws MayexecError for a table that points out of the image. */
export function importsOf(content: PeContent): PeImportDll[] {
  const { rva } = content.image.directories[DIRECTORY.import]!;
  return rva === 0 ? [] : descriptors(content, 'import', rva, 20, 12, [0, 16]);
}

/** Delay imports with RVAs (attribute bit 0); older ones, with addresses, are not used. */
export function delayImportsOf(content: PeContent): PeImportDll[] {
  const { rva } = content.image.directories[DIRECTORY.delayImport]!;
  return rva === 0 ? [] : descriptors(content, 'delay import', rva, 32, 4, [16, 12]);
}

function descriptors(
  content: PeContent,
  table: string,
  start: number,
  size: number,
  nameAt: number,
  [namesAt, slotsAt]: readonly [number, number],
): PeImportDll[] {
  const found: PeImportDll[] = [];
  let total = 0;
  for (let index = 0; ; index++) {
    const entry = content.read(start + index * size, size);
    if (entry === undefined) throw malformed(table, 'it has no end in the image');
    const fields = new Struct(entry);
    const slots = fields.u32(slotsAt);
    const nameRva = fields.u32(nameAt);
    if (nameRva === 0 || slots === 0) return found;
    if (index >= MAX_DLLS) throw malformed(table, `more than ${MAX_DLLS} DLLs`);
    const dll = content.text(nameRva);
    if (dll === undefined || dll === '') throw malformed(table, 'the name of a DLL lies nowhere');
    const imports = thunks(content, table, fields.u32(namesAt) || slots, slots);
    total += imports.length;
    if (total > MAX_IMPORTS) throw malformed(table, `more than ${MAX_IMPORTS} functions`);
    found.push({ dll, imports });
  }
}

function thunks(content: PeContent, table: string, names: number, slots: number): PeImport[] {
  const size = content.image.arch === 'x86-64' ? 8 : 4;
  const byOrdinal = size === 8 ? 1n << 63n : 1n << 31n;
  const found: PeImport[] = [];
  for (let index = 0; ; index++) {
    const slot = slots + index * size;
    const thunk = content.word(names + index * size);
    if (thunk === undefined || content.word(slot) === undefined) {
      throw malformed(table, 'a list of functions leaves the image');
    }
    if (thunk === 0n) return found;
    if (index >= MAX_IMPORTS) throw malformed(table, `more than ${MAX_IMPORTS} functions`);
    if (thunk & byOrdinal) {
      found.push({ name: undefined, ordinal: Number(thunk & 0xffffn), slot });
      continue;
    }
    const name = content.text(Number(thunk & 0x7fff_ffffn) + 2);
    if (name === undefined) throw malformed(table, 'the name of a function lies nowhere');
    found.push({ name, ordinal: 0, slot });
  }
}

/** An exported function or datum, or where another DLL has it ('NTDLL.RtlAllocateHeap'). */
export type PeExport =
  | { readonly rva: number; readonly forwarder?: undefined }
  | { readonly rva?: undefined; readonly forwarder: string };

export interface PeExports {
  readonly byName: ReadonlyMap<string, PeExport>;
  readonly byOrdinal: ReadonlyMap<number, PeExport>;
}

/** @throws MayexecError for a table that points out of the image. */
export function exportsOf(content: PeContent): PeExports {
  const byName = new Map<string, PeExport>();
  const byOrdinal = new Map<number, PeExport>();
  const { rva, size } = content.image.directories[DIRECTORY.export]!;
  if (rva === 0) return { byName, byOrdinal };
  const bytes = content.read(rva, 40);
  if (bytes === undefined) throw malformed('export', 'it lies outside the image');
  const table = new Struct(bytes);
  const [first, count, names] = [table.u32(16), table.u32(20), table.u32(24)];
  if (count > MAX_EXPORTS || names > MAX_EXPORTS) {
    throw malformed('export', `more than ${MAX_EXPORTS} entries`);
  }
  const functions: (PeExport | undefined)[] = [];
  for (let index = 0; index < count; index++) {
    const address = content.u32(table.u32(28) + index * 4);
    if (address === undefined) throw malformed('export', 'its addresses leave the image');
    const entry = exportAt(content, address, rva, size);
    functions.push(entry);
    if (entry !== undefined) byOrdinal.set(first + index, entry);
  }
  for (let index = 0; index < names; index++) {
    const nameRva = content.u32(table.u32(32) + index * 4);
    const ordinal = content.u16(table.u32(36) + index * 2);
    const name = nameRva === undefined ? undefined : content.text(nameRva);
    if (name === undefined || ordinal === undefined) {
      throw malformed('export', 'its names leave the image');
    }
    const entry = functions[ordinal];
    if (entry !== undefined) byName.set(name, entry);
  }
  return { byName, byOrdinal };
}

function exportAt(
  content: PeContent,
  address: number,
  start: number,
  size: number,
): PeExport | undefined {
  if (address === 0) return undefined;
  if (address < start || address >= start + size) return { rva: address };
  const forwarder = content.text(address);
  return forwarder === undefined ? undefined : { forwarder };
}

const IMAGE_REL_BASED_ABSOLUTE = 0;
const IMAGE_REL_BASED_HIGH = 1;
const IMAGE_REL_BASED_LOW = 2;
const IMAGE_REL_BASED_HIGHLOW = 3;
const IMAGE_REL_BASED_DIR64 = 10;

/**
 * Moves the image to another base. One without the directory has nothing to relocate, unless its header says that
 * relocations were stripped. @throws MayexecError when it cannot be moved.
 */
export function relocate(content: PeContent, base: Addr): void {
  const delta = base - content.image.base;
  if (delta === 0n) return;
  const { rva, size } = content.image.directories[DIRECTORY.relocation]!;
  if (rva === 0 || size === 0) {
    if ((content.image.characteristics & IMAGE_FILE_RELOCS_STRIPPED) === 0) return;
    throw new MayexecError('the image has no relocations: they were stripped');
  }
  for (let at = 0; at + 8 <= size; ) {
    const page = content.u32(rva + at);
    const length = content.u32(rva + at + 4);
    if (page === undefined || length === undefined) {
      throw malformed('relocation', 'it leaves the image');
    }
    // A block of no length would be read for ever.
    if (length < 8 || length % 2 !== 0 || at + length > size) {
      throw malformed('relocation', `a block of ${length} bytes`);
    }
    const entries = content.read(rva + at + 8, length - 8);
    if (entries === undefined) throw malformed('relocation', 'a block leaves the image');
    const block = new Struct(entries);
    for (let entry = 0; entry < entries.length; entry += 2) {
      apply(content, page + (block.u16(entry) & 0xfff), block.u16(entry) >> 12, delta);
    }
    at += length;
  }
}

function apply(content: PeContent, rva: number, type: number, delta: bigint): void {
  if (type === IMAGE_REL_BASED_ABSOLUTE) return;
  const width = { [IMAGE_REL_BASED_DIR64]: 8, [IMAGE_REL_BASED_HIGHLOW]: 4 }[type] ?? 2;
  const old = content.read(rva, width);
  if (old === undefined) throw malformed('relocation', 'an entry points out of the image');
  const field = new Struct(old);
  switch (type) {
    case IMAGE_REL_BASED_DIR64:
      field.setU64(0, field.u64(0) + delta);
      break;
    case IMAGE_REL_BASED_HIGHLOW:
      field.setU32(0, Number(BigInt.asIntN(32, BigInt(field.u32(0)) + delta)));
      break;
    case IMAGE_REL_BASED_HIGH:
      field.setU16(0, Number(BigInt.asUintN(16, BigInt(field.u16(0)) + (delta >> 16n))));
      break;
    case IMAGE_REL_BASED_LOW:
      field.setU16(0, Number(BigInt.asUintN(16, BigInt(field.u16(0)) + delta)));
      break;
    default:
      throw malformed('relocation', `type ${type} is not of this machine`);
  }
  content.write(rva, field.bytes);
}

export interface PeTls {
  readonly dataRva: number;
  readonly dataLength: number;
  readonly zeroFill: number;
  readonly indexRva: number;
  /** RVAs of the callbacks, in their order. */
  readonly callbacks: readonly number[];
}

/** Of an image that was relocated to `base`. @throws MayexecError when a field points out of the image. */
export function tlsOf(content: PeContent, base = content.image.base): PeTls | undefined {
  const { rva } = content.image.directories[DIRECTORY.tls]!;
  if (rva === 0) return undefined;
  const size = content.image.arch === 'x86-64' ? 8 : 4;
  const bytes = content.read(rva, size * 4 + 8);
  if (bytes === undefined) throw malformed('TLS', 'it lies outside the image');
  const table = new Struct(bytes);
  const rvaOf = (index: number, what: string): number => {
    const address = table.word(index * size, size);
    const found = rvaIn(content, base, address);
    if (found === undefined) throw malformed('TLS', `${what} lies outside the image`);
    return found;
  };
  const start = table.word(0, size);
  const dataLength = Number(table.word(size, size) - start);
  if (dataLength < 0 || dataLength > content.image.size)
    throw malformed('TLS', 'its data has no size');
  const zeroFill = table.u32(size * 4);
  if (zeroFill > content.image.size) throw malformed('TLS', 'its zeros are larger than the image');
  return {
    dataRva: dataLength === 0 ? 0 : rvaOf(0, 'its data'),
    dataLength,
    zeroFill,
    indexRva: rvaOf(2, 'its index'),
    callbacks:
      table.word(3 * size, size) === 0n
        ? []
        : callbacks(content, base, rvaOf(3, 'its list of callbacks')),
  };
}

function rvaIn({ image }: PeContent, base: Addr, address: Addr): number | undefined {
  const rva = address - base;
  return rva >= 0n && rva < BigInt(image.size) ? Number(rva) : undefined;
}

function callbacks(content: PeContent, base: Addr, list: number): number[] {
  const size = content.image.arch === 'x86-64' ? 8 : 4;
  const found: number[] = [];
  for (let at = list; ; at += size) {
    const address = content.word(at);
    if (address === undefined || found.length > MAX_CALLBACKS) {
      throw malformed('TLS', 'its list of callbacks has no end');
    }
    if (address === 0n) return found;
    const rva = rvaIn(content, base, address);
    if (rva === undefined) {
      throw malformed('TLS', `callback 0x${address.toString(16)} lies outside the image`);
    }
    found.push(rva);
  }
}

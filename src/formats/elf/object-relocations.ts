/** Relocations of a section of a relocatable ELF file: what is to be changed, where, and by how much. */
import type { Arch } from '../../base/address.js';
import { FileReader } from '../file-reader.js';
import type { ObjectSection, Relocation, RelocationKind } from '../object-file.js';
import type { ElfObject, NamedSection } from './object-headers.js';
import { elfRelocationKind, GOT32X_WITHOUT_BASE, isThreadLocal, R_NONE } from './relocations.js';
import { SHT_RELA } from './structures.js';

export function readRelocations(
  { file, shape: { arch, word } }: ElfObject,
  table: NamedSection,
  section: Pick<ObjectSection, 'name' | 'bytes'>,
  symbols: number,
): Relocation[] {
  const explicit = table.type === SHT_RELA;
  const entry = word * (explicit ? 3 : 2);
  const what = `relocations of ${section.name}`;
  file.check(table.offset, table.size, what);
  file.records(Math.floor(table.size / entry), what);
  const target = new FileReader(`${file.name}: ${section.name}`, section.bytes);
  const found: Relocation[] = [];
  for (let at = table.offset; at + entry <= table.offset + table.size; at += entry) {
    const offset = file.word(at, word, what);
    const type = word === 8 ? file.u32(at + 8, what) : file.u8(at + 4, what);
    const symbol = word === 8 ? file.u32(at + 12, what) : file.u32(at + 4, what) >>> 8;
    if (type === R_NONE) continue;
    const kind = kindAt(file, arch, type, target, offset);
    target.check(offset, kind.width, `${kind.name} at offset 0x${offset.toString(16)}`);
    if (symbol >= symbols) {
      throw file.error(`a relocation of ${section.name} names symbol ${symbol} of ${symbols}`);
    }
    const implicit = (): bigint => signedAt(section.bytes, offset, kind.width);
    const own = (): bigint =>
      word === 8 ? file.i64(at + 16, what) : BigInt(file.i32(at + 8, what));
    found.push({ kind, offset, symbol, addend: explicit ? own() : implicit() });
  }
  return found;
}

function kindAt(
  file: FileReader,
  arch: Arch,
  type: number,
  target: FileReader,
  offset: number,
): RelocationKind {
  const kind = elfRelocationKind(arch, type);
  if (kind === undefined) {
    const why = isThreadLocal(arch, type)
      ? 'concerns thread-local storage in a model for shared objects: compile with -ftls-model=initial-exec or local-exec'
      : 'is not one that can be linked here';
    throw file.error(
      `relocation type ${type} at ${target.name.split(': ')[1]}+0x${offset.toString(16)} ${why}`,
    );
  }
  if (kind.name !== GOT32X_WITHOUT_BASE.name || offset === 0) return kind;
  // ModRM with mod 0 and r/m 5 is an address without a register.
  const modrm = target.u8(offset - 1, 'an instruction');
  return (modrm & 0xc7) === 5 ? GOT32X_WITHOUT_BASE : kind;
}

/** The addend that a REL relocation finds in its field. */
export function signedAt(bytes: Uint8Array, offset: number, width: number): bigint {
  let value = 0n;
  for (let index = width - 1; index >= 0; index--) {
    value = (value << 8n) | BigInt(bytes[offset + index] ?? 0);
  }
  return BigInt.asIntN(width * 8, value);
}

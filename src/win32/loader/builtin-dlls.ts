/**
 * The DLLs of the system, as images: each exported function is a gate: an instruction that leaves the guest, and a
 * return that takes the arguments off the stack. They are files like others: mapped, protected and listed as such.
 */
import type { Addr, Arch } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { DIRECTORY } from '../../formats/pe/image.js';
import { exportTable, type PeSectionInit, writePe } from '../../formats/pe/writer.js';
import type { ApiSet, ResultKind } from '../calls/api.js';
import { stackBytes } from '../calls/parameters.js';
import { shortcut } from '../calls/shortcuts.js';

/** `int 0x2e`, by which ntdll's own stubs can leave; no register changes. */
export const GATE_LENGTH = 2n;
export const GATE_VECTOR = 0x2e;
const STUB_BYTES = 48;
const CODE_RVA = 0x1000;

export interface BuiltinDll {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** RVA behind the gate's instruction, by function. */
  readonly gates: ReadonlyMap<string, number>;
}

/** A datum that a DLL exports: its bytes at first. */
export type DataExports = Readonly<Record<string, number>>;

export function buildDll(
  arch: Arch,
  base: Addr,
  name: string,
  functions: ApiSet,
  data: DataExports,
  forwarded: readonly string[] = [],
): BuiltinDll {
  const names = [...Object.keys(functions), ...forwarded];
  const code = new Uint8Array(Math.max(names.length, 1) * STUB_BYTES).fill(0xcc);
  const dataAt = new Map<string, number>();
  let dataLength = 0;
  for (const [datum, size] of Object.entries(data)) {
    dataAt.set(datum, roundToPage(CODE_RVA + code.length) + dataLength);
    dataLength += Math.ceil(size / 16) * 16;
  }
  const exported = new Map<string, number>(dataAt);
  const gates = new Map<string, number>();
  for (const [index, fn] of names.entries()) {
    const at = index * STUB_BYTES;
    // What can be done in the guest is done there, without a way out to the host.
    const short = shortcut(arch, fn, { at: CODE_RVA + at, data: dataAt });
    const returns = functions[fn]?.returns ?? 'word';
    code.set([...short, ...stub(cleaned(arch, functions, fn), REAL_RESULT[arch][returns])], at);
    exported.set(fn, CODE_RVA + at);
    gates.set(fn, CODE_RVA + at + short.length + Number(GATE_LENGTH));
  }
  const sections: PeSectionInit[] = [{ name: '.text', rva: CODE_RVA, bytes: code, exec: true }];
  let next = roundToPage(CODE_RVA + code.length);
  if (dataLength > 0) {
    sections.push({ name: '.data', rva: next, bytes: new Uint8Array(dataLength), write: true });
    next = roundToPage(next + dataLength);
  }
  const table = exportTable(next, name, exported);
  // A block without entries: nothing in it is an address, so that it may lie anywhere.
  const relocations = new Struct(8).setU32(0, CODE_RVA).setU32(4, 8).bytes;
  const relocationsAt = Math.ceil(table.bytes.length / 4) * 4;
  const tables = new Uint8Array(relocationsAt + 8);
  tables.set(table.bytes);
  tables.set(relocations, relocationsAt);
  sections.push({ name: '.edata', rva: next, bytes: tables });
  const bytes = writePe({
    arch,
    base,
    sections,
    dll: true,
    dllCharacteristics: 0x140,
    directories: new Map([
      [DIRECTORY.export, { rva: next, size: table.size }],
      [DIRECTORY.relocation, { rva: next + relocationsAt, size: 8 }],
    ]),
    fileAlignment: 0x1000,
  });
  return { name, bytes, gates };
}

function cleaned(arch: Arch, functions: ApiSet, name: string): number {
  const fn = functions[name];
  return arch === 'x86-64' || fn === undefined || fn.cdecl ? 0 : stackBytes(fn);
}

/** The result's bits go from rax, or edx:eax, to where the platform has reals. */
const REAL_RESULT: Readonly<Record<Arch, Readonly<Record<ResultKind, readonly number[]>>>> = {
  'x86-64': {
    word: [],
    u64: [],
    // movq xmm0, rax
    f64: [0x66, 0x48, 0x0f, 0x6e, 0xc0],
    // movd xmm0, eax
    f32: [0x66, 0x0f, 0x6e, 0xc0],
  },
  i386: {
    word: [],
    u64: [],
    // push edx; push eax; fld qword [esp]; add esp, 8
    f64: [0x52, 0x50, 0xdd, 0x04, 0x24, 0x83, 0xc4, 0x08],
    // push eax; fld dword [esp]; add esp, 4
    f32: [0x50, 0xd9, 0x04, 0x24, 0x83, 0xc4, 0x04],
  },
};

function stub(pops: number, result: readonly number[]): number[] {
  const back = pops === 0 ? [0xc3] : [0xc2, pops & 0xff, pops >> 8];
  return [0xcd, GATE_VECTOR, ...result, ...back];
}

function roundToPage(rva: number): number {
  return Math.ceil(rva / 0x1000) * 0x1000;
}

/**
 * The boot loader: a kernel image in RAM, page tables, a GDT and a TSS, and the CPU at the kernel's entry in 64-bit mode.
 *
 * The state is that of Linux's early start-up: all of RAM is in the linear map, without the right to execute, and the
 * image is mapped by pages of 2 MiB with every right, whatever its sections are. To take rights away is the kernel's
 * work (mark_rodata_ro). Interrupts are off, and there is no IDT.
 */
import { ProgramError } from '../../../base/errors.js';
import { Struct } from '../../../base/struct.js';
import { encodeText } from '../../../base/text.js';
import { KERNEL_CS, KERNEL_DS } from '../../../engine/cpu-profile.js';
import type { Engine } from '../../../engine/engine.js';
import { type ElfImage, parseElf } from '../../../formats/elf/image.js';
import { PF_W, PF_X, PT_LOAD } from '../../../formats/elf/structures.js';
import type { PhysicalRam } from '../paging/physical.js';
import {
  BOOT_PARAMS,
  BOOT_PARAMS_BYTES,
  COMMAND_LINE_SIZE,
  KERNEL_MAP,
  MODULES_VADDR,
  PAGE_OFFSET,
  PHYSICAL,
  RAM_BYTES,
} from './layout.js';

/** Most likely that was meant. */
const FOR_PROGRAMS = "a program runs with os 'linux' (--os linux)";

const PAGE = 4096;
const LARGE = 2 << 20;
/** P RW A D PS G: a page of 2 MiB. */
const LARGE_PAGE = 0x1e3n;
const NX = 1n << 63n;
/** _PAGE_TABLE and _KERNPG_TABLE of Linux. */
const TABLE = 0x067n;
const KERNEL_TABLE = 0x063n;

const DESCRIPTOR_CODE = 0x00af_9b00_0000_ffffn;
const DESCRIPTOR_DATA = 0x00cf_9300_0000_ffffn;
const TSS_SELECTOR = 0x40;
const TSS_BYTES = 104;
/** Type 11: a busy 64-bit TSS, present. */
const DESCRIPTOR_TSS = 0x8bn << 40n;

export interface KernelProgram {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly commandLine: string;
  /** As the kernel is told it: 61, 612 or 73. */
  readonly version: number;
  /** `rodata=off`. */
  readonly rodataOff: boolean;
  /** The processor has NX. */
  readonly noExecute: boolean;
  /** `pti=on`. */
  readonly pti: boolean;
}

type Kind = 'text' | 'rodata' | 'data';

interface LoadedImage {
  readonly entry: bigint;
  /** Physical, behind its last byte. */
  readonly end: number;
  readonly ranges: ReadonlyMap<Kind, { start: bigint; end: bigint }>;
}

/** Linear addresses of what was loaded. */
export interface BootedImage {
  readonly text: { readonly start: bigint; readonly end: bigint };
  readonly end: bigint;
}

const NOTHING = { start: 0n, end: 0n };

/** Without a program: RAM and page tables, and the CPU at no code. */
export function bootMachine(
  engine: Engine,
  ram: PhysicalRam,
  program: KernelProgram | undefined,
): BootedImage {
  const image = program === undefined ? undefined : loadImage(ram, program);
  writeTables(ram, image?.end ?? 0, program?.noExecute === false ? 0n : NX);
  writeDescriptors(engine, ram);
  const params = new Struct(BOOT_PARAMS_BYTES);
  const imageEnd = Math.ceil((image?.end ?? PHYSICAL.pageTables * 2) / LARGE) * LARGE;
  params.setWord(BOOT_PARAMS.ramBytes, 8, BigInt(RAM_BYTES));
  params.setWord(BOOT_PARAMS.imageEnd, 8, BigInt(imageEnd));
  params.setWord(BOOT_PARAMS.commandLine, 8, PAGE_OFFSET + BigInt(PHYSICAL.commandLine));
  params.setWord(BOOT_PARAMS.flags, 8, flagsOf(program));
  params.setWord(BOOT_PARAMS.version, 8, BigInt(program?.version ?? 0));
  for (const [kind, { start, end }] of image?.ranges ?? []) {
    params.setWord(BOOT_PARAMS[kind], 8, start);
    params.setWord(BOOT_PARAMS[kind] + 8, 8, end);
  }
  put(ram, PHYSICAL.bootParams, params.bytes);
  const text = encodeText(program?.commandLine ?? '');
  if (text.length >= COMMAND_LINE_SIZE) {
    throw new ProgramError(
      program?.path ?? '',
      `its command line has ${text.length} bytes: expected fewer than ${COMMAND_LINE_SIZE}`,
    );
  }
  put(ram, PHYSICAL.commandLine, Uint8Array.from([...text, 0]));
  engine.writeRegister('cr3', BigInt(PHYSICAL.pageTables));
  engine.writeRegister('rsp', PAGE_OFFSET + BigInt(PHYSICAL.stackTop));
  engine.writeRegister('rsi', PAGE_OFFSET + BigInt(PHYSICAL.bootParams));
  if (image !== undefined) engine.writeRegister('rip', image.entry);
  const end = KERNEL_MAP + BigInt(image?.end ?? 0);
  return { text: image?.ranges.get('text') ?? NOTHING, end };
}

/** Bits of BOOT_PARAMS.flags. */
function flagsOf(program: KernelProgram | undefined): bigint {
  if (program === undefined) return 0n;
  const { rodataOff, noExecute, pti } = program;
  return (rodataOff ? 1n : 0n) | (noExecute ? 0n : 2n) | (pti ? 4n : 0n);
}

function loadImage(ram: PhysicalRam, { path, bytes }: KernelProgram): LoadedImage {
  const parsed = parseElf(bytes);
  if (!parsed.ok) throw new ProgramError(path, parsed.reason);
  const { image } = parsed;
  const refusal = refusalOf(image);
  if (refusal !== undefined) throw new ProgramError(path, refusal);
  let end = 0;
  const ranges = new Map<Kind, { start: bigint; end: bigint }>();
  for (const { type, flags, offset, address, fileSize, memorySize } of image.headers) {
    if (type !== PT_LOAD || memorySize === 0n) continue;
    const start = address - KERNEL_MAP;
    if (start < BigInt(PHYSICAL.pageTables * 2) || start + memorySize > BigInt(RAM_BYTES)) {
      const [low, high] = [
        KERNEL_MAP + BigInt(PHYSICAL.pageTables * 2),
        KERNEL_MAP + BigInt(RAM_BYTES),
      ];
      throw new ProgramError(
        path,
        `it has a segment at 0x${address.toString(16)}: expected a kernel between 0x${low.toString(16)} and 0x${high.toString(16)}; ${FOR_PROGRAMS}`,
      );
    }
    if (offset + fileSize > BigInt(bytes.length) || fileSize > memorySize) {
      throw new ProgramError(path, 'it ends before its segments do');
    }
    put(ram, Number(start), bytes.subarray(Number(offset), Number(offset + fileSize)), path);
    end = Math.max(end, Number(start + memorySize));
    const kind = flags & PF_X ? 'text' : flags & PF_W ? 'data' : 'rodata';
    const before = ranges.get(kind);
    ranges.set(kind, { start: before?.start ?? address, end: address + memorySize });
  }
  return { entry: image.entry, end, ranges };
}

function refusalOf({ arch, type, interpreter }: ElfImage): string | undefined {
  if (arch !== 'x86-64') return `it is for ${arch}, a kernel here is for x86-64`;
  if (type !== 'ET_EXEC' || interpreter !== undefined) {
    return `it is not a static executable, as a kernel is; ${FOR_PROGRAMS}`;
  }
  return undefined;
}

/** Page by page; pages of zeros take no memory. */
function put(ram: PhysicalRam, address: number, bytes: Uint8Array, path = ''): void {
  for (let at = 0; at < bytes.length; ) {
    const count = Math.min(bytes.length - at, PAGE - ((address + at) % PAGE));
    const part = bytes.subarray(at, at + count);
    const stored = part.every((byte) => byte === 0) || ram.write(address + at, part);
    if (!stored) {
      throw new ProgramError(
        path,
        'it does not fit into the memory of the sandbox (limits.memory)',
      );
    }
    at += count;
  }
}

function writeTables(ram: PhysicalRam, imageEnd: number, noExecute: bigint): void {
  const [top, linear, linearPages, high, image, modules] = [0, 1, 2, 3, 4, 5].map(
    (n) => PHYSICAL.pageTables + n * PAGE,
  ) as [number, number, number, number, number, number];
  const set = (table: number, address: bigint, level: number, entry: bigint): void => {
    const index = Number((address >> BigInt(12 + 9 * level)) & 0x1ffn);
    put(ram, table + 8 * index, new Struct(8).setWord(0, 8, entry).bytes);
  };
  set(top, PAGE_OFFSET, 3, BigInt(linear) | TABLE);
  set(linear, PAGE_OFFSET, 2, BigInt(linearPages) | TABLE);
  for (let at = 0; at < RAM_BYTES; at += LARGE) {
    set(linearPages, PAGE_OFFSET + BigInt(at), 1, BigInt(at) | LARGE_PAGE | noExecute);
  }
  set(top, KERNEL_MAP, 3, BigInt(high) | TABLE);
  set(high, KERNEL_MAP, 2, BigInt(image) | KERNEL_TABLE);
  set(high, MODULES_VADDR, 2, BigInt(modules) | TABLE);
  for (let at = 16 << 20; at < imageEnd; at += LARGE) {
    set(image, KERNEL_MAP + BigInt(at), 1, BigInt(at) | LARGE_PAGE);
  }
}

function writeDescriptors(engine: Engine, ram: PhysicalRam): void {
  const gdt = new Struct(TSS_SELECTOR + 16);
  const tss = PAGE_OFFSET + BigInt(PHYSICAL.tss);
  gdt.setWord(KERNEL_CS, 8, DESCRIPTOR_CODE);
  gdt.setWord(KERNEL_DS, 8, DESCRIPTOR_DATA);
  const low =
    BigInt(TSS_BYTES - 1) |
    ((tss & 0xff_ffffn) << 16n) |
    DESCRIPTOR_TSS |
    (((tss >> 24n) & 0xffn) << 56n);
  gdt.setWord(TSS_SELECTOR, 8, low);
  gdt.setWord(TSS_SELECTOR + 8, 8, tss >> 32n);
  put(ram, PHYSICAL.gdt, gdt.bytes);
  engine.writeRegister('gdtr_base', PAGE_OFFSET + BigInt(PHYSICAL.gdt));
  engine.writeRegister('gdtr_limit', BigInt(gdt.bytes.length - 1));
  engine.writeRegister('tr', BigInt(TSS_SELECTOR));
  engine.writeRegister('tr_base', tss);
  engine.writeRegister('tr_limit', BigInt(TSS_BYTES - 1));
}

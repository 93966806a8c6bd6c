/**
 * The CPU as a Linux program finds it: user mode, flat segments, paging on, x87 and SSE ready.
 *
 * The hidden parts of the segments and the hidden flags are written as QEMU keeps them, so no boot code
 * runs. What the kernel keeps in memory for this state is one page, the GDT, which exists for the CPU's
 * own accesses only (supervisor mode): a guest that touches its address gets an ordinary page fault.
 */
import type { Arch } from '../../base/address.js';
import { UC_X86_REG_EFLAGS, UC_X86_REG_FPCW, UC_X86_REG_MXCSR } from './api.js';
import type { Machine } from './machine.js';
import {
  ENV,
  FEATURES_7_ECX_CELL,
  HF,
  SEGMENT,
  SEGMENT_CS,
  SEGMENT_DS,
  SEGMENT_ES,
  SEGMENT_FS,
  SEGMENT_GS,
  SEGMENT_SS,
  TICKS,
} from './offsets.js';

/** Linux arch/x86/include/asm/segment.h, x86-64 (which also runs i386 programs). */
export const USER32_CS = 0x23;
export const USER_DS = 0x2b;
export const USER_CS = 0x33;
export const GDT_ENTRIES = 16;
export const GDT_TLS_FIRST = 12;
export const GDT_TLS_LAST = 14;

/** Where the GDT of CPU 0 is on x86-64 (cpu_entry_area); the last page on i386. */
export const GDT_ADDRESS: Readonly<Record<Arch, bigint>> = {
  'x86-64': 0xffff_fe00_0000_1000n,
  i386: 0xffff_f000n,
};

const DESCRIPTOR_USER32_CODE = 0x00cf_fb00_0000_ffffn;
const DESCRIPTOR_USER_DATA = 0x00cf_f300_0000_ffffn;
const DESCRIPTOR_USER_CODE = 0x00af_fb00_0000_ffffn;

/** High words of the descriptors above without base and limit, as SegmentCache.flags holds them. */
const FLAGS_CODE64 = 0x00a0_fb00;
const FLAGS_CODE32 = 0x00c0_fb00;
const FLAGS_DATA = 0x00c0_f300;

const CR0_PE_MP_ET_NE_WP_AM_PG = 0x8005_0033n;
const CR4_PAE_OSFXSR_OSXMMEXCPT = 0x620n;
/** IF and the bit that is always set. */
export const EFLAGS_USER = 0x202;
const FPCW_INITIAL = 0x37f;
const MXCSR_INITIAL = 0x1f80;

/** CPUID leaf 1, EDX: FPU DE PSE TSC MSR PAE CX8 SEP PGE CMOV PAT CLFLUSH MMX FXSR SSE SSE2. */
const FEATURES_1_EDX =
  0x0000_097d | (1 << 13) | (1 << 15) | (1 << 16) | (1 << 19) | (1 << 23) | (7 << 24);
/** ECX: SSE3 PCLMULQDQ SSSE3 CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES. No XSAVE, hence no AVX. */
const FEATURES_1_ECX =
  (1 << 0) |
  (1 << 1) |
  (1 << 9) |
  (1 << 13) |
  (1 << 19) |
  (1 << 20) |
  (1 << 22) |
  (1 << 23) |
  (1 << 25);
/** Leaf 7, EBX: ADX. */
const FEATURES_7_EBX = 1 << 19;
/** ECX: PKU, and OSPKE, that the kernel has turned them on. */
const FEATURES_7_ECX_KEYS = (1 << 3) | (1 << 4);
const LAST_CPUID_LEAF = 7;
/** Leaf 0x80000001, EDX: SYSCALL NX RDTSCP LM; ECX: LAHF, LZCNT. */
const FEATURES_EXT_EDX = (1 << 11) | (1 << 20) | (1 << 27) | (1 << 29);
const FEATURES_EXT_ECX = (1 << 0) | (1 << 5);

/**
 * Brings a freshly opened or reused machine to the state of a new process. `gdt` is host memory.
 * `protectionKeys`: CPUID announces them.
 */
export function boot(machine: Machine, gdt: number, protectionKeys: boolean): void {
  const { heap, env, arch } = machine;
  machine.reset();
  heap.writeU64(TICKS, 0n);
  heap.bytes.fill(0, gdt, gdt + 4096);
  heap.writeU64(gdt + (USER32_CS & ~7), DESCRIPTOR_USER32_CODE);
  heap.writeU64(gdt + (USER_DS & ~7), DESCRIPTOR_USER_DATA);
  if (arch === 'x86-64') heap.writeU64(gdt + (USER_CS & ~7), DESCRIPTOR_USER_CODE);
  heap.writeU64(env + ENV.GDT + SEGMENT.BASE, GDT_ADDRESS[arch]);
  heap.writeU32(env + ENV.GDT + SEGMENT.LIMIT, GDT_ENTRIES * 8 - 1);

  const wide = arch === 'x86-64';
  setSegment(machine, SEGMENT_CS, wide ? USER_CS : USER32_CS, wide ? FLAGS_CODE64 : FLAGS_CODE32);
  for (const index of [SEGMENT_SS, SEGMENT_DS, SEGMENT_ES])
    setSegment(machine, index, USER_DS, FLAGS_DATA);
  for (const index of [SEGMENT_FS, SEGMENT_GS]) setSegment(machine, index, 0, 0);

  const common = HF.CPL3 | HF.SOFTMMU | HF.CS32 | HF.SS32 | HF.PE | HF.MP | HF.OSFXSR;
  heap.writeU32(env + ENV.HFLAGS, wide ? common | HF.LMA | HF.CS64 : common);
  heap.writeU64(env + ENV.CR0, CR0_PE_MP_ET_NE_WP_AM_PG);
  heap.writeU64(env + ENV.CR4, CR4_PAE_OSFXSR_OSXMMEXCPT);
  setFeatures(machine);
  heap.writeU32(FEATURES_7_ECX_CELL, protectionKeys ? FEATURES_7_ECX_KEYS : 0);
  setArithmetic(machine);
}

function setSegment(machine: Machine, index: number, selector: number, flags: number): void {
  const { heap, env } = machine;
  const at = env + ENV.SEGS + index * SEGMENT.BYTES;
  heap.writeU32(at + SEGMENT.SELECTOR, selector);
  heap.writeU64(at + SEGMENT.BASE, 0n);
  heap.writeU32(at + SEGMENT.LIMIT, flags === 0 ? 0 : 0xffff_ffff);
  heap.writeU32(at + SEGMENT.FLAGS, flags);
}

/** What the engine really executes: a libc picks its routines by these bits. */
function setFeatures({ heap, env }: Machine): void {
  const words = [
    FEATURES_1_EDX,
    FEATURES_1_ECX,
    FEATURES_7_EBX,
    FEATURES_EXT_EDX,
    FEATURES_EXT_ECX,
  ];
  heap.writeU32(env + ENV.CPUID_LEVEL, LAST_CPUID_LEAF);
  words.forEach((word, i) => {
    heap.writeU32(env + ENV.FEATURES + 4 * i, word);
  });
}

/** Flags, x87 and SSE through the API, which also sets what QEMU derives (lazy flags, rounding). */
function setArithmetic(machine: Machine): void {
  const { heap, env, module, handle, scratch } = machine;
  const set = (register: number, value: number) => {
    heap.writeU64(scratch, BigInt(value));
    machine.check(module.uc.uc_reg_write(handle, register, scratch), 'uc_reg_write');
  };
  set(UC_X86_REG_EFLAGS, EFLAGS_USER);
  set(UC_X86_REG_FPCW, FPCW_INITIAL);
  set(UC_X86_REG_MXCSR, MXCSR_INITIAL);
  heap.bytes.fill(1, env + ENV.FPTAGS, env + ENV.FPTAGS + 8);
}

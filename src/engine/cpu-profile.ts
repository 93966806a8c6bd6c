/**
 * CpuProfile: the processor that an engine opens with, as the first instruction finds it: its mode and
 * privilege level, what CPUID announces, segments and control registers. Each world picks one; a kernel in
 * ring 0 makes its own. Values are those of the manual (Intel SDM volume 3), nothing of an engine's.
 */
import type { Addr, Arch } from '../base/address.js';
import type { Extensions } from './carried/extensions.js';
import {
  announced,
  type CpuidFeatures,
  type CpuModel,
  DEFAULT_CPU,
  parseCpu,
} from './cpu-model.js';

/** What a segment register holds, and what the CPU has cached of its descriptor. */
export interface SegmentValue {
  readonly selector: number;
  readonly base: bigint;
  readonly limit: number;
  /** The high word of the descriptor without base and limit: type, DPL, P, L, D/B, G. 0: a null selector. */
  readonly flags: number;
}

export type SegmentName = 'cs' | 'ss' | 'ds' | 'es' | 'fs' | 'gs';

export interface CpuProfile {
  /** For messages: 'linux-x86-64'. */
  readonly name: string;
  /** 'i386': protected mode, 32 bits. 'x86-64': long mode, 64 bits. */
  readonly arch: Arch;
  /** CPL, and IOPL 0. At 0 the control registers are registers that can be named, and `translate` sees CR0.WP itself. */
  readonly privilege: 0 | 3;
  readonly features: CpuidFeatures;
  /** What runs beyond SSE2, whether CPUID says so or not. With `avx` state is ymm0 to ymm15. */
  readonly extensions: Extensions;
  readonly segments: Readonly<Record<SegmentName, SegmentValue>>;
  /**
   * Of the GDT that the engine keeps: its address, which only the CPU's own accesses see, and its descriptors by
   * index, below `GDT_ENTRIES`. Undefined: the guest has its own, in memory, and loads it with `lgdt`.
   */
  readonly gdt:
    | { readonly address: Addr; readonly entries: ReadonlyMap<number, bigint> }
    | undefined;
  readonly cr0: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
}

export const GDT_ENTRIES = 16;
/** Thread-local descriptors of i386 Linux, the ones that `setGdtEntry` may change. */
export const GDT_TLS_FIRST = 12;
export const GDT_TLS_LAST = 14;

/** Linux arch/x86/include/asm/segment.h, x86-64 (which also runs i386 programs). */
export const USER32_CS = 0x23;
export const USER_DS = 0x2b;
export const USER_CS = 0x33;

const DESCRIPTOR_USER32_CODE = 0x00cf_fb00_0000_ffffn;
const DESCRIPTOR_USER_DATA = 0x00cf_f300_0000_ffffn;
const DESCRIPTOR_USER_CODE = 0x00af_fb00_0000_ffffn;

/** High words of the descriptors above without base and limit. */
const FLAGS_CODE64 = 0x00a0_fb00;
const FLAGS_CODE32 = 0x00c0_fb00;
const FLAGS_DATA = 0x00c0_f300;

const CR0_PE_MP_ET_NE_WP_AM_PG = 0x8005_0033n;
const CR4_PAE_OSFXSR_OSXMMEXCPT = 0x620n;
const EFER_SCE_LME_LMA_NX = 0xd01n;

/** ECX of leaf 7: PKU, and OSPKE, that the kernel has turned them on. */
const LEAF_7_ECX_KEYS = (1 << 3) | (1 << 4);

/** What every processor here has. */
const BASE_FEATURES: CpuidFeatures = {
  leaf1Ecx: 0,
  /** FPU DE PSE TSC MSR PAE CX8 SEP PGE CMOV PAT CLFLUSH MMX FXSR SSE SSE2. */
  leaf1Edx: 0x0000_097d | (1 << 13) | (1 << 15) | (1 << 16) | (1 << 19) | (1 << 23) | (7 << 24),
  leaf7Ebx: 0,
  leaf7Ecx: 0,
  extendedEcx: 0,
  /** SYSCALL NX RDTSCP LM. */
  extendedEdx: (1 << 11) | (1 << 20) | (1 << 27) | (1 << 29),
};
const DEFAULT_MODEL = parseCpu(DEFAULT_CPU);
/** Of the processor that a sandbox has by default. */
const FEATURES = announced(BASE_FEATURES, DEFAULT_MODEL);

const NULL_SEGMENT: SegmentValue = { selector: 0, base: 0n, limit: 0, flags: 0 };

function flat(selector: number, flags: number): SegmentValue {
  return { selector, base: 0n, limit: 0xffff_ffff, flags };
}

const DATA = flat(USER_DS, FLAGS_DATA);
const DESCRIPTORS_32: readonly (readonly [number, bigint])[] = [
  [USER32_CS >> 3, DESCRIPTOR_USER32_CODE],
  [USER_DS >> 3, DESCRIPTOR_USER_DATA],
];

/** User mode of a Linux kernel: flat segments, paging on, x87 and SSE ready. */
const LINUX: Readonly<Record<Arch, CpuProfile>> = {
  'x86-64': {
    name: 'linux-x86-64',
    arch: 'x86-64',
    privilege: 3,
    features: FEATURES,
    extensions: DEFAULT_MODEL.extensions,
    segments: {
      cs: flat(USER_CS, FLAGS_CODE64),
      ss: DATA,
      // Linux arch/x86/kernel/process_64.c: start_thread.
      ds: NULL_SEGMENT,
      es: NULL_SEGMENT,
      fs: NULL_SEGMENT,
      gs: NULL_SEGMENT,
    },
    gdt: {
      // Where it is on CPU 0 (cpu_entry_area).
      address: 0xffff_fe00_0000_1000n,
      entries: new Map([...DESCRIPTORS_32, [USER_CS >> 3, DESCRIPTOR_USER_CODE]]),
    },
    cr0: CR0_PE_MP_ET_NE_WP_AM_PG,
    cr4: CR4_PAE_OSFXSR_OSXMMEXCPT,
    efer: EFER_SCE_LME_LMA_NX,
  },
  i386: {
    name: 'linux-i386',
    arch: 'i386',
    privilege: 3,
    features: FEATURES,
    extensions: DEFAULT_MODEL.extensions,
    segments: {
      cs: flat(USER32_CS, FLAGS_CODE32),
      ss: DATA,
      ds: DATA,
      es: DATA,
      fs: NULL_SEGMENT,
      gs: NULL_SEGMENT,
    },
    gdt: { address: 0xffff_f000n, entries: new Map(DESCRIPTORS_32) },
    cr0: CR0_PE_MP_ET_NE_WP_AM_PG,
    cr4: CR4_PAE_OSFXSR_OSXMMEXCPT,
    efer: 0n,
  },
};

/** What a host may choose of a processor. */
export interface ProcessorChoice {
  /** CPUID announces them; RDPKRU and WRPKRU are the caller's to carry out. Default false. */
  readonly protectionKeys?: boolean;
  /** Default: DEFAULT_CPU. */
  readonly model?: CpuModel;
}

/** The processor of a Linux process. */
export function linuxProfile(
  arch: Arch,
  { protectionKeys = false, model = DEFAULT_MODEL }: ProcessorChoice = {},
): CpuProfile {
  const features = announced(BASE_FEATURES, model);
  return {
    ...LINUX[arch],
    extensions: model.extensions,
    features: protectionKeys ? { ...features, leaf7Ecx: LEAF_7_ECX_KEYS } : features,
  };
}

const DESCRIPTOR_FLAGS_KERNEL_CODE = 0x00a0_9b00;
const DESCRIPTOR_FLAGS_KERNEL_DATA = 0x00c0_9300;
/** Linux arch/x86/include/asm/segment.h. */
export const KERNEL_CS = 0x10;
export const KERNEL_DS = 0x18;

/** CPUID bits of what a kernel's page tables can do. */
const LEAF_7_EBX_SMEP = 1 << 7;
const LEAF_7_EBX_SMAP = 1 << 20;
const EXTENDED_EDX_SYSCALL = 1 << 11;
const EXTENDED_EDX_NX = 1 << 20;
const EXTENDED_EDX_PAGES_1G = 1 << 26;
const LEAF_1_EDX_SEP = 1 << 11;
const CR4_PGE = 1n << 7n;
const CR4_SMEP_SMAP = (1n << 20n) | (1n << 21n);
const EFER_LME_LMA = 0x500n;
const EFER_NXE = 1n << 11n;

/** What a processor can lack. */
export interface KernelProcessor {
  readonly nx: boolean;
  /** SMEP and SMAP. */
  readonly supervisorChecks: boolean;
}

/**
 * The processor of a 64-bit kernel: long mode at privilege level 0, with pages of 2 MiB and 1 GiB, global pages, and
 * as asked NX, SMEP and SMAP, all of them turned on. No system calls: EFER.SCE is 0, so that `syscall` is #UD. The guest
 * has its own descriptor tables.
 */
export function kernelProfile({ nx, supervisorChecks }: KernelProcessor): CpuProfile {
  const data = flat(KERNEL_DS, DESCRIPTOR_FLAGS_KERNEL_DATA);
  return {
    name: 'kernel-x86-64',
    arch: 'x86-64',
    privilege: 0,
    extensions: DEFAULT_MODEL.extensions,
    features: {
      ...FEATURES,
      leaf1Edx: FEATURES.leaf1Edx & ~LEAF_1_EDX_SEP,
      leaf7Ebx: FEATURES.leaf7Ebx | (supervisorChecks ? LEAF_7_EBX_SMEP | LEAF_7_EBX_SMAP : 0),
      extendedEdx:
        (FEATURES.extendedEdx & ~(EXTENDED_EDX_SYSCALL | EXTENDED_EDX_NX)) |
        EXTENDED_EDX_PAGES_1G |
        (nx ? EXTENDED_EDX_NX : 0),
    },
    segments: {
      cs: flat(KERNEL_CS, DESCRIPTOR_FLAGS_KERNEL_CODE),
      ss: data,
      ds: data,
      es: data,
      fs: NULL_SEGMENT,
      gs: NULL_SEGMENT,
    },
    gdt: undefined,
    cr0: CR0_PE_MP_ET_NE_WP_AM_PG,
    cr4: CR4_PAE_OSFXSR_OSXMMEXCPT | CR4_PGE | (supervisorChecks ? CR4_SMEP_SMAP : 0n),
    efer: EFER_LME_LMA | (nx ? EFER_NXE : 0n),
  };
}

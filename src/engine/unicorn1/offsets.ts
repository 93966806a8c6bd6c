/**
 * Where things lie in the linear memory of Unicorn 1.0.3 as @specy/x86 1.1.0 ships it.
 *
 * These are C structure offsets, measured on the file that the build pins by its SHA-256 and named as in
 * the sources (uc_priv.h, qom/cpu.h, target-i386/cpu.h, exec/cpu-defs.h, exec/memory.h of Unicorn 1.0.3).
 * Nothing else in the project knows an address inside the engine. `checkOffsets` proves the ones that
 * matter on each new machine, so that another file fails at open and not in a guest.
 */

/** struct uc_struct, from the handle. */
export const UC = {
  CPU: 176,
  /** The CPU while it runs, and after. */
  CURRENT_CPU: 180,
  SIZE_RECUR_MEM: 1096,
  MAPPED_BLOCKS: 1160,
} as const;

/** struct MemoryRegion. `ADDR` and `END` are 64 bits wide. */
export const REGION = { ADDR: 56, RAM_ADDR: 68, END: 144 } as const;

/** struct CPUState, from the pointer at UC.CPU. */
export const CPU = {
  /** `tcg_exit_req`'s cause, and whatever else is to be done before the next block. */
  EXIT_REQUEST: 100,
  INTERRUPT_REQUEST: 104,
  ENV_PTR: 284,
  CURRENT_TB: 288,
  /** By a hash of the program counter, which keeps the blocks of a page together: JMP_CACHE. */
  TB_JMP_CACHE: 292,
  EXCEPTION_INDEX: 16752,
  ENV: 16768,
} as const;

/** struct CPUX86State (`env`). */
export const ENV = {
  /** rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15; 8 bytes each. */
  REGS: 0,
  EIP: 128,
  /** Without the arithmetic flags, which are lazy. */
  EFLAGS: 144,
  HFLAGS: 184,
  /** es, cs, ss, ds, fs, gs, then ldt, tr, gdt, idt: see SEGMENT. */
  SEGS: 192,
  CS_BASE: 224,
  TR: 360,
  GDT: 384,
  IDT: 408,
  CR0: 432,
  CR2: 448,
  CR3: 456,
  CR4: 464,
  EFER: 2952,
  /** Lazy flags: operands (8 bytes each), the kind of the last operation; 1 when CC_SRC holds the flags themselves. */
  CC_DST: 152,
  CC_SRC: 160,
  CC_OP: 176,
  /** 1 or -1: the direction of string instructions. */
  DF: 180,
  FPSTT: 572,
  FPUS: 576,
  FPUC: 578,
  FPTAGS: 580,
  /** Eight of 16 bytes; the low ten hold the value. */
  FPREGS: 592,
  MXCSR: 784,
  /** Sixteen of 16 bytes. */
  XMM: 792,
  /** Sixteen of 16 bytes: what AVX adds to the registers above (`ymmh_regs`). */
  YMM_UPPER: 1392,
  /** Where QEMU has AVX-512's mask registers, which nothing here uses: what RDRAND's next number comes of, 8 bytes. */
  RANDOM: 1648,
  /** All that a guest can see of a CPU lies below: this is what a saved CPU holds. */
  GUEST_END: 3488,
  ERROR_CODE: 3488,
  EXCEPTION_IS_INT: 3492,
  OLD_EXCEPTION: 3584,
  TSC_OFFSET: 3600,
  TLB: 3632,
  IOTLB: 28976,
  CPUID_LEVEL: 35348,
  CPUID_VENDOR: 35360,
  /** FEAT_1_EDX, FEAT_1_ECX, FEAT_7_0_EBX, FEAT_8000_0001_EDX, FEAT_8000_0001_ECX. */
  FEATURES: 35376,
} as const;

/** What `rdtsc` counts, from 0 by one: a static variable of cpu_get_real_ticks(), 64 bits. */
export const TICKS = 140808;

/** struct SegmentCache. */
export const SEGMENT = { BYTES: 24, SELECTOR: 0, BASE: 8, LIMIT: 16, FLAGS: 20 } as const;
export const SEGMENT_ES = 0;
export const SEGMENT_CS = 1;
export const SEGMENT_SS = 2;
export const SEGMENT_DS = 3;
export const SEGMENT_FS = 4;
export const SEGMENT_GS = 5;

/**
 * The software TLB: CPUTLBEntry tlb_table[3 modes][256], then tlb_v_table[3][8]; all ones is empty.
 * An entry is addr_read, addr_write, addr_code (64 bits each), addend (32 bits), 4 bytes unused.
 */
export const TLB = {
  ENTRIES: 256,
  ENTRY_BYTES: 32,
  MODE_BYTES: 256 * 32,
  MODES: 3,
  /** tlb_table and tlb_v_table. */
  BYTES: 3 * 256 * 32 + 3 * 8 * 32,
  USER: 1,
  /** SMAP is off, or EFLAGS.AC is set. */
  KERNEL_WITHOUT_SMAP: 2,
} as const;

/** The cache of blocks by program counter: 64 groups of pages, each with 64 pointers. */
export const JMP_CACHE = { PAGES: 64, PAGE_BYTES: 256, BYTES: 16384 } as const;

/** struct TranslationBlock. `CODE` is what the interpreter reads; `PAGE_1` is -1 where all of it lies in the first page. */
export const TB = {
  PC: 0,
  CS_BASE: 8,
  FLAGS: 16,
  SIZE: 24,
  CODE: 28,
  PAGE_0: 44,
  PAGE_1: 48,
} as const;

/**
 * uc->l1_map: pointers to tables of 1,024 PageDesc of 12 bytes, by page of ram_addr_t; the first word of one is not
 * 0 while there is code translated from the page.
 */
export const CODE_PAGES = { MAP: 856, ENTRIES: 1024, BYTES: 12 } as const;

/** env->hflags, HF_* of target-i386/cpu.h. */
export const HF = {
  CPL3: 3,
  SOFTMMU: 1 << 2,
  INHIBIT_IRQ: 1 << 3,
  CS32: 1 << 4,
  SS32: 1 << 5,
  ADDSEG: 1 << 6,
  PE: 1 << 7,
  MP: 1 << 9,
  EM: 1 << 10,
  TS: 1 << 11,
  LMA: 1 << 14,
  CS64: 1 << 15,
  OSFXSR: 1 << 22,
  SMAP: 1 << 23,
  /** Ours, where QEMU has none: code translated while every access, or every instruction, is hooked. */
  HOOKED_ACCESSES: 1 << 29,
  HOOKED_INSTRUCTIONS: 1 << 30,
} as const;

/** cpu-all.h: the next store to this page must look whether it hits translated code. */
export const TLB_NOTDIRTY = 1 << 4;
/** exec.c: the section number, in the low bits of an iotlb value, whose stores do that. */
export const PHYS_SECTION_NOTDIRTY = 1;

/**
 * What src/build/unicorn-wasm/patches/patch-mmu-fault.ts puts into the engine's text. The table indices of our functions
 * for TLB misses, and for eight-byte stores near the end of a page, are read from these addresses, below
 * the module's data (which begins at 1024).
 */
export const MMU_FAULT_CELL = 16;
export const PAGE_END_STORE_CELL = 20;
/** What blocks may still cost; below zero, the last one cost more than was left. */
export const BLOCKS_LEFT_CELL = 24;
/** Why the interpreter stopped the run itself: END_BLOCKS, END_PLACE, or 0. */
export const END_CELL = 36;
/** Nothing was left when a block was about to begin. */
export const END_BLOCKS = 1;
/** A computed jump led to where the run is to end. */
export const END_PLACE = 2;
/** Where a run ends: addresses whose low word under the mask is the first, and whose high word is the second. */
export const PLACE_CELL = 64;
export const PLACE_HIGH_CELL = 68;
export const PLACE_MASK_CELL = 72;
/** What was left when a translation ended within its block: the one that begins then goes on, whatever is left. */
export const CONTINUES_CELL = 40;
/** Of no block: more than may be left. */
export const CONTINUES_NOWHERE = 0x7fff_ffff;
/**
 * A block counts 1, and as many more for each boundary between two lines of so many bytes of code that it goes on
 * across. A line of the slowest plain instructions (x87, SSE, pushes) takes some 0.3 to 1.3 microseconds.
 */
export const LINE_BYTES = 64;
export const LINE_BLOCKS = 4;
/** An access to data whose page is not the last one that was accessed in its slot of the TLB: the miss takes 0.2 to 0.5 microseconds. */
export const MISS_BLOCKS = 3;
/** A store across two pages, which the engine makes byte by byte. */
export const SPLIT_STORE_BLOCKS = 4;
/** What patch-code-history.ts calls: a store to a page that may hold code, a block that was translated. */
export const STORED_CELL = 80;
export const TRANSLATED_CELL = 84;
/** A store to a page that was executed from: the engine looks whether it hits code. */
export const CODE_STORE_BLOCKS = 4;
/** A line of code that is executed for the first time since the guest stored to it: it is translated anew. */
export const REWRITTEN_LINE_BLOCKS = 300;
/** Bytes of code that one translation holds, and one instruction: what a changed byte has translated anew is no more than that. */
export const TRANSLATION_BYTES = 480;
/** What CPUID leaf 7 says in ECX (src/build/unicorn-wasm/patches/patch-cpuid.ts). */
export const FEATURES_7_ECX_CELL = 28;
/** What CPUID leaf 13 says, 16 bytes for each sub-leaf from 0 on. */
export const CPUID_13 = 256;
export const CPUID_13_LEAVES = 3;
/** Not 0: the next instruction is one that its own store to its block made begin again. */
export const RESTARTED_CELL = 32;
/** 16 bytes: a copy of a vector register (patch-in-place.ts). */
export const IN_PLACE_COPY = 48;
/** The kind of access that a port instruction asks for, after QEMU's 0 read, 1 write, 2 fetch. */
export const PORT_ACCESS = 3;
/** The "access" of an exception that a helper raises; the address is its vector. */
export const RAISE_ACCESS = 4;
/** The "access" of an exception that a carried instruction raises (patch-carried.ts): all about it is known already. */
export const CARRY_ACCESS = 5;
/** What patch-carried.ts reads and writes. */
export const CARRIED = {
  /** Table indices of the functions that decode and run. */
  DECODE_CELL: 200,
  RUN_CELL: 204,
  /** Where memory is wanted: address, bytes, MMU mode. */
  LO: 208,
  HI: 212,
  LENGTH: 216,
  MODE: 220,
  /** Address of the next instruction, 8 bytes. */
  NEXT: 224,
  /** Two arguments of a helper, while it is translated. */
  ARGUMENTS: 232,
  /** Of the instruction that is translated: bits of its prefixes that do not count; 1: its vector has to be aligned, 2: has 16 bytes, 4: is where it jumps to. */
  DROPPED_PREFIXES: 240,
  ALIGNED: 244,
  /** Not 0: the routine sets the instruction pointer, and the block ends. */
  JUMPS: 248,
  /** Not 0: the routine is for a register that is not a canonical address, this number less one; then the engine goes on. */
  CHECKED: 252,
  /** 512 bytes: not 0 for an opcode that is asked about. */
  OPCODES: 512,
} as const;

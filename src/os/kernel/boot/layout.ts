/** Where things lie: Linux Documentation/arch/x86/x86_64/mm.rst, 4-level paging, without KASLR. */

/** All of RAM, once more: the linear map. */
export const PAGE_OFFSET = 0xffff_8880_0000_0000n;
export const VMALLOC_START = 0xffff_c900_0000_0000n;
export const VMALLOC_END = 0xffff_e900_0000_0000n;
/** The kernel image: its physical addresses begin at 0 here. */
export const KERNEL_MAP = 0xffff_ffff_8000_0000n;
/** Where the first byte of a kernel is linked. */
export const KERNEL_TEXT = 0xffff_ffff_8100_0000n;
export const MODULES_VADDR = 0xffff_ffff_c000_0000n;
export const MODULES_END = 0xffff_ffff_ff00_0000n;
/** No address of guest memory: a jump there leaves for the host. */
export const HOST_ADDRESSES = { start: 0x8000_0000_0000n, end: 0x8000_0001_0000n } as const;

/** 512 MiB, of which only what is used takes memory of the sandbox. */
export const RAM_BYTES = 512 << 20;

/** Physical addresses of what the boot loader leaves behind. */
export const PHYSICAL = {
  gdt: 0x2000,
  tss: 0x3000,
  bootParams: 0x7000,
  commandLine: 0x7100,
  stackTop: 0x9_0000,
  pageTables: 0x10_0000,
} as const;
/** Longest command line, with its NUL (COMMAND_LINE_SIZE is 2048). */
export const COMMAND_LINE_SIZE = 2048;

/** Byte offsets in the boot parameters; RSI points to them at the entry. Each is 8 bytes. */
export const BOOT_PARAMS = {
  ramBytes: 0,
  /** Physical address behind the kernel image, at a multiple of 2 MiB: from here on RAM is free. */
  imageEnd: 8,
  /** Linear address of the command line. */
  commandLine: 16,
  /** Bit 0: rodata=off; 1: a processor without NX; 2: pti=on. */
  flags: 24,
  /** 61, 612 or 73. */
  version: 32,
  /** Start and end of what the ELF file has as executable, as read-only and as writable. */
  text: 40,
  rodata: 56,
  data: 72,
} as const;
export const BOOT_PARAMS_BYTES = 88;

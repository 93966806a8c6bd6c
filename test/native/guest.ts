/**
 * The judge's guest: where its parts lie. One program
 * serves the native run and the sandbox; it lies below the test window, so that operations which
 * reach beyond the window's end cannot hurt it, and it does not use the stack that the kernel gave it.
 */
import type { Arch } from '../../src/base/address.js';

export const OP = {
  READ: 1,
  WRITE: 2,
  EXEC: 3,
  CALL: 4,
  DUMP: 5,
  SWEEP: 6,
  FORK: 7,
  EXIT: 8,
  BLOCK_CALL: 9,
} as const;

export const RECORD_BEGIN = 16;
export const RECORD_END = 17;
export const RECORD_LENGTH = 32;

/** What an argument's offset is added to: an index into the guest's table. */
export const BASE = { NONE: 0, WINDOW: 1, HOLE: 2, BRK: 3, SCRATCH: 4, FIRST_SLOT: 5 } as const;
export const SLOTS = 11;

/** mmap(NULL) falls into a hole of HOLE_LENGTH within an inaccessible reservation, from its top. */
export const HOLE_OFFSET = 8 << 20;
export const HOLE_LENGTH = 8 << 20;

/** Within the scratch page: where calls store what is compared, and the block of the old mmap. */
export const CAPTURE = 0x800;
export const BLOCK = 0x900;
export const MAX_OPERATIONS = 1000;

interface Place {
  readonly code: number;
  readonly data: number;
  readonly window: bigint;
  readonly taskSize: bigint;
}

export const PLACES: Readonly<Record<Arch, Place>> = {
  'x86-64': {
    code: 0x400000,
    data: 0xa0000000,
    window: 0x10_0000_0000n,
    taskSize: 0x7fff_ffff_f000n,
  },
  i386: { code: 0x8048000, data: 0x20000000, window: 0x5000_0000n, taskSize: 0xffff_e000n },
};

const IN_DATA = {
  SAVED_SP: 0x80,
  FAULT: 0x88,
  FAULT_ADDRESS: 0x90,
  VALUE: 0x98,
  HEADER: 0xa0,
  COUNTER: 0xc0,
  OUT: 0xe0,
  END: 0xe8,
  SCRATCH: 0x1000,
  STACK_TOP: 0x6000,
  ALT_STACK: 0x6000,
  ALT_STACK_LENGTH: 0xa000,
  OPERATIONS: 0x10000,
  OUTPUT: 0x20000,
  OUTPUT_LIMIT: 0x80000,
  OUTPUT_LENGTH: 0x100000,
  DATA_LENGTH: 0x180000,
};

/** What the sources name in capitals. */
export function guestConstants(arch: Arch): Record<string, number | bigint> {
  const { code, data, window } = PLACES[arch];
  return {
    ...IN_DATA,
    CODE: code,
    DATA: data,
    WINDOW: window,
    HOLE_OFFSET,
    HOLE_LENGTH,
    // Not a multiple of 2 MiB: such a length would itself be aligned for huge pages.
    ANCHOR_LENGTH: (36 << 20) + 4096,
    CAPTURE,
    BLOCK,
    RECORD_BEGIN,
    RECORD_END,
    ...Object.fromEntries(Object.entries(OP).map(([name, number]) => [`OP_${name}`, number])),
  };
}

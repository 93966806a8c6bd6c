/**
 * The probe's program: a loop over a table of experiments (encode.ts), each in a child of its own, so
 * that whatever kills it is a result. One source serves both architectures: `%ax` stands for rax or
 * eax, %word for its width; only entering the kernel and a handler's arguments differ.
 *
 * bx always points to the state, si to the record in hand. A child leaves its result in a page that it
 * shares with its parent; only the parent writes, and it clears away files and segments.
 */
import type { Arch } from '../base/address.js';
import { FRAME_SOURCE } from './source/frame.js';
import { KERNEL_SOURCE } from './source/kernel.js';
import { OUTPUT_SOURCE } from './source/output.js';
import { STEPS_SOURCE } from './source/steps.js';

/** Operations of records. BEGIN and END are the frame, the others steps. */
export const OP = {
  END: 0,
  BEGIN: 1,
  CALL: 2,
  WRITE: 3,
  RUN: 4,
  READ: 5,
  SAME: 6,
  BELOW: 7,
  FORK: 8,
  EXEC: 9,
  PIVOT: 10,
  PAGES: 11,
  VALUE: 12,
} as const;

/** Flag of a step: a failure of the call is no result, its value goes to the slot all the same. */
export const MAY_FAIL = 1;
/** Flag of BEGIN: files are made, which the parent takes away. */
export const HAS_FILES = 1;

/** Fields of a record; its words are as wide as the architecture's. */
export const RECORD = { OP: 0, INTO: 1, FLAGS: 2, NR: 4, LABEL: 8, BASES: 12, WORDS: 24 } as const;

export function recordLength(arch: Arch): number {
  return RECORD.WORDS + 6 * (arch === 'x86-64' ? 8 : 4);
}

/** What code that works returns. */
export const ANSWER = 42;

/** Keys of the list of names: errnos as they are, the others above them. */
export const SIGNAL_KEY = 0x1000;
export const CODE_KEY = 0x10000;

/** In the state. Slots come first: slot 0 is always 0. */
const STATE = {
  SLOTS: 0,
  ARGS: 256,
  SHARED: 304,
  COUNT: 312,
  STATUS: 320,
  SAVED_SP: 328,
  ARGC: 336,
  WANTED: 344,
  ACTION: 384,
  SYSTEM: 512,
  LINE: 1024,
} as const;
export const STATE_LENGTH = 4096;

/** In the shared page. */
const SHARED = { STEP: 0, KIND: 8, VALUE: 16, CODE: 24, SEGMENT: 32 } as const;
const KIND = { RUNNING: 0, OK: 1, ERRNO: 2, SIGNAL: 3, MISMATCH: 4 } as const;

/** Slots that are filled before the first experiment. */
export const PRESET_SLOTS = { STACK: 1, DATA: 2, TEXT: 3, MDWE: 4, SEGMENT: 5, FIRST: 6 } as const;

/** Constants of the source that do not depend on where things lie. */
export function interpreterConstants(arch: Arch): Record<string, number> {
  const prefixed = (prefix: string, table: Readonly<Record<string, number>>) =>
    Object.entries(table).map(([name, value]) => [`${prefix}${name}`, value] as const);
  return Object.fromEntries([
    ...prefixed('ST_', STATE),
    ...prefixed('SH_', SHARED),
    ...prefixed('KIND_', KIND),
    ...prefixed('OP_', OP),
    ...prefixed('RE_', RECORD),
    ...prefixed('SLOT_', PRESET_SLOTS),
    ['RECORD_LENGTH', recordLength(arch)],
    ['W', arch === 'x86-64' ? 8 : 4],
    ['MAY_FAIL', MAY_FAIL],
    ['HAS_FILES', HAS_FILES],
    ['ANSWER', ANSWER],
    ['SIGNAL_KEY', SIGNAL_KEY],
    ['CODE_KEY', CODE_KEY],
  ]);
}

export function interpreterSource(arch: Arch): string {
  const letter = arch === 'x86-64' ? 'r' : 'e';
  const word = arch === 'x86-64' ? 'qword' : 'dword';
  return `${KERNEL_SOURCE[arch]}${FRAME_SOURCE}${STEPS_SOURCE}${OUTPUT_SOURCE}`
    .replaceAll('%word', word)
    .replaceAll('%', letter)
    .replaceAll('SYS_MAP', arch === 'x86-64' ? 'SYS_mmap' : 'SYS_mmap2');
}

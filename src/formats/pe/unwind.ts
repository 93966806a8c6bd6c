/**
 * How a 64-bit function's caller is found: RUNTIME_FUNCTION and UNWIND_INFO, in the terms of call frame information.
 * Microsoft, "x64 exception handling". Epilogues are not told apart: within one the answer may be wrong.
 */
import { Struct } from '../../base/struct.js';
import type { CallFrame, RegisterRule } from '../dwarf/call-frames.js';
import type { PeContent } from './content.js';
import { DIRECTORY } from './image.js';

/** DWARF numbers by Windows' numbers: rax rcx rdx rbx rsp rbp rsi rdi r8 ... */
const DWARF = [0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];
const RSP = 7;
const RETURN_ADDRESS = 16;
const ENTRY = 12;
const CHAINED = 4;
const MOST_CHAINED = 32;

interface RuntimeFunction {
  readonly begin: number;
  readonly end: number;
  readonly info: number;
}

/** Undefined: the image has no table, or it cannot be read there. A function that is not in it has no frame. */
export function frameAt(content: PeContent, rva: number): CallFrame | undefined {
  const { rva: table, size } = content.image.directories[DIRECTORY.exception]!;
  if (table === 0 || size < ENTRY) return undefined;
  const found = find(content, table, Math.floor(size / ENTRY), rva);
  if (found === undefined) return frameOf(RSP, 0, 0, new Map());
  const walk = new Walk(content, rva - found.begin);
  return walk.all(found.info) ? walk.frame : undefined;
}

function find(
  content: PeContent,
  table: number,
  count: number,
  rva: number,
): RuntimeFunction | undefined {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    const entry = entryAt(content, table + middle * ENTRY);
    if (entry === undefined) return undefined;
    if (rva < entry.begin) high = middle;
    else if (rva >= entry.end) low = middle + 1;
    else return entry;
  }
  return undefined;
}

function entryAt(content: PeContent, at: number): RuntimeFunction | undefined {
  const bytes = content.read(at, ENTRY);
  if (bytes === undefined) return undefined;
  const fields = new Struct(bytes);
  return { begin: fields.u32(0), end: fields.u32(4), info: fields.u32(8) };
}

function frameOf(
  register: number,
  start: number,
  length: number,
  saved: ReadonlyMap<number, number>,
): CallFrame {
  const offset = start + length + 8;
  const rules = [...saved].map(([number, at]): [number, RegisterRule] => [
    number,
    { kind: 'offset', offset: at - offset },
  ]);
  return {
    cfa: { register, offset },
    registers: new Map([...rules, [RETURN_ADDRESS, { kind: 'offset', offset: -8 }]]),
    returnAddress: RETURN_ADDRESS,
    isSignal: false,
  };
}

/** Undoes a prologue: how far the stack pointer was moved, and where registers were put. */
class Walk {
  readonly #content: PeContent;
  /** Bytes behind the function's begin: of its prologue only so much has run. */
  readonly #ran: number;
  /** What the frame is counted from. */
  #register = RSP;
  /** Of `#register`: the lowest byte of the fixed part of the frame. */
  #start = 0;
  #length = 0;
  readonly #saved = new Map<number, number>();

  constructor(content: PeContent, ran: number) {
    this.#content = content;
    this.#ran = ran;
  }

  get frame(): CallFrame {
    return frameOf(this.#register, this.#start, this.#length, this.#saved);
  }

  /** False: it cannot be read, or does what no caller is found after. */
  all(info: number): boolean {
    let at: number | undefined = info;
    for (let depth = 0; at !== undefined && depth < MOST_CHAINED; depth++) {
      const next: number | false | undefined = this.#one(at, depth > 0);
      if (next === false) return false;
      at = next;
    }
    return at === undefined;
  }

  /** The UNWIND_INFO of the chain's next part; undefined: there is none. */
  #one(at: number, isChained: boolean): number | false | undefined {
    const head = this.#content.read(at, 4);
    if (head === undefined) return false;
    const [version = 0, , count = 0, frame = 0] = head;
    const bytes = this.#content.read(at + 4, (count + (count % 2)) * 2);
    if (bytes === undefined) return false;
    const codes = new Struct(bytes);
    const isDone = (index: number): boolean => isChained || codes.u8(index * 2) <= this.#ran;
    const setsFrame = Array.from({ length: count }, (_, index) => index).some(
      (index) => (codes.u8(index * 2 + 1) & 15) === SET_FPREG && isDone(index),
    );
    if ((frame & 15) !== 0 && setsFrame) {
      this.#register = DWARF[frame & 15]!;
      this.#start = -(frame >> 4) * 16;
    }
    for (let index = 0; index < count; ) {
      const slots = this.#code(codes, index, isDone(index));
      if (slots === undefined) return false;
      index += slots;
    }
    if (!((version >> 3) & CHAINED)) return undefined;
    return entryAt(this.#content, at + 4 + bytes.length)?.info ?? false;
  }

  /** Slots of two bytes that the code takes; undefined for one that is not known. */
  #code(codes: Struct, index: number, isDone: boolean): number | undefined {
    const what = codes.u8(index * 2 + 1);
    const [operation, info] = [what & 15, what >> 4];
    const u16 = (slot: number): number =>
      (index + slot) * 2 + 2 <= codes.bytes.length ? codes.u16((index + slot) * 2) : 0;
    switch (operation) {
      case PUSH_NONVOL:
        if (isDone) {
          this.#save(info, this.#length);
          this.#length += 8;
        }
        return 1;
      case ALLOC_LARGE: {
        const size = info === 0 ? u16(1) * 8 : u16(1) + u16(2) * 0x10000;
        if (isDone) this.#length += size;
        return info === 0 ? 2 : 3;
      }
      case ALLOC_SMALL:
        if (isDone) this.#length += info * 8 + 8;
        return 1;
      case SET_FPREG:
        return 1;
      case SAVE_NONVOL:
        if (isDone) this.#save(info, u16(1) * 8);
        return 2;
      case SAVE_NONVOL_FAR:
        if (isDone) this.#save(info, u16(1) + u16(2) * 0x10000);
        return 3;
      case SAVE_XMM128:
        return 2;
      case SAVE_XMM128_FAR:
        return 3;
      default:
        return undefined;
    }
  }

  #save(register: number, at: number): void {
    this.#saved.set(DWARF[register]!, this.#start + at);
  }
}

const PUSH_NONVOL = 0;
const ALLOC_LARGE = 1;
const ALLOC_SMALL = 2;
const SET_FPREG = 3;
const SAVE_NONVOL = 4;
const SAVE_NONVOL_FAR = 5;
const SAVE_XMM128 = 8;
const SAVE_XMM128_FAR = 9;

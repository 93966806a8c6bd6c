/**
 * How a 64-bit function's caller is found in a file, in the terms of call frame information.
 */
import type { CallFrame, RegisterRule } from '../dwarf/call-frames.js';
import type { PeContent } from './content.js';
import { type Epilogue, epilogueAt } from './epilogue.js';
import { DIRECTORY } from './image.js';
import {
  FUNCTION_BYTES,
  findRuntimeFunction,
  MAX_CHAIN,
  type PeRuntimeFunction,
  type ReadAtRva,
  runtimeFunctionAt,
  UNW_FLAG_CHAININFO,
  type UnwindCode,
  unwindInfoAt,
} from './unwind-info.js';

/** DWARF numbers by Windows' numbers. */
const DWARF = [0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];
const RSP = 7;
const RETURN_ADDRESS = 16;

/** Undefined: the image has no table, or it cannot be read there. A function that is not in it has no frame. */
export function frameAt(content: PeContent, rva: number): CallFrame | undefined {
  const table = content.image.directories[DIRECTORY.exception]!;
  if (table.rva === 0 || table.size < FUNCTION_BYTES) return undefined;
  const read: ReadAtRva = (at, length) => content.read(at, length);
  const found = findRuntimeFunction(read, table, rva);
  if (found === undefined) return frameOf(RSP, 0, 0, new Map());
  const info = unwindInfoAt(read, found.unwind);
  if (info === undefined) return undefined;
  const isPastPrologue = rva - found.begin >= info.prologue;
  const epilogue = isPastPrologue ? epilogueAt(read, rva, found, info.frameRegister) : undefined;
  if (epilogue !== undefined) return frameOfEpilogue(epilogue);
  const walk = new Walk(read, rva - found.begin);
  return walk.all(found) ? walk.frame : undefined;
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

function frameOfEpilogue({ register, offset, pops }: Epilogue): CallFrame {
  const saved = pops.map((popped, index): [number, number] => [DWARF[popped]!, offset + index * 8]);
  return frameOf(DWARF[register]!, 0, offset + pops.length * 8, new Map(saved));
}

/** Undoes a prologue: how far the stack pointer was moved, and where registers were put. */
class Walk {
  readonly #read: ReadAtRva;
  /** Bytes behind the function's begin: of its prologue only so much has run. */
  readonly #ran: number;
  /** What the frame is counted from. */
  #register = RSP;
  /** Of `#register`: the lowest byte of the fixed part of the frame. */
  #start = 0;
  #length = 0;
  readonly #saved = new Map<number, number>();

  constructor(read: ReadAtRva, ran: number) {
    this.#read = read;
    this.#ran = ran;
  }

  get frame(): CallFrame {
    return frameOf(this.#register, this.#start, this.#length, this.#saved);
  }

  /** False: it cannot be read, or does what no caller is found after. */
  all(found: PeRuntimeFunction): boolean {
    let part: PeRuntimeFunction | undefined = found;
    for (let depth = 0; part !== undefined && depth < MAX_CHAIN; depth++) {
      const info = unwindInfoAt(this.#read, part.unwind);
      if (info === undefined) return false;
      const done = info.codes.filter(({ end }) => depth > 0 || end <= this.#ran);
      if (info.frameRegister !== 0 && done.some(({ kind }) => kind === 'set-frame')) {
        this.#register = DWARF[info.frameRegister]!;
        this.#start = -info.frameOffset;
      }
      if (!done.every((code) => this.#undo(code))) return false;
      const isChained = (info.flags & UNW_FLAG_CHAININFO) !== 0;
      part = isChained ? runtimeFunctionAt(this.#read, info.tail) : undefined;
      if (isChained && part === undefined) return false;
    }
    return part === undefined;
  }

  /** False for what no rule of call frame information says. */
  #undo(code: UnwindCode): boolean {
    switch (code.kind) {
      case 'push':
        this.#save(code.register, this.#length);
        this.#length += 8;
        return true;
      case 'allocate':
        this.#length += code.bytes;
        return true;
      case 'save':
        this.#save(code.register, code.at);
        return true;
      case 'machine-frame':
        return false;
      default:
        return true;
    }
  }

  #save(register: number, at: number): void {
    this.#saved.set(DWARF[register]!, this.#start + at);
  }
}

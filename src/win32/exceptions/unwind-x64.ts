/**
 * 64-bit unwinding: RUNTIME_FUNCTION tables and the codes that say what a function's prologue did.
 * Microsoft, "x64 exception handling".
 */
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { DIRECTORY } from '../../formats/pe/image.js';
import type { Win32Process } from '../process/process.js';
import { contextWord, setContextWord } from './context.js';

export const UNW_FLAG_EHANDLER = 1;
export const UNW_FLAG_UHANDLER = 2;
const UNW_FLAG_CHAININFO = 4;
const MAX_CHAIN = 32;
const REGISTERS = [
  ...['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'],
  ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
];
const XMM_AT = 0x1a0;

export interface FunctionEntry {
  /** What its RVAs count from. */
  readonly base: Addr;
  /** Where the RUNTIME_FUNCTION lies. */
  readonly address: Addr;
  readonly begin: number;
  readonly end: number;
  readonly unwind: number;
}

/** RtlLookupFunctionEntry: of an image, or of code that a program told of; undefined for a leaf function, or neither. */
export function lookupFunction(process: Win32Process, pc: Addr): FunctionEntry | undefined {
  const module = process.modules.at(pc);
  if (module === undefined) return lookupDynamic(process, pc);
  const { base, content } = module;
  const { rva, size } = content.image.directories[DIRECTORY.exception]!;
  const at = Number(pc - base);
  let low = 0;
  let high = Math.floor(size / FUNCTION_BYTES);
  while (low < high) {
    const middle = (low + high) >> 1;
    const entry = runtimeFunction(process, base, base + BigInt(rva + middle * FUNCTION_BYTES));
    if (entry === undefined) return undefined;
    if (at < entry.begin) high = middle;
    else if (at >= entry.end) low = middle + 1;
    else return entry;
  }
  return undefined;
}

const FUNCTION_BYTES = 12;

/** Tables of RtlAddFunctionTable need not be sorted. */
function lookupDynamic(process: Win32Process, pc: Addr): FunctionEntry | undefined {
  for (const { address, count, base } of process.functionTables) {
    process.system.meter.charge('object', count);
    for (let index = 0; index < count; index++) {
      const entry = runtimeFunction(process, base, address + BigInt(index * FUNCTION_BYTES));
      if (entry === undefined) break;
      if (pc >= base + BigInt(entry.begin) && pc < base + BigInt(entry.end)) return entry;
    }
  }
  return undefined;
}

function runtimeFunction(
  { memory }: Win32Process,
  base: Addr,
  address: Addr,
): FunctionEntry | undefined {
  const bytes = memory.tryRead(address, FUNCTION_BYTES);
  if (bytes === undefined) return undefined;
  const entry = new Struct(bytes);
  return { base, address, begin: entry.u32(0), end: entry.u32(4), unwind: entry.u32(8) };
}

/** What the frame of a function says, and the state of its caller in `context`. */
export interface UnwoundFrame {
  readonly establisher: Addr;
  /** The language's handler and its data, of the kinds asked for. */
  readonly handler: Addr;
  readonly handlerData: Addr;
}

/** Undefined: the stack or the tables cannot be read. */
export function virtualUnwind(
  process: Win32Process,
  entry: FunctionEntry,
  pc: Addr,
  context: Struct,
  kinds: number,
): UnwoundFrame | undefined {
  const { memory } = process;
  const { base } = entry;
  const establisher = frameBase(process, entry, pc, context);
  if (establisher === undefined) return undefined;
  let found: { handler: Addr; handlerData: Addr } | undefined;
  let current: FunctionEntry | undefined = entry;
  let poppedFrame = false;
  for (let depth = 0; current !== undefined && depth < MAX_CHAIN; depth++) {
    const info = unwindInfo(process, current);
    if (info === undefined) return undefined;
    const offset = Number(pc - base) - current.begin;
    const inPrologue = depth === 0 && offset < info.prologue;
    const applied = apply(process, info, context, inPrologue ? offset : 0xff, establisher);
    if (applied === undefined) return undefined;
    poppedFrame ||= applied === 'machine-frame';
    if (info.flags & kinds && !(info.flags & UNW_FLAG_CHAININFO) && !inPrologue) {
      const handler = new Struct(memory.tryRead(info.tail, 4) ?? new Uint8Array(4)).u32(0);
      found = { handler: base + BigInt(handler), handlerData: info.tail + 4n };
    }
    current =
      info.flags & UNW_FLAG_CHAININFO
        ? runtimeFunction(process, current.base, info.tail)
        : undefined;
  }
  if (!poppedFrame && !popReturn(process, context)) return undefined;
  return { establisher, handler: found?.handler ?? 0n, handlerData: found?.handlerData ?? 0n };
}

/** A leaf function: its return address is on top of the stack. */
export function popReturn({ memory }: Win32Process, context: Struct): boolean {
  const sp = contextWord(context, 'rsp', true);
  const bytes = memory.tryRead(sp, 8);
  if (bytes === undefined) return false;
  setContextWord(context, 'rip', new Struct(bytes).u64(0), true);
  setContextWord(context, 'rsp', sp + 8n, true);
  return true;
}

interface UnwindInfo {
  readonly flags: number;
  readonly prologue: number;
  readonly codes: Struct;
  readonly count: number;
  readonly frameRegister: number;
  readonly frameOffset: number;
  /** Behind the codes: the handler's RVA and its data, or the RUNTIME_FUNCTION of the chain. */
  readonly tail: Addr;
}

function unwindInfo({ memory }: Win32Process, entry: FunctionEntry): UnwindInfo | undefined {
  const address = entry.base + BigInt(entry.unwind);
  const head = memory.tryRead(address, 4);
  if (head === undefined) return undefined;
  const [version = 0, prologue = 0, count = 0, frame = 0] = head;
  const even = count + (count % 2);
  const codes = memory.tryRead(address + 4n, even * 2);
  if (codes === undefined) return undefined;
  return {
    flags: version >> 3,
    prologue,
    count,
    codes: new Struct(codes),
    frameRegister: frame & 15,
    frameOffset: (frame >> 4) * 16,
    tail: address + 4n + BigInt(even * 2),
  };
}

/** Where the fixed part of the frame begins: by the frame register once it is set, else the stack pointer. */
function frameBase(
  process: Win32Process,
  entry: FunctionEntry,
  pc: Addr,
  context: Struct,
): Addr | undefined {
  const info = unwindInfo(process, entry);
  if (info === undefined) return undefined;
  const sp = contextWord(context, 'rsp', true);
  if (info.frameRegister === 0) return sp;
  const offset = Number(pc - entry.base) - entry.begin;
  if (offset < info.prologue && !setsFrame(info, offset)) return sp;
  return contextWord(context, REGISTERS[info.frameRegister]!, true) - BigInt(info.frameOffset);
}

const UWOP_SET_FPREG = 3;

function setsFrame({ codes, count }: UnwindInfo, offset: number): boolean {
  for (let index = 0; index < count; index++) {
    const isSet = (codes.u8(index * 2 + 1) & 15) === UWOP_SET_FPREG;
    if (isSet && codes.u8(index * 2) <= offset) return true;
  }
  return false;
}

/** Undoes the codes of the prologue up to `done` bytes of it. Undefined: something could not be read. */
function apply(
  { memory }: Win32Process,
  { codes, count, frameRegister, frameOffset }: UnwindInfo,
  context: Struct,
  done: number,
  establisher: Addr,
): 'applied' | 'machine-frame' | undefined {
  const load = (address: Addr): bigint | undefined => {
    const bytes = memory.tryRead(address, 8);
    return bytes === undefined ? undefined : new Struct(bytes).u64(0);
  };
  const pop = (bytes: bigint): void => {
    setContextWord(context, 'rsp', contextWord(context, 'rsp', true) + bytes, true);
  };
  const operand = (index: number): number => (index < count ? codes.u16(index * 2) : 0);
  for (let index = 0; index < count; ) {
    const skip = codes.u8(index * 2) > done;
    const op = codes.u8(index * 2 + 1) & 15;
    const info = codes.u8(index * 2 + 1) >> 4;
    const big = op === 1 ? info === 1 : op === 5 || op === 9;
    const large = operand(index + 1) + (big ? operand(index + 2) * 0x10000 : 0);
    const slots = slotsOf(op, info);
    if (slots === undefined) return undefined;
    index += slots;
    if (skip) continue;
    const saved = establisher + BigInt(op === 4 ? large * 8 : op === 8 ? large * 16 : large);
    switch (op) {
      case 0: {
        const value = load(contextWord(context, 'rsp', true));
        if (value === undefined) return undefined;
        setContextWord(context, REGISTERS[info]!, value, true);
        pop(8n);
        break;
      }
      case 1:
        pop(info === 0 ? BigInt(large) * 8n : BigInt(large));
        break;
      case 2:
        pop(BigInt(info * 8 + 8));
        break;
      case UWOP_SET_FPREG: {
        const frame = contextWord(context, REGISTERS[frameRegister]!, true);
        setContextWord(context, 'rsp', frame - BigInt(frameOffset), true);
        break;
      }
      case 4:
      case 5: {
        const value = load(saved);
        if (value === undefined) return undefined;
        setContextWord(context, REGISTERS[info]!, value, true);
        break;
      }
      case 8:
      case 9: {
        const bytes = memory.tryRead(saved, 16);
        if (bytes === undefined) return undefined;
        context.set(XMM_AT + info * 16, bytes);
        break;
      }
      case 10: {
        const sp = contextWord(context, 'rsp', true) + (info === 1 ? 8n : 0n);
        const [rip, rsp] = [load(sp), load(sp + 24n)];
        if (rip === undefined || rsp === undefined) return undefined;
        setContextWord(context, 'rip', rip, true);
        setContextWord(context, 'rsp', rsp, true);
        return 'machine-frame';
      }
      default:
    }
  }
  return 'applied';
}

/** Slots of two bytes that a code takes; undefined: no such code. */
function slotsOf(op: number, info: number): number | undefined {
  if (op === 1) return info === 0 ? 2 : 3;
  return { 0: 1, 2: 1, 3: 1, 4: 2, 5: 3, 8: 2, 9: 3, 10: 1 }[op];
}

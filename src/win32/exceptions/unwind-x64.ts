/** RtlVirtualUnwind: the caller's state from a function's, by what its prologue did. */
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { type Epilogue, epilogueAt } from '../../formats/pe/epilogue.js';
import {
  MAX_CHAIN,
  runtimeFunctionAt,
  UNW_FLAG_CHAININFO,
  type UnwindCode,
  type UnwindInfo,
  unwindInfoAt,
} from '../../formats/pe/unwind-info.js';
import type { Win32Process } from '../process/process.js';
import { contextWord, setContextWord } from './context.js';
import { type FunctionEntry, readerOf } from './function-tables.js';

const REGISTERS = [
  ...['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'],
  ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
];
const XMM_AT = 0x1a0;

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
  { base, function: found }: FunctionEntry,
  pc: Addr,
  context: Struct,
  kinds: number,
): UnwoundFrame | undefined {
  const read = readerOf(process, base);
  const offset = Number(pc - base) - found.begin;
  const first = unwindInfoAt(read, found.unwind);
  if (first === undefined) return undefined;
  const establisher = frameBase(first, offset, context);
  const epilogue =
    offset < first.prologue
      ? undefined
      : epilogueAt(read, Number(pc - base), found, first.frameRegister);
  if (epilogue !== undefined) {
    const unwound = finish(process, epilogue, context);
    return unwound ? { establisher, handler: 0n, handlerData: 0n } : undefined;
  }
  let handler = 0n;
  let handlerData = 0n;
  let info: UnwindInfo | undefined = first;
  let poppedFrame = false;
  for (let depth = 0; info !== undefined && depth < MAX_CHAIN; depth++) {
    const inPrologue = depth === 0 && offset < info.prologue;
    for (const code of info.codes) {
      if (inPrologue && code.end > offset) continue;
      if (!undo(process, code, info, context, establisher)) return undefined;
      poppedFrame ||= code.kind === 'machine-frame';
    }
    const isChained = (info.flags & UNW_FLAG_CHAININFO) !== 0;
    if (info.flags & kinds && !isChained && !inPrologue) {
      handler = base + BigInt(new Struct(read(info.tail, 4) ?? new Uint8Array(4)).u32(0));
      handlerData = base + BigInt(info.tail + 4);
    }
    if (!isChained) break;
    const next = runtimeFunctionAt(read, info.tail);
    info = next && unwindInfoAt(read, next.unwind);
    if (info === undefined) return undefined;
  }
  if (!poppedFrame && !popReturn(process, context)) return undefined;
  return { establisher, handler, handlerData };
}

/** What is left of an epilogue is done. False: the stack cannot be read. */
function finish(process: Win32Process, epilogue: Epilogue, context: Struct): boolean {
  const { register, offset, pops } = epilogue;
  let sp = contextWord(context, REGISTERS[register]!, true) + BigInt(offset);
  for (const popped of pops) {
    const bytes = process.memory.tryRead(sp, 8);
    if (bytes === undefined) return false;
    setContextWord(context, REGISTERS[popped]!, new Struct(bytes).u64(0), true);
    sp += 8n;
  }
  setContextWord(context, 'rsp', sp, true);
  return popReturn(process, context);
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

/** Where the fixed part of the frame begins: by the frame register once it is set, else the stack pointer. */
function frameBase(info: UnwindInfo, offset: number, context: Struct): Addr {
  const isSet =
    offset >= info.prologue ||
    info.codes.some(({ kind, end }) => kind === 'set-frame' && end <= offset);
  if (info.frameRegister === 0 || !isSet) return contextWord(context, 'rsp', true);
  return contextWord(context, REGISTERS[info.frameRegister]!, true) - BigInt(info.frameOffset);
}

/** False: something could not be read. */
function undo(
  { memory }: Win32Process,
  code: UnwindCode,
  { frameRegister, frameOffset }: UnwindInfo,
  context: Struct,
  establisher: Addr,
): boolean {
  const sp = contextWord(context, 'rsp', true);
  const load = (name: string, address: Addr): boolean => {
    const bytes = memory.tryRead(address, 8);
    if (bytes !== undefined) setContextWord(context, name, new Struct(bytes).u64(0), true);
    return bytes !== undefined;
  };
  const setSp = (value: Addr): true => {
    setContextWord(context, 'rsp', value, true);
    return true;
  };
  switch (code.kind) {
    case 'push':
      return setSp(sp + 8n) && load(REGISTERS[code.register]!, sp);
    case 'allocate':
      return setSp(sp + BigInt(code.bytes));
    case 'set-frame':
      return setSp(contextWord(context, REGISTERS[frameRegister]!, true) - BigInt(frameOffset));
    case 'save':
      return load(REGISTERS[code.register]!, establisher + BigInt(code.at));
    case 'save-xmm': {
      const bytes = memory.tryRead(establisher + BigInt(code.at), 16);
      if (bytes !== undefined) context.set(XMM_AT + code.register * 16, bytes);
      return bytes !== undefined;
    }
    case 'machine-frame': {
      const at = sp + (code.hasErrorCode ? 8n : 0n);
      return load('rip', at) && load('rsp', at + 24n);
    }
  }
}

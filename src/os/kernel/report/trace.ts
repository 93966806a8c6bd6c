/**
 * The call trace: return addresses on the stack, by name. Frames that the chain of frame pointers leads to are sure; what
 * else on the stack looks like a return address is marked with a question mark, as the kernel does.
 */
import type { ReportMemory } from './memory.js';
import type { SavedRegisters } from './registers.js';

export interface StackRange {
  readonly start: bigint;
  readonly end: bigint;
}

export interface TraceInput {
  readonly memory: ReportMemory;
  readonly regs: SavedRegisters;
  readonly stack: StackRange;
  /** The name of an address in code; undefined for anything else. */
  readonly nameOf: (address: bigint) => string | undefined;
  /** The instruction is in code, or was jumped to by a null pointer: the stack can be unwound from there. */
  readonly unwindable: boolean;
}

const MOST_FRAMES = 32;
const MOST_WORDS = 2048;

export interface CallTrace {
  readonly lines: readonly string[];
  /** The chain came to its end, where the registers of user mode are. */
  readonly whole: boolean;
}

export function callTrace({ memory, regs, stack, nameOf, unwindable }: TraceInput): CallTrace {
  const isReturn = (address: bigint): boolean =>
    nameOf(address) !== undefined && followsCall(memory, address);
  const sure = new Set<bigint>();
  const inStack = (at: bigint): boolean =>
    at >= stack.start && at + 8n <= stack.end && (at & 7n) === 0n;
  let whole = false;
  if (unwindable) {
    // A function without a frame of its own: its return address is on top.
    if (inStack(regs.rsp) && isReturn(memory.word(regs.rsp))) sure.add(regs.rsp);
    let frame = regs.general.rbp!;
    for (let n = 0; n < MOST_FRAMES && inStack(frame) && inStack(frame + 8n); n++) {
      if (!isReturn(memory.word(frame + 8n))) break;
      sure.add(frame + 8n);
      const next = memory.word(frame);
      whole = next === 0n;
      if (next <= frame) break;
      frame = next;
    }
  }
  const lines: string[] = [];
  let at = regs.rsp & ~7n;
  for (let n = 0; n < MOST_WORDS && inStack(at); n++, at += 8n) {
    const address = memory.word(at);
    const name = nameOf(address);
    if (name === undefined || !isReturn(address)) continue;
    lines.push(sure.has(at) ? ` ${name}` : ` ? ${name}`);
  }
  return { lines, whole };
}

/** `call rel32`, or a call through a register or memory. */
function followsCall(memory: ReportMemory, address: bigint): boolean {
  const bytes = memory.bytes(address - 7n, 7);
  if (bytes === undefined) return false;
  if (bytes[2] === 0xe8) return true;
  return [2, 3, 4, 5, 6, 7].some((length) => {
    const at = 7 - length;
    const opcode = bytes[at] === 0x41 ? at + 1 : at;
    return bytes[opcode] === 0xff && ((bytes[opcode + 1] ?? 0) & 0x38) === 0x10;
  });
}

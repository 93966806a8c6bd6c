/**
 * Reads off the CPU what ended a run. Where the engine takes another way to a fault than hardware does,
 * the fault is put right here.
 */
import type { Addr } from '../../base/address.js';
import { effectiveAddress } from '../../x86/effective-address.js';
import {
  ICEBP,
  isReadModifyWrite,
  isUndefinedFarTransfer,
  wideStoreBytes,
} from '../../x86/engine-differences.js';
import { decode } from '../../x86/instruction.js';
import { decodeInstruction } from '../carried/encoding.js';
import { FAULT_GENERAL_PROTECTION, type FaultCause, type Stop } from '../engine.js';
import { UC_ERR_EXCEPTION, UC_ERR_INSN_INVALID, UC_ERR_OK, VECTOR_DB, VECTOR_SS } from './api.js';
import type { Machine } from './machine.js';
import type { Mmu } from './mmu.js';
import { CPU, END_BLOCKS, END_PLACE, ENV } from './offsets.js';
import { readRegister } from './registers.js';
import { pastSegment, usesStack } from './segment-limit.js';

/** The longest x86 instruction. */
const INSTRUCTION_BYTES = 15;

const LOCK = 0xf0;
const POP_MEMORY = 0x8f;
const STACK_POINTER = 4;

/** The "exception" that `hlt` ends a run with (cpu-all.h). */
const EXCP_HLT = 0x1_0001;

/** A run is to be taken up again: as it was, or with the first instruction in a block of its own. */
export type Resume = 'retry' | 'step';

/** What is known of a run that is over. */
export interface EmulationEnd {
  /** Of `uc_emu_start`. */
  readonly code: number;
  readonly until: Addr;
  /** The system call that a hook saw. */
  readonly call: 'syscall' | 'sysenter' | undefined;
  /** It was to run its first instruction alone, and did not begin it. */
  readonly notBegun: boolean;
}

/** undefined: for no known reason. */
export function stopOf(machine: Machine, mmu: Mmu, end: EmulationEnd): Stop | Resume | undefined {
  const { pc } = machine;
  switch (end.code) {
    case UC_ERR_EXCEPTION:
      return mmu.refusal === undefined
        ? exception(machine, mmu, pc)
        : refused(machine, mmu, pc, end);
    case UC_ERR_INSN_INVALID:
      return invalidOpcode(machine, mmu, pc);
    case UC_ERR_OK:
      if (machine.end === END_BLOCKS) return { kind: 'budget', pc };
      if (machine.end === END_PLACE) return { kind: 'until', pc };
      if (end.call !== undefined) return { kind: 'syscall', via: end.call, pc };
      // Unicorn puts a `hlt` of its own where the run is to end.
      if (pc === end.until) return { kind: 'until', pc };
      return machine.heap.readU32(machine.cpu + CPU.EXCEPTION_INDEX) === EXCP_HLT
        ? { kind: 'halt', pc }
        : undefined;
    default:
      return undefined;
  }
}

function exception({ heap, cpu, env, arch }: Machine, mmu: Mmu, pc: Addr): Stop {
  const vector = heap.readU32(cpu + CPU.EXCEPTION_INDEX);
  if (heap.readU32(env + ENV.EXCEPTION_IS_INT) !== 0) return { kind: 'interrupt', vector, pc };
  // After a single step the instruction at hand is the next one.
  const itself = vector !== VECTOR_DB;
  if (itself && isUndefinedFarTransfer(mmu.codeAt(pc, INSTRUCTION_BYTES), arch === 'x86-64'))
    return { kind: 'invalid-opcode', pc };
  return { kind: 'exception', vector, errorCode: heap.readU32(env + ENV.ERROR_CODE), pc };
}

function refused(
  machine: Machine,
  mmu: Mmu,
  pc: Addr,
  end: EmulationEnd,
): Stop | Resume | undefined {
  const { refusal } = mmu;
  if (refusal === undefined || refusal.kind === 'retry') return refusal?.kind;
  const { address, access, cause } = refusal;
  if (access === 'exec') {
    if (pc === end.until && address === pc) return { kind: 'until', pc };
    // A block is translated whole before its first instruction runs. When it reaches into a page that
    // cannot be executed, the instructions before that have to run all the same: one at a time.
    if (address >> 12n !== pc >> 12n && !end.notBegun) return 'step';
    return { kind: 'fault', address, access, cause, pc };
  }
  const wide = machine.arch === 'x86-64';
  const code = mmu.codeAt(pc, INSTRUCTION_BYTES);
  if (isUndefinedFarTransfer(code, wide)) return { kind: 'invalid-opcode', pc };
  const vector = wide ? badAddress(machine, code, address, cause) : pastSegment(code, address);
  if (vector !== undefined) return { kind: 'exception', vector, errorCode: 0, pc };
  const stored = access === 'write' ? wideStoreBytes(code, wide) : 0;
  if (stored > 0) mmu.undoFirstHalf(address, stored, operandAddress(machine, code, pc));
  const writes = access === 'write' || isReadModifyWrite(code, wide);
  return { kind: 'fault', address, access: writes ? 'write' : 'read', cause, pc };
}

/** Where the memory operand begins of the instruction that was refused: its registers are as they were before it. */
function operandAddress(machine: Machine, code: Uint8Array, pc: Addr): Addr {
  const wide = machine.arch === 'x86-64';
  const next = pc + BigInt(decodeInstruction(code, wide).length);
  const profile = { arch: machine.arch, privilege: 3 } as const;
  return effectiveAddress(decode(code, wide), code, next, (name) =>
    readRegister(machine, profile, name),
  );
}

/** Of an address that is not canonical: #SS by the stack, else what the fault says. */
function badAddress(
  { heap, env }: Machine,
  code: Uint8Array,
  address: Addr,
  cause: FaultCause,
): number | undefined {
  if (cause !== FAULT_GENERAL_PROTECTION) return undefined;
  const decoded = decode(code, true);
  const popsIntoMemory = decoded.map === 0 && decoded.opcode === POP_MEMORY;
  const stack = popsIntoMemory
    ? address === heap.readU64(env + ENV.REGS + 8 * STACK_POINTER)
    : usesStack(decoded);
  return stack ? VECTOR_SS : undefined;
}

/** #UD; but `icebp` is a trap that the engine lacks. */
function invalidOpcode(machine: Machine, mmu: Mmu, pc: Addr): Stop {
  const code = mmu.codeAt(pc, INSTRUCTION_BYTES);
  const { map, opcode, at } = decode(code, machine.arch === 'x86-64');
  const locked = code.subarray(0, at).includes(LOCK);
  if (map !== 0 || opcode !== ICEBP || locked) return { kind: 'invalid-opcode', pc };
  const next = pc + BigInt(at);
  machine.pc = next;
  return { kind: 'interrupt', vector: 1, pc: next };
}

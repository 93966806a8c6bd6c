/**
 * Runs a process: lets the processor run until it stops, and does what the stop asks for: an API call, an exception,
 * the return of a callback. Host functions that call the guest run this loop again, one level deeper.
 */
import { STATUS } from '../abi/windows/status.js';
import type { Addr, AddrRange } from '../base/address.js';
import type { Stop } from '../engine/engine.js';
import { FAULT_NO_MEMORY } from '../engine/engine.js';
import { CallbackReturned, ProcessEnded, Resumed } from './calls/control.js';
import { CALLBACK_GATE } from './calls/guest-call.js';
import { performApi } from './calls/perform.js';
import { raise } from './exceptions/dispatch.js';
import { memoryFault } from './exceptions/memory-fault.js';
import { GATE_VECTOR } from './loader/builtin-dlls.js';
import type { Win32Process } from './process/process.js';

/** Runs until the process ends. @throws ProcessEnded always. */
export function runProcess(process: Win32Process): never {
  for (;;) {
    try {
      for (;;) step(process);
    } catch (error) {
      if (!(error instanceof Resumed)) throw error;
    }
  }
}

/** Runs from `address` until the code jumps to a host address, which is the result. */
export function runFrom(process: Win32Process, address: Addr, host: AddrRange): Addr {
  process.pc = address;
  for (;;) {
    try {
      for (;;) {
        const stop = nextStop(process);
        const isHost = stop.kind === 'fault' && stop.access === 'exec';
        if (isHost && stop.pc >= host.start && stop.pc < host.end) return stop.pc;
        judge(process, stop);
      }
    } catch (error) {
      if (!(error instanceof Resumed)) throw error;
    }
  }
}

/** One stop of the processor, and what it asks for. */
export function step(process: Win32Process): void {
  judge(process, nextStop(process));
}

function nextStop(process: Win32Process): Stop {
  const { system, engine } = process;
  const blocks = system.blocksLeft;
  if (blocks <= 0) throw new ProcessEnded({ kind: 'limit', limit: 'blocks' });
  const stop = engine.run({ blocks });
  if (stop.kind === 'budget') throw new ProcessEnded({ kind: 'limit', limit: 'blocks' });
  return stop;
}

function judge(process: Win32Process, stop: Stop): void {
  const { meter } = process.system;
  meter.charge(isCall(stop) ? 'syscall' : 'exception');
  switch (stop.kind) {
    case 'fault':
      if (stop.cause === FAULT_NO_MEMORY) {
        throw new ProcessEnded({ kind: 'limit', limit: 'memory' });
      }
      memoryFault(process, stop.address, stop.access, stop.pc);
      return;
    case 'interrupt':
      interrupt(process, stop.vector, stop.pc);
      return;
    case 'invalid-opcode':
      raise(process, { code: STATUS.ILLEGAL_INSTRUCTION, address: stop.pc });
      return;
    case 'exception':
      cpuException(process, stop.vector, stop.pc);
      return;
    case 'syscall':
      ownSyscall(process, stop.pc);
      return;
    default:
  }
}

function isCall(stop: Stop): boolean {
  return stop.kind === 'syscall' || (stop.kind === 'interrupt' && stop.vector === GATE_VECTOR);
}

function interrupt(process: Win32Process, vector: number, pc: Addr): void {
  if (vector === GATE_VECTOR) {
    const gate = process.modules.gateAt(pc);
    if (gate !== undefined) {
      if (gate.name === CALLBACK_GATE) throw new CallbackReturned(process.sp);
      performApi(process, gate);
      return;
    }
  }
  const wine = process.space.syscall !== undefined && vector === 0x80 && !process.wide;
  if (wine) {
    ownSyscall(process, pc);
    return;
  }
  switch (vector) {
    case 1:
      raise(process, { code: STATUS.SINGLE_STEP, address: pc });
      return;
    case 3:
      process.pc = pc - 1n;
      raise(process, { code: STATUS.BREAKPOINT, address: pc - 1n, parameters: [0n] });
      return;
    case 4:
      raise(process, { code: STATUS.INTEGER_OVERFLOW, address: pc });
      return;
    default:
      // int n is two bytes; the gate of another vector is closed: #GP.
      process.pc = pc - 2n;
      generalProtection(process, pc - 2n);
  }
}

const VECTOR_DE = 0;
const VECTOR_DB = 1;
const VECTOR_OF = 4;
const VECTOR_MF = 16;
const VECTOR_XF = 19;
const STATUS_FLOAT_INVALID_OPERATION = 0xc000_0090;
const STATUS_FLOAT_MULTIPLE_TRAPS = 0xc000_02b5;

function cpuException(process: Win32Process, vector: number, pc: Addr): void {
  const codes: Readonly<Record<number, number>> = {
    [VECTOR_DE]: STATUS.INTEGER_DIVIDE_BY_ZERO,
    [VECTOR_DB]: STATUS.SINGLE_STEP,
    [VECTOR_OF]: STATUS.INTEGER_OVERFLOW,
    [VECTOR_MF]: STATUS_FLOAT_INVALID_OPERATION,
    [VECTOR_XF]: STATUS_FLOAT_MULTIPLE_TRAPS,
  };
  const code = codes[vector];
  if (code === undefined) generalProtection(process, pc);
  else raise(process, { code, address: pc });
}

/** hlt, cli, sti, in and out, lgdt and its neighbours, mov to control registers. */
function isPrivileged(code: Uint8Array): boolean {
  const [first = 0, second = 0] = code;
  if (first === 0x0f) return [0x00, 0x01, 0x06, 0x08, 0x20, 0x22, 0x30, 0x32].includes(second);
  return [0xf4, 0xfa, 0xfb, 0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef].includes(first);
}

/** A fault without an address is an access violation at the highest one. */
function generalProtection(process: Win32Process, pc: Addr): void {
  const code = process.space.vm.pages.peek(pc, 2);
  if (code !== undefined && isPrivileged(code)) {
    raise(process, { code: STATUS.PRIVILEGED_INSTRUCTION, address: pc });
    return;
  }
  const everywhere = process.wide ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  raise(process, {
    code: STATUS.ACCESS_VIOLATION,
    address: pc,
    parameters: [0n, everywhere],
  });
}

const ARGUMENTS_64 = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'];
const ARGUMENTS_32 = ['ebx', 'ecx', 'edx', 'esi', 'edi', 'ebp'];

/** The program makes a system call itself: under Wine it is one of Linux, under Windows nobody should. */
function ownSyscall(process: Win32Process, pc: Addr): void {
  const { engine, wide, space, system } = process;
  if (space.syscall !== undefined) {
    const names = wide ? ARGUMENTS_64 : ARGUMENTS_32;
    const args = names.map((name) => engine.readRegister(name));
    const number = Number(process.result & 0xffff_ffffn);
    process.result = space.syscall(number, args);
    return;
  }
  system.note(
    `a system call of the program's own at 0x${(pc - 2n).toString(16)}: numbers of Windows differ from build to build, and none is emulated; call ntdll`,
  );
  throw new ProcessEnded({
    kind: 'exception',
    status: STATUS.ILLEGAL_INSTRUCTION,
    parameters: [],
    pc: pc - 2n,
  });
}

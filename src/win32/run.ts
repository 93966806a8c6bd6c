/**
 * Runs a process: lets the processor run until it stops, and does what the stop asks for: an API call, an exception,
 * the return of a callback. Host functions that call the guest run this loop again, one level deeper.
 */
import { STATUS } from '../abi/windows/status.js';
import type { Addr, AddrRange } from '../base/address.js';
import type { Stop } from '../engine/engine.js';
import { FAULT_NO_MEMORY } from '../engine/engine.js';
import { CALLBACK_GATE } from './calls/callback.js';
import { CallbackReturned, ProcessEnded, Resumed } from './calls/control.js';
import type { HostTask, Interruption } from './calls/task.js';
import { raise } from './exceptions/dispatch.js';
import { memoryFault } from './exceptions/memory-fault.js';
import { GATE_VECTOR } from './loader/builtin-dlls.js';
import type { Win32Process } from './process/process.js';

/** What a stop asks for was done at once. */
const NOTHING: readonly never[] = [];

/** Runs until the process ends. @throws ProcessEnded always. */
export function* runProcess(process: Win32Process): HostTask<never> {
  for (;;) {
    try {
      for (;;) {
        const stop = nextStop(process);
        if (typeof stop === 'string') yield stop;
        else yield* judge(process, stop) ?? NOTHING;
      }
    } catch (error) {
      if (!(error instanceof Resumed)) throw error;
    }
  }
}

/** Runs from `address` until the code jumps to a host address, which is the result. */
export function* runFrom(process: Win32Process, address: Addr, host: AddrRange): HostTask<Addr> {
  process.pc = address;
  for (;;) {
    try {
      for (;;) {
        const stop = nextStop(process);
        if (typeof stop === 'string') yield stop;
        else if (isFetchIn(host, stop)) return stop.pc;
        else yield* judge(process, stop) ?? NOTHING;
      }
    } catch (error) {
      if (!(error instanceof Resumed)) throw error;
    }
  }
}

function isFetchIn({ start, end }: AddrRange, stop: Stop): boolean {
  return stop.kind === 'fault' && stop.access === 'exec' && stop.pc >= start && stop.pc < end;
}

/** One stop of the processor, and what it asks for. */
export function* step(process: Win32Process): HostTask<void> {
  const stop = nextStop(process);
  if (typeof stop === 'string') yield stop;
  else yield* judge(process, stop) ?? NOTHING;
}

function nextStop(process: Win32Process): Stop | Interruption | 'turn' {
  const { system, engine } = process;
  const { stepper, blocksLeft, meter } = system;
  // A thread alone needs no turns.
  const ofTurn = process.threads.length > 1 ? process.turnEnd - meter.spent : blocksLeft;
  const blocks = Math.min(blocksLeft, ofTurn);
  if (stepper?.due) return 'paused';
  if (blocksLeft <= 0) return 'blocks';
  if (blocks <= 0) return 'turn';
  const stop = engine.run({ blocks, ...(stepper === undefined ? {} : { control: stepper }) });
  if (stop.kind === 'paused') return 'paused';
  if (stop.kind === 'budget') return system.blocksLeft <= 0 ? 'blocks' : 'turn';
  if (stop.kind === 'fault') {
    stepper?.faulted();
    if (stop.cause === FAULT_NO_MEMORY) return 'memory';
  }
  return stop;
}

/** A task when the guest has to run before that is done. */
function judge(process: Win32Process, stop: Stop): HostTask<void> | undefined {
  const { meter } = process.system;
  meter.charge(isCall(stop) ? 'syscall' : 'exception');
  switch (stop.kind) {
    case 'fault':
      return memoryFault(process, stop.address, stop.access, stop.pc);
    case 'interrupt':
      return interrupt(process, stop.vector, stop.pc);
    case 'invalid-opcode':
      return raise(process, { code: STATUS.ILLEGAL_INSTRUCTION, address: stop.pc });
    case 'exception':
      return cpuException(process, stop.vector, stop.pc);
    case 'syscall':
      ownSyscall(process, stop.pc);
      return undefined;
    default:
      return undefined;
  }
}

function isCall(stop: Stop): boolean {
  return stop.kind === 'syscall' || (stop.kind === 'interrupt' && stop.vector === GATE_VECTOR);
}

function interrupt(process: Win32Process, vector: number, pc: Addr): HostTask<void> | undefined {
  if (vector === GATE_VECTOR) {
    const gate = process.modules.gateAt(pc);
    if (gate !== undefined) {
      if (gate.name === CALLBACK_GATE) throw new CallbackReturned(process.sp);
      return gate.enter();
    }
  }
  const wine = process.space.syscall !== undefined && vector === 0x80 && !process.wide;
  if (wine) {
    ownSyscall(process, pc);
    return undefined;
  }
  switch (vector) {
    case 1:
      return raise(process, { code: STATUS.SINGLE_STEP, address: pc });
    case 3:
      process.pc = pc - 1n;
      return raise(process, { code: STATUS.BREAKPOINT, address: pc - 1n, parameters: [0n] });
    case 4:
      return raise(process, { code: STATUS.INTEGER_OVERFLOW, address: pc });
    default:
      // int n is two bytes; the gate of another vector is closed: #GP.
      process.pc = pc - 2n;
      return generalProtection(process, pc - 2n);
  }
}

const VECTOR_DE = 0;
const VECTOR_DB = 1;
const VECTOR_OF = 4;
const VECTOR_MF = 16;
const VECTOR_XF = 19;
const STATUS_FLOAT_INVALID_OPERATION = 0xc000_0090;
const STATUS_FLOAT_MULTIPLE_TRAPS = 0xc000_02b5;

function cpuException(process: Win32Process, vector: number, pc: Addr): HostTask<never> {
  const codes: Readonly<Record<number, number>> = {
    [VECTOR_DE]: STATUS.INTEGER_DIVIDE_BY_ZERO,
    [VECTOR_DB]: STATUS.SINGLE_STEP,
    [VECTOR_OF]: STATUS.INTEGER_OVERFLOW,
    [VECTOR_MF]: STATUS_FLOAT_INVALID_OPERATION,
    [VECTOR_XF]: STATUS_FLOAT_MULTIPLE_TRAPS,
  };
  const code = codes[vector];
  return code === undefined
    ? generalProtection(process, pc)
    : raise(process, { code, address: pc });
}

/** hlt, cli, sti, in and out, lgdt and its neighbours, mov to control registers. */
function isPrivileged(code: Uint8Array): boolean {
  const [first = 0, second = 0] = code;
  if (first === 0x0f) return [0x00, 0x01, 0x06, 0x08, 0x20, 0x22, 0x30, 0x32].includes(second);
  return [0xf4, 0xfa, 0xfb, 0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef].includes(first);
}

/** A fault without an address is an access violation at the highest one. */
function generalProtection(process: Win32Process, pc: Addr): HostTask<never> {
  const code = process.space.vm.pages.peek(pc, 2);
  if (code !== undefined && isPrivileged(code)) {
    return raise(process, { code: STATUS.PRIVILEGED_INSTRUCTION, address: pc });
  }
  const everywhere = process.wide ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  return raise(process, {
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

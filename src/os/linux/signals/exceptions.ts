/**
 * CPU exceptions to signals. Compare arch/x86/kernel/traps.c. Page faults are in page-fault.ts.
 */

import { FAULT_CODE, type Signal, signalNumber } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import type { Outcome } from '../../../base/outcome.js';
import type { Stop } from '../../../engine/engine.js';
import type { Task } from '../process/task.js';
import { logTrap, unhandled } from './kernel-log.js';
import { faultInfo, kernelInfo, type SignalInfo } from './siginfo.js';

export const VECTOR_DE = 0;
export const VECTOR_DB = 1;
export const VECTOR_BP = 3;
export const VECTOR_OF = 4;
export const VECTOR_UD = 6;
export const VECTOR_GP = 13;
const VECTOR_MF = 16;
const VECTOR_AC = 17;
const VECTOR_XM = 19;

interface Exception {
  readonly signal: Signal;
  /** As the kernel log names it. */
  readonly text: string;
}

const EXCEPTIONS: ReadonlyMap<number, Exception> = new Map<number, Exception>([
  [VECTOR_DE, { signal: 'SIGFPE', text: 'divide error' }],
  [VECTOR_DB, { signal: 'SIGTRAP', text: 'debug' }],
  [VECTOR_BP, { signal: 'SIGTRAP', text: 'int3' }],
  [VECTOR_OF, { signal: 'SIGSEGV', text: 'overflow' }],
  [5, { signal: 'SIGSEGV', text: 'bounds' }],
  [VECTOR_UD, { signal: 'SIGILL', text: 'invalid opcode' }],
  [9, { signal: 'SIGFPE', text: 'coprocessor segment overrun' }],
  [10, { signal: 'SIGSEGV', text: 'invalid TSS' }],
  [11, { signal: 'SIGBUS', text: 'segment not present' }],
  [12, { signal: 'SIGBUS', text: 'stack segment' }],
  [VECTOR_GP, { signal: 'SIGSEGV', text: 'general protection fault' }],
  [VECTOR_MF, { signal: 'SIGFPE', text: 'x87 FPU error' }],
  [VECTOR_AC, { signal: 'SIGBUS', text: 'alignment check' }],
  [VECTOR_XM, { signal: 'SIGFPE', text: 'SIMD exception' }],
]);

/** Any other vector is a gate that user code may not use: #GP. */
const GENERAL_PROTECTION: Exception = { signal: 'SIGSEGV', text: 'general protection fault' };

/** Sends the signal of an exception; the next delivery acts on it. */
export function raise(task: Task, vector: number, errorCode: number): void {
  const { signal, text } = EXCEPTIONS.get(vector) ?? GENERAL_PROTECTION;
  const number = signalNumber(signal);
  const pc = task.kernel.programCounter;
  setTrap(task, vector, errorCode);
  const logged = vector !== VECTOR_DB && vector !== VECTOR_MF && vector !== VECTOR_XM;
  if (logged && unhandled(task, number)) {
    logTrap(task, vector === VECTOR_GP ? text : `trap ${text}`, errorCode);
  }
  task.signals.force(infoOf(task, vector, number, pc));
}

/** CR2 stays what the last page fault made it. */
function setTrap({ signals }: Task, number: number, errorCode: number): void {
  signals.trap = { number, errorCode, address: signals.trap.address };
}

function infoOf(task: Task, vector: number, signal: number, pc: Addr): SignalInfo {
  const { SIGFPE, SIGILL, SIGTRAP, SIGBUS } = FAULT_CODE;
  switch (vector) {
    case VECTOR_DE:
      return faultInfo(signal, SIGFPE.FPE_INTDIV, pc);
    case VECTOR_DB:
      return faultInfo(signal, SIGTRAP.TRAP_TRACE, pc);
    case VECTOR_UD:
      return faultInfo(signal, SIGILL.ILL_ILLOPN, pc);
    case VECTOR_AC:
      return faultInfo(signal, SIGBUS.BUS_ADRALN, 0n);
    case VECTOR_MF:
    case VECTOR_XM:
      return faultInfo(signal, floatingCode(task, vector), pc);
    default:
      return kernelInfo(signal);
  }
}

/** Which of the unmasked exceptions it was. Compare arch/x86/kernel/fpu/core.c:fpu__exception_code(). */
function floatingCode({ kernel: { engine } }: Task, vector: number): number {
  const codes = FAULT_CODE.SIGFPE;
  const mxcsr = Number(engine.readRegister('mxcsr'));
  const raised =
    vector === VECTOR_XM
      ? ~(mxcsr >> 7) & mxcsr
      : ~Number(engine.readRegister('fpcw')) & Number(engine.readRegister('fpsw'));
  if (raised & 1) return codes.FPE_FLTINV;
  if (raised & 4) return codes.FPE_FLTDIV;
  if (raised & 8) return codes.FPE_FLTOVF;
  if (raised & 0x12) return codes.FPE_FLTUND;
  return raised & 0x20 ? codes.FPE_FLTRES : codes.FPE_FLTINV;
}

/**
 * A software interrupt that is no system call. `int3` and `into` are traps: the program counter is
 * behind them. Other vectors are #GP, at the instruction, with the vector as error code.
 */
export function softwareInterrupt(task: Task, stop: Stop & { kind: 'interrupt' }): undefined {
  const { vector } = stop;
  if (vector === VECTOR_BP || vector === VECTOR_OF) return void raise(task, vector, 0);
  if (vector === VECTOR_DB) {
    // icebp: the debug status has no bit set.
    setTrap(task, vector, 0);
    const code = FAULT_CODE.SIGTRAP.TRAP_BRKPT;
    return void task.signals.force(faultInfo(signalNumber('SIGTRAP'), code, stop.pc));
  }
  task.kernel.programCounter = stop.pc - 2n;
  return void raise(task, VECTOR_GP, vector * 8 + 2);
}

/** force_sig(): a signal of the kernel's own about no particular address. */
export function forceSignal(task: Task, signal: Signal): void {
  task.signals.force(kernelInfo(signalNumber(signal)));
}

/** A policy has the process killed: no handler runs, whatever the signal. */
export function killOutcome(
  task: Task,
  signal: string,
  fault?: { readonly address: Addr; readonly access: 'read' | 'write' | 'exec' },
): Outcome {
  return {
    kind: 'signal',
    signal,
    code: 'SI_KERNEL',
    address: fault?.address ?? 0n,
    ...(fault === undefined ? {} : { access: fault.access }),
    pc: task.kernel.programCounter,
  };
}

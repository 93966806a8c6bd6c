/**
 * Stacks: a policy may refuse calls whose stack pointer lies elsewhere (OpenBSD's MAP_STACK). Compare
 * OpenBSD sys/uvm/uvm_map.c:uvm_map_inentry().
 */

import { MADV_NOHUGEPAGE } from '../../../abi/linux/mman.js';
import { FAULT_CODE, signalNumber } from '../../../abi/linux/signal.js';
import { pageDown, pageUp } from '../../../base/address.js';
import type { Task } from '../process/task.js';
import { faultInfo } from '../signals/siginfo.js';

const VECTOR_SYSCALL = 0x80;

/** True when the call must not be made: the signal has been sent. */
export function refusesStack(task: Task): boolean {
  const { kernel, mm, policies } = task;
  if (!policies.hears('entryStack')) return false;
  const { stackPointer } = kernel;
  const ruling = policies.ask('entryStack', mm.find(stackPointer), stackPointer, task.policyFacts);
  if (ruling.kind !== 'kill') return false;
  const pc = kernel.programCounter;
  task.signals.trap = { number: VECTOR_SYSCALL, errorCode: 0, address: pc };
  task.signals.force(faultInfo(signalNumber('SIGSEGV'), FAULT_CODE.SIGSEGV.SEGV_ACCERR, pc));
  return true;
}

/** sigaltstack makes a stack of the memory that it is given. */
export function becomesStack(task: Task, start: bigint, size: bigint): void {
  if (!task.policies.effects.alternateStackIsStack) return;
  const from = pageDown(start);
  task.mm.madvise(from, pageUp(start + size) - from, MADV_NOHUGEPAGE);
}

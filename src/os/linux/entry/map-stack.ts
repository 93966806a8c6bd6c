/**
 * OpenBSD's rule about stacks: a system call made with the stack pointer outside memory that was
 * mapped as a stack ends in SIGSEGV. Compare OpenBSD sys/uvm/uvm_map.c:uvm_map_inentry().
 *
 * Deviation: which memory that is, is told by VM_NOHUGEPAGE, which Linux sets for MAP_STACK (and for
 * madvise(MADV_NOHUGEPAGE)), and by VM_GROWSDOWN.
 */

import { MADV_NOHUGEPAGE } from '../../../abi/linux/mman.js';
import { FAULT_CODE, signalNumber } from '../../../abi/linux/signal.js';
import { pageDown, pageUp } from '../../../base/address.js';
import { VM_GROWSDOWN, VM_NOHUGEPAGE } from '../mm/vma.js';
import type { Task } from '../process/task.js';
import { faultInfo } from '../signals/siginfo.js';

const VECTOR_SYSCALL = 0x80;

/** True when the call must not be made: the signal has been sent. */
export function refusesStack(task: Task): boolean {
  if (!task.policies.effects.stackNeedsMapStack) return false;
  const { kernel, mm } = task;
  const sp = kernel.stackPointer;
  const vma = mm.find(sp);
  if (vma !== undefined && vma.flags & (VM_GROWSDOWN | VM_NOHUGEPAGE)) return false;
  const range = `${(vma?.start ?? 0n).toString(16)}-${((vma?.end ?? 1n) - 1n).toString(16)}`;
  const line = `[${task.comm}]${task.pid}/${task.pid} sp=${sp.toString(16)} inside ${range}: not MAP_STACK`;
  kernel.record({
    type: 'verdict',
    pid: task.pid,
    policy: 'openbsd',
    hook: 'syscall',
    call: undefined,
    verdict: {
      kind: 'kill',
      signal: 'SIGSEGV',
      rule: 'openbsd/map-stack',
      reason: 'a system call needs its stack pointer in memory that was mapped as a stack',
      log: [line],
    },
  });
  kernel.print(line);
  const pc = kernel.programCounter;
  task.signals.trap = { number: VECTOR_SYSCALL, errorCode: 0, address: pc };
  task.signals.force(faultInfo(signalNumber('SIGSEGV'), FAULT_CODE.SIGSEGV.SEGV_ACCERR, pc));
  return true;
}

/** sigaltstack makes a stack of the memory that it is given. */
export function becomesStack(task: Task, start: bigint, size: bigint): void {
  if (!task.policies.effects.stackNeedsMapStack) return;
  const from = pageDown(start);
  task.mm.madvise(from, pageUp(start + size) - from, MADV_NOHUGEPAGE);
}

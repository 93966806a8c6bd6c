/**
 * What the kernel prints of a process that dies by its own instruction (sysctl
 * debug.exception-trace=1). Compare arch/x86/mm/fault.c:show_signal_msg(), arch/x86/kernel/traps.c:
 * show_signal(), arch/x86/kernel/dumpstack.c:show_opcodes() and mm/memory.c:print_vma_addr(); formats
 * as Linux 6.18 prints them.
 */
import type { Addr } from '../../../base/address.js';
import type { Task } from '../process/task.js';
import { DEFAULT_HANDLER, IGNORE_HANDLER } from './signal-actions.js';

const BEFORE_PC = 42;
const FROM_PC = 22;

/** No handler will see it. */
export function unhandled(task: Task, signal: number): boolean {
  const { handler } = task.signals.actions.of(signal);
  return handler === DEFAULT_HANDLER || handler === IGNORE_HANDLER;
}

/** `segfault at ADDR ip IP sp SP error CODE in NAME[OFFSET,BASE+SIZE] likely on CPU ...`, then the code bytes. */
export function logSegfault(task: Task, address: Addr, errorCode: number): void {
  const { kernel, comm, pid } = task;
  const ip = kernel.programCounter;
  const full = (value: Addr): string => value.toString(16).padStart(16, '0');
  const where = `ip ${full(ip)} sp ${full(kernel.stackPointer)}`;
  kernel.print(
    `${comm}[${pid}]: segfault at ${address.toString(16)} ${where} error ${errorCode.toString(16)}` +
      `${inFile(task, ip)} likely on CPU 0 (core 0, socket 0)`,
  );
  kernel.print(codeLine(task, ip));
}

/** `traps: NAME[PID] WHAT ip:IP sp:SP error:CODE in ...` */
export function logTrap(task: Task, what: string, errorCode: number): void {
  const { kernel, comm, pid } = task;
  const ip = kernel.programCounter;
  const registers = `ip:${ip.toString(16)} sp:${kernel.stackPointer.toString(16)}`;
  kernel.print(
    `traps: ${comm}[${pid}] ${what} ${registers} error:${errorCode.toString(16)}${inFile(task, ip)}`,
  );
}

/** The file that is mapped at `ip`; nothing for anonymous memory. */
function inFile({ mm }: Task, ip: Addr): string {
  const vma = mm.find(ip);
  if (vma?.object === undefined) return '';
  const name = vma.object.path.slice(vma.object.path.lastIndexOf('/') + 1);
  const offset = ip - vma.start + (BigInt(vma.pageOffset) << 12n);
  const hex = (value: Addr): string => value.toString(16);
  return ` in ${name}[${hex(offset)},${hex(vma.start)}+${hex(vma.end - vma.start)}]`;
}

/** Read with page faults disabled (copy_from_user_nmi): no page comes in for it, no stack grows. */
function codeLine({ mm }: Task, ip: Addr): string {
  const start = BigInt.asUintN(mm.layout.kernelBits, ip - BigInt(BEFORE_PC));
  const bytes = mm.copyPresent(start, BEFORE_PC + FROM_PC);
  if (!bytes.ok) return `Code: Unable to access opcode bytes at 0x${start.toString(16)}.`;
  const shown = Array.from(bytes.value, (byte, index) => {
    const text = byte.toString(16).padStart(2, '0');
    return index === BEFORE_PC ? `<${text}>` : text;
  });
  return `Code: ${shown.join(' ')}`;
}

/**
 * The way into the kernel and back: which instruction makes which kind of call, where its number,
 * arguments and result are. Compare arch/x86/entry/entry_64.S, entry_64_compat.S and syscall_64.c.
 */
import { errnoNumber } from '../../../abi/linux/errno.js';
import type { Stop } from '../../../engine/engine.js';
import { int, type SyscallArgs, type SyscallResult } from '../../../kernel/syscall.js';
import { wordIn } from '../../../kernel/user-memory.js';
import { ABI_I386, ABI_X86_64 } from '../abi.js';
import type { Task } from '../process/task.js';
import { performSyscall, type SyscallRequest } from './dispatch.js';

const INT80_VECTOR = 0x80;

const ARGS_64 = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'] as const;
/** int 0x80 of a 64-bit process uses the lower halves of these. */
const ARGS_32_OF_64 = ['rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp'] as const;
const ARGS_32 = ['ebx', 'ecx', 'edx', 'esi', 'edi', 'ebp'] as const;

type Names = readonly [string, string, string, string, string, string];

function readArgs({ kernel: { engine } }: Task, names: Names, bits: 32 | 64): SyscallArgs {
  const read = (name: string): bigint => BigInt.asUintN(bits, engine.readRegister(name));
  const [a, b, c, d, e, f] = names;
  return [read(a), read(b), read(c), read(d), read(e), read(f)];
}

/** True when the stop was a system call, which is then done. */
export function enterSyscall(task: Task, stop: Stop): boolean {
  if (stop.kind === 'interrupt' && stop.vector === INT80_VECTOR) {
    if (task.arch === 'x86-64') int80From64(task);
    else int80(task);
    return true;
  }
  if (stop.kind !== 'syscall') return false;
  if (stop.via === 'syscall' && task.arch === 'x86-64') syscall64(task);
  else if (stop.via === 'sysenter' && task.arch === 'i386') sysenter(task);
  else return false;
  return true;
}

/** `syscall`: RCX and R11 are the processor's, for the way back. */
function syscall64(task: Task): void {
  const { engine } = task.kernel;
  const number = int(engine.readRegister('rax'));
  const args = readArgs(task, ARGS_64, 64);
  engine.writeRegister('rcx', engine.readRegister('rip'));
  engine.writeRegister('r11', engine.readRegister('eflags'));
  make(task, { abi: ABI_X86_64, number, args }, 'rax');
}

function int80(task: Task): void {
  const number = int(task.kernel.engine.readRegister('eax'));
  const args = readArgs(task, ARGS_32, 32);
  make(task, { abi: ABI_I386, number, args }, 'eax');
}

function int80From64(task: Task): void {
  const number = int(task.kernel.engine.readRegister('rax'));
  const args = readArgs(task, ARGS_32_OF_64, 32);
  make(task, { abi: ABI_I386, number, args }, 'rax');
}

/**
 * `sysenter`: the sixth argument is on the stack that EBP points to, and the way back is the vdso's
 * landing pad. Compare do_SYSENTER_32() of arch/x86/entry/syscall_32.c.
 */
function sysenter(task: Task): void {
  const { engine } = task.kernel;
  const sp = engine.readRegister('ebp');
  engine.writeRegister('esp', sp);
  engine.writeRegister('eip', task.process.returnStub.landingPad);
  const number = int(engine.readRegister('eax'));
  const [a, b, c, d, e] = readArgs(task, ARGS_32, 32);
  const sixth = wordIn(task.mm, sp, 4);
  if (!sixth.ok) finish(task, sixth, 'eax');
  else make(task, { abi: ABI_I386, number, args: [a, b, c, d, e, sixth.value] }, 'eax');
}

function make(
  task: Task,
  call: Pick<SyscallRequest, 'abi' | 'number' | 'args'>,
  register: 'rax' | 'eax',
): void {
  const deliver = (result: SyscallResult): void => finish(task, result, register);
  deliver(performSyscall(task, { ...call, byHost: false, deliver }));
}

/** A result is a value, or an errno below zero. A call that does not return has set what it wanted. */
function finish(task: Task, result: SyscallResult, register: 'rax' | 'eax'): void {
  if (result.ok === 'no-return') return;
  const value = result.ok ? BigInt(result.value) : BigInt(-errnoNumber(result.errno));
  task.kernel.engine.writeRegister(register, BigInt.asUintN(register === 'rax' ? 64 : 32, value));
}

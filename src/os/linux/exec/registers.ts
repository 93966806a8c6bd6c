/** The registers of a program's first instruction. Compare arch/x86/kernel/process_64.c:start_thread_common(). */
import type { Addr } from '../../../base/address.js';
import type { Task } from '../process/task.js';
import { resetVectors } from '../signals/xsave.js';

const GENERAL_64 = [
  ...['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13'],
  ...['r14', 'r15', 'fs_base', 'gs_base'],
];
const GENERAL_32 = ['eax', 'ebx', 'ecx', 'edx', 'esi', 'edi', 'ebp'];
/** Interrupts are on; bit 1 always is. */
const EFLAGS = 0x202n;
const USER_DS = 0x2bn;

export function resetRegisters({ kernel, arch }: Task, entry: Addr, sp: Addr): void {
  const { engine } = kernel;
  const wide = arch === 'x86-64';
  for (const name of wide ? GENERAL_64 : GENERAL_32) engine.writeRegister(name, 0n);
  if (!wide) {
    for (const name of ['ds', 'es', 'ss']) engine.writeRegister(name, USER_DS);
    for (const name of ['fs', 'gs']) engine.writeRegister(name, 0n);
  }
  engine.writeRegister('eflags', EFLAGS);
  engine.writeRegister(wide ? 'rsp' : 'esp', sp);
  engine.writeRegister(wide ? 'rip' : 'eip', entry);
  resetVectors(engine);
}

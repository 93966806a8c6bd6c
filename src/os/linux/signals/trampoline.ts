/** Trampolines on a page that may not be executed: a policy may have them emulated (PaX EMUTRAMP). */
import type { Task } from '../process/task.js';

const CARRY = 1n;

/** True when the instructions at the program counter were a known trampoline, and were carried out. */
export function emulateTrampoline(task: Task): boolean {
  const emulate = task.policies.effects.emulateTrampoline;
  if (emulate === undefined) return false;
  const { kernel, arch } = task;
  const { engine } = kernel;
  const done = emulate(arch, kernel.programCounter, (at) => task.byteAt(at), kernel.stackPointer);
  if (done === undefined) return false;
  if (done.store !== undefined && !task.mm.copyOut(done.store.address, done.store.bytes).ok) {
    return false;
  }
  for (const [name, value] of Object.entries(done.registers)) engine.writeRegister(name, value);
  if (done.carry !== undefined) {
    const flags = engine.readRegister('eflags') & ~CARRY;
    engine.writeRegister('eflags', flags | (done.carry ? CARRY : 0n));
  }
  kernel.programCounter = done.pc;
  return true;
}

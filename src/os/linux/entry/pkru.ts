/**
 * RDPKRU and WRPKRU, carried out here: the engine's processor is older than protection keys. Whether the
 * machine has them is the host's choice. Intel SDM volume 2, RDPKRU, WRPKRU.
 */

import type { Task } from '../process/task.js';
import { raise, VECTOR_GP } from '../signals/exceptions.js';

const RDPKRU = 0xee;
const WRPKRU = 0xef;
const LENGTH = 3n;

/** At an instruction that the engine does not know: true when it was one of the two, and is done. */
export function emulatePkru(task: Task): boolean {
  const { kernel, mm } = task;
  if (!mm.tuning.pku) return false;
  const { engine } = kernel;
  const pc = kernel.programCounter;
  const [first, second, last] = [0n, 1n, 2n].map((index) => task.byteAt(pc + index));
  if (first !== 0x0f || second !== 0x01 || (last !== RDPKRU && last !== WRPKRU)) return false;
  const read = (name: string): bigint => BigInt.asUintN(32, engine.readRegister(name));
  const wrong = read('ecx') !== 0n || (last === WRPKRU && read('edx') !== 0n);
  if (wrong) {
    raise(task, VECTOR_GP, 0);
    return true;
  }
  if (last === WRPKRU) {
    mm.pkru = Number(read('eax'));
  } else {
    const wide = task.arch === 'x86-64';
    engine.writeRegister(wide ? 'rax' : 'eax', BigInt(mm.pkru));
    engine.writeRegister(wide ? 'rdx' : 'edx', 0n);
  }
  kernel.programCounter = pc + LENGTH;
  return true;
}

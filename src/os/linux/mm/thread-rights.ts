/**
 * ThreadRights: what one thread may do with memory beside what the pages say. They are the thread's own, as
 * registers are; an address space has those of the thread that runs in it at the moment.
 */
import { INITIAL_PKRU } from './pkru.js';

export interface ThreadRights {
  /** The protection-key rights register: two bits a key, access-disable below write-disable. */
  pkru: number;
  /** Apple's switch of MAP_JIT memory: true executes, false can be written. */
  jitWriteProtect: boolean;
}

/** As execve leaves them. */
export function initialRights(pku: boolean): ThreadRights {
  return { pkru: pku ? INITIAL_PKRU : 0, jitWriteProtect: true };
}

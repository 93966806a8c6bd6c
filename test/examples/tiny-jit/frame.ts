/** The stack frame of a function: what is saved, where slots lie, how far the stack pointer moves. */
import { type Allocation, allocate, CALLEE_SAVED } from './allocate.js';
import type { Bug } from './bugs.js';
import { type Memory, RBX, RSP } from './encoder.js';
import type { StepList } from './steps.js';

/** Bytes below the stack pointer that nobody else writes to, as long as nothing is called (System V). */
const RED_ZONE = 128;
const WORD = 8;

export interface Frame {
  readonly allocation: Allocation;
  /** Callee-saved registers that the function uses. */
  readonly saved: readonly number[];
  /** Bytes that the stack pointer moves down after the pushes. */
  readonly bytes: number;
  slot(index: number): Memory;
}

export function frameOf(list: StepList, counts: boolean, bugs: readonly Bug[]): Frame {
  const allocation = allocate(list);
  const used = allocation.homes.flatMap((home) => ('register' in home ? [home.register] : []));
  const saved = CALLEE_SAVED.filter((each) => used.includes(each));
  const kept = saved.filter((each) => each !== RBX || !bugs.includes('clobbered-callee-saved'));
  const calls = counts || list.steps.some(({ op }) => op === 'call');
  // A root goes through memory: one slot more.
  const roots = list.steps.some(({ op }) => op === 'root') ? 1 : 0;
  const wanted = (allocation.slots + roots) * WORD;
  const redZone = (!calls || bugs.includes('red-zone-overwrite')) && wanted <= RED_ZONE;
  const own = redZone ? 0 : wanted;
  // The return address and the pushes are on the stack already.
  const odd = ((1 + kept.length) * WORD + own) % 16;
  const padding = calls && !bugs.includes('misaligned-stack') ? odd : 0;
  const start = redZone ? -wanted : 0;
  return {
    allocation,
    saved: kept,
    bytes: own + padding,
    slot: (index) => ({ base: RSP, displacement: start + index * WORD }),
  };
}

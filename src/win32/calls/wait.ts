/** Waiting: a thread gives its turn to the others until what it waits for is there, or its time is over. */
import type { Win32Process } from '../process/process.js';
import type { HostTask } from './task.js';

export const WAIT_OBJECT_0 = 0;
export const WAIT_TIMEOUT = 258;
export const WAIT_FAILED = 0xffff_ffff;
export const INFINITE = 0xffff_ffff;
const NANOSECONDS = 1_000_000n;

export interface WaitInit {
  /** The function that waits. */
  readonly call: string;
  readonly isReady: () => boolean;
  /** Takes what was waited for, once it is ready: what the wait gives. */
  readonly take: () => number;
  /** INFINITE: for ever. */
  readonly milliseconds: number;
}

/** What `take` gives, or WAIT_TIMEOUT. */
export function* waitFor(process: Win32Process, wanted: WaitInit): HostTask<number> {
  const { call, isReady, take, milliseconds } = wanted;
  if (isReady()) return take();
  if (milliseconds === 0) return WAIT_TIMEOUT;
  const { clock } = process.system;
  const deadline =
    milliseconds === INFINITE ? undefined : clock.nanoseconds + BigInt(milliseconds) * NANOSECONDS;
  const { thread } = process;
  thread.wait = { call, isReady, deadline };
  try {
    for (;;) {
      yield 'turn';
      if (isReady()) return take();
      if (deadline !== undefined && clock.nanoseconds >= deadline) return WAIT_TIMEOUT;
    }
  } finally {
    thread.wait = undefined;
  }
}

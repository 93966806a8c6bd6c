/**
 * The run loop: lets the CPU run until it stops, lets the operating system judge the stop, and
 * goes on. It knows no system call and no signal; a personality does (StopHandler).
 */
import type { Addr } from '../abi/address.js';
import type { Outcome } from '../abi/outcome.js';
import type { Engine, Stop } from '../engine/engine.js';

/** The operating system's side of the loop. */
export interface StopHandler {
  /** Before the CPU runs: delivers what is pending. An outcome ends the loop. */
  enter(): Outcome | undefined;
  /** After it stopped. An outcome ends the loop; else it goes on at the program counter as it is now. */
  stopped(stop: Stop): Outcome | undefined;
}

export interface RunLimits {
  /** Translated blocks at most. */
  readonly blocks: number;
  /** A return address: reaching it ends the loop. */
  readonly until?: Addr;
}

/** 'until' when the return address was reached. */
export type RunEnd = Outcome | 'until';

/**
 * A stop that began no block (a fetch that faults) counts as one, so that a guest whose handlers
 * fault for ever meets the limit too.
 */
export function runToEnd(engine: Engine, handler: StopHandler, limits: RunLimits): RunEnd {
  const { until } = limits;
  let left = limits.blocks;
  for (;;) {
    const pending = handler.enter();
    if (pending !== undefined) return pending;
    if (left <= 0) return { kind: 'limit', limit: 'blocks' };
    const before = engine.blocks;
    const stop = engine.run(until === undefined ? { blocks: left } : { blocks: left, until });
    left -= Math.max(1, engine.blocks - before);
    if (stop.kind === 'until') return 'until';
    if (stop.kind === 'budget') return { kind: 'limit', limit: 'blocks' };
    const outcome = handler.stopped(stop);
    if (outcome !== undefined) return outcome;
  }
}

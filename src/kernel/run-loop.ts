/**
 * The run loop: lets the CPU run until it stops, lets the operating system judge the stop, and
 * goes on. It knows no system call and no signal; a personality does (StopHandler).
 */
import type { Addr, AddrRange } from '../base/address.js';
import type { Outcome } from '../base/outcome.js';
import type { Engine, Stop } from '../engine/engine.js';
import type { Stepper } from './run-control.js';

/** The operating system's side of the loop. */
export interface StopHandler {
  /** Before the CPU runs: delivers what is pending. An outcome ends the loop. */
  enter(): Outcome | undefined;
  /**
   * After it stopped. An outcome ends the loop, and 'sleeps' the turn of whoever waits now; else it goes on at
   * the program counter as it is.
   */
  stopped(stop: Stop): Outcome | 'sleeps' | undefined;
  /** Blocks that have begun, and what the operating system's own work counts as besides. Only grows. */
  spent(): number;
}

export interface RunLimits {
  /** Blocks at most. */
  readonly blocks: number;
  /** A return address: reaching it ends the loop. */
  readonly until?: Addr;
  /** Addresses that stand for functions of the host, where nothing can be mapped: a jump there ends the loop. */
  readonly host?: AddrRange;
  /** Where to pause. */
  readonly stepper?: Stepper | undefined;
}

/**
 * 'until' when the return address was reached, 'host' at an address of the host, 'sleeps' when whoever had the
 * CPU waits for something, 'blocks' when the blocks are used up, 'paused' when the stepper said so.
 */
export type RunEnd = Outcome | 'until' | 'host' | 'sleeps' | 'blocks' | 'paused';

export function runToEnd(engine: Engine, handler: StopHandler, limits: RunLimits): RunEnd {
  const { until, host, stepper } = limits;
  const last = handler.spent() + limits.blocks;
  for (;;) {
    const pending = handler.enter();
    if (pending !== undefined) return pending;
    if (stepper?.due) return 'paused';
    const blocks = last - handler.spent();
    if (blocks <= 0) return 'blocks';
    const stop = engine.run({
      blocks,
      ...(until === undefined ? {} : { until }),
      ...(host === undefined ? {} : { host }),
      ...(stepper === undefined ? {} : { control: stepper }),
    });
    if (stop.kind === 'until') return host === undefined ? 'until' : 'host';
    if (stop.kind === 'budget') return 'blocks';
    if (stop.kind === 'paused') return 'paused';
    if (host !== undefined && isFetchIn(host, stop)) return 'host';
    if (stop.kind === 'fault') stepper?.faulted();
    const outcome = handler.stopped(stop);
    if (outcome !== undefined) return outcome;
  }
}

function isFetchIn({ start, end }: AddrRange, stop: Stop): boolean {
  return stop.kind === 'fault' && stop.access === 'exec' && stop.pc >= start && stop.pc < end;
}

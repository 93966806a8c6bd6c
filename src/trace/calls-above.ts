/** Which function of Windows a system call, a decision or a change of the map was part of (Wine makes system calls). */
import type { ApiEvent, TraceEvent } from './events.js';

/**
 * Looks up the innermost call that an event lies in, by the event's number; undefined: in none, as what a loader
 * does before the program's first instruction.
 */
export function callsAbove(
  trace: readonly TraceEvent[],
): (event: TraceEvent) => ApiEvent | undefined {
  const calls = trace.filter((event) => event.type === 'api');
  return ({ seq, pid }) => {
    // Calls are recorded when they end: the first that ends later is the innermost, or lies beside.
    for (let index = firstAfter(calls, seq); index < calls.length; index++) {
      const call = calls[index]!;
      if (call.since >= seq && call.pid === pid) return undefined;
      if (call.since < seq && call.pid === pid) return call;
    }
    return undefined;
  };
}

function firstAfter(calls: readonly ApiEvent[], seq: number): number {
  let low = 0;
  let high = calls.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (calls[middle]!.seq <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

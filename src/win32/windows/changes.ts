/** Changes of allocations as everybody else knows changes of mappings: events of the trace, and the history of pages. */
import { addHistory } from '../../memory/history.js';
import { rightsOf } from '../../os/windows/memory/protection.js';
import type { Run, Vad } from '../../os/windows/memory/vad.js';
import type { MemoryChange } from '../../os/windows/memory/virtual-memory.js';
import type { TraceRecorder } from '../../trace/events.js';
import { mappingOf } from '../guest/listing.js';
import type { ApiCaller } from '../system.js';

/** Pages [start, end) that had one protection and have one now; undefined: no allocation. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly before: Run | undefined;
  readonly after: Run | undefined;
}

export function recordChange(trace: TraceRecorder, by: ApiCaller, change: MemoryChange): void {
  const { vad } = change;
  for (const piece of piecesOf(change)) {
    const { start, end, before, after } = piece;
    if (before?.protect === after?.protect) continue;
    const was = before && mappingOf(vad, { ...before, start, end });
    if (after !== undefined) {
      vad.history = addHistory(vad.history, {
        cause: by.name,
        startPage: start,
        endPage: end,
        before: before && rightsOf(before.protect),
        after: rightsOf(after.protect),
      });
    }
    trace.record({
      type: 'vma',
      pid: by.pid,
      pc: by.pc,
      ...(by.site === undefined ? {} : { site: by.site }),
      op: before === undefined ? 'insert' : after === undefined ? 'remove' : 'change',
      before: was,
      after: after && mappingOf(vad, { ...after, start, end }),
      cause: by.name,
    });
  }
}

/** Cut where either side begins another protection. */
function piecesOf({ before, after }: MemoryChange): Piece[] {
  const edges = [...new Set([...before, ...after].flatMap(({ start, end }) => [start, end]))];
  edges.sort((a, b) => a - b);
  return edges.slice(0, -1).map((start, index) => ({
    start,
    end: edges[index + 1]!,
    before: runAt(before, start),
    after: runAt(after, start),
  }));
}

function runAt(runs: readonly Run[], page: number): Run | undefined {
  return runs.find(({ start, end }) => page >= start && page < end);
}

/** What a snapshot keeps of an allocation. */
export interface SavedVad extends Pick<Vad, 'runs' | 'history'> {
  readonly vad: Vad;
}

export function savedVads(vads: readonly Vad[]): SavedVad[] {
  return vads.map((vad) => ({ vad, runs: vad.runs, history: vad.history }));
}

export function restoreVads(saved: readonly SavedVad[]): void {
  for (const { vad, runs, history } of saved) {
    vad.runs = runs;
    vad.history = history;
  }
}

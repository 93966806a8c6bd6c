/** Pages that become writable and executable at once: a fold over the changes of the map. */
import type { Addr } from '../../base/address.js';
import { RIGHT_EXEC, RIGHT_WRITE } from '../../memory/mapping.js';
import type { TraceEvent, VmaEvent } from '../../trace/events.js';
import { hex, type NewFinding, siteOf } from './finding.js';

const BOTH = RIGHT_WRITE | RIGHT_EXEC;
/** What the kernel does of its own accord: the program's file and its stack. */
const BY_LOADER = new Set(['exec', 'stack growth']);

export function writableAndExecutable(trace: readonly TraceEvent[]): NewFinding[] {
  return trace.flatMap((event) => (event.type === 'vma' ? (findingOf(event) ?? []) : []));
}

function findingOf(event: VmaEvent): NewFinding | undefined {
  const { before, after, cause, pid } = event;
  if (after === undefined || (after.rights & BOTH) !== BOTH) return undefined;
  // A stack that grows was so before, and has been told of.
  if (before !== undefined && (before.rights & BOTH) === BOTH) return undefined;
  const { start, end, name } = after;
  const by = BY_LOADER.has(cause) ? 'exec' : cause;
  const made: Addr | undefined = by === 'exec' ? undefined : siteOf(event);
  const what = name || 'anonymous memory';
  return {
    kind: 'writable-and-executable',
    pid,
    start,
    end,
    pc: made,
    begun: { by, pc: made },
    sentence: `${by} made ${hex(start)}-${hex(end)} (${what}) writable and executable at once`,
  };
}

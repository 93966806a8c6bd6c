/**
 * Memory that can be executed in one mapping and still be written through another: a look at the map as it
 * is now. Stores through a shared mapping are seen by private ones of the same pages too.
 */
import { type Mapping, RIGHT_EXEC, RIGHT_WRITE } from '../../memory/mapping.js';
import type { TraceEvent, VmaEvent } from '../../trace/events.js';
import { hex, type NewFinding, siteOf } from './finding.js';

/** `trace` tells which calls made the two views; `pid` whose they are. */
export function aliasesLeftBehind(
  mappings: readonly Mapping[],
  trace: readonly TraceEvent[],
  pid: number,
): NewFinding[] {
  const executable = mappings.filter(({ rights }) => rights & RIGHT_EXEC);
  const writable = mappings.filter(({ rights, shared }) => shared && rights & RIGHT_WRITE);
  return executable.flatMap((view) => {
    const alias = writable.find((other) => other !== view && samePages(view, other));
    return alias === undefined ? [] : [findingOf(view, alias, trace, pid)];
  });
}

function samePages(a: Mapping, b: Mapping): boolean {
  if (a.object === undefined || a.object !== b.object) return false;
  return a.offset < b.offset + length(b) && b.offset < a.offset + length(a);
}

function length({ start, end }: Mapping): bigint {
  return end - start;
}

function findingOf(
  view: Mapping,
  alias: Mapping,
  trace: readonly TraceEvent[],
  pid: number,
): NewFinding {
  const [made, other] = [makerOf(view, trace, pid), makerOf(alias, trace, pid)];
  // The one that came last made two views of what was one.
  const last = (made?.seq ?? 0) > (other?.seq ?? 0) ? made : other;
  const pc = pcOf(last);
  return {
    kind: 'alias-left-behind',
    pid,
    start: view.start,
    end: view.end,
    pc,
    begun: { by: other?.cause ?? 'exec', pc: pcOf(other) },
    sentence: `${hex(view.start)}-${hex(view.end)} can be executed, and still be written through ${hex(alias.start)}-${hex(alias.end)}`,
  };
}

/** What gave the mapping its present rights. */
function makerOf(
  { start }: Mapping,
  trace: readonly TraceEvent[],
  pid: number,
): VmaEvent | undefined {
  return trace.findLast(
    (event): event is VmaEvent =>
      event.type === 'vma' &&
      event.pid === pid &&
      event.after !== undefined &&
      event.after.start <= start &&
      start < event.after.end,
  );
}

function pcOf(event: VmaEvent | undefined): bigint | undefined {
  return event === undefined || event.cause === 'exec' ? undefined : siteOf(event);
}

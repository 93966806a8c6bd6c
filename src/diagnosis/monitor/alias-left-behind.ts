/**
 * Memory that can be executed in one mapping and still be written through another: a look at the map as it
 * is now. Stores through a shared mapping are seen by private ones of the same pages too.
 */
import { PAGE_SIZE_N } from '../../base/address.js';
import { VM_EXEC, VM_SHARED, VM_WRITE, type Vma } from '../../os/linux/mm/vma.js';
import type { TraceEvent, VmaEvent } from '../../trace/events.js';
import { callPc, hex, type NewFinding } from './finding.js';

const WRITABLE_VIEW = VM_WRITE | VM_SHARED;

/** `trace` tells which calls made the two views; `pid` whose they are. */
export function aliasesLeftBehind(
  vmas: readonly Vma[],
  trace: readonly TraceEvent[],
  pid: number,
): NewFinding[] {
  const executable = vmas.filter((vma) => vma.flags & VM_EXEC);
  const writable = vmas.filter((vma) => (vma.flags & WRITABLE_VIEW) === WRITABLE_VIEW);
  return executable.flatMap((view) => {
    const alias = writable.find((other) => other !== view && samePages(view, other));
    return alias === undefined ? [] : [findingOf(view, alias, trace, pid)];
  });
}

function samePages(a: Vma, b: Vma): boolean {
  if (a.object === undefined || a.object !== b.object) return false;
  return a.pageOffset < b.pageOffset + pages(b) && b.pageOffset < a.pageOffset + pages(a);
}

function pages({ start, end }: Vma): number {
  return Number((end - start) / PAGE_SIZE_N);
}

function findingOf(view: Vma, alias: Vma, trace: readonly TraceEvent[], pid: number): NewFinding {
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
function makerOf({ start }: Vma, trace: readonly TraceEvent[], pid: number): VmaEvent | undefined {
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
  return event === undefined || event.cause === 'exec' ? undefined : callPc(event.pc);
}

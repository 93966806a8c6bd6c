/** A map as a list of areas, changed by one event after the other. */
import type { AddrRange } from '../../base/address.js';
import type { Mapping } from '../../memory/mapping.js';
import type { VmaEvent } from '../../trace/events.js';

export interface Area extends AddrRange {
  readonly rights: number;
  readonly mapping: Mapping;
  /** What made it: the heap is known by brk alone. */
  readonly cause: string;
}

/** The areas after a change, sorted. */
export function withChange(areas: readonly Area[], { before, after, cause }: VmaEvent): Area[] {
  const gone = [before, after].filter((mapping) => mapping !== undefined);
  const rest = areas.flatMap((area) =>
    gone.reduce<Area[]>((parts, range) => parts.flatMap((part) => without(part, range)), [area]),
  );
  if (after === undefined) return rest;
  const { start, end, rights } = after;
  const made = areas.find((area) => area.start <= start && start < area.end)?.cause ?? cause;
  return [...rest, { start, end, rights, mapping: after, cause: made }].sort((a, b) =>
    a.start < b.start ? -1 : 1,
  );
}

/** What is left of an area outside of a range. */
function without(area: Area, { start, end }: AddrRange): Area[] {
  if (area.end <= start || area.start >= end) return [area];
  return [
    ...(area.start < start ? [{ ...area, end: start }] : []),
    ...(area.end > end ? [{ ...area, start: end }] : []),
  ];
}

/** As maps names it, as far as an area by itself tells. */
export function nameOfArea({ mapping, cause }: Area): string {
  if (mapping.name !== '') return mapping.name;
  if (mapping.growsDown) return '[stack]';
  return cause === 'brk' ? '[heap]' : '';
}

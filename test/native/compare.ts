/** Whether two reports of one sequence say the same. */
import type { Entry, SequenceReport } from './report.js';

/** `pages`: VMAs are compared page by page, as kernels of different versions merge differently. */
export type Precision = 'vmas' | 'pages';

export function sameReport(a: SequenceReport, b: SequenceReport, precision: Precision): boolean {
  if (a.end !== b.end) return false;
  const [left, right] = [a, b].map(({ entries }) => comparable(entries, precision)) as [
    Entry[],
    Entry[],
  ];
  return (
    left.length === right.length &&
    left.every(({ index, text }, at) => index === right[at]?.index && text === right[at]?.text)
  );
}

function comparable(entries: readonly Entry[], precision: Precision): readonly Entry[] {
  return precision === 'vmas' ? entries : entries.reduce<Entry[]>(joinNeighbours, []);
}

const VMA = /^(\S+)-(\S+) (\S{4}) (\S+)(.*)$/;

/** Joins a line of maps with the one before when the same rights and name go on behind it. */
function joinNeighbours(joined: Entry[], entry: Entry): Entry[] {
  const match = VMA.exec(entry.text);
  const before = joined.at(-1);
  const last = before && before.index === entry.index ? VMA.exec(before.text) : null;
  const [, start = '', end = '', perms = '', offset = '', name = ''] = match ?? [];
  const contiguous =
    match !== null &&
    last !== null &&
    last[2] === start &&
    last[3] === perms &&
    last[5] === name &&
    (name === '' || fileEnd(last) === offset);
  if (!contiguous) return [...joined, entry];
  const text = `${last[1]}-${end} ${perms} ${last[4]}${name}`;
  return [...joined.slice(0, -1), { index: entry.index, text }];
}

/** The offset right behind a line, when its two ends have the same base. */
function fileEnd([, start = '', end = '', , offset = '']: RegExpExecArray): string | undefined {
  const [from, to, first] = [start, end, offset].map(
    (text) => /^[A-Z]?\+?(0x[0-9a-f]+)$/.exec(text)?.[1],
  );
  if (from === undefined || to === undefined || first === undefined) return undefined;
  return `0x${(BigInt(first) + BigInt(to) - BigInt(from)).toString(16)}`;
}

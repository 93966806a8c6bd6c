/** Whether two reports of one sequence say the same. */
import type { Sequence } from './operation.js';
import type { Entry, SequenceReport } from './report.js';

/**
 * `pages`: VMAs are compared page by page, as kernels of different versions merge differently.
 * `no-zero-page`: so they are where one kernel allocates a page for a read of fresh memory. Its VMAs have an
 * anon_vma from then on, and so merge otherwise, stay accounted (ac) without PROT_WRITE, and keep their offset in
 * /dev/zero when they move. What mremap answers hangs on where a VMA ends: a sequence is compared up to the first
 * one that answers otherwise.
 */
export type Precision = 'vmas' | 'pages' | 'no-zero-page';

export function sameReport(
  a: SequenceReport,
  b: SequenceReport,
  precision: Precision,
  ops: Sequence = [],
): boolean {
  const [left, right] = [a, b].map(({ entries }) => comparable(entries, precision)) as [
    readonly Entry[],
    readonly Entry[],
  ];
  const length = Math.max(left.length, right.length);
  for (let at = 0; at < length; at++) {
    if (left[at]?.index === right[at]?.index && left[at]?.text === right[at]?.text) continue;
    return precision === 'no-zero-page' && isMremap(ops[left[at]?.index ?? -1]);
  }
  return a.end === b.end;
}

function isMremap(op: Sequence[number] | undefined): boolean {
  return op?.kind === 'call' && op.name === 'mremap';
}

function comparable(entries: readonly Entry[], precision: Precision): readonly Entry[] {
  if (precision === 'vmas') return entries;
  const kept = precision === 'pages' ? entries : entries.map(withoutAnonVma);
  return kept.reduce<Entry[]>(joinNeighbours, []);
}

/** Without what hangs on whether a VMA has an anon_vma. */
function withoutAnonVma({ index, text }: Entry): Entry {
  const match = VMA.exec(text);
  if (match === null) return { index, text };
  const [, start, end, perms, offset, rest = ''] = match;
  const at = rest.startsWith(' /dev/zero') && perms?.endsWith('p') ? '-' : offset;
  return { index, text: `${start}-${end} ${perms} ${at}${rest.replace(/ ac\b/, '')}` };
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
    (!hasOffset(name) || last[4] === '-' || fileEnd(last) === offset);
  if (!contiguous) return [...joined, entry];
  const text = `${last[1]}-${end} ${perms} ${last[4]}${name}`;
  return [...joined.slice(0, -1), { index: entry.index, text }];
}

/** What is mapped is a file: nothing, or the heap, has no offset. */
function hasOffset(rest: string): boolean {
  return rest !== '' && !/^ \[/.test(rest);
}

/** The offset right behind a line, when its two ends have the same base. */
function fileEnd([, start = '', end = '', , offset = '']: RegExpExecArray): string | undefined {
  const [from, to, first] = [start, end, offset].map(
    (text) => /^[A-Z]?\+?(0x[0-9a-f]+)$/.exec(text)?.[1],
  );
  if (from === undefined || to === undefined || first === undefined) return undefined;
  return `0x${(BigInt(first) + BigInt(to) - BigInt(from)).toString(16)}`;
}

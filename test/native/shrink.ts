/** Makes a differing sequence short: drops operations while two runs still differ, then simplifies. */
import { BASE } from './guest.js';
import type { Arg, Op, Sequence } from './operation.js';

/** Tells for each candidate whether it still shows a difference. */
export type Judge = (candidates: readonly Sequence[]) => Promise<boolean[]>;

export async function shrink(start: Sequence, judge: Judge): Promise<Sequence> {
  let best = start;
  for (let size = Math.ceil(best.length / 2); size >= 1; ) {
    const smaller = await firstThatDiffers(without(best, size), judge);
    if (smaller !== undefined) best = smaller;
    else size = size === 1 ? 0 : Math.ceil(size / 2);
    size = Math.min(size, best.length);
  }
  for (;;) {
    const simpler = await firstThatDiffers(simplified(best), judge);
    if (simpler === undefined) return best;
    best = simpler;
  }
}

const AT_ONCE = 16;

async function firstThatDiffers(
  candidates: readonly Sequence[],
  judge: Judge,
): Promise<Sequence | undefined> {
  for (let first = 0; first < candidates.length; first += AT_ONCE) {
    const some = candidates.slice(first, first + AT_ONCE);
    const found = (await judge(some)).indexOf(true);
    if (found >= 0) return some[found];
  }
  return undefined;
}

/** The sequence without one run of `size` operations, for each place. */
function without(ops: Sequence, size: number): Sequence[] {
  const shorter: Sequence[] = [];
  for (let first = 0; first < ops.length; first += size) {
    const rest = [...ops.slice(0, first), ...ops.slice(first + size)];
    if (balanced(rest)) shorter.push(rest);
  }
  return size === 1 ? [...shorter, ...withoutFork(ops)] : shorter;
}

/** A fork and its exit go together. */
function withoutFork(ops: Sequence): Sequence[] {
  const fork = ops.findIndex(({ kind }) => kind === 'fork');
  const exit = ops.findIndex(({ kind }) => kind === 'exit');
  if (fork < 0 || exit < 0) return [];
  return [
    ops.filter((_, index) => index !== fork && index !== exit),
    ops.filter((_, index) => index < fork || index > exit),
  ];
}

function balanced(ops: Sequence): boolean {
  let depth = 0;
  for (const { kind } of ops) {
    if (kind === 'fork') depth++;
    if (kind === 'exit') depth--;
    if (depth < 0) return false;
  }
  return depth === 0;
}

/** Each argument of each call made simpler in one way. */
function simplified(ops: Sequence): Sequence[] {
  return ops.flatMap((op, index) =>
    simplerOps(op).map((simpler) => [...ops.slice(0, index), simpler, ...ops.slice(index + 1)]),
  );
}

function simplerOps(op: Op): Op[] {
  if (op.kind === 'sweep' && op.pages > 1) {
    const { base, offset } = op.address;
    const half = op.pages >> 1;
    const upper = { base, offset: offset + BigInt(half * 4096) };
    return [
      { ...op, pages: half },
      { ...op, address: upper, pages: op.pages - half },
    ];
  }
  if (op.kind === 'dump' && op.file === 'smaps') return [{ ...op, file: 'maps' }];
  if (op.kind !== 'call') return [];
  return op.args.flatMap((arg, place) =>
    simplerArgs(arg).map((simpler) => ({
      ...op,
      args: op.args.map((one, at) => (at === place ? simpler : one)),
    })),
  );
}

/** Fewer bits, one at a time: flags lose members, lengths and offsets shrink. */
function simplerArgs({ base, offset }: Arg): Arg[] {
  if (base === BASE.SCRATCH || base >= BASE.FIRST_SLOT || offset <= 0n || offset > 0xffff_ffffn)
    return [];
  const simpler: Arg[] = [];
  for (let bit = 1n; bit <= offset; bit <<= 1n) {
    if (offset & bit && offset !== bit) simpler.push({ base, offset: offset & ~bit });
  }
  return simpler;
}

/** Operations as strace prints them, with addresses as offsets into the window (W), hole (H), break (B). */
import * as M from '../../src/abi/linux/mman.js';
import { BASE, CAPTURE } from './guest.js';
import type { Arg, CallOp, Op, Sequence } from './operation.js';
import type { SequenceReport } from './report.js';
import { nameAt, PIECES } from './script.js';

type Names = Readonly<Record<string, number>>;

const named = (prefix: string): Names =>
  Object.fromEntries(
    Object.entries(M).filter(
      (entry): entry is [string, number] =>
        typeof entry[1] === 'number' && entry[0].startsWith(prefix),
    ),
  );
const PROT = named('PROT_');
const MAP = Object.fromEntries(
  Object.entries(named('MAP_')).filter(([, bit]) => bit >= 0x10 && bit !== 26),
);
const MREMAP = named('MREMAP_');
const ADVICE = named('MADV_');

/** Which arguments are flag words, by call. */
const FLAGS: Readonly<Record<string, Readonly<Record<number, (value: bigint) => string>>>> = {
  mmap: { 2: prot, 3: mapFlags },
  mmap2: { 2: prot, 3: mapFlags },
  mprotect: { 2: prot },
  pkey_mprotect: { 2: prot },
  mremap: { 3: (value) => bits(value, MREMAP, '0') },
  madvise: { 2: (value) => nameOf(Number(value), ADVICE) },
};

function prot(value: bigint): string {
  const { PROT_FINAL: _, ...known } = PROT;
  return bits(value, known, 'PROT_NONE');
}

function mapFlags(value: bigint): string {
  const type = ['0', 'MAP_SHARED', 'MAP_PRIVATE', 'MAP_SHARED_VALIDATE'][Number(value & 15n)];
  const rest = bits(value & ~15n, MAP, '');
  return [type ?? `0x${(value & 15n).toString(16)}`, rest].filter((text) => text !== '').join('|');
}

function bits(value: bigint, names: Names, none: string): string {
  let rest = value;
  const shown: string[] = [];
  for (const [name, bit] of Object.entries(names)) {
    if (bit === 0 || (rest & BigInt(bit)) !== BigInt(bit)) continue;
    shown.push(name);
    rest &= ~BigInt(bit);
  }
  if (rest !== 0n) shown.push(`0x${rest.toString(16)}`);
  return shown.join('|') || none;
}

function nameOf(value: number, names: Names): string {
  return Object.entries(names).find(([, number]) => number === value)?.[0] ?? String(value);
}

export function formatOp(op: Op): string {
  switch (op.kind) {
    case 'call':
      return formatCall(op);
    case 'read':
    case 'exec':
      return `${op.kind} ${formatArg(op.address)}`;
    case 'write':
      return `write ${formatArg(op.address)} 0x${op.value.toString(16)}`;
    case 'sweep':
      return `read ${op.pages} pages from ${formatArg(op.address)}`;
    case 'dump':
      return `cat /proc/self/${op.file}`;
    default:
      return op.kind;
  }
}

function formatCall({ name, args, keep }: CallOp): string {
  const shown = args.map((arg, index) => {
    const flags = FLAGS[name]?.[index];
    return flags && arg.base === BASE.NONE ? flags(arg.offset) : formatArg(arg);
  });
  const slot = keep === undefined ? '' : `s${keep - BASE.FIRST_SLOT} = `;
  return `${slot}${name}(${shown.join(', ')})`;
}

export function formatArg({ base, offset }: Arg): string {
  const text = `0x${(offset < 0n ? -offset : offset).toString(16)}`;
  const signed = `${offset < 0n ? '-' : '+'}${text}`;
  if (base === BASE.NONE)
    return offset >= -16n && offset < 10n ? String(offset) : signed.replace(/^\+/, '');
  if (base === BASE.SCRATCH) {
    const name = nameAt(offset);
    if (name !== undefined)
      return JSON.stringify(name.length > 40 ? `${name.slice(0, 8)}...` : name);
    return offset === BigInt(CAPTURE) ? 'captured' : `piece ${(Number(offset) - PIECES) / 8}`;
  }
  if (base >= BASE.FIRST_SLOT) return `s${base - BASE.FIRST_SLOT}`;
  return `${'?WHB'[base]}${signed}`;
}

/** A sequence with what each operation gave; where two reports differ, both. */
export function formatSequence(ops: Sequence, real: SequenceReport, ours: SequenceReport): string {
  const lines = ops.flatMap((op, index) => {
    const [expected, got] = [real, ours].map((report) =>
      report.entries.filter((entry) => entry.index === index).map(({ text }) => text),
    ) as [string[], string[]];
    if (expected.length <= 1 && got.length <= 1 && expected[0] === got[0]) {
      return [`  ${formatOp(op)} ${expected[0] ?? ''}`.trimEnd()];
    }
    return [`  ${formatOp(op)}`, ...sideBySide(expected, got)];
  });
  const ends = real.end === ours.end ? [] : [`! kernel: ${real.end}`, `! mayexec: ${ours.end}`];
  return [...lines, ...ends].join('\n');
}

/** Lines of equal results as they are; of unequal ones both, marked. */
function sideBySide(expected: readonly string[], got: readonly string[]): string[] {
  if (expected.join('\n') === got.join('\n')) return expected.map((text) => `      ${text}`);
  return Array.from({ length: Math.max(expected.length, got.length) }).flatMap((_, index) =>
    expected[index] === got[index]
      ? [`      ${expected[index]}`]
      : [`!     kernel:  ${expected[index] ?? '-'}`, `!     mayexec: ${got[index] ?? '-'}`],
  );
}

/** The lines of /proc/self/maps and smaps around the places tested, made comparable between runs. */
import type { Arch } from '../../src/base/address.js';

export interface Regions {
  readonly arch: Arch;
  readonly window: bigint;
  readonly hole: bigint;
  readonly brk: bigint;
}

interface Region {
  readonly name: string;
  readonly base: bigint;
  readonly start: bigint;
  readonly end: bigint;
}

const MIB = 1n << 20n;
const LINE = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ \d+\s*(.*)$/;
/** Depends on how the kernel was built (soft-dirty) or is no flag of the VMA. */
const IGNORED_FLAGS = new Set(['sd', '??']);

function regionsOf({ window, hole, brk }: Regions): readonly Region[] {
  return [
    { name: 'B', base: brk, start: brk, end: brk + 16n * MIB },
    { name: 'W', base: window, start: window - 16n * MIB, end: window + 64n * MIB },
    { name: 'H', base: hole, start: hole - 8n * MIB, end: hole + 9n * MIB },
  ];
}

/**
 * `W+0x1000-W+0x3000 rw-p 0 name`, and for smaps ` [rd wr ...]`. A VMA that begins or ends outside
 * its region is cut there.
 */
export function memoryLines(text: string, regions: Regions): string[] {
  const lines: string[] = [];
  let kept = false;
  for (const line of text.split('\n')) {
    const match = LINE.exec(line);
    if (match === null) {
      const flags = /^VmFlags: (.*)$/.exec(line)?.[1];
      if (flags !== undefined && kept) lines.push(`${lines.pop()} ${flagsText(flags)}`);
      continue;
    }
    const shown = vmaText(match, regions);
    kept = shown !== undefined;
    if (shown !== undefined) lines.push(shown);
  }
  return lines;
}

function vmaText(match: RegExpExecArray, regions: Regions): string | undefined {
  const [, from = '', to = '', perms = '', offset = '', name = ''] = match;
  const start = BigInt(`0x${from}`);
  const end = BigInt(`0x${to}`);
  const region = regionsOf(regions).find((one) => start < one.end && end > one.start);
  if (region === undefined) return undefined;
  const first = start < region.start ? region.start : start;
  const last = end > region.end ? region.end : end;
  const at = BigInt(`0x${offset}`) + (name === '' ? 0n : first - start);
  const shown = `${place(region, first)}-${place(region, last)} ${perms} ${offsetText(name, at, regions)}`;
  return `${shown} ${nameText(name)}`.trimEnd();
}

function place({ name, base }: Region, address: bigint): string {
  return address < base
    ? `${name}-0x${(base - address).toString(16)}`
    : `${name}+0x${(address - base).toString(16)}`;
}

/** A moved private mapping of /dev/zero has its own address for an offset (mm/vma.c:copy_vma). */
function offsetText(name: string, offset: bigint, regions: Regions): string {
  const region = regionsOf(regions).find((one) => offset >= one.start && offset < one.end);
  return name === '/dev/zero' && region ? place(region, offset) : `0x${offset.toString(16)}`;
}

/** A file in the working directory by its last component; kernel names as they are. */
function nameText(name: string): string {
  if (!name.startsWith('/') || name.startsWith('/memfd:') || name.startsWith('/SYSV')) return name;
  return name.startsWith('/dev/zero') ? name : name.slice(name.lastIndexOf('/') + 1);
}

function flagsText(flags: string): string {
  const words = flags.split(' ').filter((word) => word !== '' && !IGNORED_FLAGS.has(word));
  return `[${words.join(' ')}]`;
}

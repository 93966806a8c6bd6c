/**
 * Loads a segment register from outside, as the kernel does when it returns to a program: the selector,
 * and from the GDT what the CPU caches of its descriptor (SDM 3, 3.4.3 and 3.4.5).
 */
import { MayexecError } from '../../base/errors.js';
import { GDT_ENTRIES, type SegmentName, type SegmentValue } from '../cpu-profile.js';
import type { Machine } from './machine.js';
import {
  ENV,
  HF,
  SEGMENT,
  SEGMENT_CS,
  SEGMENT_DS,
  SEGMENT_ES,
  SEGMENT_FS,
  SEGMENT_GS,
  SEGMENT_SS,
} from './offsets.js';

const GRANULARITY = 1 << 23;
const BIG = 1 << 22;
const LONG = 1 << 21;
const PRESENT = 1 << 15;
const DPL = 3 << 13;
const CODE_OR_DATA = 1 << 12;
const CODE = 1 << 11;

const INDEX: Readonly<Record<SegmentName, number>> = {
  es: SEGMENT_ES,
  cs: SEGMENT_CS,
  ss: SEGMENT_SS,
  ds: SEGMENT_DS,
  fs: SEGMENT_FS,
  gs: SEGMENT_GS,
};

/** What the CPU caches of a descriptor, as it is; nothing is derived from it. */
export function storeSegment({ heap, env }: Machine, index: number, value: SegmentValue): void {
  const at = env + ENV.SEGS + index * SEGMENT.BYTES;
  heap.writeU32(at + SEGMENT.SELECTOR, value.selector);
  heap.writeU64(at + SEGMENT.BASE, value.base);
  heap.writeU32(at + SEGMENT.LIMIT, value.limit);
  heap.writeU32(at + SEGMENT.FLAGS, value.flags);
}

/** As an exception's gate loads it: with `ss` comes the privilege level. */
export function setSegment(machine: Machine, name: SegmentName, value: SegmentValue): void {
  const { heap, env } = machine;
  storeSegment(machine, INDEX[name], value);
  if (name === 'ss') {
    const level = (value.flags & DPL) >>> 13;
    heap.writeU32(env + ENV.HFLAGS, (heap.readU32(env + ENV.HFLAGS) & ~HF.CPL3) | level);
  }
  deriveFlags(machine);
}

/** `gdt` is where the GDT lies in the module's memory. */
export function loadSegment(machine: Machine, gdt: number, index: number, selector: number): void {
  const { heap, env } = machine;
  const at = env + ENV.SEGS + index * SEGMENT.BYTES;
  const isNull = (selector & ~3) === 0;
  if (isNull && (index === SEGMENT_CS || index === SEGMENT_SS)) throw refuse(selector);
  const low = isNull ? 0 : heap.readU32(gdt + entryOf(selector) * 8);
  const high = isNull ? 0 : heap.readU32(gdt + entryOf(selector) * 8 + 4);
  if (!isNull) check(selector, high, index === SEGMENT_CS);
  const limit = (low & 0xffff) | (high & 0xf_0000);
  const base = (low >>> 16) | ((high & 0xff) << 16) | (high & 0xff00_0000);
  heap.writeU32(at + SEGMENT.SELECTOR, selector);
  heap.writeU64(at + SEGMENT.BASE, BigInt(base >>> 0));
  heap.writeU32(at + SEGMENT.LIMIT, high & GRANULARITY ? (limit << 12) | 0xfff : limit);
  heap.writeU32(at + SEGMENT.FLAGS, high & 0x00f0_ff00);
  deriveFlags(machine);
}

/** Only the GDT: there is no LDT. */
function entryOf(selector: number): number {
  const entry = selector >>> 3;
  if (selector & 4 || entry >= GDT_ENTRIES) throw refuse(selector);
  return entry;
}

function check(selector: number, high: number, code: boolean): void {
  const usable = (high & PRESENT) !== 0 && (high & CODE_OR_DATA) !== 0 && (high & DPL) === DPL;
  if (!usable || (selector & 3) !== 3 || (code && !(high & CODE))) throw refuse(selector);
}

function refuse(selector: number): MayexecError {
  return new MayexecError(
    `segment selector 0x${selector.toString(16)} names no user segment of the GDT`,
  );
}

/** env->hflags from the segments, as cpu_x86_load_seg_cache() of target-i386/cpu.h keeps them. */
function deriveFlags({ heap, env }: Machine): void {
  const flags = (index: number) =>
    heap.readU32(env + ENV.SEGS + index * SEGMENT.BYTES + SEGMENT.FLAGS);
  const base = (index: number) =>
    heap.readU64(env + ENV.SEGS + index * SEGMENT.BYTES + SEGMENT.BASE);
  let hflags = heap.readU32(env + ENV.HFLAGS);
  hflags &= ~(HF.CS32 | HF.SS32 | HF.CS64 | HF.ADDSEG);
  if (hflags & HF.LMA && flags(SEGMENT_CS) & LONG) hflags |= HF.CS32 | HF.SS32 | HF.CS64;
  else {
    if (flags(SEGMENT_CS) & BIG) hflags |= HF.CS32;
    if (flags(SEGMENT_SS) & BIG) hflags |= HF.SS32;
    const flat = (base(SEGMENT_DS) | base(SEGMENT_ES) | base(SEGMENT_SS)) === 0n;
    if (!flat || !(hflags & HF.CS32)) hflags |= HF.ADDSEG;
  }
  heap.writeU32(env + ENV.HFLAGS, hflags);
}

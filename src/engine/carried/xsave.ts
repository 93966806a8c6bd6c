/** XSAVE, XSAVEOPT, XSAVEC, XRSTOR and XGETBV (Intel SDM volume 1, chapter 13). */
import type { CarriedCpu } from './cpu.js';
import type { Encoding } from './encoding.js';
import type { Extensions } from './extensions.js';
import type { Maker } from './operands.js';
import {
  AVX_LENGTH,
  AVX_OFFSET,
  enabledState,
  FXSAVE_LENGTH,
  STATE_AVX,
  STATE_SSE,
  STATE_X87,
} from './xsave-area.js';

const VECTOR_GP = 13;
const RAX = 0;
const RCX = 1;
const RDX = 2;
const MXCSR = 24;
const MXCSR_MASK = 0xffff;
const MXCSR_INITIAL = 0x1f80;
const X87_CONTROL_INITIAL = 0x37f;
const ST = 32;
const XMM = 160;
const BLOCK = 32;
/** Bit 31 of the upper word of XCOMP_BV. */
const COMPACTED = 0x8000_0000;

/** XGETBV: XCR0, and with ECX 1 what of it is in use. */
export function compileXgetbv(extensions: Extensions): Maker {
  const xcr0 = enabledState(extensions);
  return () => (cpu) => {
    const index = cpu.words[cpu.general(RCX) >>> 2]!;
    if (index > 1) cpu.raise(VECTOR_GP);
    setGeneral(cpu, RAX, index === 0 ? xcr0 : inUse(cpu, xcr0));
    setGeneral(cpu, RDX, 0);
  };
}

function setGeneral(cpu: CarriedCpu, register: number, value: number): void {
  const at = cpu.general(register) >>> 2;
  cpu.words[at] = value;
  cpu.words[at + 1] = 0;
}

function requested(cpu: CarriedCpu, xcr0: number): number {
  return cpu.words[cpu.general(RAX) >>> 2]! & xcr0;
}

/** Components that are not as at reset. */
function inUse(cpu: CarriedCpu, xcr0: number): number {
  const { control, status, tags } = cpu.readX87();
  let state = control !== X87_CONTROL_INITIAL || status !== 0 || tags !== 0 ? STATE_X87 : 0;
  if (anyVector(cpu, 0)) state |= STATE_SSE;
  if (anyVector(cpu, 1)) state |= STATE_AVX;
  return state & xcr0;
}

function anyVector(cpu: CarriedCpu, half: 0 | 1): boolean {
  const from = cpu.vector(0, half) >>> 2;
  return cpu.words.subarray(from, from + 64).some((word) => word !== 0);
}

type Form = 'all' | 'changed' | 'compacted';

export function compileSave(e: Encoding, extensions: Extensions, form: Form): Maker {
  const memory = e.memory!;
  const xcr0 = enabledState(extensions);
  return (next, nextHi) => (cpu) => {
    cpu.locate(memory, next, nextHi);
    if ((cpu.lo & 63) !== 0) cpu.raise(VECTOR_GP);
    const asked = requested(cpu, xcr0);
    const used = inUse(cpu, xcr0) & asked;
    const written = form === 'all' ? asked : used;
    let bits = used;
    if (form !== 'compacted') {
      cpu.load(4, cpu.operandArea, FXSAVE_LENGTH);
      bits |= cpu.words[cpu.operandArea >>> 2]! & ~asked;
    }
    cpu.prepare(4, FXSAVE_LENGTH);
    const image = saved(cpu, e.wide);
    if (written & STATE_X87) {
      store(cpu, image, 0, MXCSR);
      store(cpu, image, ST, XMM);
    }
    const control = form === 'compacted' ? written & STATE_SSE : asked & (STATE_SSE | STATE_AVX);
    if (control) store(cpu, image, MXCSR, ST);
    if (written & STATE_SSE) store(cpu, image, XMM, XMM + (e.wide ? 256 : 128));
    if (written & STATE_AVX) store(cpu, image, AVX_OFFSET, AVX_OFFSET + (e.wide ? 256 : 128));
    const header = new DataView(image.buffer);
    header.setUint32(FXSAVE_LENGTH, bits, true);
    header.setUint32(FXSAVE_LENGTH + 8, form === 'compacted' ? asked : 0, true);
    header.setUint32(FXSAVE_LENGTH + 12, form === 'compacted' ? COMPACTED : 0, true);
    store(cpu, image, FXSAVE_LENGTH, FXSAVE_LENGTH + (form === 'compacted' ? 16 : 8));
  };
}

/** All of the state, in the standard format. */
function saved(cpu: CarriedCpu, wide: boolean): Uint8Array {
  const image = new Uint8Array(AVX_OFFSET + AVX_LENGTH);
  const view = new DataView(image.buffer);
  const { control, status, tags } = cpu.readX87();
  view.setUint16(0, control, true);
  view.setUint16(2, status, true);
  view.setUint8(4, tags);
  view.setUint32(MXCSR, cpu.mxcsr, true);
  view.setUint32(MXCSR + 4, MXCSR_MASK, true);
  for (let i = 0; i < 8; i++) {
    const from = cpu.mmx(((status >> 11) + i) & 7);
    image.set(cpu.bytes.subarray(from, from + 10), ST + 16 * i);
  }
  for (let i = 0; i < (wide ? 16 : 8); i++) {
    const low = cpu.vector(i, 0);
    const high = cpu.vector(i, 1);
    image.set(cpu.bytes.subarray(low, low + 16), XMM + 16 * i);
    image.set(cpu.bytes.subarray(high, high + 16), AVX_OFFSET + 16 * i);
  }
  return image;
}

/** The bytes of the image from `from` to `to`, to their place behind the operand's beginning. */
function store(cpu: CarriedCpu, image: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; ) {
    const length = Math.min(to - at, BLOCK - (at % BLOCK));
    cpu.bytes.set(image.subarray(at, at + length), cpu.resultArea);
    cpu.store(length, cpu.resultArea, at);
    at += length;
  }
}

export function compileRestore(e: Encoding, extensions: Extensions): Maker {
  const memory = e.memory!;
  const xcr0 = enabledState(extensions);
  return (next, nextHi) => (cpu) => {
    cpu.locate(memory, next, nextHi);
    if ((cpu.lo & 63) !== 0) cpu.raise(VECTOR_GP);
    const asked = requested(cpu, xcr0);
    const image = new Uint8Array(AVX_OFFSET + AVX_LENGTH);
    const end = asked & STATE_AVX ? image.length : AVX_OFFSET;
    for (let at = 0; at < end; at += BLOCK) {
      cpu.load(BLOCK, cpu.operandArea, at);
      image.set(cpu.bytes.subarray(cpu.operandArea, cpu.operandArea + BLOCK), at);
    }
    const view = new DataView(image.buffer);
    const state = headerOf(cpu, view, xcr0);
    const given = asked & state.present;
    const mxcsr = view.getUint32(MXCSR, true);
    const loadsControl = state.compacted ? given & STATE_SSE : asked & (STATE_SSE | STATE_AVX);
    if (loadsControl && mxcsr & ~MXCSR_MASK) cpu.raise(VECTOR_GP);
    if (asked & STATE_X87) loadX87(cpu, given & STATE_X87 ? view : undefined);
    if (loadsControl) cpu.mxcsr = mxcsr;
    else if (asked & STATE_SSE) cpu.mxcsr = MXCSR_INITIAL;
    const count = e.wide ? 16 : 8;
    if (asked & STATE_SSE)
      loadVectors(cpu, 0, count, given & STATE_SSE ? image.subarray(XMM) : undefined);
    if (asked & STATE_AVX)
      loadVectors(cpu, 1, count, given & STATE_AVX ? image.subarray(AVX_OFFSET) : undefined);
  };
}

/** Checks the header: #GP for what XCR0 does not have, and for bits that are reserved. */
function headerOf(
  cpu: CarriedCpu,
  view: DataView,
  xcr0: number,
): { readonly present: number; readonly compacted: boolean } {
  const word = (index: number): number => view.getUint32(FXSAVE_LENGTH + 4 * index, true);
  const present = word(0);
  const compacted = (word(3) & COMPACTED) !== 0;
  const zeros = compacted ? [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] : [2, 3, 4, 5];
  const allowed = compacted ? word(2) : xcr0;
  const wrong =
    (present & ~allowed) !== 0 ||
    word(1) !== 0 ||
    (compacted && ((word(2) & ~xcr0) !== 0 || (word(3) & ~COMPACTED) !== 0)) ||
    zeros.some((index) => word(index) !== 0);
  if (wrong) cpu.raise(VECTOR_GP);
  return { present, compacted };
}

function loadX87(cpu: CarriedCpu, view: DataView | undefined): void {
  const status = view?.getUint16(2, true) ?? 0;
  cpu.writeX87({
    control: view?.getUint16(0, true) ?? X87_CONTROL_INITIAL,
    status,
    tags: view?.getUint8(4) ?? 0,
  });
  for (let i = 0; i < 8; i++) {
    const to = cpu.mmx(((status >> 11) + i) & 7);
    for (let byte = 0; byte < 10; byte++)
      cpu.bytes[to + byte] = view?.getUint8(ST + 16 * i + byte) ?? 0;
  }
}

function loadVectors(cpu: CarriedCpu, half: 0 | 1, count: number, from?: Uint8Array): void {
  for (let i = 0; i < count; i++) {
    const to = cpu.vector(i, half);
    for (let byte = 0; byte < 16; byte++) cpu.bytes[to + byte] = from?.[16 * i + byte] ?? 0;
  }
}

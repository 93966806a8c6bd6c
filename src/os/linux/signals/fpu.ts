/**
 * x87 and SSE state in its memory formats: the 512 bytes of FXSAVE and the 112 bytes of FSAVE in front
 * of them in 32-bit frames. xsave.ts has what AVX and protection keys add.
 * Compare arch/x86/kernel/fpu/signal.c and regset.c:convert_from_fxsr().
 */

import { Struct } from '../../../base/struct.js';
import type { Engine } from '../../../engine/engine.js';

export const FXSAVE_SIZE = 512;
export const FSAVE_SIZE = 112;

const MXCSR_MASK = 0xffff;
const ST_OFFSET = 32;
const XMM_OFFSET = 160;
const LOW_64 = (1n << 64n) - 1n;

function xmmCount(engine: Engine): number {
  return engine.arch === 'x86-64' ? 16 : 8;
}

/** Every register that FXSAVE stores. */
export function saveFx(engine: Engine): Struct {
  const image = new Struct(FXSAVE_SIZE)
    .setU16(0, Number(engine.readRegister('fpcw')))
    .setU16(2, Number(engine.readRegister('fpsw')))
    .setU8(4, abridged(Number(engine.readRegister('fptag'))))
    .setU32(24, Number(engine.readRegister('mxcsr')))
    .setU32(28, MXCSR_MASK);
  for (let i = 0; i < 8; i++) {
    const value = engine.readRegister(`st${i}`);
    image.setU64(ST_OFFSET + 16 * i, value & LOW_64);
    image.setU16(ST_OFFSET + 16 * i + 8, Number((value >> 64n) & 0xffffn));
  }
  for (let i = 0; i < xmmCount(engine); i++) {
    const value = engine.readRegister(`xmm${i}`);
    image.setU64(XMM_OFFSET + 16 * i, value & LOW_64);
    image.setU64(XMM_OFFSET + 16 * i + 8, value >> 64n);
  }
  return image;
}

/** False, and nothing changed, when MXCSR has a bit that the CPU refuses (#GP in FXRSTOR). */
export function loadFx(engine: Engine, image: Struct): boolean {
  const mxcsr = image.u32(24);
  if (mxcsr & ~MXCSR_MASK) return false;
  engine.writeRegister('mxcsr', BigInt(mxcsr));
  for (let i = 0; i < xmmCount(engine); i++) {
    const low = image.u64(XMM_OFFSET + 16 * i);
    engine.writeRegister(`xmm${i}`, low | (image.u64(XMM_OFFSET + 16 * i + 8) << 64n));
  }
  loadX87(engine, image.u16(0), image.u16(2), full(image.u8(4)), (i) => ({
    low: image.u64(ST_OFFSET + 16 * i),
    high: image.u16(ST_OFFSET + 16 * i + 8),
  }));
  return true;
}

/** Both halves back to their state at exec: what sigreturn does for a frame without one. */
export function resetFx(engine: Engine): void {
  const initial = new Struct(FXSAVE_SIZE).setU16(0, 0x37f).setU32(24, 0x1f80);
  loadFx(engine, initial);
}

/** The 112 bytes of FSAVE, status word repeated behind them, magic 0: FXSAVE's 512 bytes follow. */
export function toFsave(fx: Struct): Struct {
  const image = new Struct(FSAVE_SIZE)
    .setU32(0, 0xffff0000 | fx.u16(0))
    .setU32(4, 0xffff0000 | fx.u16(2))
    .setU32(8, 0xffff0000 | full(fx.u8(4)))
    .setU16(108, fx.u16(2));
  for (let i = 0; i < 8; i++) image.set(28 + 10 * i, fx.slice(ST_OFFSET + 16 * i, 10));
  return image;
}

/** The x87 half from FSAVE's format; SSE stays as it is. */
export function loadFsave(engine: Engine, image: Struct): void {
  loadX87(engine, image.u16(0), image.u16(4), image.u16(8), (i) => ({
    low: image.u64(28 + 10 * i),
    high: image.u16(36 + 10 * i),
  }));
}

function loadX87(
  engine: Engine,
  control: number,
  status: number,
  tags: number,
  register: (index: number) => { readonly low: bigint; readonly high: number },
): void {
  engine.writeRegister('fpcw', BigInt(control));
  // The top of the stack first: it decides which register st0 is.
  engine.writeRegister('fpsw', BigInt(status));
  for (let i = 0; i < 8; i++) {
    const { low, high } = register(i);
    engine.writeRegister(`st${i}`, low | (BigInt(high) << 64n));
  }
  engine.writeRegister('fptag', BigInt(tags));
}

/** One bit per register: in use. */
function abridged(tags: number): number {
  let bits = 0;
  for (let i = 0; i < 8; i++) if (((tags >> (2 * i)) & 3) !== 3) bits |= 1 << i;
  return bits;
}

/** Two bits per register: 3 empty, 0 in use. The finer kinds (zero, special) are not told apart. */
function full(bits: number): number {
  let tags = 0;
  for (let i = 0; i < 8; i++) if (!(bits & (1 << i))) tags |= 3 << (2 * i);
  return tags;
}

/**
 * The state of the processor in a signal frame: FXSAVE's 512 bytes, and on a processor with XSAVE or protection keys
 * XSAVE's standard format around them, with the upper halves of AVX's registers and PKRU. Compare
 * arch/x86/kernel/fpu/signal.c and, for the rights during and after delivery, sig_prepare_pkru() (since 6.12).
 */

import { Struct } from '../../../base/struct.js';
import type { Engine } from '../../../engine/engine.js';
import { INITIAL_PKRU } from '../mm/pkru.js';
import { FXSAVE_SIZE, loadFx, resetFx, saveFx } from './fpu.js';

/** The register of a processor with protection keys. */
export interface KeyRights {
  pkru: number;
}

const X87_SSE = 3n;
const AVX_FEATURE = 1n << 2n;
const PKRU_FEATURE = 1n << 9n;
const HEADER_SIZE = 64;
const AVX_OFFSET = FXSAVE_SIZE + HEADER_SIZE;
const AVX_SIZE = 256;
const PKRU_OFFSET = 2688;
const PKRU_SIZE = 8;
const MAGIC2_SIZE = 4;
/** struct _fpx_sw_bytes, in the part of FXSAVE's bytes that is software's. */
const SOFTWARE = 464;
const MAGIC1 = 0x46505853;
const MAGIC2 = 0x46505845;

const hasAvx = ({ cpu }: Engine): boolean => cpu.extensions.has('avx');

/** Undefined: FXSAVE's format, as on a processor without XSAVE. */
function areaSize(engine: Engine, keys: KeyRights | undefined): number | undefined {
  if (keys !== undefined) return PKRU_OFFSET + PKRU_SIZE;
  if (!isExtended(engine, keys)) return undefined;
  return hasAvx(engine) ? AVX_OFFSET + AVX_SIZE : AVX_OFFSET;
}

/** Is there more than FXSAVE's bytes (UC_FP_XSTATE)? */
export function isExtended({ cpu }: Engine, keys: KeyRights | undefined): boolean {
  return keys !== undefined || cpu.extensions.has('xsave');
}

export function stateSize(engine: Engine, keys: KeyRights | undefined): number {
  const area = areaSize(engine, keys);
  return area === undefined ? FXSAVE_SIZE : area + MAGIC2_SIZE;
}

function featuresOf(engine: Engine, keys: KeyRights | undefined): bigint {
  return X87_SSE | (hasAvx(engine) ? AVX_FEATURE : 0n) | (keys === undefined ? 0n : PKRU_FEATURE);
}

export function saveState(engine: Engine, keys: KeyRights | undefined): Struct {
  const fx = saveFx(engine);
  const area = areaSize(engine, keys);
  if (area === undefined) return fx;
  const features = featuresOf(engine, keys);
  const state = new Struct(area + MAGIC2_SIZE)
    .set(0, fx.bytes)
    .setU32(SOFTWARE, MAGIC1)
    .setU32(SOFTWARE + 4, area + MAGIC2_SIZE)
    .setU64(SOFTWARE + 8, features)
    .setU32(SOFTWARE + 16, area)
    .setU32(area, MAGIC2);
  const avx = hasAvx(engine) && saveUpper(engine, state) ? AVX_FEATURE : 0n;
  state.setU64(FXSAVE_SIZE, (features & ~AVX_FEATURE) | avx);
  return keys === undefined ? state : state.setU32(PKRU_OFFSET, keys.pkru);
}

const upperRegisters = ({ arch }: Engine): number => (arch === 'x86-64' ? 16 : 8);

/** False: all are zero, which XSAVE leaves out. */
function saveUpper(engine: Engine, state: Struct): boolean {
  let any = false;
  for (let i = 0; i < upperRegisters(engine); i++) {
    const upper = engine.readRegister(`ymm${i}`) >> 128n;
    any ||= upper !== 0n;
    state.setU64(AVX_OFFSET + 16 * i, BigInt.asUintN(64, upper));
    state.setU64(AVX_OFFSET + 16 * i + 8, upper >> 64n);
  }
  return any;
}

/** `state` undefined: zeros. */
function loadUpper(engine: Engine, state: Struct | undefined): void {
  for (let i = 0; i < upperRegisters(engine); i++) {
    const low = BigInt.asUintN(128, engine.readRegister(`ymm${i}`));
    const upper =
      state === undefined
        ? 0n
        : state.u64(AVX_OFFSET + 16 * i) | (state.u64(AVX_OFFSET + 16 * i + 8) << 64n);
    engine.writeRegister(`ymm${i}`, low | (upper << 128n));
  }
}

/** False: MXCSR, or the header, has a bit that the processor refuses. */
export function loadState(engine: Engine, image: Struct, keys: KeyRights | undefined): boolean {
  const area = areaSize(engine, keys);
  // What is not in the frame is initialised by XRSTOR, which makes PKRU 0: every key allows everything.
  const features = area === undefined ? 0n : presentIn(image, area);
  if ((features & ~featuresOf(engine, keys)) !== 0n) return false;
  if (!loadFx(engine, new Struct(image.slice(0, FXSAVE_SIZE)))) return false;
  if (hasAvx(engine)) loadUpper(engine, features & AVX_FEATURE ? image : undefined);
  if (keys !== undefined) keys.pkru = features & PKRU_FEATURE ? image.u32(PKRU_OFFSET) : 0;
  return true;
}

/** XSTATE_BV; without the two magic words only FXSAVE's part counts. */
function presentIn(image: Struct, area: number): bigint {
  const extended = image.u32(SOFTWARE) === MAGIC1 && image.u32(area) === MAGIC2;
  return extended ? image.u64(FXSAVE_SIZE) : X87_SSE;
}

/** For a frame without any state: as at exec. */
export function resetState(engine: Engine, keys: KeyRights | undefined): void {
  resetVectors(engine);
  if (keys !== undefined) keys.pkru = INITIAL_PKRU;
}

/** x87, SSE and AVX as a program finds them. */
export function resetVectors(engine: Engine): void {
  resetFx(engine);
  if (hasAvx(engine)) loadUpper(engine, undefined);
}

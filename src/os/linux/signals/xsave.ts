/**
 * The state of the processor in a signal frame: FXSAVE's 512 bytes, and on a processor with protection
 * keys XSAVE's standard format around them, with PKRU as its only extension. Compare
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
const PKRU_FEATURE = 1n << 9n;
const PKRU_OFFSET = 2688;
const XSAVE_SIZE = PKRU_OFFSET + 8;
const MAGIC2_SIZE = 4;
/** struct _fpx_sw_bytes, in the part of FXSAVE's bytes that is software's. */
const SOFTWARE = 464;
const MAGIC1 = 0x46505853;
const MAGIC2 = 0x46505845;

export function stateSize(keys: KeyRights | undefined): number {
  return keys === undefined ? FXSAVE_SIZE : XSAVE_SIZE + MAGIC2_SIZE;
}

export function saveState(engine: Engine, keys: KeyRights | undefined): Struct {
  const fx = saveFx(engine);
  if (keys === undefined) return fx;
  const features = X87_SSE | PKRU_FEATURE;
  return new Struct(stateSize(keys))
    .set(0, fx.bytes)
    .setU32(SOFTWARE, MAGIC1)
    .setU32(SOFTWARE + 4, stateSize(keys))
    .setU64(SOFTWARE + 8, features)
    .setU32(SOFTWARE + 16, XSAVE_SIZE)
    .setU64(FXSAVE_SIZE, features)
    .setU32(PKRU_OFFSET, keys.pkru)
    .setU32(XSAVE_SIZE, MAGIC2);
}

/** False: MXCSR has a bit that the processor refuses. */
export function loadState(engine: Engine, image: Struct, keys: KeyRights | undefined): boolean {
  if (!loadFx(engine, new Struct(image.slice(0, FXSAVE_SIZE)))) return false;
  if (keys !== undefined) keys.pkru = savedPkru(image);
  return true;
}

/** What is not in the frame is initialised by XRSTOR, which makes PKRU 0: every key allows everything. */
function savedPkru(image: Struct): number {
  const extended = image.u32(SOFTWARE) === MAGIC1 && image.u32(XSAVE_SIZE) === MAGIC2;
  const present = extended && (image.u64(FXSAVE_SIZE) & PKRU_FEATURE) !== 0n;
  return present ? image.u32(PKRU_OFFSET) : 0;
}

/** For a frame without any state: as at exec. */
export function resetState(engine: Engine, keys: KeyRights | undefined): void {
  resetFx(engine);
  if (keys !== undefined) keys.pkru = INITIAL_PKRU;
}

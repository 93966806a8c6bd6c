/** The area of XSAVE in its standard format, as far as there is state here (Intel SDM volume 1, 13.4). */
import type { Extensions } from './extensions.js';

export const STATE_X87 = 1;
export const STATE_SSE = 2;
export const STATE_AVX = 4;
/** In bytes: what FXSAVE writes, and the header behind it. */
export const FXSAVE_LENGTH = 512;
export const HEADER_LENGTH = 64;
/** Upper halves of ymm0 to ymm15. */
export const AVX_OFFSET = FXSAVE_LENGTH + HEADER_LENGTH;
export const AVX_LENGTH = 256;

/** XCR0 as a kernel sets it that supports all there is. */
export function enabledState(extensions: Extensions): number {
  return STATE_X87 | STATE_SSE | (extensions.has('avx') ? STATE_AVX : 0);
}

export function areaLength(state: number): number {
  return state & STATE_AVX ? AVX_OFFSET + AVX_LENGTH : AVX_OFFSET;
}

/** AES (FIPS 197) and carry-less multiplication, as kernels (Intel SDM volume 2, AES* and PCLMULQDQ). */
import type { Kernel } from './integer-lanes.js';

/** In the field of AES. */
function times(a: number, b: number): number {
  let product = 0;
  for (let i = 0, x = a; i < 8; i++) {
    if ((b >> i) & 1) product ^= x;
    x = (x << 1) ^ (x & 0x80 ? 0x11b : 0);
  }
  return product;
}

const SUBSTITUTE = makeSubstitutes();
const INVERSE = SUBSTITUTE.reduce((all, to, from) => {
  all[to] = from;
  return all;
}, new Uint8Array(256));

function makeSubstitutes(): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, x) => {
    let inverse = 0;
    for (let y = 1; y < 256; y++) if (times(x, y) === 1) inverse = y;
    let result = 0x63;
    for (let i = 0; i < 5; i++) result ^= ((inverse << i) | (inverse >> (8 - i))) & 255;
    return result;
  });
}

type State = readonly number[];

/** Row `r` of the state moves by `r` places: byte `i` comes from there. */
const shiftRows = (state: State, by: 1 | -1): number[] =>
  state.map((_, i) => state[(i + by * 4 * (i & 3) + 16) & 15]!);

function mixColumns(state: State, factors: readonly number[]): number[] {
  return state.map((_, i) => {
    const column = i & ~3;
    return [0, 1, 2, 3].reduce(
      (sum, j) => sum ^ times(state[column + j]!, factors[(j - (i & 3) + 4) & 3]!),
      0,
    );
  });
}

const FORWARD = [2, 3, 1, 1];
const BACKWARD = [14, 11, 13, 9];

function round(step: (state: State) => State): Kernel {
  return ({ bytes: all }, d, a, b) => {
    const state = step(Array.from({ length: 16 }, (_, i) => all[a + i]!));
    for (let i = 0; i < 16; i++) all[d + i] = state[i]! ^ all[b + i]!;
  };
}

const encrypt = (state: State): number[] => shiftRows(state, 1).map((byte) => SUBSTITUTE[byte]!);
const decrypt = (state: State): number[] => shiftRows(state, -1).map((byte) => INVERSE[byte]!);

/** 0F38 DB to DF. */
export const AES_0F38: Readonly<Record<number, Kernel>> = {
  219: ({ bytes: all }, d, _a, b) => {
    const state = mixColumns(
      Array.from({ length: 16 }, (_, i) => all[b + i]!),
      BACKWARD,
    );
    for (let i = 0; i < 16; i++) all[d + i] = state[i]!;
  },
  220: round((state) => mixColumns(encrypt(state), FORWARD)),
  221: round(encrypt),
  222: round((state) => mixColumns(decrypt(state), BACKWARD)),
  223: round(decrypt),
};

/** AESKEYGENASSIST. */
export function keyAssist(constant: number): Kernel {
  return ({ bytes: all }, d, _a, b) => {
    for (const [to, from] of [
      [0, 4],
      [8, 12],
    ] as const) {
      const word = [0, 1, 2, 3].map((i) => SUBSTITUTE[all[b + from + i]!]!);
      for (let i = 0; i < 4; i++) {
        all[d + to + i] = word[i]!;
        all[d + to + 4 + i] = word[(i + 1) & 3]! ^ (i === 0 ? constant : 0);
      }
    }
  };
}

export function carrylessMultiply(immediate: number): Kernel {
  return ({ view }, d, a, b) => {
    const x = view.getBigUint64(a + 8 * (immediate & 1), true);
    const y = view.getBigUint64(b + 8 * ((immediate >> 4) & 1), true);
    let product = 0n;
    for (let i = 0n; i < 64n; i++) if ((y >> i) & 1n) product ^= x << i;
    view.setBigUint64(d, BigInt.asUintN(64, product), true);
    view.setBigUint64(d + 8, product >> 64n, true);
  };
}

/**
 * Integer arithmetic on packed elements: each kernel works on 16 bytes, or on the 8 of an MMX register (Intel SDM
 * volume 2, P*). Results may lie where an operand does, but for those that say otherwise.
 */
import type { CarriedCpu } from './cpu.js';

/** `d`, `a`, `b`: addresses, multiples of 8; `bytes`: 8 or 16. `d` is neither `a` nor `b`. */
export type Kernel = (cpu: CarriedCpu, d: number, a: number, b: number, bytes: number) => void;

type Binary = (x: number, y: number) => number;

const s8 = (x: number): number => (x << 24) >> 24;
const s16 = (x: number): number => (x << 16) >> 16;
const clamp = (x: number, low: number, high: number): number =>
  x < low ? low : x > high ? high : x;
export const signedByte = (x: number): number => clamp(x, -128, 127);
export const signedWord = (x: number): number => clamp(x, -32768, 32767);
export const unsignedByte = (x: number): number => clamp(x, 0, 255);
export const unsignedWord = (x: number): number => clamp(x, 0, 65535);

export function bytesOf(f: Binary): Kernel {
  return ({ bytes: all }, d, a, b, bytes) => {
    for (let i = 0; i < bytes; i++) all[d + i] = f(all[a + i]!, all[b + i]!);
  };
}

export function wordsOf(f: Binary): Kernel {
  return ({ halves }, d, a, b, bytes) => {
    const [to, x, y] = [d >>> 1, a >>> 1, b >>> 1];
    for (let i = 0; i < bytes >>> 1; i++) halves[to + i] = f(halves[x + i]!, halves[y + i]!);
  };
}

export function doublesOf(f: Binary): Kernel {
  return ({ words }, d, a, b, bytes) => {
    const [to, x, y] = [d >>> 2, a >>> 2, b >>> 2];
    for (let i = 0; i < bytes >>> 2; i++) words[to + i] = f(words[x + i]!, words[y + i]!);
  };
}

export function quadsOf(f: (x: bigint, y: bigint) => bigint): Kernel {
  return ({ view }, d, a, b, bytes) => {
    for (let i = 0; i < bytes; i += 8)
      view.setBigUint64(
        d + i,
        BigInt.asUintN(64, f(view.getBigUint64(a + i, true), view.getBigUint64(b + i, true))),
        true,
      );
  };
}

/** Both halves of a quadword at once. */
const bitwise = doublesOf;
const signedBytes = (f: Binary): Kernel => bytesOf((x, y) => f(s8(x), s8(y)));
const signedWords = (f: Binary): Kernel => wordsOf((x, y) => f(s16(x), s16(y)));
const signedDoubles = (f: Binary): Kernel => doublesOf((x, y) => f(x | 0, y | 0));
const truth = (yes: boolean): number => (yes ? -1 : 0);
const least: Binary = (x, y) => (x < y ? x : y);
const most: Binary = (x, y) => (x > y ? x : y);
const bySign: Binary = (x, y) => (y < 0 ? -x : y === 0 ? 0 : x);

/** Sums of products of neighbouring words. */
const multiplyAdd: Kernel = ({ halves, words }, d, a, b, bytes) => {
  for (let i = 0; i < bytes; i += 4) {
    const [x, y] = [(a + i) >>> 1, (b + i) >>> 1];
    words[(d + i) >>> 2] =
      s16(halves[x]!) * s16(halves[y]!) + s16(halves[x + 1]!) * s16(halves[y + 1]!);
  }
};

const multiplyAddBytes: Kernel = ({ bytes: all, halves }, d, a, b, bytes) => {
  for (let i = 0; i < bytes; i += 2)
    halves[(d + i) >>> 1] = signedWord(
      all[a + i]! * s8(all[b + i]!) + all[a + i + 1]! * s8(all[b + i + 1]!),
    );
};

const sumOfDifferences: Kernel = ({ bytes: all, words }, d, a, b, bytes) => {
  for (let i = 0; i < bytes; i += 8) {
    let sum = 0;
    for (let j = 0; j < 8; j++) sum += Math.abs(all[a + i + j]! - all[b + i + j]!);
    words[(d + i) >>> 2] = sum;
    words[(d + i + 4) >>> 2] = 0;
  }
};

/** Neighbours of the first operand, then of the second. */
function horizontalWords(f: Binary): Kernel {
  return ({ halves }, d, a, b, bytes) => {
    const pairs = bytes >>> 2;
    for (let i = 0; i < pairs; i++) {
      halves[(d >>> 1) + i] = f(
        s16(halves[(a >>> 1) + 2 * i]!),
        s16(halves[(a >>> 1) + 2 * i + 1]!),
      );
      halves[(d >>> 1) + pairs + i] = f(
        s16(halves[(b >>> 1) + 2 * i]!),
        s16(halves[(b >>> 1) + 2 * i + 1]!),
      );
    }
  };
}

function horizontalDoubles(f: Binary): Kernel {
  return ({ words }, d, a, b, bytes) => {
    const pairs = bytes >>> 3;
    for (let i = 0; i < pairs; i++) {
      words[(d >>> 2) + i] = f(words[(a >>> 2) + 2 * i]!, words[(a >>> 2) + 2 * i + 1]!);
      words[(d >>> 2) + pairs + i] = f(words[(b >>> 2) + 2 * i]!, words[(b >>> 2) + 2 * i + 1]!);
    }
  };
}

const plus: Binary = (x, y) => x + y;
const minus: Binary = (x, y) => x - y;

/** 0F: with 66 SSE2, without a prefix MMX. */
export const INTEGER_0F: Readonly<Record<number, Kernel>> = {
  100: signedBytes((x, y) => truth(x > y)),
  101: signedWords((x, y) => truth(x > y)),
  102: signedDoubles((x, y) => truth(x > y)),
  116: bytesOf((x, y) => truth(x === y)),
  117: wordsOf((x, y) => truth(x === y)),
  118: doublesOf((x, y) => truth(x === y)),
  212: quadsOf((x, y) => x + y),
  213: wordsOf(Math.imul),
  216: bytesOf((x, y) => unsignedByte(x - y)),
  217: wordsOf((x, y) => unsignedWord(x - y)),
  218: bytesOf(least),
  219: bitwise((x, y) => x & y),
  220: bytesOf((x, y) => unsignedByte(x + y)),
  221: wordsOf((x, y) => unsignedWord(x + y)),
  222: bytesOf(most),
  223: bitwise((x, y) => ~x & y),
  224: bytesOf((x, y) => (x + y + 1) >> 1),
  227: wordsOf((x, y) => (x + y + 1) >> 1),
  228: wordsOf((x, y) => Math.imul(x, y) >>> 16),
  229: signedWords((x, y) => Math.imul(x, y) >> 16),
  232: signedBytes((x, y) => signedByte(x - y)),
  233: signedWords((x, y) => signedWord(x - y)),
  234: signedWords(least),
  235: bitwise((x, y) => x | y),
  236: signedBytes((x, y) => signedByte(x + y)),
  237: signedWords((x, y) => signedWord(x + y)),
  238: signedWords(most),
  239: bitwise((x, y) => x ^ y),
  244: quadsOf((x, y) => (x & 0xffff_ffffn) * (y & 0xffff_ffffn)),
  245: multiplyAdd,
  246: sumOfDifferences,
  248: bytesOf(minus),
  249: wordsOf(minus),
  250: doublesOf(minus),
  251: quadsOf((x, y) => x - y),
  252: bytesOf(plus),
  253: wordsOf(plus),
  254: doublesOf(plus),
};

/** 0F 54 to 57 on floating-point registers, which are bits as well. */
export const LOGIC_0F: Readonly<Record<number, Kernel>> = {
  84: bitwise((x, y) => x & y),
  85: bitwise((x, y) => ~x & y),
  86: bitwise((x, y) => x | y),
  87: bitwise((x, y) => x ^ y),
};

/** 0F38: the first ten and PABS for MMX, too. */
export const INTEGER_0F38: Readonly<Record<number, Kernel>> = {
  0: ({ bytes: all }, d, a, b, bytes) => {
    for (let i = 0; i < bytes; i++) {
      const from = all[b + i]!;
      all[d + i] = from & 0x80 ? 0 : all[a + (from & (bytes - 1))]!;
    }
  },
  1: horizontalWords(plus),
  2: horizontalDoubles(plus),
  3: horizontalWords((x, y) => signedWord(x + y)),
  4: multiplyAddBytes,
  5: horizontalWords(minus),
  6: horizontalDoubles(minus),
  7: horizontalWords((x, y) => signedWord(x - y)),
  8: signedBytes(bySign),
  9: signedWords(bySign),
  10: signedDoubles(bySign),
  11: signedWords((x, y) => ((Math.imul(x, y) >> 14) + 1) >> 1),
  28: signedBytes((_x, y) => Math.abs(y)),
  29: signedWords((_x, y) => Math.abs(y)),
  30: signedDoubles((_x, y) => Math.abs(y)),
  40: quadsOf((x, y) => BigInt.asIntN(32, x) * BigInt.asIntN(32, y)),
  41: quadsOf((x, y) => (x === y ? -1n : 0n)),
  55: quadsOf((x, y) => (BigInt.asIntN(64, x) > BigInt.asIntN(64, y) ? -1n : 0n)),
  56: signedBytes(least),
  57: signedDoubles(least),
  58: wordsOf(least),
  59: doublesOf(least),
  60: signedBytes(most),
  61: signedDoubles(most),
  62: wordsOf(most),
  63: doublesOf(most),
  64: doublesOf(Math.imul),
};

/** VPSRLVD, VPSRAVD, VPSLLVD and the first and last of quadwords (VEX.W): counts by element. */
export function variableShift(opcode: number, wide: boolean): Kernel {
  if (wide) return quadsOf((x, y) => (y > 63n ? 0n : opcode === 0x45 ? x >> y : x << y));
  if (opcode === 0x46) return doublesOf((x, y) => (x | 0) >> (y > 31 ? 31 : y));
  return doublesOf((x, y) => (y > 31 ? 0 : opcode === 0x45 ? x >>> y : x << y));
}

/** Shifts of all elements by one count. `operation`: 2 right, 4 right with the sign, 6 left, as the groups number them. */
export function shift(operation: 2 | 4 | 6, bits: 16 | 32 | 64, count: number): Kernel {
  const far = count >= bits;
  if (bits === 64) {
    const by = BigInt(count);
    return quadsOf((x) => (far ? 0n : operation === 2 ? x >> by : x << by));
  }
  const by = far ? bits - 1 : count;
  if (operation === 4)
    return bits === 16 ? wordsOf((x) => s16(x) >> by) : doublesOf((x) => (x | 0) >> by);
  const elements = bits === 16 ? wordsOf : doublesOf;
  return elements((x) => (far ? 0 : operation === 2 ? x >>> by : x << by));
}

/** PSRLDQ and PSLLDQ: whole bytes. */
export function shiftBytes(left: boolean, count: number): Kernel {
  return ({ bytes: all }, d, a, _b, bytes) => {
    for (let i = 0; i < bytes; i++) {
      const from = left ? i - count : i + count;
      all[d + i] = from >= 0 && from < bytes ? all[a + from]! : 0;
    }
  };
}

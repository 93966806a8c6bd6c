/** Instructions with a VEX prefix, by opcode map (Intel SDM volume 2, appendix A): AVX, AVX2, FMA, F16C, BMI. */

import { approximate } from './approximate.js';
import { compileBits } from './bits.js';
import { AES_0F38, carrylessMultiply, keyAssist } from './cipher.js';
import {
  compileConversion,
  compileFromGeneral,
  compileFromHalf,
  compileToHalf,
} from './conversions.js';
import type { Encoding } from './encoding.js';
import type { Extension, Extensions } from './extensions.js';
import {
  compileArithmetic,
  compileDotProduct,
  compileOrdered,
  compilePairs,
  compileRound,
  compileToGeneral,
  isScalar,
} from './float-instructions.js';
import { compileFma } from './fma.js';
import {
  INTEGER_0F,
  INTEGER_0F38,
  type Kernel,
  LOGIC_0F,
  shift,
  shiftBytes,
  variableShift,
} from './integer-lanes.js';
import * as moves from './moves.js';
import type { Maker } from './operands.js';
import * as shuffles from './shuffles.js';
import { compileStringCompare } from './string-compare.js';
import { shiftByImmediate, shiftByVector, vector } from './vectors.js';
import * as wide from './wide.js';

type Found = Maker | undefined;

/** Of one element: VEX.L says nothing, and all above the result becomes zero. */
function ignoresLength({ map, opcode, pp }: Encoding): boolean {
  if (map === 1) {
    const scalar = (opcode >= 0x51 && opcode <= 0x5f && opcode !== 0x5b) || opcode === 0xc2;
    return pp >= 2 && (scalar || [0x10, 0x11, 0x2a, 0x2c, 0x2d].includes(opcode));
  }
  // FMA of one element has the odd opcodes.
  if (map === 2) return opcode >= 0x99 && opcode <= 0xbf && (opcode & 9) === 9;
  return map === 3 && (opcode === 0x0a || opcode === 0x0b);
}

export function compileVex(encoding: Encoding, extensions: Extensions): Maker | 'undefined' {
  const e = ignoresLength(encoding) ? { ...encoding, l: false } : encoding;
  const bits = compileBits(e, extensions);
  if (bits !== undefined) return bits;
  if (!extensions.has('avx')) return 'undefined';
  const found =
    e.map === 1
      ? map1(e, extensions)
      : e.map === 2
        ? map2(e, extensions)
        : e.map === 3
          ? map3(e, extensions)
          : undefined;
  return found ?? 'undefined';
}

/** The first operand is none: VEX.vvvv is all ones, that is register 0 when inverted. */
const two = (e: Encoding, made: Found): Found => (e.v === 0 ? made : undefined);
const needs = (extensions: Extensions, extension: Extension, made: Found): Found =>
  extensions.has(extension) ? made : undefined;
/** 256-bit integer vectors are AVX2's. */
const integer = (e: Encoding, extensions: Extensions, made: Found): Found =>
  e.l ? needs(extensions, 'avx2', made) : made;
const narrow = (e: Encoding, made: Found): Found => (e.l ? undefined : made);
const inMemory = (e: Encoding, made: Found): Found => (e.memory === undefined ? undefined : made);
const inRegister = (e: Encoding, made: Found): Found => (e.memory === undefined ? made : undefined);

/** RDI, or EDI by the size of addresses, as MASKMOVDQU uses it. */
export function implied(e: Encoding): NonNullable<Encoding['memory']> {
  const bits = e.wide ? (e.addressSize ? 32 : 64) : e.addressSize ? 16 : 32;
  return { base: 7, index: -1, scale: 1, displacement: 0, segment: -1, bits, stack: false };
}

function map1(e: Encoding, x: Extensions): Found {
  const { opcode, pp } = e;
  if (pp === 1) {
    const kernel = INTEGER_0F[opcode] ?? shuffles.PACK_0F[opcode];
    if (kernel !== undefined) return integer(e, x, vector(e, kernel));
    const shifted = shiftOf(e);
    if (shifted !== undefined) return integer(e, x, shifted);
  }
  const logic = LOGIC_0F[opcode];
  if (logic !== undefined) return pp < 2 ? vector(e, logic) : undefined;
  switch (opcode) {
    case 0x10:
      if (pp < 2) return two(e, moves.load(e, false));
      return e.memory !== undefined && e.v !== 0
        ? undefined
        : moves.loadScalar(e, pp === 2 ? 4 : 8);
    case 0x11:
      if (pp < 2) return two(e, moves.store(e, false));
      if (e.memory === undefined) return moves.moveScalar(e, pp === 2 ? 4 : 8);
      return two(e, moves.storePart(e, pp === 2 ? 4 : 8));
    case 0x12:
      if (pp === 2) return two(e, moves.duplicateSingles(e, 0));
      if (pp === 3) return two(e, moves.duplicateDoubles(e));
      if (pp === 1 && e.memory === undefined) return undefined;
      return narrow(e, moves.loadHalf(e, 0, 8));
    case 0x16:
      if (pp === 2) return two(e, moves.duplicateSingles(e, 1));
      if (pp === 3 || (pp === 1 && e.memory === undefined)) return undefined;
      return narrow(e, moves.loadHalf(e, 8, 0));
    case 0x13:
    case 0x17:
      return pp < 2
        ? inMemory(e, narrow(e, two(e, moves.storePart(e, 8, opcode === 0x13 ? 0 : 8))))
        : undefined;
    case 0x14:
    case 0x15:
      return pp < 2 ? vector(e, shuffles.unpack(pp === 1 ? 8 : 4, opcode === 0x15)) : undefined;
    case 0x28:
    case 0x29:
      return pp < 2
        ? two(e, opcode === 0x28 ? moves.load(e, true) : moves.store(e, true))
        : undefined;
    case 0x2b:
      return pp < 2 ? inMemory(e, two(e, moves.store(e, true))) : undefined;
    case 0x2a:
      return pp >= 2 ? compileFromGeneral(e) : undefined;
    case 0x2c:
    case 0x2d:
      return pp >= 2 ? two(e, compileToGeneral(e)) : undefined;
    case 0x2e:
    case 0x2f:
      return pp < 2 ? two(e, compileOrdered(e)) : undefined;
    case 0x50:
      return pp < 2 ? inRegister(e, two(e, moves.signMask(e, pp === 1 ? 8 : 4))) : undefined;
    case 0x51:
      return pp < 2 ? two(e, compileArithmetic(e)) : compileArithmetic(e);
    case 0x52:
    case 0x53:
      if (pp === 1 || pp === 3) return undefined;
      return isScalar(e) ? approximate(e) : two(e, approximate(e));
    case 0x58:
    case 0x59:
    case 0x5c:
    case 0x5d:
    case 0x5e:
    case 0x5f:
    case 0xc2:
      return compileArithmetic(e);
    case 0x5a:
      return pp >= 2 ? compileConversion(e) : two(e, compileConversion(e));
    case 0x5b:
    case 0xe6:
      return two(e, compileConversion(e));
    case 0x6e:
      return pp === 1 ? narrow(e, two(e, moves.loadQuad(e, e.w ? 8 : 4, false))) : undefined;
    case 0x6f:
    case 0x7f:
      if (pp !== 1 && pp !== 2) return undefined;
      return two(e, opcode === 0x6f ? moves.load(e, pp === 1) : moves.store(e, pp === 1));
    case 0x70:
      return integer(e, x, two(e, wordShuffle(e)));
    case 0x77:
      return pp === 0 ? two(e, moves.zeroUpper(e)) : undefined;
    case 0x7c:
    case 0x7d:
    case 0xd0:
      return pp === 1 || pp === 3 ? compilePairs(e) : undefined;
    case 0x7e:
      if (pp === 2) return narrow(e, two(e, moves.loadQuad(e, 8, true)));
      return pp === 1 ? narrow(e, two(e, moves.storeQuad(e, e.w ? 8 : 4, false))) : undefined;
    case 0xd6:
      return pp === 1 ? narrow(e, two(e, moves.storeQuad(e, 8, true))) : undefined;
    case 0xd7:
      return pp === 1 ? integer(e, x, inRegister(e, two(e, moves.signMask(e, 1)))) : undefined;
    case 0xae:
      if (pp !== 0 || (e.group !== 2 && e.group !== 3)) return undefined;
      return inMemory(e, narrow(e, two(e, moves.mxcsr(e, e.group === 2))));
    case 0xc4:
      return pp === 1 ? narrow(e, moves.insert(e, 2, 2 * (e.immediate & 7))) : undefined;
    case 0xc5:
      return pp === 1
        ? inRegister(e, narrow(e, two(e, moves.extract(e, 2, 2 * (e.immediate & 7), e.reg))))
        : undefined;
    case 0xc6:
      if (pp >= 2) return undefined;
      return pp === 1
        ? byHalf(e, shuffles.shuffleQuads)
        : vector(e, shuffles.shuffleDoubles(e.immediate, 2));
    case 0xe7:
      return pp === 1 ? inMemory(e, two(e, moves.store(e, true))) : undefined;
    case 0xf0:
      return pp === 3 ? inMemory(e, two(e, moves.load(e, false))) : undefined;
    case 0xf7:
      return pp === 1
        ? inRegister(e, narrow(e, two(e, moves.maskedBytes(e, implied(e)))))
        : undefined;
    default:
      return undefined;
  }
}

/** The upper half is shuffled by the next bits of the immediate. */
function byHalf(e: Encoding, kernelFor: (immediate: number) => Kernel, bits = 2): Maker {
  const kernels = [kernelFor(e.immediate), kernelFor(e.immediate >> bits)];
  return vector(e, (cpu, d, a, b, bytes) =>
    kernels[d === cpu.resultArea ? 0 : 1]!(cpu, d, a, b, bytes),
  );
}

/** 0F 70: PSHUFD, PSHUFHW, PSHUFLW. */
export function wordShuffle(e: Encoding): Found {
  const { immediate, pp } = e;
  if (pp === 1)
    return vector(e, (cpu, d, _a, b, bytes) =>
      shuffles.shuffleDoubles(immediate, 0)(cpu, d, b, b, bytes),
    );
  return pp === 0 ? undefined : vector(e, shuffles.shuffleWords(immediate, pp === 2 ? 4 : 0));
}

/** Shifts by a vector's count, and by an immediate. */
export function shiftOf(e: Encoding): Found {
  const { opcode, group, immediate } = e;
  if (opcode >= 0x71 && opcode <= 0x73) {
    if (e.memory !== undefined) return undefined;
    const bits = opcode === 0x71 ? 16 : opcode === 0x72 ? 32 : 64;
    if (bits === 64 && (group === 3 || group === 7))
      return shiftByImmediate(e, shiftBytes(group === 7, immediate));
    if (group !== 2 && group !== 6 && (group !== 4 || bits === 64)) return undefined;
    return shiftByImmediate(e, shift(group, bits, immediate));
  }
  const shifted = SHIFTS[opcode];
  if (shifted === undefined) return undefined;
  const [operation, bits] = shifted;
  return shiftByVector(e, (count) => shift(operation, bits, count));
}

export const SHIFTS: Readonly<Record<number, readonly [2 | 4 | 6, 16 | 32 | 64]>> = {
  209: [2, 16],
  210: [2, 32],
  211: [2, 64],
  225: [4, 16],
  226: [4, 32],
  241: [6, 16],
  242: [6, 32],
  243: [6, 64],
};

/** PMOVSX from 20 on, PMOVZX from 30 on: bytes from, bytes to. */
const EXTENSIONS = [
  [1, 2],
  [1, 4],
  [1, 8],
  [2, 4],
  [2, 8],
  [4, 8],
] as const;

/** One operand only, so that VEX.vvvv has to be none. */
const UNARY_0F38: ReadonlySet<number> = new Set([0x1c, 0x1d, 0x1e, 0xdb]);

function map2(e: Encoding, x: Extensions): Found {
  const { opcode, pp, w } = e;
  if (pp !== 1) return undefined;
  const kernel = INTEGER_0F38[opcode];
  if (kernel !== undefined && opcode < 0xdb)
    return integer(e, x, UNARY_0F38.has(opcode) ? two(e, vector(e, kernel)) : vector(e, kernel));
  const cipher = AES_0F38[opcode];
  if (cipher !== undefined)
    return narrow(e, opcode === 0xdb ? two(e, vector(e, cipher)) : vector(e, cipher));
  if (opcode >= 0x96 && opcode <= 0xbf) return needs(x, 'fma', compileFma(e));
  const extension = EXTENSIONS[opcode & 15];
  if ((opcode >> 4 === 2 || opcode >> 4 === 3) && extension !== undefined)
    return integer(e, x, two(e, wide.extend(e, extension[0], extension[1], opcode < 0x30)));
  const avx2 = (made: Found): Found => needs(x, 'avx2', made);
  switch (opcode) {
    case 0x0c:
    case 0x0d:
      return w ? undefined : vector(e, permuteInHalf(opcode === 0x0c));
    case 0x0e:
    case 0x0f:
      return w
        ? undefined
        : two(e, opcode === 0x0e ? wide.test(e, -0x8000_0000, 1) : wide.test(e, -0x8000_0000, 2));
    case 0x13:
      return w ? undefined : needs(x, 'f16c', two(e, compileFromHalf(e)));
    case 0x16:
    case 0x36:
      return e.l && !w ? avx2(wide.permuteDoubles(e)) : undefined;
    case 0x17:
      return two(e, wide.test(e, -1, 1));
    case 0x18:
    case 0x19: {
      if (w || (opcode === 0x19 && !e.l)) return undefined;
      const made = two(e, wide.broadcast(e, opcode === 0x18 ? 4 : 8));
      return e.memory === undefined ? avx2(made) : made;
    }
    case 0x1a:
      return e.l && !w ? inMemory(e, two(e, wide.broadcast(e, 16))) : undefined;
    case 0x5a:
      return e.l && !w ? avx2(inMemory(e, two(e, wide.broadcast(e, 16)))) : undefined;
    case 0x58:
    case 0x59:
      return w ? undefined : avx2(two(e, wide.broadcast(e, opcode === 0x58 ? 4 : 8)));
    case 0x78:
    case 0x79:
      return w ? undefined : avx2(two(e, wide.broadcast(e, opcode === 0x78 ? 1 : 2)));
    case 0x2a:
      return integer(e, x, inMemory(e, two(e, moves.load(e, true))));
    case 0x2b:
      return integer(e, x, vector(e, shuffles.PACKUSDW));
    case 0x2c:
    case 0x2d:
    case 0x2e:
    case 0x2f:
      return w ? undefined : inMemory(e, wide.maskedMove(e, opcode & 1 ? 8 : 4, opcode >= 0x2e));
    case 0x41:
      return narrow(e, two(e, vector(e, shuffles.minimumPosition)));
    case 0x45:
    case 0x47:
      return avx2(vector(e, variableShift(opcode, w)));
    case 0x46:
      return w ? undefined : avx2(vector(e, variableShift(opcode, false)));
    case 0x8c:
    case 0x8e:
      return avx2(inMemory(e, wide.maskedMove(e, w ? 8 : 4, opcode === 0x8e)));
    case 0x90:
    case 0x91:
    case 0x92:
    case 0x93:
      return avx2(gathered(e));
    default:
      return undefined;
  }
}

/** Indices, mask and destination have to be three registers, and the address has an index. */
function gathered(e: Encoding): Found {
  if (e.memory === undefined || (e.modrm & 7) !== 4) return undefined;
  const { index } = e.memory;
  const register = index < 0 ? 4 : index;
  if (register === e.reg || register === e.v || e.reg === e.v) return undefined;
  const memory = { ...e.memory, index: register };
  return wide.gather({ ...e, memory }, e.opcode & 1 ? 8 : 4, e.w ? 8 : 4);
}

/** VPERMILPS and VPERMILPD by a vector. */
function permuteInHalf(single: boolean): Kernel {
  return ({ words }, d, a, b) => {
    for (let i = 0; i < 4; i++) {
      const by = single ? words[(b >>> 2) + i]! & 3 : (words[(b >>> 2) + (i & 2)]! & 2) + (i & 1);
      words[(d >>> 2) + i] = words[(a >>> 2) + by]!;
    }
  };
}

function map3(e: Encoding, x: Extensions): Found {
  const { opcode, pp, w, immediate } = e;
  if (pp !== 1) return undefined;
  const avx2 = (made: Found): Found => needs(x, 'avx2', made);
  switch (opcode) {
    case 0x00:
    case 0x01:
      // AMD's CPUs do not look at VEX.W.
      return e.l ? avx2(two(e, wide.permuteQuads(e))) : undefined;
    case 0x02:
      return w ? undefined : avx2(blended(e, 4));
    case 0x04:
      return w
        ? undefined
        : two(
            e,
            vector(e, (cpu, d, _a, b, n) => shuffles.shuffleDoubles(immediate, 0)(cpu, d, b, b, n)),
          );
    case 0x05:
      return w
        ? undefined
        : two(
            e,
            byHalf(e, (by) => (cpu, d, _a, b, n) => shuffles.shuffleQuads(by)(cpu, d, b, b, n)),
          );
    case 0x06:
      return e.l && !w ? wide.permuteHalves(e) : undefined;
    case 0x46:
      return e.l && !w ? avx2(wide.permuteHalves(e)) : undefined;
    case 0x08:
    case 0x09:
      return two(e, compileRound(e));
    case 0x0a:
    case 0x0b:
      return compileRound(e);
    case 0x0c:
      return blended(e, 4);
    case 0x0d:
      return blended(e, 8);
    case 0x0e:
      return integer(e, x, vector(e, shuffles.blend(2, immediate)));
    case 0x0f:
      return integer(e, x, vector(e, shuffles.align(immediate)));
    case 0x14:
    case 0x15:
    case 0x16:
    case 0x17:
      return narrow(e, two(e, extracted(e)));
    case 0x18:
      return e.l && !w ? wide.insertHalf(e) : undefined;
    case 0x38:
      return e.l && !w ? avx2(wide.insertHalf(e)) : undefined;
    case 0x19:
      return e.l && !w ? two(e, wide.extractHalf(e)) : undefined;
    case 0x39:
      return e.l && !w ? avx2(two(e, wide.extractHalf(e))) : undefined;
    case 0x1d:
      return w ? undefined : needs(x, 'f16c', two(e, compileToHalf(e)));
    case 0x20:
    case 0x22:
      return narrow(e, inserted(e));
    case 0x21:
      return narrow(e, insertSingleOf(e));
    case 0x40:
      return compileDotProduct(e);
    case 0x41:
      return narrow(e, compileDotProduct(e));
    case 0x42:
      return integer(e, x, byHalf(e, shuffles.sumsOfFour, 3));
    case 0x44:
      return narrow(e, vector(e, carrylessMultiply(immediate)));
    case 0x4a:
    case 0x4b:
      return w ? undefined : blendedBy(e, opcode === 0x4a ? 4 : 8);
    case 0x4c:
      return w ? undefined : integer(e, x, blendedBy(e, 1));
    case 0x60:
    case 0x61:
    case 0x62:
    case 0x63:
      return narrow(e, two(e, compileStringCompare(e)));
    case 0xdf:
      return narrow(e, two(e, vector(e, keyAssist(immediate))));
    default:
      return undefined;
  }
}

function blended(e: Encoding, width: number): Maker {
  return byHalf(e, (by) => shuffles.blend(width, by), 16 / width);
}

/** The mask is a fourth register, in the immediate. */
function blendedBy(e: Encoding, width: number): Maker {
  const register = (e.immediate >> 4) & (e.wide ? 15 : 7);
  const low = shuffles.blendBy(width, (cpu) => cpu.vector(register, 0));
  const high = shuffles.blendBy(width, (cpu) => cpu.vector(register, 1));
  return vector(e, (cpu, d, a, b, bytes) =>
    (d === cpu.resultArea ? low : high)(cpu, d, a, b, bytes),
  );
}

/** 0F3A 14 to 17: PEXTRB, PEXTRW, PEXTRD and PEXTRQ, EXTRACTPS. */
export function extracted(e: Encoding): Maker {
  const bytes = [1, 2, e.w ? 8 : 4, 4][e.opcode - 0x14]!;
  return moves.extract(e, bytes, bytes * (e.immediate & (16 / bytes - 1)));
}

/** 0F3A 20, 22: PINSRB, PINSRD and PINSRQ. */
export function inserted(e: Encoding): Maker {
  const bytes = e.opcode === 0x20 ? 1 : e.w ? 8 : 4;
  return moves.insert(e, bytes, bytes * (e.immediate & (16 / bytes - 1)));
}

/** INSERTPS: four bytes of memory. */
export function insertSingleOf(e: Encoding): Maker {
  return moves.insertVector(e, shuffles.insertSingle(e.immediate, e.memory !== undefined));
}

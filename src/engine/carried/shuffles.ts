/** Kernels that move elements: packing, unpacking, shuffling, blending (Intel SDM volume 2). */
import type { CarriedCpu } from './cpu.js';
import {
  type Kernel,
  signedByte,
  signedWord,
  unsignedByte,
  unsignedWord,
} from './integer-lanes.js';

const s16 = (x: number): number => (x << 16) >> 16;

/** Words into bytes, or doublewords into words: those of the first operand, then of the second. */
function pack(wide: boolean, saturate: (x: number) => number): Kernel {
  return ({ bytes: all, halves, words }, d, a, b, bytes) => {
    const count = bytes >>> (wide ? 2 : 1);
    for (let i = 0; i < 2 * count; i++) {
      const from = i < count ? a : b;
      const index = i < count ? i : i - count;
      if (wide) halves[(d >>> 1) + i] = saturate(words[(from >>> 2) + index]! | 0);
      else all[d + i] = saturate(s16(halves[(from >>> 1) + index]!));
    }
  };
}

/** Elements of `width` bytes, in turn from both operands, of their lower or upper halves. */
export function unpack(width: number, high: boolean): Kernel {
  return ({ bytes: all }, d, a, b, bytes) => {
    const from = high ? bytes / 2 : 0;
    for (let i = 0; i < bytes / 2; i += width)
      for (let j = 0; j < width; j++) {
        all[d + 2 * i + j] = all[a + from + i + j]!;
        all[d + 2 * i + width + j] = all[b + from + i + j]!;
      }
  };
}

export const PACK_0F: Readonly<Record<number, Kernel>> = {
  96: unpack(1, false),
  97: unpack(2, false),
  98: unpack(4, false),
  99: pack(false, signedByte),
  103: pack(false, unsignedByte),
  104: unpack(1, true),
  105: unpack(2, true),
  106: unpack(4, true),
  107: pack(true, signedWord),
  108: unpack(8, false),
  109: unpack(8, true),
};
export const PACKUSDW: Kernel = pack(true, unsignedWord);

/** Four doublewords by two bits each: the lower `first` from one operand, the others from the other one. */
export function shuffleDoubles(immediate: number, first: number): Kernel {
  return ({ words }, d, a, b) => {
    for (let i = 0; i < 4; i++)
      words[(d >>> 2) + i] = words[((i < first ? a : b) >>> 2) + ((immediate >> (2 * i)) & 3)]!;
  };
}

/** PSHUFLW, PSHUFHW and, of 8 bytes, PSHUFW: four words of the second operand from `base` on; the others stay. */
export function shuffleWords(immediate: number, base: number): Kernel {
  return ({ halves }, d, _a, b, bytes) => {
    for (let i = 0; i < bytes >>> 1; i++) {
      const moved = i >= base && i < base + 4;
      const from = moved ? base + ((immediate >> (2 * (i - base))) & 3) : i;
      halves[(d >>> 1) + i] = halves[(b >>> 1) + from]!;
    }
  };
}

/** SHUFPD. */
export function shuffleQuads(immediate: number): Kernel {
  return (cpu, d, a, b) => {
    copy8(cpu, d, a + 8 * (immediate & 1));
    copy8(cpu, d + 8, b + 8 * ((immediate >> 1) & 1));
  };
}

export function copy8({ words }: CarriedCpu, to: number, from: number): void {
  words[to >>> 2] = words[from >>> 2]!;
  words[(to >>> 2) + 1] = words[(from >>> 2) + 1]!;
}

/** BLENDPS and its kin: bit `i` takes element `i` from the second operand. */
export function blend(width: number, mask: number): Kernel {
  return ({ bytes: all }, d, a, b, bytes) => {
    for (let i = 0; i < bytes; i++)
      all[d + i] = all[((mask >> Math.floor(i / width)) & 1 ? b : a) + i]!;
  };
}

/** BLENDVPS and its kin: by the highest bit of each element at `mask`. */
export function blendBy(width: number, mask: (cpu: CarriedCpu) => number): Kernel {
  return (cpu, d, a, b, bytes) => {
    const all = cpu.bytes;
    const by = mask(cpu);
    for (let i = 0; i < bytes; i += width) {
      const from = all[by + i + width - 1]! & 0x80 ? b : a;
      for (let j = 0; j < width; j++) all[d + i + j] = all[from + i + j]!;
    }
  };
}

/** PALIGNR. */
export function align(count: number): Kernel {
  return ({ bytes: all }, d, a, b, bytes) => {
    for (let i = 0; i < bytes; i++) {
      const from = i + count;
      all[d + i] = from < bytes ? all[b + from]! : from < 2 * bytes ? all[a + from - bytes]! : 0;
    }
  };
}

/** MPSADBW. */
export function sumsOfFour(immediate: number): Kernel {
  return ({ bytes: all, halves }, d, a, b) => {
    const block = b + 4 * (immediate & 3);
    const from = a + (immediate & 4);
    for (let i = 0; i < 8; i++) {
      let sum = 0;
      for (let j = 0; j < 4; j++) sum += Math.abs(all[from + i + j]! - all[block + j]!);
      halves[(d >>> 1) + i] = sum;
    }
  };
}

/** INSERTPS, the second operand in a register or its one element in memory. */
export function insertSingle(immediate: number, fromMemory: boolean): Kernel {
  return ({ words }, d, a, b) => {
    const element = words[(b >>> 2) + (fromMemory ? 0 : immediate >> 6)]!;
    for (let i = 0; i < 4; i++) {
      const value = i === ((immediate >> 4) & 3) ? element : words[(a >>> 2) + i]!;
      words[(d >>> 2) + i] = (immediate >> i) & 1 ? 0 : value;
    }
  };
}

/** PHMINPOSUW. */
export const minimumPosition: Kernel = ({ halves, words }, d, _a, b) => {
  let at = 0;
  for (let i = 1; i < 8; i++) if (halves[(b >>> 1) + i]! < halves[(b >>> 1) + at]!) at = i;
  words[d >>> 2] = halves[(b >>> 1) + at]! | (at << 16);
  words[(d >>> 2) + 1] = 0;
  words[(d >>> 2) + 2] = 0;
  words[(d >>> 2) + 3] = 0;
};

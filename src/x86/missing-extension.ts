/** Instructions with a VEX or EVEX prefix, of which the emulated CPU has none (Intel SDM volume 2, sections 2.3 and 2.7). */
import type { Arch } from '../base/address.js';

const SEGMENTS_AND_ADDRESS_SIZE = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x67];
const VEX3 = 0xc4;
const VEX2 = 0xc5;
const EVEX = 0x62;
/** Opcodes of BMI1 and BMI2 by VEX.mmmmm: 0F38 and 0F3A. */
const BMI: Readonly<Record<number, readonly number[]>> = {
  2: [0xf2, 0xf3, 0xf5, 0xf6, 0xf7],
  3: [0xf0],
};

/** `the emulated CPU has no AVX`, for the first instruction of `code`; undefined for one without such a prefix. */
export function missingExtension(code: Uint8Array, arch: Arch): string | undefined {
  const start = code.findIndex((byte) => !SEGMENTS_AND_ADDRESS_SIZE.includes(byte));
  const [prefix, next = 0, , opcode = 0] = code.subarray(Math.max(start, 0));
  // In 32-bit code les, lds and bound with a memory operand.
  if (arch === 'i386' && next >> 6 !== 3) return undefined;
  if (prefix === EVEX) return sentence('AVX-512');
  if (prefix === VEX3 && BMI[next & 0x1f]?.includes(opcode)) return sentence('BMI');
  return prefix === VEX2 || prefix === VEX3 ? sentence('AVX') : undefined;
}

function sentence(extension: string): string {
  return `the emulated CPU has no ${extension}`;
}

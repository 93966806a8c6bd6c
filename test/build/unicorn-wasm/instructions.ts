/**
 * Random x86 instructions by class. They need not be valid: how an invalid one is refused is
 * compared as well. Memory operands mostly hit the data that the session maps.
 */
import type { Random } from './random.js';

export type Bits = 16 | 32 | 64;
export const CLASSES = ['integer', 'string', 'system', 'x87', 'mmx', 'sse', 'noise'] as const;
export type InstructionClass = (typeof CLASSES)[number];

export function instruction(random: Random, kind: InstructionClass, bits: Bits): number[] {
  return GENERATORS[kind](random, bits);
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Opcodes with a ModRM byte and the bytes of immediate after it; `z` is 2 or 4. */
const WITH_MODRM: readonly (readonly [readonly number[], number | 'z'])[] = [
  [[...range(0, 3), ...range(8, 11), ...range(16, 19), ...range(24, 27)], 0],
  [[...range(32, 35), ...range(40, 43), ...range(48, 51), ...range(56, 59)], 0],
  [[0x63, ...range(0x84, 0x8b), 0x8d, 0x8f, ...range(0xd0, 0xd3), 0xfe, 0xff], 0],
  [[0x6b, 0x80, 0x82, 0x83, 0xc0, 0xc1, 0xc6], 1],
  [[0x69, 0x81, 0xc7], 'z'],
];
const PLAIN: readonly number[] = [
  ...[0x27, 0x2f, 0x37, 0x3f, 0xc9, 0xce, 0xd6, 0xd7, 0xf5, 0xf8, 0xf9, 0xfc, 0xfd],
  ...range(0x40, 0x61),
  ...range(0x90, 0x99),
  ...range(0x9b, 0x9f),
];
const WITH_BYTE: readonly number[] = [
  ...[0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x6a, 0xa8, 0xcd, 0xd4, 0xd5, 0xeb],
  ...range(0x70, 0x7f),
  ...range(0xb0, 0xb7),
  ...range(0xe0, 0xe3),
];
const WITH_WORD: readonly number[] = [
  ...[0x05, 0x0d, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x68, 0xa9],
  ...range(0xb8, 0xbf),
];
/** After 0f, with ModRM. */
const TWO_BYTE: readonly number[] = [
  ...range(0x40, 0x4f),
  ...range(0x90, 0x9f),
  ...[0xa3, 0xa5, 0xab, 0xad, 0xaf, 0xb0, 0xb1, 0xb3, 0xb6, 0xb7, 0xb8],
  ...[0xbb, 0xbc, 0xbd, 0xbe, 0xbf, 0xc0, 0xc1, 0xc3, 0xc7],
];
const TWO_BYTE_IMMEDIATE: readonly number[] = [0xa4, 0xac, 0xba];
const MMX: readonly number[] = [...range(0x60, 0x77), 0x7e, 0x7f, ...range(0xd1, 0xfe)];
const SSE: readonly number[] = [
  ...range(0x10, 0x17),
  ...range(0x28, 0x2f),
  ...range(0x50, 0x7f),
  ...range(0xc2, 0xc6),
  ...range(0xd0, 0xff),
];
/** Those that the prefixes f2 and f3 make something else of. */
const SCALAR = new Set([
  ...[0x10, 0x11, 0x12, 0x16, 0x2a, 0x2c, 0x2d, 0x6f, 0x70, 0x7c, 0x7d, 0x7e, 0x7f, 0xc2],
  ...[...range(0x51, 0x5f), 0xb8, 0xbd, 0xd0, 0xd6, 0xe6, 0xf0],
]);
const SSE_WITH_IMMEDIATE = new Set([0x70, 0x71, 0x72, 0x73, 0xc2, 0xc4, 0xc5, 0xc6]);

const GENERATORS: Readonly<Record<InstructionClass, (random: Random, bits: Bits) => number[]>> = {
  integer: (random, bits) => [...sizePrefixes(random, bits), ...integer(random, bits)],
  string: (random, bits) => [
    ...(random.chance(60) ? [random.pick([0xf2, 0xf3])] : []),
    ...sizePrefixes(random, bits),
    random.pick([0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf]),
  ],
  system: (random, bits) => [
    ...sizePrefixes(random, bits),
    ...random.pick([
      [0x0f, random.pick([0xa0, 0xa1, 0xa8, 0xa9, 0x0d, 0x18, 0x1f, 0x00, 0x02, 0x03, 0x30])],
      [0x0f, 0xa2],
      [0x0f, 0xc8 + random.below(8)],
      [0x8c],
      [0x0f, 0xae],
      [0x62],
      [0xc4],
      [0xc8, random.below(64), 0, random.below(4)],
      [0x9a],
      [0xcf],
      [0x0f, 0x20],
    ]),
    ...modrm(random, bits),
  ],
  x87: (random, bits) =>
    random.chance(20)
      ? // Functions of the mathematical library: the engine's only floating-point code.
        [0xd9, 0xf0 + random.below(16)]
      : [random.pick(range(0xd8, 0xdf)), ...modrm(random, bits, 60)],
  mmx: (random, bits) => {
    const opcode = random.pick(MMX);
    const immediate = SSE_WITH_IMMEDIATE.has(opcode) ? [random.byte()] : [];
    return [0x0f, opcode, ...modrm(random, bits), ...immediate];
  },
  sse: (random, bits) => {
    const [opcode, ...rest] = vector(random, bits);
    const prefixes = SCALAR.has(opcode ?? 0) ? [[], [0x66], [0xf2], [0xf3]] : [[], [0x66]];
    return [...random.pick(prefixes), ...rex(random, bits), 0x0f, opcode ?? 0, ...rest];
  },
  noise: (random) => random.bytes(1 + random.below(6)),
};

function integer(random: Random, bits: Bits): number[] {
  switch (random.below(8)) {
    case 0:
      return [random.pick(PLAIN)];
    case 1:
      return [random.pick(WITH_BYTE), random.byte()];
    case 2:
      return [random.pick(WITH_WORD), ...random.bytes(4)];
    case 3:
      return [0x0f, random.pick(TWO_BYTE), ...modrm(random, bits)];
    case 4:
      return [0x0f, random.pick(TWO_BYTE_IMMEDIATE), ...modrm(random, bits), random.byte()];
    case 5:
      // Multiplication, division, not, neg, test: /0 has an immediate, which then is more code.
      return [random.pick([0xf6, 0xf7]), ...modrm(random, bits), ...random.bytes(4)];
    default: {
      const [opcodes, immediate] = random.pick(WITH_MODRM);
      const length = immediate === 'z' ? 4 : immediate;
      return [random.pick(opcodes), ...modrm(random, bits), ...random.bytes(length)];
    }
  }
}

function vector(random: Random, bits: Bits): number[] {
  if (random.chance(15)) {
    const [map, opcode] = random.pick([
      [0x38, random.pick([...range(0x00, 0x0b), ...range(0x10, 0x41), ...range(0xdb, 0xdf)])],
      [0x38, random.pick([0xf0, 0xf1, 0xf2, 0xf3, 0xf5, 0xf6, 0xf7])],
      [0x3a, random.pick([...range(0x08, 0x0f), ...range(0x14, 0x22), ...range(0x40, 0x63)])],
    ]);
    const immediate = map === 0x3a ? [random.byte()] : [];
    return [map ?? 0, opcode ?? 0, ...modrm(random, bits), ...immediate];
  }
  const opcode = random.pick(SSE);
  const immediate = SSE_WITH_IMMEDIATE.has(opcode) ? [random.byte()] : [];
  return [opcode, ...modrm(random, bits), ...immediate];
}

function sizePrefixes(random: Random, bits: Bits): number[] {
  return [
    ...(random.chance(20) ? [0x66] : []),
    ...(random.chance(4) ? [0x67] : []),
    ...(random.chance(4) ? [0xf0] : []),
    ...rex(random, bits),
  ];
}

function rex(random: Random, bits: Bits): number[] {
  return bits === 64 && random.chance(50) ? [0x40 + random.below(16)] : [];
}

/** A register, or memory at a base register with a short displacement. */
function modrm(random: Random, bits: Bits, registers = 50): number[] {
  const reg = random.below(8) << 3;
  if (random.chance(registers)) return [0xc0 | reg | random.below(8)];
  if (random.chance(5)) return [random.byte(), ...random.bytes(5)];
  const base = random.below(8);
  const sib = bits !== 16 && base === 4 ? [random.byte()] : [];
  return [0x40 | reg | base, ...sib, random.byte()];
}

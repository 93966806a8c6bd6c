/**
 * Single instructions that walk the opcode map, with operands from edge values. What reads the machine, leaves the
 * process or loads segments is left out: README.md has the list.
 */
import { Random } from '../../build/unicorn-wasm/random.js';
import { DATA_LENGTH, type InstructionCase, PLACES, REGISTERS } from './record.js';

/** Which part of the opcode map a case is from. */
export const FAMILIES = [
  'general',
  '0f',
  '0f38',
  '0f3a',
  'float',
  'decoding',
  'vex',
  'x87',
] as const;
export type Family = (typeof FAMILIES)[number];

const NOT_ONE_BYTE = new Set([
  ...[0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3],
  // mov to segments, popf, int, iret, far returns.
  ...[0x8e, 0x9d, 0xcd, 0xcf, 0xca, 0xcb],
  // What README.md has under 'not judged'.
  ...[0xf1, 0xa6, 0xa7],
  // VEX, EVEX, x87.
  ...[0xc4, 0xc5, 0x62, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0x9b],
]);
const NOT_TWO_BYTE = new Set([
  // System: descriptor tables, syscall, sysret, 3DNow!, MSRs, counters, sysenter.
  ...[0x00, 0x01, 0x02, 0x03, 0x05, 0x07, 0x0e, 0x0f, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x37],
  // The other maps, SSE4a, VMX.
  ...[0x38, 0x3a, 0x78, 0x79],
  // Segments, cpuid, rsm, XSAVE's and others' groups.
  ...[0xa1, 0xa2, 0xa9, 0xaa, 0xae, 0xb2, 0xb4, 0xb5, 0xc7, 0xf7],
]);
/** SHA, GFNI, and what is newer than SSE4.2, AES and MOVBE. */
const THREE_38 = [
  ...range(0x00, 0x0b),
  0x10,
  0x14,
  0x15,
  0x17,
  0x1c,
  0x1d,
  0x1e,
  ...range(0x20, 0x25),
  ...range(0x28, 0x2b),
  ...range(0x30, 0x41),
  ...range(0xdb, 0xdf),
  0xf0,
  0xf1,
];
const THREE_3A = [
  ...range(0x08, 0x0f),
  ...range(0x14, 0x17),
  ...range(0x20, 0x22),
  0x40,
  0x41,
  0x42,
  0x44,
  ...range(0x60, 0x63),
  0xdf,
];
const FLOAT = [
  0x10,
  0x11,
  0x14,
  0x16,
  0x28,
  0x2a,
  0x2c,
  0x2d,
  0x2e,
  0x2f,
  0x51,
  ...range(0x58, 0x5f),
  0x7c,
  0x7d,
  0xc2,
  0xd0,
  0xe6,
];

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

const INTEGERS = [
  0n,
  1n,
  2n,
  7n,
  8n,
  15n,
  16n,
  31n,
  32n,
  33n,
  63n,
  64n,
  65n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_ffff_ffffn,
  0xffff_ffff_8000_0000n,
  0x0123_4567_89ab_cdefn,
  0x8080_8080_8080_8080n,
];
const SINGLES = [
  0, 0x8000_0000, 1, 0x8000_0001, 0x007f_ffff, 0x0080_0000, 0x8080_0000, 0x0080_0001, 0x3f80_0000,
  0xbf80_0000, 0x3f80_0001, 0x3f7f_ffff, 0x7f7f_ffff, 0xff7f_ffff, 0x7f80_0000, 0xff80_0000,
  0x7fc0_0000, 0xffc0_0001, 0x7f80_0001, 0xffbf_ffff, 0x4f00_0000, 0xcf00_0000, 0x4eff_ffff,
  0x5f00_0000, 0xdf00_0000, 0x4b00_0001, 0x3f00_0000, 0x3fc0_0000, 0x4049_0fdb, 0x3eaa_aaab,
  0x2000_0000, 0x1fff_ffff, 0x7f00_0000, 0x3380_0000, 0x0c00_0000,
];
const DOUBLES = [
  0n,
  0x8000_0000_0000_0000n,
  1n,
  0x8000_0000_0000_0001n,
  0x000f_ffff_ffff_ffffn,
  0x0010_0000_0000_0000n,
  0x8010_0000_0000_0000n,
  0x3ff0_0000_0000_0000n,
  0xbff0_0000_0000_0000n,
  0x3ff0_0000_0000_0001n,
  0x3fef_ffff_ffff_ffffn,
  0x7fef_ffff_ffff_ffffn,
  0xffef_ffff_ffff_ffffn,
  0x7ff0_0000_0000_0000n,
  0xfff0_0000_0000_0000n,
  0x7ff8_0000_0000_0000n,
  0xfff8_0000_0000_0001n,
  0x7ff0_0000_0000_0001n,
  0xfff7_ffff_ffff_ffffn,
  0x41e0_0000_0000_0000n,
  0xc1e0_0000_0000_0000n,
  0x41df_ffff_ffc0_0000n,
  0x43e0_0000_0000_0000n,
  0xc3e0_0000_0000_0000n,
  0x43df_ffff_ffff_ffffn,
  0x47ef_ffff_e000_0000n,
  0x47ef_ffff_f000_0000n,
  0x3810_0000_0000_0000n,
  0x380f_ffff_ffff_ffffn,
  0x36a0_0000_0000_0000n,
  0x3690_0000_0000_0000n,
  0x3fe0_0000_0000_0000n,
  0x3ff8_0000_0000_0000n,
  0x4330_0000_0000_0001n,
  0x4009_21fb_5444_2d18n,
  0x3fd5_5555_5555_5555n,
  0x2000_0000_0000_0000n,
  0x1ff0_0000_0000_0000n,
];

/** Case `seed` of a family, the same on every machine. */
export function instructionCase(family: Family, seed: number): InstructionCase {
  const random = new Random(seed);
  const registers = REGISTERS.map(() => integer(random));
  const fx = fxState(random);
  const state = {
    registers,
    data: vectorBytes(random, DATA_LENGTH),
    fx: family === 'vex' ? extended(fx, random) : family === 'x87' ? x87State(fx, random) : fx,
  };
  // A stack that is there, unless it is to be somewhere else.
  registers[4] = random.chance(90) ? pointer(random) & ~7n : integer(random);
  const code = encoding(family, random, registers);
  return { ...state, code: Uint8Array.from(code), flags: random.u32() & 0x8d5 };
}

function integer(random: Random): bigint {
  if (random.chance(70)) return random.pick(INTEGERS);
  return (BigInt(random.u32()) << 32n) | BigInt(random.u32());
}

/** Into the windows: aligned or not, across the pages' boundary, or over their end. */
function pointer(random: Random): bigint {
  const places = [
    PLACES.DATA_PAGES + 4096 - 64 + random.below(8) * 16,
    PLACES.DATA_PAGES + 4096 - 64 + random.below(100),
    PLACES.DATA_PAGES + 4096 - 1 - random.below(16),
    PLACES.DATA_PAGES + 8192 - 64 + random.below(3) * 16,
    PLACES.DATA_PAGES + 8192 - 1 - random.below(32),
  ];
  return BigInt(random.pick(places));
}

const BAD_POINTERS = [
  0n,
  0x8000_0000_0000n,
  0xffff_8000_0000_0000n,
  0xffff_ffff_ffff_fff0n,
  0xdead_beef_0000_0000n,
];

function single(random: Random): number {
  return random.chance(75) ? random.pick(SINGLES) : random.u32();
}

function double(random: Random): bigint {
  if (random.chance(75)) return random.pick(DOUBLES);
  return (BigInt(random.u32()) << 32n) | BigInt(random.u32());
}

/** Of one kind in each 16 bytes, so that lanes meet their like. */
function vectorBytes(random: Random, length: number): Uint8Array {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 16) {
    const kind = random.below(4);
    for (let lane = 0; lane < 16; lane += 8) {
      if (kind === 0) bytes.writeBigUInt64LE(double(random), at + lane);
      else if (kind === 1) {
        bytes.writeUInt32LE(single(random), at + lane);
        bytes.writeUInt32LE(single(random), at + lane + 4);
      } else
        bytes.writeBigUInt64LE(
          kind === 2 ? integer(random) : (BigInt(random.u32()) << 32n) | BigInt(random.u32()),
          at + lane,
        );
    }
  }
  return bytes;
}

function fxState(random: Random): Uint8Array {
  const fx = Buffer.alloc(512);
  fx.writeUInt16LE(0x37f, 0);
  let mxcsr = random.chance(80) ? 0x1f80 : (random.u32() & 0x3f) << 7;
  if (random.chance(40)) mxcsr |= random.below(4) << 13;
  if (random.chance(25)) mxcsr |= 0x8000;
  if (random.chance(25)) mxcsr |= 0x40;
  if (random.chance(30)) mxcsr |= random.u32() & 0x3f;
  fx.writeUInt32LE(mxcsr, 24);
  fx.set(vectorBytes(random, 256), 160);
  for (let i = 0; i < 8; i++) fx.set(vectorBytes(random, 16).subarray(0, 8), 32 + 16 * i);
  return fx;
}

/** As XSAVE writes it, with upper halves. */
function extended(fx: Uint8Array, random: Random): Uint8Array {
  const area = Buffer.alloc(832);
  area.set(fx);
  area.writeUInt32LE(7, 512);
  area.set(vectorBytes(random, 256), 576);
  return area;
}

function encoding(family: Family, random: Random, registers: bigint[]): number[] {
  switch (family) {
    case 'general':
      return instruction(random, registers, [], oneByte(random));
    case '0f':
      return instruction(random, registers, [0x0f], pickNot(random, NOT_TWO_BYTE));
    case '0f38':
      return instruction(random, registers, [0x0f, 0x38], random.pick(THREE_38));
    case '0f3a':
      return instruction(random, registers, [0x0f, 0x3a], random.pick(THREE_3A));
    case 'float':
      return instruction(random, registers, [0x0f], random.pick(FLOAT));
    case 'decoding':
      return decoding(random, registers);
    case 'vex':
      return vex(random, registers);
    case 'x87':
      return x87(random, registers);
  }
}

function oneByte(random: Random): number {
  return pickNot(random, NOT_ONE_BYTE, (byte) => (byte & 0xf0) === 0x40);
}

function pickNot(
  random: Random,
  not: ReadonlySet<number>,
  or = (_byte: number): boolean => false,
): number {
  for (;;) {
    const byte = random.byte();
    if (!not.has(byte) && !or(byte)) return byte;
  }
}

const MANDATORY = [[], [0x66], [0xf3], [0xf2]];

function instruction(
  random: Random,
  registers: bigint[],
  map: readonly number[],
  opcode: number,
): number[] {
  const prefixes = [...random.pick(MANDATORY)];
  const isString = map.length === 0 && (opcode & 0xfc) !== 0xa0 && (opcode & 0xf0) === 0xa0;
  if (random.chance(isString ? 40 : 3))
    prefixes.unshift(random.pick(isString ? [0x67] : [0x2e, 0x3e, 0x26, 0x67]));
  if (random.chance(2)) prefixes.unshift(0xf0);
  // BSF and BSR with F3 are others' where there is BMI.
  if (opcode === 0xbc || opcode === 0xbd) prefixes.length = 0;
  // With 16 bits it is another byte that is refused.
  if (opcode === 0xc8) prefixes.length = 0;
  const rex = random.chance(50) ? [0x40 | random.below(16)] : [];
  const before = [...prefixes, ...rex, ...map, opcode];
  return [
    ...before,
    ...operands(random, registers, before.length, rex[0] ?? 0, map.length === 0 && opcode === 0xff),
  ];
}

/** ModRM and what belongs to it, and immediates. */
function operands(
  random: Random,
  registers: bigint[],
  before: number,
  rex: number,
  isGroup5 = false,
): number[] {
  const immediates = random.bytes(8);
  if (random.chance(40))
    immediates[0] = random.pick([0, 1, 2, 7, 8, 31, 32, 63, 64, 0x7f, 0x80, 0xff]);
  // Of group 5 what increments, jumps, calls and pushes; far transfers load segments.
  const reg = (isGroup5 ? random.pick([0, 1, 2, 4, 6]) : random.below(8)) << 3;
  // Of two refusals, of the target and of the stack, CPUs name the stack's.
  if (isGroup5) registers[4] = BigInt(PLACES.DATA_PAGES + 4096);
  if (random.chance(50)) return [0xc0 | reg | random.below(8), ...immediates];
  const at = random.chance(93) ? pointer(random) : random.pick(BAD_POINTERS);
  if (random.chance(10)) {
    // Relative to the next instruction, whose place depends on the immediates that there are.
    // Below the addresses of the windows' ends by what the immediates may add.
    const displacement = (Number(at) & ~15) - (PLACES.CODE + before + 5 + 8);
    if (Math.abs(displacement) < 2 ** 31) return [reg | 5, ...little(displacement), ...immediates];
  }
  const base = random.pick([0, 1, 2, 3, 5, 6, 7]);
  const extended = base | ((rex & 1) << 3);
  const displacement = random.pick([0, 8, -8, 16, 127, -128]);
  registers[extended] = BigInt.asUintN(64, at - BigInt(displacement));
  return [0x40 | reg | base, displacement & 255, ...immediates];
}

function little(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
}

/** Any rounding, registers in use or not, numbers of every kind. All exceptions are masked. */
function x87State(fx: Uint8Array, random: Random): Uint8Array {
  const bytes = Buffer.from(fx);
  bytes.writeUInt16LE(0x37f | (random.below(4) << 10), 0);
  bytes.writeUInt16LE((random.below(8) << 11) | (random.u32() & 0x473f), 2);
  bytes[4] = random.chance(60) ? 0xff : random.byte();
  for (let i = 0; i < 8; i++) {
    const significand = random.chance(40) ? integer(random) : double(random) << 11n;
    const whole = random.chance(85) ? significand | (1n << 63n) : significand;
    const exponent = random.chance(60)
      ? 16383 - 4 + random.below(72)
      : random.pick([0, 0, 1, 0x7fff, 0x7ffe, random.u32() & 0x7fff]);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, whole), 32 + 16 * i);
    bytes.writeUInt16LE(exponent | (random.chance(50) ? 0x8000 : 0), 40 + 16 * i);
  }
  return bytes;
}

/** Opcode and ModRM.reg of what stores integers and decimals, and loads them. */
const X87_MEMORY = [
  ...[0xdb, 0xdf].flatMap((opcode) => [1, 2, 3].map((group) => [opcode, group] as const)),
  [0xdd, 1] as const,
  ...[4, 6, 7].map((group) => [0xdf, group] as const),
];

/** What is judged of it: README.md. */
function x87(random: Random, registers: bigint[]): number[] {
  if (random.chance(60)) {
    const [opcode, group] = random.pick(X87_MEMORY);
    const [modrm = 0, ...rest] = operands(random, registers, 1, 0);
    // A register has no such form.
    return [opcode, ((modrm & 0xc7) % 0xc0) | (group << 3), ...rest];
  }
  const compared = random.pick([0xdb, 0xdf]);
  return random.pick([
    [0xd9, 0xe5],
    [0xd9, 0xe8 + random.below(7)],
    [compared, 0xe8 + random.below(16)],
  ]);
}

/** Of VEX.mmmmm 1 to 3: mask registers of AVX-512, gathers, and extensions that no processor here has. */
const NOT_VEX: readonly ReadonlySet<number>[] = [
  new Set(),
  new Set([...range(0x41, 0x4b), ...range(0x90, 0x99), 0xae, 0xf7]),
  new Set([
    ...range(0x49, 0x5f),
    0x72,
    ...range(0x90, 0x93),
    ...range(0xb0, 0xb5),
    ...range(0xcb, 0xd3),
  ]),
  new Set([...range(0x30, 0x33), 0xce, 0xcf]),
];
/** AES and PCLMULQDQ of 256 bits are others'. */
const NARROW_ONLY = new Set([0x2dc, 0x2dd, 0x2de, 0x2df, 0x344]);

function vex(random: Random, registers: bigint[]): number[] {
  const map = random.pick([1, 1, 2, 2, 3]);
  const opcode = pickNot(random, NOT_VEX[map]!, (byte) => map === 3 && byte > 0x63 && byte < 0xdf);
  const l = random.chance(50) && !NARROW_ONLY.has((map << 8) | opcode) ? 4 : 0;
  // Three operands, or no second one.
  const v = random.chance(60) ? random.below(16) : 15;
  const rex = random.below(8) ^ (random.chance(50) ? 7 : 0);
  const last = (random.chance(30) ? 0x80 : 0) | (v << 3) | l | random.below(4);
  const prefix = [0xc4, ((~rex & 7) << 5) | map, last];
  return [...prefix, opcode, ...operands(random, registers, prefix.length + 1, rex & 5)];
}

/** Encodings that are on the edge of being none: prefixes without end, LOCK, group members that there are not. */
function decoding(random: Random, registers: bigint[]): number[] {
  const prefixes = Array.from({ length: random.below(15) }, () =>
    random.pick([0x66, 0x2e, 0x3e, 0xf2, 0xf3, 0x26, 0x36]),
  );
  const opcode = random.pick([
    [0x90],
    [0x01],
    [0x03],
    [0x8b],
    [0xf6],
    [0xf7],
    [0xc6],
    [0xc7],
    [0xfe],
    [0x0f, 0x1f],
    [0x0f, 0x18],
    [0x0f, 0x1e],
    [0x0f, 0x0d],
    [0x0f, 0xb9],
    [0x0f, 0x0b],
    [0x0f, 0xff],
    [0x0f, 0x12],
    [0x0f, 0x13],
    [0x0f, 0x16],
    [0x0f, 0x17],
    [0x0f, 0x20],
    [0x0f, 0x22],
    [0x0f, 0x71],
    [0x0f, 0x72],
    [0x0f, 0x73],
    [0x0f, 0xb0],
    [0x0f, 0xc1],
    [0x87],
    [0x83],
    [0xd0],
    [0xc0],
  ]);
  if (random.chance(40)) prefixes.length = Math.min(prefixes.length, 2);
  if (random.chance(30)) prefixes.push(0xf0);
  const before = [...prefixes, ...opcode];
  return [...before, ...operands(random, registers, before.length, 0)];
}

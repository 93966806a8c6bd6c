/**
 * One instruction taken apart as far as carrying it out needs: prefixes of both kinds, ModRM, its memory operand and
 * an immediate byte (Intel SDM volume 2, chapter 2).
 */

/** The mandatory prefix, as VEX.pp numbers it: none, 66, F3, F2. */
export type Mandatory = 0 | 1 | 2 | 3;

export interface MemoryForm {
  /** Number of the register, -1: none, 16: the next instruction's address. */
  readonly base: number;
  /** -1: none. With a vector of indices its number. */
  readonly index: number;
  readonly scale: 1 | 2 | 4 | 8;
  /** Signed, at most 32 bits. */
  readonly displacement: number;
  /** 4: fs, 5: gs; others begin at 0. */
  readonly segment: number;
  /** Bits of the address that the instruction computes. */
  readonly bits: 64 | 32 | 16;
  /** The second register of a 16-bit address is an index of scale 1. By rsp or rbp: a bad address is #SS. */
  readonly stack: boolean;
}

export interface Encoding {
  readonly wide: boolean;
  readonly vex: boolean;
  /** 0: one byte; 1: 0F; 2: 0F 38; 3: 0F 3A. */
  readonly map: number;
  readonly opcode: number;
  readonly pp: Mandatory;
  /** REX.W or VEX.W. */
  readonly w: boolean;
  /** VEX.L: 256 bits. */
  readonly l: boolean;
  /** VEX.vvvv, a register number. */
  readonly v: number;
  /** ModRM.reg with its extension; `group` without. */
  readonly reg: number;
  readonly group: number;
  /** ModRM.rm as a register, with its extension; means something without `memory`. */
  readonly rm: number;
  readonly memory: MemoryForm | undefined;
  /** The first immediate byte, 0 where there is none. */
  readonly immediate: number;
  readonly lock: boolean;
  readonly rex: number;
  readonly operandSize: boolean;
  readonly addressSize: boolean;
  /** As in MemoryForm, of its prefix; -1: none. */
  readonly segment: number;
  readonly repeat: number;
  readonly modrm: number;
  /** In bytes; more than 15 where the instruction is too long. */
  readonly length: number;
  /** Bytes before the opcode and its escape. */
  readonly prefixes: number;
  /** There were fewer bytes than that. */
  readonly truncated: boolean;
}

const VEX3 = 0xc4;
const VEX2 = 0xc5;
const STACK_POINTER = 4;
const FRAME_POINTER = 5;
/** Registers of 16-bit addresses, by ModRM.rm. */
const PAIRS: readonly (readonly [number, number])[] = [
  [3, 6],
  [3, 7],
  [5, 6],
  [5, 7],
  [6, -1],
  [7, -1],
  [5, -1],
  [3, -1],
];

export function decodeInstruction(bytes: Uint8Array, wide: boolean): Encoding {
  let at = 0;
  let operandSize = false;
  let addressSize = false;
  let lock = false;
  let repeat = 0;
  let segment = -1;
  let rex = 0;
  reading: for (; ; at++) {
    const byte = bytes[at] ?? 0x90;
    switch (byte) {
      case 0x66:
        operandSize = true;
        break;
      case 0x67:
        addressSize = true;
        break;
      case 0xf0:
        lock = true;
        break;
      case 0xf2:
      case 0xf3:
        repeat = byte;
        break;
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
        // In 64-bit mode they say nothing, not even over a prefix before them.
        if (!wide) segment = (byte >> 3) & 3;
        break;
      case 0x64:
      case 0x65:
        segment = byte - 0x60;
        break;
      default:
        if (!wide || (byte & 0xf0) !== 0x40) break reading;
        rex = byte;
        continue;
    }
    // A REX prefix counts only right before the opcode.
    rex = 0;
  }
  const prefixes = at;
  let map = 0;
  let pp: Mandatory = repeat === 0xf3 ? 2 : repeat === 0xf2 ? 3 : operandSize ? 1 : 0;
  let v = 0;
  let l = false;
  let vex = false;
  const first = bytes[at] ?? 0;
  const second = bytes[at + 1] ?? 0;
  if ((first === VEX3 || first === VEX2) && (wide || second >= 0xc0)) {
    vex = true;
    const last = first === VEX3 ? (bytes[at + 2] ?? 0) : second;
    const inverted = ~second;
    rex = ((inverted >> 5) & 4) | (last & 0x80 && first === VEX3 ? 8 : 0);
    if (first === VEX3) rex |= (inverted >> 5) & 3;
    if (!wide) rex &= 8;
    map = first === VEX3 ? second & 31 : 1;
    v = (~last >> 3) & (wide ? 15 : 7);
    l = (last & 4) !== 0;
    pp = (last & 3) as Mandatory;
    at += first === VEX3 ? 3 : 2;
  } else if (first === 0x0f) {
    map = second === 0x38 ? 2 : second === 0x3a ? 3 : 1;
    at += map === 1 ? 1 : 2;
  }
  const opcode = bytes[at++] ?? 0;
  const hasModrm = vex ? map !== 1 || opcode !== 0x77 : hasModRm(map, opcode, wide);
  const modrm = hasModrm ? (bytes[at++] ?? 0) : 0xc0;
  const extension = { r: (rex & 4) << 1, x: (rex & 2) << 2, b: (rex & 1) << 3 };
  let memory: MemoryForm | undefined;
  // Control and debug registers: two registers, whatever the mode says.
  const registersOnly = !vex && map === 1 && opcode >= 0x20 && opcode <= 0x23;
  if (hasModrm && modrm < 0xc0 && !registersOnly) {
    const bits = wide ? (addressSize ? 32 : 64) : addressSize ? 16 : 32;
    const form = memoryForm(bytes, at, modrm, bits, wide, extension);
    const bySegment = segment >= (wide ? 4 : 0) && segment !== 2 ? false : form.memory.stack;
    memory = { ...form.memory, segment, stack: bySegment || (!wide && segment === 2) };
    at = form.at;
  }
  const length =
    at +
    immediateLength({
      vex,
      map,
      opcode,
      modrm,
      operandSize,
      addressSize,
      wide,
      w: (rex & 8) !== 0,
    });
  return {
    wide,
    vex,
    map,
    opcode,
    pp,
    w: (rex & 8) !== 0,
    l,
    v,
    reg: ((modrm >> 3) & 7) | extension.r,
    group: (modrm >> 3) & 7,
    rm: (modrm & 7) | extension.b,
    memory,
    immediate: bytes[at] ?? 0,
    lock,
    rex,
    operandSize,
    addressSize,
    segment,
    repeat,
    modrm,
    length,
    prefixes,
    truncated: length > bytes.length,
  };
}

interface Extension {
  readonly x: number;
  readonly b: number;
}

function memoryForm(
  bytes: Uint8Array,
  from: number,
  modrm: number,
  bits: 64 | 32 | 16,
  wide: boolean,
  { x, b }: Extension,
): { memory: MemoryForm; at: number } {
  const mod = modrm >> 6;
  let at = from;
  let base = (modrm & 7) | b;
  let index = -1;
  let scale: MemoryForm['scale'] = 1;
  let size = mod === 0 ? 0 : mod === 1 ? 1 : bits === 16 ? 2 : 4;
  if (bits === 16) {
    const pair = PAIRS[modrm & 7]!;
    [base, index] = pair;
    if (mod === 0 && (modrm & 7) === 6) [base, size] = [-1, 2];
  } else if ((modrm & 7) === STACK_POINTER) {
    const sib = bytes[at++] ?? 0;
    base = (sib & 7) | b;
    index = ((sib >> 3) & 7) | x;
    if (index === STACK_POINTER) index = -1;
    scale = (1 << (sib >> 6)) as MemoryForm['scale'];
    if ((sib & 7) === FRAME_POINTER && mod === 0) [base, size] = [-1, 4];
  } else if ((modrm & 7) === FRAME_POINTER && mod === 0) {
    [base, size] = [wide ? 16 : -1, 4];
  }
  let displacement = 0;
  for (let i = size - 1; i >= 0; i--) displacement = (displacement << 8) | (bytes[at + i] ?? 0);
  if (size > 0 && size < 4) displacement = (displacement << (32 - 8 * size)) >> (32 - 8 * size);
  const stack = base === STACK_POINTER || base === FRAME_POINTER;
  return { memory: { base, index, scale, displacement, segment: -1, bits, stack }, at: at + size };
}

/** Opcodes of 0F without ModRM. */
const PLAIN_0F: ReadonlySet<number> = new Set(
  [0x05, 0x06, 0x07, 0x08, 0x09, 0x0b, 0x0e, 0x77, 0xa0, 0xa1, 0xa2, 0xa8, 0xa9, 0xaa].concat(
    range(0x30, 0x37),
    range(0x80, 0x8f),
    range(0xc8, 0xcf),
  ),
);

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function hasModRm(map: number, opcode: number, wide: boolean): boolean {
  if (map > 1) return true;
  if (map === 1) return !PLAIN_0F.has(opcode);
  if (opcode < 0x40) return (opcode & 7) < 4;
  if (opcode >= 0x80 && opcode <= 0x8f) return true;
  if (opcode === 0x62) return !wide;
  return (
    [0x63, 0x69, 0x6b, 0xc0, 0xc1, 0xc4, 0xc5, 0xc6, 0xc7, 0xd0, 0xd1, 0xd2, 0xd3].includes(
      opcode,
    ) ||
    (opcode >= 0xd8 && opcode <= 0xdf) ||
    [0xf6, 0xf7, 0xfe, 0xff].includes(opcode)
  );
}

interface ImmediateOf {
  readonly vex: boolean;
  readonly map: number;
  readonly opcode: number;
  readonly modrm: number;
  readonly operandSize: boolean;
  readonly addressSize: boolean;
  readonly wide: boolean;
  readonly w: boolean;
}

const BYTE_0F: ReadonlySet<number> = new Set([
  0x70, 0x71, 0x72, 0x73, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6,
]);

/** Bytes of immediates and of branch displacements. */
function immediateLength(code: ImmediateOf): number {
  const { vex, map, opcode, modrm, operandSize, addressSize, wide, w } = code;
  if (map === 3) return 1;
  if (map === 2 || map > 3) return 0;
  const word = operandSize && !w ? 2 : 4;
  if (map === 1) {
    if (!vex && opcode >= 0x80 && opcode <= 0x8f) return word;
    return BYTE_0F.has(opcode) ? 1 : 0;
  }
  if (opcode < 0x40) return (opcode & 7) === 4 ? 1 : (opcode & 7) === 5 ? word : 0;
  if (opcode >= 0x70 && opcode <= 0x7f) return 1;
  if (opcode >= 0xb0 && opcode <= 0xb7) return 1;
  if (opcode >= 0xb8 && opcode <= 0xbf) return w ? 8 : word;
  if (opcode >= 0xa0 && opcode <= 0xa3) return wide ? (addressSize ? 4 : 8) : addressSize ? 2 : 4;
  switch (opcode) {
    case 0x68:
    case 0x69:
    case 0x81:
    case 0xa9:
    case 0xc7:
    case 0xe8:
    case 0xe9:
      return word;
    case 0x6a:
    case 0x6b:
    case 0x80:
    case 0x82:
    case 0x83:
    case 0xa8:
    case 0xc0:
    case 0xc1:
    case 0xc6:
    case 0xcd:
    case 0xd4:
    case 0xd5:
    case 0xeb:
      return 1;
    case 0xc2:
    case 0xca:
      return 2;
    case 0xc8:
      return 3;
    case 0x9a:
    case 0xea:
      return wide ? 0 : word + 2;
    case 0xf6:
      return (modrm & 0x30) === 0 ? 1 : 0;
    case 0xf7:
      return (modrm & 0x30) === 0 ? word : 0;
    default:
      return opcode >= 0xe0 && opcode <= 0xe7 ? 1 : 0;
  }
}

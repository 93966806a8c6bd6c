/**
 * x87 instructions that the engine has wrong: integers and decimals to memory, decimals from memory, comparisons into
 * EFLAGS, constants, FXAM. With an empty register or a full stack they do what the manual's masked response is; where an
 * exception is not masked nothing but the status word changes (Intel SDM volume 1, chapter 8).
 */
import type { CarriedCpu } from './cpu.js';
import { CF, PF, ZF } from './cpu.js';
import type { Encoding } from './encoding.js';
import type { Maker } from './operands.js';

const IE = 1;
const DE = 2;
const PE = 0x20;
const STACK_FAULT = 0x40;
/** An exception that is not masked waits: ES and B. */
const PENDING = 0x8080;
const C0 = 0x100;
const C1 = 0x200;
const C2 = 0x400;
const C3 = 0x4000;
const TOP = 0x3800;
const INTEGER_BIT = 1n << 63n;
const BIAS = 16383;
const LARGEST = 0x7fff;
/** QNaN real indefinite. */
const INDEFINITE: Extended = { sign: true, exponent: LARGEST, significand: 0xc000_0000_0000_0000n };

interface Extended {
  readonly sign: boolean;
  readonly exponent: number;
  readonly significand: bigint;
}

type Kind = 'unsupported' | 'nan' | 'normal' | 'infinity' | 'zero' | 'denormal';

function kindOf({ exponent, significand }: Extended): Kind {
  if (exponent === 0) return significand === 0n ? 'zero' : 'denormal';
  if (!(significand & INTEGER_BIT)) return 'unsupported';
  if (exponent !== LARGEST) return 'normal';
  return significand === INTEGER_BIT ? 'infinity' : 'nan';
}

/** The stack while one instruction is carried out; `finish` writes the words back. */
class Stack {
  readonly control: number;
  #status: number;
  #tags: number;
  readonly #cpu: CarriedCpu;

  /** `keeps`: conditions that stay what they were, unless the instruction says otherwise. */
  constructor(cpu: CarriedCpu, keeps = 0) {
    const { control, status, tags } = cpu.readX87();
    this.#cpu = cpu;
    this.control = control;
    this.#status = status & (~C1 | keeps);
    this.#tags = tags;
  }

  #physical(index: number): number {
    return ((this.#status >> 11) + index) & 7;
  }

  isEmpty(index: number): boolean {
    return ((this.#tags >> this.#physical(index)) & 1) === 0;
  }

  read(index: number): Extended {
    const at = this.#cpu.mmx(this.#physical(index));
    const top = this.#cpu.view.getUint16(at + 8, true);
    return {
      sign: top >> 15 === 1,
      exponent: top & LARGEST,
      significand: this.#cpu.view.getBigUint64(at, true),
    };
  }

  pop(): void {
    this.#tags &= ~(1 << this.#physical(0));
    this.#turn(1);
  }

  /** Onto a full stack the indefinite goes. */
  push(value: Extended): void {
    const full = !this.isEmpty(-1);
    if (full && !this.raise(IE | STACK_FAULT | C1)) return;
    this.#turn(-1);
    const { sign, exponent, significand } = full ? INDEFINITE : value;
    const at = this.#cpu.mmx(this.#physical(0));
    this.#cpu.view.setBigUint64(at, significand, true);
    this.#cpu.view.setUint16(at + 8, exponent | (sign ? 0x8000 : 0), true);
    this.#tags |= 1 << this.#physical(0);
  }

  #turn(by: number): void {
    this.#status = (this.#status & ~TOP) | (((this.#status + by * 0x800) & TOP) >>> 0);
  }

  /** False: one of the exceptions is not masked. */
  raise(flags: number): boolean {
    this.#status |= flags;
    const unmasked = flags & ~this.control & 0x3f;
    if (unmasked) this.#status |= PENDING;
    return unmasked === 0;
  }

  conditions(codes: number): void {
    this.#status = (this.#status & ~(C0 | C1 | C2 | C3)) | codes;
  }

  finish(): void {
    this.#cpu.writeX87({ control: this.control, status: this.#status, tags: this.#tags });
  }
}

interface Rounded {
  readonly value: bigint;
  /** PE, and C1 where the magnitude was rounded up. */
  readonly flags: number;
}

/** To an integer, by rounding control or towards zero; undefined for what is no finite number. */
function toInteger(x: Extended, control: number, truncates: boolean): Rounded | undefined {
  const kind = kindOf(x);
  if (kind === 'unsupported' || kind === 'nan' || kind === 'infinity') return undefined;
  const shift = (x.exponent || 1) - BIAS - 63;
  if (shift > 8) return undefined;
  const exact = shift >= 0;
  const by = BigInt(exact ? shift : Math.min(-shift, 128));
  let magnitude = exact ? x.significand << by : x.significand >> by;
  const rest = exact ? 0n : x.significand - (magnitude << by);
  let flags = 0;
  if (rest !== 0n) {
    flags = PE;
    if (!truncates && roundsUp(x.sign, magnitude, rest, 1n << (by - 1n), (control >> 10) & 3)) {
      magnitude++;
      flags |= C1;
    }
  }
  return { value: x.sign ? -magnitude : magnitude, flags };
}

function roundsUp(
  sign: boolean,
  magnitude: bigint,
  rest: bigint,
  half: bigint,
  mode: number,
): boolean {
  if (mode === 0) return rest > half || (rest === half && (magnitude & 1n) === 1n);
  return mode === 1 ? sign : mode === 2 && !sign;
}

/** FIST, FISTP, FISTTP, FBSTP. `encode`: undefined for what does not fit. */
function storeInteger(
  e: Encoding,
  bytes: number,
  pops: boolean,
  truncates: boolean,
  encode: (value: bigint, sign: boolean) => bigint | undefined,
  indefinite: bigint,
): Maker {
  const memory = e.memory!;
  return (next, nextHi) => (cpu) => {
    const stack = new Stack(cpu);
    const empty = stack.isEmpty(0);
    const x = stack.read(0);
    const rounded = empty ? undefined : toInteger(x, stack.control, truncates);
    const encoded = rounded && encode(rounded.value, x.sign);
    cpu.locate(memory, next, nextHi);
    cpu.prepare(bytes);
    const flags = encoded === undefined ? IE | (empty ? STACK_FAULT : 0) : rounded!.flags;
    const masked = stack.raise(flags) || (flags & IE) === 0;
    if (masked) {
      const value = encoded ?? indefinite;
      cpu.view.setBigUint64(cpu.resultArea, BigInt.asUintN(64, value), true);
      cpu.view.setBigUint64(cpu.resultArea + 8, BigInt.asUintN(128, value) >> 64n, true);
      cpu.store(bytes, cpu.resultArea);
      if (pops) stack.pop();
    }
    stack.finish();
  };
}

function storeBinary(e: Encoding, bytes: number, pops: boolean, truncates = false): Maker {
  const bits = 8 * bytes;
  const fits = (value: bigint): bigint | undefined =>
    BigInt.asIntN(bits, value) === value ? value : undefined;
  return storeInteger(e, bytes, pops, truncates, fits, 1n << BigInt(bits - 1));
}

const DECIMAL_BYTES = 10;
const DECIMAL_DIGITS = 18;
const DECIMAL_INDEFINITE = 0xffff_c000_0000_0000_0000n;

function toDecimal(value: bigint, sign: boolean): bigint | undefined {
  const digits = (value < 0n ? -value : value).toString();
  if (digits.length > DECIMAL_DIGITS) return undefined;
  return BigInt(`0x${digits}`) | (sign ? 1n << 79n : 0n);
}

function fromDecimal(bits: bigint): Extended {
  let value = 0n;
  for (let digit = DECIMAL_DIGITS - 1; digit >= 0; digit--)
    value = 10n * value + ((bits >> BigInt(4 * digit)) & 15n);
  const sign = bits >> 79n === 1n;
  if (value === 0n) return { sign, exponent: 0, significand: 0n };
  const length = value.toString(2).length;
  return { sign, exponent: BIAS + length - 1, significand: value << BigInt(64 - length) };
}

function loadDecimal(e: Encoding): Maker {
  const memory = e.memory!;
  return (next, nextHi) => (cpu) => {
    cpu.locate(memory, next, nextHi);
    cpu.load(DECIMAL_BYTES, cpu.operandArea);
    const low = cpu.view.getBigUint64(cpu.operandArea, true);
    const high = BigInt(cpu.view.getUint16(cpu.operandArea + 8, true));
    const stack = new Stack(cpu);
    stack.push(fromDecimal((high << 64n) | low));
    stack.finish();
  };
}

/** FCOMI and FUCOMI, and with a pop. `quiet`: a quiet NaN is no exception. */
function compare(index: number, quiet: boolean, pops: boolean): Maker {
  return () => (cpu) => {
    // AMD's CPUs leave C1 alone but for an empty register.
    const kept = new Stack(cpu, C1);
    const empty = kept.isEmpty(0) || kept.isEmpty(index);
    const stack = empty ? new Stack(cpu) : kept;
    const [a, b] = [stack.read(0), stack.read(index)];
    let flags = 0;
    let order: number | undefined;
    if (empty) flags = IE | STACK_FAULT;
    else {
      const kinds = [kindOf(a), kindOf(b)];
      if (kinds.includes('unsupported') || kinds.includes('nan'))
        flags = quiet && [a, b].every(isQuiet) ? 0 : IE;
      else {
        if (kinds.includes('denormal')) flags = DE;
        order = orderOf(a, b);
      }
    }
    if (stack.raise(flags)) {
      cpu.writeFlags(order === undefined ? ZF | PF | CF : order === 0 ? ZF : order < 0 ? CF : 0);
      if (pops) stack.pop();
    }
    stack.finish();
  };
}

const isQuiet = (x: Extended): boolean => {
  const kind = kindOf(x);
  return kind !== 'unsupported' && (kind !== 'nan' || (x.significand & (1n << 62n)) !== 0n);
};

function orderOf(a: Extended, b: Extended): number {
  const rank = ({ sign, exponent, significand }: Extended): bigint => {
    // A pseudo-denormal has the exponent of the smallest normal number.
    const power = exponent === 0 && significand & INTEGER_BIT ? 1 : exponent;
    const magnitude = (BigInt(power) << 64n) | significand;
    return sign ? -magnitude : magnitude;
  };
  const difference = rank(a) - rank(b);
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

const EXAMINED: Readonly<Record<Kind, number>> = {
  unsupported: 0,
  nan: C0,
  normal: C2,
  infinity: C2 | C0,
  zero: C3,
  denormal: C3 | C2,
};

const examine: Maker = () => (cpu) => {
  const stack = new Stack(cpu);
  const value = stack.read(0);
  const code = stack.isEmpty(0) ? C3 | C0 : EXAMINED[kindOf(value)];
  stack.conditions(code | (value.sign ? C1 : 0));
  stack.finish();
};

/** Exponent, significand cut off, and whether what was cut off is more than half: FLD1 to FLDZ. */
const CONSTANTS: readonly (readonly [number, bigint, 'exact' | 'more' | 'less'])[] = [
  [BIAS, INTEGER_BIT, 'exact'],
  [BIAS + 1, 0xd49a_784b_cd1b_8afen, 'less'],
  [BIAS, 0xb8aa_3b29_5c17_f0bbn, 'more'],
  [BIAS + 1, 0xc90f_daa2_2168_c234n, 'more'],
  [BIAS - 2, 0x9a20_9a84_fbcf_f798n, 'more'],
  [BIAS - 1, 0xb172_17f7_d1cf_79abn, 'more'],
  [0, 0n, 'exact'],
];

function constant(index: number): Maker {
  const [exponent, cut, rest] = CONSTANTS[index]!;
  return () => (cpu) => {
    const stack = new Stack(cpu);
    const mode = (stack.control >> 10) & 3;
    const up = rest !== 'exact' && (mode === 2 || (mode === 0 && rest === 'more'));
    stack.push({ sign: false, exponent, significand: up ? cut + 1n : cut });
    stack.finish();
  };
}

/** Opcodes D8 to DF; undefined: the engine does it. */
export function compileX87(e: Encoding): Maker | undefined {
  const { opcode, group, modrm, memory } = e;
  if (memory !== undefined) return inMemory(e);
  const index = modrm & 7;
  if (opcode === 0xd9) {
    if (modrm === 0xe5) return examine;
    return group === 5 && index < CONSTANTS.length ? constant(index) : undefined;
  }
  if ((opcode === 0xdb || opcode === 0xdf) && (group === 5 || group === 6))
    return compare(index, group === 5, opcode === 0xdf);
  return undefined;
}

function inMemory(e: Encoding): Maker | undefined {
  const { opcode, group } = e;
  switch (opcode) {
    case 0xdb:
      if (group === 1) return storeBinary(e, 4, true, true);
      return group === 2 || group === 3 ? storeBinary(e, 4, group === 3) : undefined;
    case 0xdd:
      return group === 1 ? storeBinary(e, 8, true, true) : undefined;
    case 0xdf:
      if (group === 1) return storeBinary(e, 2, true, true);
      if (group === 2 || group === 3) return storeBinary(e, 2, group === 3);
      if (group === 4) return loadDecimal(e);
      if (group === 6)
        return storeInteger(e, DECIMAL_BYTES, true, false, toDecimal, DECIMAL_INDEFINITE);
      return group === 7 ? storeBinary(e, 8, true) : undefined;
    default:
      return undefined;
  }
}

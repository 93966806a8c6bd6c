/** BMI1 and BMI2 (Intel SDM volume 2): general registers by VEX prefixes, and TZCNT. */
import { CF, SF, ZF } from './cpu.js';
import type { Encoding } from './encoding.js';
import type { Extensions } from './extensions.js';
import type { Maker } from './operands.js';

type Operation = (
  a: bigint,
  b: bigint,
  bits: number,
) => { readonly value: bigint; readonly flags?: number };

/** `a`: VEX.vvvv, `b`: ModRM.rm. */
const OPERATIONS: Readonly<Record<string, readonly ['bmi1' | 'bmi2', Operation]>> = {
  andn: ['bmi1', (a, b, bits) => logic(~a & b, bits)],
  blsr: ['bmi1', (_a, b, bits) => withCarry(b & (b - 1n), b === 0n, bits)],
  blsmsk: ['bmi1', (_a, b, bits) => withCarry(b ^ (b - 1n), b === 0n, bits)],
  blsi: ['bmi1', (_a, b, bits) => withCarry(-b & b, b !== 0n, bits)],
  bextr: [
    'bmi1',
    (a, b, bits) => {
      const start = a & 255n;
      const length = (a >> 8n) & 255n;
      const value = (b >> start) & ((1n << length) - 1n);
      return { value, flags: BigInt.asUintN(bits, value) === 0n ? ZF : 0 };
    },
  ],
  bzhi: [
    'bmi2',
    (a, b, bits) => {
      const index = Number(a & 255n);
      const value = index >= bits ? b : b & ((1n << BigInt(index)) - 1n);
      return withCarry(value, index >= bits, bits);
    },
  ],
  pdep: ['bmi2', (a, b) => ({ value: deposit(a, b) })],
  pext: ['bmi2', (a, b) => ({ value: extractBits(a, b) })],
  sarx: ['bmi2', (a, b, bits) => ({ value: BigInt.asIntN(bits, b) >> countOf(a, bits) })],
  shlx: ['bmi2', (a, b, bits) => ({ value: b << countOf(a, bits) })],
  shrx: ['bmi2', (a, b, bits) => ({ value: b >> countOf(a, bits) })],
};

const countOf = (a: bigint, bits: number): bigint => a & BigInt(bits - 1);

function logic(value: bigint, bits: number): { value: bigint; flags: number } {
  return withCarry(value, false, bits);
}

function withCarry(value: bigint, carry: boolean, bits: number): { value: bigint; flags: number } {
  const result = BigInt.asUintN(bits, value);
  const sign = (result >> BigInt(bits - 1)) & 1n ? SF : 0;
  return { value: result, flags: (carry ? CF : 0) | (result === 0n ? ZF : 0) | sign };
}

/** Bits of `a`, from its lowest on, to where `mask` has ones. */
function deposit(a: bigint, mask: bigint): bigint {
  let result = 0n;
  let from = 0n;
  for (let i = 0n; mask >> i; i++) {
    if (!((mask >> i) & 1n)) continue;
    result |= ((a >> from++) & 1n) << i;
  }
  return result;
}

function extractBits(a: bigint, mask: bigint): bigint {
  let result = 0n;
  let to = 0n;
  for (let i = 0n; mask >> i; i++) {
    if ((mask >> i) & 1n) result |= ((a >> i) & 1n) << to++;
  }
  return result;
}

/** Which operation; `'undefined'` for what is none. */
function nameOf(e: Encoding): string | undefined {
  if (e.map !== 2) return undefined;
  switch (e.opcode) {
    case 0xf2:
      return e.pp === 0 ? 'andn' : undefined;
    case 0xf3:
      return e.pp === 0 ? [undefined, 'blsr', 'blsmsk', 'blsi'][e.group] : undefined;
    case 0xf5:
      return ['bzhi', undefined, 'pext', 'pdep'][e.pp];
    case 0xf7:
      return ['bextr', 'shlx', 'sarx', 'shrx'][e.pp];
    default:
      return undefined;
  }
}

/** undefined: no instruction of BMI. */
export function compileBits(e: Encoding, extensions: Extensions): Maker | 'undefined' | undefined {
  const general =
    (e.map === 2 && e.opcode >= 0xf2 && e.opcode <= 0xf7) || (e.map === 3 && e.opcode === 0xf0);
  if (!general) return undefined;
  const bits = e.w ? 64 : 32;
  if (e.l) return 'undefined';
  if (e.map === 3)
    return e.pp === 3 && e.v === 0 && extensions.has('bmi2') ? rotate(e, bits) : 'undefined';
  if (e.opcode === 0xf6)
    return e.pp === 3 && extensions.has('bmi2') ? multiply(e, bits) : 'undefined';
  const [extension, operation] = OPERATIONS[nameOf(e) ?? ''] ?? [];
  if (extension === undefined || operation === undefined || !extensions.has(extension))
    return 'undefined';
  const target = e.opcode === 0xf3 ? e.v : e.reg;
  return withOperand(e, bits, (cpu, b) => {
    const a = BigInt.asUintN(bits, cpu.view.getBigUint64(cpu.general(e.v), true));
    const { value, flags } = operation(a, b, bits);
    cpu.view.setBigUint64(cpu.general(target), BigInt.asUintN(bits, value), true);
    if (flags !== undefined) cpu.writeFlags(flags);
  });
}

type WithOperand = (cpu: Parameters<ReturnType<Maker>>[0], operand: bigint) => void;

function withOperand(e: Encoding, bits: number, run: WithOperand): Maker {
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    let at = cpu.general(e.rm);
    if (memory !== undefined) {
      cpu.locate(memory, next, nextHi);
      cpu.load(bits / 8, cpu.operandArea);
      at = cpu.operandArea;
    }
    run(cpu, BigInt.asUintN(bits, cpu.view.getBigUint64(at, true)));
  };
}

/** RORX: no flags. */
function rotate(e: Encoding, bits: number): Maker {
  const by = BigInt(e.immediate & (bits - 1));
  return withOperand(e, bits, (cpu, b) => {
    const value = (b >> by) | (b << (BigInt(bits) - by));
    cpu.view.setBigUint64(cpu.general(e.reg), BigInt.asUintN(bits, value), true);
  });
}

/** MULX: rdx times the operand; the upper half wins where both results go to one register. */
function multiply(e: Encoding, bits: number): Maker {
  return withOperand(e, bits, (cpu, b) => {
    const product = BigInt.asUintN(bits, cpu.view.getBigUint64(cpu.general(2), true)) * b;
    cpu.view.setBigUint64(cpu.general(e.v), BigInt.asUintN(bits, product), true);
    cpu.view.setBigUint64(cpu.general(e.reg), product >> BigInt(bits), true);
  });
}

/** TZCNT, which a CPU without BMI1 takes for BSF. */
export function compileTrailingZeros(e: Encoding): Maker {
  const bits = e.w ? 64 : e.operandSize ? 16 : 32;
  return withOperand(e, bits, (cpu, b) => {
    let count = 0;
    while (count < bits && !((b >> BigInt(count)) & 1n)) count++;
    if (bits === 16) cpu.halves[cpu.general(e.reg) >>> 1] = count;
    else cpu.view.setBigUint64(cpu.general(e.reg), BigInt(count), true);
    cpu.writeFlags((count === bits ? CF : 0) | (count === 0 ? ZF : 0));
  });
}

/** msvcrt: mathematics. Results are JavaScript's, whose functions are exact to the last digit or the one before. */
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { doubleBits } from './numbers.js';

function floatBits(value: number): bigint {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value, true);
  return BigInt(view.getUint32(0, true));
}

const ONE: Readonly<Record<string, (x: number) => number>> = {
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  exp: Math.exp,
  log: Math.log,
  log10: Math.log10,
  floor: Math.floor,
  ceil: Math.ceil,
};

const TWO: Readonly<Record<string, (x: number, y: number) => number>> = {
  pow: Math.pow,
  atan2: Math.atan2,
  fmod: (x, y) => x % y,
  _hypot: Math.hypot,
};

function functions(): ApiSet {
  const made: Record<string, ReturnType<typeof cdecl>> = {};
  for (const [name, fn] of Object.entries(ONE)) {
    made[name] = cdecl('f64 x', (call) => doubleBits(fn(call.double(0))), 'f64');
    made[`${name}f`] = cdecl('f32 x', (call) => floatBits(fn(call.float(0))), 'f32');
  }
  for (const [name, fn] of Object.entries(TWO)) {
    const result = (call: ApiCall): bigint => doubleBits(fn(call.double(0), call.double(1)));
    made[name] = cdecl('f64 x, f64 y', result, 'f64');
    const short = (call: ApiCall): bigint => floatBits(fn(call.float(0), call.float(1)));
    if (!name.startsWith('_')) made[`${name}f`] = cdecl('f32 x, f32 y', short, 'f32');
  }
  return made;
}

/** x is the fraction, from 0.5 to below 1, times 2 to the exponent. */
export function splitReal(x: number): { readonly fraction: number; readonly exponent: number } {
  if (x === 0 || !Number.isFinite(x)) return { fraction: x, exponent: 0 };
  let exponent = Math.max(-1023, Math.floor(Math.log2(Math.abs(x))) + 1);
  let fraction = scale(x, -exponent);
  while (Math.abs(fraction) < 0.5) {
    fraction *= 2;
    exponent--;
  }
  while (Math.abs(fraction) >= 1) {
    fraction /= 2;
    exponent++;
  }
  return { fraction, exponent };
}

/** x times 2 to the power, without an intermediate result that is too large or too small. */
function scale(x: number, power: number): number {
  const half = Math.trunc(Math.min(Math.max(power, -2200), 2200) / 2);
  return x * 2 ** half * 2 ** (Math.min(Math.max(power, -2200), 2200) - half);
}

function divide(call: ApiCall): bigint {
  const [a, b] = [call.int(0), call.int(1)];
  if (b === 0) return 0n;
  const quotient = BigInt.asUintN(32, BigInt(Math.trunc(a / b)));
  return quotient | (BigInt.asUintN(32, BigInt(a % b)) << 32n);
}

/** Numbers of rand as every version of msvcrt gives them. */
function random(call: ApiCall): number {
  const { process, memory } = call;
  const at = seedAddress(call);
  const seed = (Math.imul(memory.u32(at), 214_013) + 2_531_011) >>> 0;
  process.memory.setU32(at, seed);
  return (seed >>> 16) & 0x7fff;
}

function seedAddress({ process }: ApiCall): bigint {
  return process.datum('rand', () => Uint8Array.of(1, 0, 0, 0));
}

export const mathApi: ApiSet = {
  ...functions(),
  fabs: cdecl('f64 x', (call) => doubleBits(Math.abs(call.double(0))), 'f64'),
  ldexp: cdecl('f64 x, int power', (call) => doubleBits(scale(call.double(0), call.int(1))), 'f64'),
  frexp: cdecl(
    'f64 x, out power',
    (call) => {
      const { fraction, exponent } = splitReal(call.double(0));
      call.memory.setU32(call.word(1), exponent);
      return doubleBits(fraction);
    },
    'f64',
  ),
  modf: cdecl(
    'f64 x, out whole',
    (call) => {
      const x = call.double(0);
      call.memory.setU64(call.word(1), doubleBits(Math.trunc(x)));
      return doubleBits(Number.isFinite(x) ? x - Math.trunc(x) : 0);
    },
    'f64',
  ),
  _isnan: cdecl('f64 x', (call) => Number.isNaN(call.double(0))),
  _finite: cdecl('f64 x', (call) => Number.isFinite(call.double(0))),
  abs: cdecl('int n', (call) => Math.abs(call.int(0))),
  labs: cdecl('int n', (call) => Math.abs(call.int(0))),
  div: cdecl('int numerator, int denominator', divide, 'u64'),
  ldiv: cdecl('int numerator, int denominator', divide, 'u64'),
  rand: cdecl('', random),
  srand: cdecl('dword seed', (call) => {
    call.memory.setU32(seedAddress(call), call.dword(0));
    return 0n;
  }),
};

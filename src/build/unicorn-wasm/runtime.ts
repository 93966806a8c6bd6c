/**
 * Small functions of our own inside the module, for JavaScript operations that no single
 * instruction does: they keep wasm2js's results where WebAssembly would trap or differ.
 */

import type { WasmOpcode } from './encode/opcodes.js';
import {
  type Body,
  binary,
  type Callable,
  type Expr,
  type GlobalVariable,
  i32,
  localGet,
  type Stmt,
  unary,
  type WasmSignature,
  type WasmType,
} from './ir.js';

export type RuntimeFunction =
  | 'div_s'
  | 'div_u'
  | 'rem_s'
  | 'rem_u'
  | 'to_int32'
  | 'scratch.load_i32'
  | 'scratch.store_i32'
  | 'scratch.load_f64'
  | 'scratch.store_f64';

export interface Runtime {
  readonly functions: Readonly<Record<RuntimeFunction, Callable>>;
  readonly bodies: readonly Body[];
  readonly globals: readonly GlobalVariable[];
  /** The word through which an f32's bits are read. */
  readonly scratchF32: GlobalVariable;
}

const a = localGet(0, 'i32');
const b = localGet(1, 'i32');

export function makeRuntime(): Runtime {
  const scratch: GlobalVariable = { type: 'i64', initial: 0, index: -1 };
  const scratchF32: GlobalVariable = { type: 'i32', initial: 0, index: -1 };
  const bodies: Body[] = [];
  const define = (params: WasmType[], result: WasmType | undefined, code: Stmt[]): Callable => {
    const signature: WasmSignature = { params, result };
    const callable = { signature, index: -1 };
    bodies.push({ callable, locals: params, code });
    return callable;
  };
  const word: Expr = { op: 'global.get', type: 'i64', global: scratch };
  const setWord = (value: Expr): Stmt => ({ op: 'global.set', global: scratch, value });

  const functions: Record<RuntimeFunction, Callable> = {
    div_s: define(['i32', 'i32'], 'i32', [ret(dividing('i32.div_s'))]),
    div_u: define(['i32', 'i32'], 'i32', [ret(orZero('i32.div_u'))]),
    rem_s: define(['i32', 'i32'], 'i32', [ret(orZero('i32.rem_s'))]),
    rem_u: define(['i32', 'i32'], 'i32', [ret(orZero('i32.rem_u'))]),
    to_int32: define(['f64'], 'i32', toInt32()),
    'scratch.load_i32': define(['i32'], 'i32', [
      // Slot 2 holds the f32; slots 0 and 1 are the halves of the f64.
      {
        op: 'if.void',
        test: binary('i32.eq', 'i32', a, i32(2)),
        consequent: [ret({ op: 'global.get', type: 'i32', global: scratchF32 })],
        alternate: [],
      },
      ret(unary('i32.wrap_i64', 'i32', binary('i64.shr_u', 'i64', word, shift(a)))),
    ]),
    'scratch.store_i32': define(['i32', 'i32'], undefined, [
      setWord(
        binary(
          'i64.or',
          'i64',
          // The other half: the slot's complement.
          binary('i64.and', 'i64', word, binary('i64.shl', 'i64', LOW_HALF, shift(other(a)))),
          binary('i64.shl', 'i64', unary('i64.extend_i32_u', 'i64', b), shift(a)),
        ),
      ),
    ]),
    'scratch.load_f64': define([], 'f64', [ret(unary('f64.reinterpret_i64', 'f64', word))]),
    'scratch.store_f64': define(['f64'], undefined, [setWord(bitsOfFloat(localGet(0, 'f64')))]),
  };
  return { functions, bodies, globals: [scratch, scratchF32], scratchF32 };
}

const LOW_HALF = unary('i64.extend_i32_u', 'i64', i32(-1));
const other = (slot: Expr): Expr => binary('i32.xor', 'i32', slot, i32(1));
const shift = (slot: Expr): Expr =>
  unary('i64.extend_i32_u', 'i64', binary('i32.shl', 'i32', slot, i32(5)));

/**
 * A NaN's sign and payload depend on the host and its compiler. There is one NaN here, the one that
 * JavaScript's `NaN` is, so that the same guest code gives the same bits everywhere.
 */
function bitsOfFloat(x: Expr): Expr {
  const high = unary('i64.extend_i32_u', 'i64', i32(0x7ff80000));
  return {
    op: 'if',
    type: 'i64',
    test: binary('f64.eq', 'i32', x, x),
    consequent: unary('i64.reinterpret_f64', 'i64', x),
    alternate: binary('i64.shl', 'i64', high, unary('i64.extend_i32_u', 'i64', i32(32))),
  };
}

function ret(value: Expr): Stmt {
  return { op: 'return', value };
}

/** `a / 0 | 0` is 0 in JavaScript. */
function orZero(code: WasmOpcode): Expr {
  return {
    op: 'if',
    type: 'i32',
    test: b,
    consequent: binary(code, 'i32', a, b),
    alternate: i32(0),
  };
}

/** `-2147483648 / -1 | 0` is -2147483648 in JavaScript. */
function dividing(code: WasmOpcode): Expr {
  const test = binary('i32.eq', 'i32', b, i32(-1));
  const consequent = binary('i32.sub', 'i32', i32(0), a);
  return { op: 'if', type: 'i32', test, consequent, alternate: orZero(code) };
}

/**
 * JavaScript's ToInt32: modulo 2^32. With t the integer part, t - floor(t / 2^32) * 2^32 is exact
 * and below 2^32; infinities and NaN become NaN, which the saturating conversion makes zero.
 */
function toInt32(): Stmt[] {
  const x = localGet(0, 'f64');
  const scale: Expr = { op: 'const', type: 'f64', value: 2 ** 32 };
  const multiples = unary('f64.floor', 'f64', binary('f64.div', 'f64', x, scale));
  const rest = binary('f64.sub', 'f64', x, binary('f64.mul', 'f64', multiples, scale));
  return [
    { op: 'local.set', local: 0, value: unary('f64.trunc', 'f64', x) },
    ret(unary('i32.wrap_i64', 'i32', unary('i64.trunc_sat_f64_s', 'i64', rest))),
  ];
}

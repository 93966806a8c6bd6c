/**
 * Accesses in one piece. The C code reads and writes unaligned words, which wasm2js takes apart
 * into bytes; WebAssembly does them at once. The engine's interpreter reads its own bytecode this
 * way, so these few patterns matter more than any other optimisation.
 */
import type { Expr, Load, Stmt, Store } from '../ir.js';
import { i32 } from '../ir.js';

/** `low | high << 8 * width` of neighbouring bytes as one load; anything else as it is. */
export function combineBytes(expr: Expr): Expr {
  if (expr.op !== 'binary' || expr.code !== 'i32.or') return expr;
  const { left, right } = expr;
  if (left.op === 'load' && left.access === 'i32.load8_u') {
    const high = shiftedByte(right, 8);
    if (high && isNext(left, high, 1)) return { ...left, access: 'i32.load16_u' };
  }
  // ((first two bytes) | third << 16) | fourth << 24
  const top = shiftedByte(right, 24);
  if (!top || left.op !== 'binary' || left.code !== 'i32.or') return expr;
  const third = shiftedByte(left.right, 16);
  const low = left.left;
  if (!third || low.op !== 'load' || low.access !== 'i32.load16_u') return expr;
  if (!isNext(low, third, 2) || !isNext(low, top, 3)) return expr;
  return { ...low, access: 'i32.load' };
}

function shiftedByte(expr: Expr, by: number): Load | undefined {
  if (expr.op !== 'binary' || expr.code !== 'i32.shl') return undefined;
  const { left, right } = expr;
  if (right.op !== 'const' || right.value !== by || left.op !== 'load') return undefined;
  return left.access === 'i32.load8_u' ? left : undefined;
}

/** Whether `later`, evaluated after `first`, is at `first`'s place plus `distance`. */
function isNext(
  first: { address: Expr; offset: number },
  later: { address: Expr; offset: number },
  distance: number,
): boolean {
  const [a, b] = [first.address, later.address];
  if (a.op === 'const' && b.op === 'const')
    return b.value + later.offset === a.value + first.offset + distance;
  if (b.op !== 'local.get' || later.offset !== first.offset + distance) return false;
  // The first evaluation may also be what sets the variable.
  return (a.op === 'local.get' || a.op === 'local.tee') && a.local === b.local;
}

/** Runs of byte stores of one variable's bytes become one store. */
export function combineStores(list: Stmt[]): Stmt[] {
  const out: Stmt[] = [];
  for (const stmt of list) {
    out.push(stmt);
    while (mergeLast(out));
  }
  return out;
}

/** Merges the last two stores of equal width, where they are halves of one value. */
function mergeLast(out: Stmt[]): boolean {
  const high = out.at(-1);
  const low = out.at(-2);
  if (high?.op !== 'store' || low?.op !== 'store' || high.access !== low.access) return false;
  const width = high.access === 'i32.store8' ? 1 : high.access === 'i32.store16' ? 2 : 0;
  if (width === 0 || !isNext(low, high, width)) return false;
  const value = joined(low, high, 8 * width);
  if (!value) return false;
  out.splice(-2, 2, { ...low, access: width === 1 ? 'i32.store16' : 'i32.store', value });
  return true;
}

function joined(low: Store, high: Store, bits: number): Expr | undefined {
  if (low.value.op === 'const' && high.value.op === 'const') {
    const mask = 2 ** bits - 1;
    return i32((low.value.value & mask) | (high.value.value << bits));
  }
  const from = shiftOf(low.value);
  const to = shiftOf(high.value);
  if (!from || !to || from.local !== to.local || to.by !== from.by + bits) return undefined;
  return writes(low.address, from.local) ? undefined : low.value;
}

/** `x` and `x >>> by` for a local variable x; `x` may be set where it is first used. */
function shiftOf(expr: Expr): { local: number; by: number } | undefined {
  if (expr.op === 'local.get' || expr.op === 'local.tee') return { local: expr.local, by: 0 };
  if (expr.op !== 'binary' || expr.code !== 'i32.shr_u') return undefined;
  if (expr.left.op !== 'local.get' || expr.right.op !== 'const') return undefined;
  return { local: expr.left.local, by: expr.right.value };
}

function writes(address: Expr, local: number): boolean {
  return address.op === 'local.tee' && address.local === local;
}

/**
 * The intermediate form: structured WebAssembly as typed trees. Lowering makes it, the peephole
 * pass rewrites it, the encoder writes it out.
 */
import type { WasmOpcode } from './encode/opcodes.js';

export type WasmType = 'i32' | 'i64' | 'f64';
/** Instructions behind the prefix byte have names of their own. */
export type UnaryCode = WasmOpcode | 'i64.trunc_sat_f64_s';

export interface WasmSignature {
  readonly params: readonly WasmType[];
  readonly result: WasmType | undefined;
}

/** Anything that `call` can name: an import, a function of the input, or one of our helpers. */
export interface Callable {
  signature: WasmSignature;
  /** Place in the function index space, set when the module is laid out. */
  index: number;
}

export interface GlobalVariable {
  readonly type: WasmType;
  readonly initial: number;
  index: number;
}

/** A branch target; compared by identity. */
export interface Label {
  used: boolean;
}

export type LoadOp =
  | 'i32.load'
  | 'i32.load8_s'
  | 'i32.load8_u'
  | 'i32.load16_s'
  | 'i32.load16_u'
  | 'f64.load';
export type StoreOp = 'i32.store' | 'i32.store8' | 'i32.store16' | 'f64.store';

export interface Load {
  readonly op: 'load';
  readonly type: WasmType;
  readonly access: LoadOp;
  readonly address: Expr;
  readonly offset: number;
}

export interface Store {
  readonly op: 'store';
  readonly access: StoreOp;
  readonly address: Expr;
  readonly offset: number;
  readonly value: Expr;
}

export type Expr =
  | { readonly op: 'const'; readonly type: WasmType; readonly value: number }
  | { readonly op: 'local.get'; readonly type: WasmType; readonly local: number }
  | {
      readonly op: 'local.tee';
      readonly type: WasmType;
      readonly local: number;
      readonly value: Expr;
    }
  | { readonly op: 'global.get'; readonly type: WasmType; readonly global: GlobalVariable }
  | Load
  | {
      readonly op: 'unary';
      readonly type: WasmType;
      readonly code: UnaryCode;
      readonly value: Expr;
    }
  | {
      readonly op: 'binary';
      readonly type: WasmType;
      readonly code: WasmOpcode;
      readonly left: Expr;
      readonly right: Expr;
    }
  | {
      readonly op: 'call';
      readonly type: WasmType;
      readonly callee: Callable;
      readonly args: readonly Expr[];
    }
  | {
      readonly op: 'call_indirect';
      readonly type: 'i32';
      readonly signature: WasmSignature;
      readonly args: readonly Expr[];
      readonly index: Expr;
    }
  | {
      readonly op: 'if';
      readonly type: WasmType;
      readonly test: Expr;
      readonly consequent: Expr;
      readonly alternate: Expr;
    }
  | {
      readonly op: 'sequence';
      readonly type: WasmType;
      readonly body: readonly Stmt[];
      readonly value: Expr;
    }
  | { readonly op: 'memory.size'; readonly type: 'i32' };

export type Stmt =
  | { readonly op: 'local.set'; readonly local: number; readonly value: Expr }
  | { readonly op: 'global.set'; readonly global: GlobalVariable; readonly value: Expr }
  | Store
  | { readonly op: 'drop'; readonly value: Expr }
  | { readonly op: 'call.void'; readonly callee: Callable; readonly args: readonly Expr[] }
  | {
      readonly op: 'if.void';
      readonly test: Expr;
      readonly consequent: readonly Stmt[];
      readonly alternate: readonly Stmt[];
    }
  | { readonly op: 'block'; readonly label: Label; readonly body: readonly Stmt[] }
  | { readonly op: 'loop'; readonly label: Label; readonly body: readonly Stmt[] }
  | { readonly op: 'br'; readonly label: Label }
  | { readonly op: 'br_if'; readonly label: Label; readonly test: Expr }
  | {
      readonly op: 'br_table';
      readonly index: Expr;
      readonly labels: readonly Label[];
      readonly fallback: Label;
    }
  | { readonly op: 'return'; readonly value: Expr | undefined }
  | { readonly op: 'unreachable' }
  | { readonly op: 'memory.copy' | 'memory.fill'; readonly args: readonly [Expr, Expr, Expr] };

/** A function ready to be encoded. Parameters are the first locals. */
export interface Body {
  readonly callable: Callable;
  readonly locals: readonly WasmType[];
  readonly code: readonly Stmt[];
}

export interface ModuleImage {
  readonly imports: readonly {
    readonly module: string;
    readonly name: string;
    readonly callable: Callable;
  }[];
  readonly bodies: readonly Body[];
  readonly globals: readonly GlobalVariable[];
  readonly memory: { readonly initialPages: number; readonly maximumPages: number };
  readonly table: readonly (Callable | undefined)[];
  readonly exports: readonly { readonly name: string; readonly callable: Callable }[];
  readonly data: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
}

export const i32 = (value: number): Expr => ({ op: 'const', type: 'i32', value: value | 0 });
export const f64 = (value: number): Expr => ({ op: 'const', type: 'f64', value });
export const localGet = (local: number, type: WasmType): Expr => ({
  op: 'local.get',
  type,
  local,
});
export const unary = (code: UnaryCode, type: WasmType, value: Expr): Expr => ({
  op: 'unary',
  type,
  code,
  value,
});
export const binary = (code: WasmOpcode, type: WasmType, left: Expr, right: Expr): Expr => ({
  op: 'binary',
  type,
  code,
  left,
  right,
});
export const sequence = (body: readonly Stmt[], value: Expr): Expr =>
  body.length === 0 ? value : { op: 'sequence', type: value.type, body, value };

/** True when evaluating neither changes anything nor traps nor depends on when it is done. */
export function isSimple(expr: Expr): boolean {
  return expr.op === 'const' || expr.op === 'local.get';
}

/** True when evaluating changes nothing: locals, globals, memory. */
export function isPure(expr: Expr): boolean {
  switch (expr.op) {
    case 'const':
    case 'local.get':
    case 'global.get':
    case 'memory.size':
      return true;
    case 'load':
      return isPure(expr.address);
    case 'unary':
      return isPure(expr.value);
    case 'binary':
      return isPure(expr.left) && isPure(expr.right);
    case 'if':
      return isPure(expr.test) && isPure(expr.consequent) && isPure(expr.alternate);
    default:
      return false;
  }
}

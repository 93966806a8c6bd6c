/** Writes one function: its locals, then its trees as a flat instruction sequence. */

import type { Body, Expr, Label, LoadOp, Stmt, StoreOp, WasmType } from '../ir.js';
import { type SignatureTable, VALUE_TYPES } from '../read/signatures.js';
import type { BinaryWriter } from './binary-writer.js';
import { OPCODES, PREFIXED, type WasmOpcode } from './opcodes.js';

const NO_RESULT = 0x40;
/** Alignment hints are 0 throughout: an access may be unaligned, and no engine here profits. */
const ALIGNMENT = 0;

export function encodeBody(out: BinaryWriter, body: Body, signatures: SignatureTable): void {
  const { params, result } = body.callable.signature;
  writeLocals(out, body.locals.slice(params.length));
  new BodyEncoder(out, signatures).statements(body.code);
  if (result !== undefined && body.code.at(-1)?.op !== 'return') {
    // JavaScript returns undefined here, which its callers read as zero.
    out.byte(OPCODES[`${result}.const`]);
    if (result === 'f64') out.f64(0);
    else out.s32(0);
  }
  out.byte(OPCODES.end);
}

function writeLocals(out: BinaryWriter, locals: readonly WasmType[]): void {
  const runs: { type: WasmType; count: number }[] = [];
  for (const type of locals) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  out.u32(runs.length);
  for (const { type, count } of runs) {
    out.u32(count);
    out.byte(VALUE_TYPES[type]);
  }
}

class BodyEncoder {
  readonly #out: BinaryWriter;
  readonly #signatures: SignatureTable;
  /** Enclosing structured instructions, innermost last; undefined for those nothing branches to. */
  readonly #labels: (Label | undefined)[] = [];

  constructor(out: BinaryWriter, signatures: SignatureTable) {
    this.#out = out;
    this.#signatures = signatures;
  }

  statements(list: readonly Stmt[]): void {
    for (const stmt of list) this.#statement(stmt);
  }

  #statement(stmt: Stmt): void {
    switch (stmt.op) {
      case 'local.set':
        this.#expr(stmt.value);
        this.#code('local.set', stmt.local);
        break;
      case 'global.set':
        this.#expr(stmt.value);
        this.#code('global.set', stmt.global.index);
        break;
      case 'store':
        this.#expr(stmt.address);
        this.#expr(stmt.value);
        this.#access(stmt.access, stmt.offset);
        break;
      case 'drop':
        this.#expr(stmt.value);
        this.#code('drop');
        break;
      case 'call.void':
        for (const arg of stmt.args) this.#expr(arg);
        this.#code('call', stmt.callee.index);
        break;
      case 'if.void':
        this.#if(stmt);
        break;
      case 'block':
      case 'loop':
        this.#code(stmt.op);
        this.#out.byte(NO_RESULT);
        this.#nested(stmt.label, () => this.statements(stmt.body));
        break;
      case 'br':
        this.#code('br', this.#depth(stmt.label));
        break;
      case 'br_if':
        this.#expr(stmt.test);
        this.#code('br_if', this.#depth(stmt.label));
        break;
      case 'br_table':
        this.#expr(stmt.index);
        this.#code('br_table', stmt.labels.length);
        for (const label of stmt.labels) this.#out.u32(this.#depth(label));
        this.#out.u32(this.#depth(stmt.fallback));
        break;
      case 'return':
        if (stmt.value) this.#expr(stmt.value);
        this.#code('return');
        break;
      case 'unreachable':
        this.#code('unreachable');
        break;
      case 'memory.copy':
      case 'memory.fill':
        for (const arg of stmt.args) this.#expr(arg);
        this.#prefixed(stmt.op);
        this.#out.byte(0);
        if (stmt.op === 'memory.copy') this.#out.byte(0);
        break;
    }
  }

  #expr(expr: Expr): void {
    switch (expr.op) {
      case 'const':
        this.#code(`${expr.type}.const`);
        if (expr.type === 'f64') this.#out.f64(expr.value);
        else this.#out.s32(expr.value);
        break;
      case 'local.get':
        this.#code('local.get', expr.local);
        break;
      case 'local.tee':
        this.#expr(expr.value);
        this.#code('local.tee', expr.local);
        break;
      case 'global.get':
        this.#code('global.get', expr.global.index);
        break;
      case 'load':
        this.#expr(expr.address);
        this.#access(expr.access, expr.offset);
        break;
      case 'unary':
        this.#expr(expr.value);
        if (expr.code in PREFIXED) this.#prefixed(expr.code as keyof typeof PREFIXED);
        else this.#code(expr.code as WasmOpcode);
        break;
      case 'binary':
        this.#expr(expr.left);
        this.#expr(expr.right);
        this.#code(expr.code);
        break;
      case 'call':
        for (const arg of expr.args) this.#expr(arg);
        this.#code('call', expr.callee.index);
        break;
      case 'call_indirect':
        for (const arg of expr.args) this.#expr(arg);
        this.#expr(expr.index);
        this.#code('call_indirect', this.#signatures.numberOf(expr.signature));
        this.#out.byte(0);
        break;
      case 'if':
        this.#ifValue(expr);
        break;
      case 'sequence':
        this.statements(expr.body);
        this.#expr(expr.value);
        break;
      case 'memory.size':
        this.#code('memory.size');
        this.#out.byte(0);
        break;
    }
  }

  #if(stmt: Extract<Stmt, { op: 'if.void' }>): void {
    this.#expr(stmt.test);
    this.#code('if');
    this.#out.byte(NO_RESULT);
    this.#nested(undefined, () => {
      this.statements(stmt.consequent);
      if (stmt.alternate.length === 0) return;
      this.#code('else');
      this.statements(stmt.alternate);
    });
  }

  #ifValue(expr: Extract<Expr, { op: 'if' }>): void {
    this.#expr(expr.test);
    this.#code('if');
    this.#out.byte(VALUE_TYPES[expr.type]);
    this.#nested(undefined, () => {
      this.#expr(expr.consequent);
      this.#code('else');
      this.#expr(expr.alternate);
    });
  }

  #nested(label: Label | undefined, write: () => void): void {
    this.#labels.push(label);
    write();
    this.#labels.pop();
    this.#code('end');
  }

  #depth(label: Label): number {
    const at = this.#labels.lastIndexOf(label);
    if (at < 0) throw new Error('a branch leaves the structure that it names');
    return this.#labels.length - 1 - at;
  }

  #access(op: LoadOp | StoreOp, offset: number): void {
    this.#code(op, ALIGNMENT);
    this.#out.u32(offset);
  }

  #code(op: WasmOpcode, immediate?: number): void {
    this.#out.byte(OPCODES[op]);
    if (immediate !== undefined) this.#out.u32(immediate);
  }

  #prefixed(op: keyof typeof PREFIXED): void {
    this.#out.byte(0xfc);
    this.#out.u32(PREFIXED[op]);
  }
}

/** Writes one function: its locals, then its trees as a flat instruction sequence. */
import type { BinaryWriter } from './binary-writer.js';
import type { Body, Expr, Label, LoadOp, Stmt, StoreOp, ValueType } from './ir.js';
import { OPCODES, type Opcode, PREFIXED } from './opcodes.js';
import { type SignatureTable, VALUE_TYPES } from './signatures.js';

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

function writeLocals(out: BinaryWriter, locals: readonly ValueType[]): void {
  const runs: { type: ValueType; count: number }[] = [];
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
        return this.#code('local.set', stmt.local);
      case 'global.set':
        this.#expr(stmt.value);
        return this.#code('global.set', stmt.global.index);
      case 'store':
        this.#expr(stmt.address);
        this.#expr(stmt.value);
        return this.#access(stmt.access, stmt.offset);
      case 'drop':
        this.#expr(stmt.value);
        return this.#code('drop');
      case 'call.void':
        for (const arg of stmt.args) this.#expr(arg);
        return this.#code('call', stmt.callee.index);
      case 'if.void':
        return this.#if(stmt);
      case 'block':
      case 'loop':
        this.#code(stmt.op);
        this.#out.byte(NO_RESULT);
        return this.#nested(stmt.label, () => this.statements(stmt.body));
      case 'br':
        return this.#code('br', this.#depth(stmt.label));
      case 'br_if':
        this.#expr(stmt.test);
        return this.#code('br_if', this.#depth(stmt.label));
      case 'br_table':
        this.#expr(stmt.index);
        this.#code('br_table', stmt.labels.length);
        for (const label of stmt.labels) this.#out.u32(this.#depth(label));
        return this.#out.u32(this.#depth(stmt.fallback));
      case 'return':
        if (stmt.value) this.#expr(stmt.value);
        return this.#code('return');
      case 'unreachable':
        return this.#code('unreachable');
      case 'memory.copy':
      case 'memory.fill':
        for (const arg of stmt.args) this.#expr(arg);
        this.#prefixed(stmt.op);
        this.#out.byte(0);
        if (stmt.op === 'memory.copy') this.#out.byte(0);
        return;
    }
  }

  #expr(expr: Expr): void {
    switch (expr.op) {
      case 'const':
        this.#code(`${expr.type}.const`);
        return expr.type === 'f64' ? this.#out.f64(expr.value) : this.#out.s32(expr.value);
      case 'local.get':
        return this.#code('local.get', expr.local);
      case 'local.tee':
        this.#expr(expr.value);
        return this.#code('local.tee', expr.local);
      case 'global.get':
        return this.#code('global.get', expr.global.index);
      case 'load':
        this.#expr(expr.address);
        return this.#access(expr.access, expr.offset);
      case 'unary':
        this.#expr(expr.value);
        if (expr.code in PREFIXED) return this.#prefixed(expr.code as keyof typeof PREFIXED);
        return this.#code(expr.code as Opcode);
      case 'binary':
        this.#expr(expr.left);
        this.#expr(expr.right);
        return this.#code(expr.code);
      case 'call':
        for (const arg of expr.args) this.#expr(arg);
        return this.#code('call', expr.callee.index);
      case 'call_indirect':
        for (const arg of expr.args) this.#expr(arg);
        this.#expr(expr.index);
        this.#code('call_indirect', this.#signatures.numberOf(expr.signature));
        return this.#out.byte(0);
      case 'if':
        return this.#ifValue(expr);
      case 'sequence':
        this.statements(expr.body);
        return this.#expr(expr.value);
      case 'memory.size':
        this.#code('memory.size');
        return this.#out.byte(0);
    }
  }

  #if(stmt: Extract<Stmt, { op: 'if.void' }>): void {
    this.#expr(stmt.test);
    this.#code('if');
    this.#out.byte(NO_RESULT);
    this.#nested(undefined, () => {
      this.statements(stmt.then);
      if (stmt.otherwise.length === 0) return;
      this.#code('else');
      this.statements(stmt.otherwise);
    });
  }

  #ifValue(expr: Extract<Expr, { op: 'if' }>): void {
    this.#expr(expr.test);
    this.#code('if');
    this.#out.byte(VALUE_TYPES[expr.type]);
    this.#nested(undefined, () => {
      this.#expr(expr.then);
      this.#code('else');
      this.#expr(expr.otherwise);
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

  #code(op: Opcode, immediate?: number): void {
    this.#out.byte(OPCODES[op]);
    if (immediate !== undefined) this.#out.u32(immediate);
  }

  #prefixed(op: keyof typeof PREFIXED): void {
    this.#out.byte(0xfc);
    this.#out.u32(PREFIXED[op]);
  }
}

/** What the parts of lowering share while they translate one function. */
import type { Expression } from 'acorn';
import type { Body, Expr, Stmt, WasmType } from '../ir.js';
import type { FunctionInfo, Variable } from '../read/functions.js';
import { rangeOf } from '../read/infer-value.js';
import type { SourceProgram } from '../read/program.js';
import type { ValueRange } from '../read/value-range.js';
import type { Runtime } from '../runtime.js';
import { lowerStatements, StatementScope } from './lower-statement.js';

export class FunctionLowering {
  readonly program: SourceProgram;
  readonly runtime: Runtime;
  readonly fn: FunctionInfo;
  readonly locals: WasmType[];

  constructor(program: SourceProgram, runtime: Runtime, fn: FunctionInfo) {
    this.program = program;
    this.runtime = runtime;
    this.fn = fn;
    this.locals = [...fn.variables.values()].map(typeOfVariable);
  }

  range(node: Expression): ValueRange {
    return rangeOf(this.program, this.fn, node);
  }

  /** Evaluates now, to be read later: the statement that does it, and the reading. */
  hold(value: Expr): { set: Stmt; tee: Expr; get: Expr } {
    const { type } = value;
    const local = this.locals.push(type) - 1;
    return {
      set: { op: 'local.set', local, value },
      tee: { op: 'local.tee', type, local, value },
      get: { op: 'local.get', type, local },
    };
  }
}

export function typeOfVariable(variable: Variable): WasmType {
  return variable.range.kind === 'f64' ? 'f64' : 'i32';
}

export function lowerFunction(program: SourceProgram, runtime: Runtime, fn: FunctionInfo): Body {
  const lowering = new FunctionLowering(program, runtime, fn);
  const code = lowerStatements(fn.body.body, new StatementScope(lowering));
  return { callable: fn.callable, locals: lowering.locals, code };
}

/** Statements. JavaScript's labels, loops and switches are structured already, as WebAssembly's. */
import type { ForStatement, Statement, SwitchCase, SwitchStatement } from 'acorn';
import { combineStores } from '../encode/peephole.js';
import { binary, i32, type Label, type Stmt } from '../ir.js';
import { fail } from '../read/program.js';
import { isSigned } from '../read/value-range.js';
import { choose, effect, not } from './lower-effect.js';
import { bits, test, value } from './lower-expression.js';
import type { FunctionLowering } from './lower-function.js';

/** A br_table has one entry per number in the range of the cases; no switch here is wide. */
const SWITCH_LIMIT = 1024;

interface Target {
  readonly names: readonly string[];
  readonly break: Label;
  /** Of a loop. */
  readonly continue: Label | undefined;
  /** A plain `break` does not leave a labelled block. */
  readonly plain: boolean;
}

export class StatementScope {
  readonly to: FunctionLowering;
  readonly #targets: readonly Target[];

  constructor(to: FunctionLowering, targets: readonly Target[] = []) {
    this.to = to;
    this.#targets = targets;
  }

  inside(target: Target): StatementScope {
    return new StatementScope(this.to, [target, ...this.#targets]);
  }

  breakOf(name: string | undefined): Label | undefined {
    const found = this.#targets.find((target) =>
      name === undefined ? target.plain : target.names.includes(name),
    );
    return found?.break;
  }

  continueOf(name: string | undefined): Label | undefined {
    const loops = this.#targets.filter((target) => target.continue);
    return loops.find((loop) => name === undefined || loop.names.includes(name))?.continue;
  }
}

export function lowerStatements(list: readonly Statement[], scope: StatementScope): Stmt[] {
  return combineStores(list.flatMap((stmt) => lowerStatement(stmt, scope, [])));
}

function lowerStatement(node: Statement, scope: StatementScope, names: readonly string[]): Stmt[] {
  const { to } = scope;
  switch (node.type) {
    case 'EmptyStatement':
    // All variables are set to zero on entry, and no declaration stands where it could set one
    // again: that is checked below.
    case 'VariableDeclaration':
      return node.type === 'VariableDeclaration' ? declarations(node, to) : [];
    case 'ExpressionStatement':
      return combineStores(effect(to, node.expression));
    case 'BlockStatement':
      if (names.length === 0) return lowerStatements(node.body, scope);
      return labelled(names, scope, (inner) => lowerStatements(node.body, inner));
    case 'LabeledStatement':
      return lowerStatement(node.body, scope, [...names, node.label.name]);
    case 'IfStatement':
      return labelled(names, scope, (inner) => {
        const alternate = node.alternate ? lowerStatement(node.alternate, inner, []) : [];
        return choose(test(to, node.test), lowerStatement(node.consequent, inner, []), alternate);
      });
    case 'ForStatement':
      return lowerFor(node, scope, names);
    case 'SwitchStatement':
      return lowerSwitch(node, scope, names);
    case 'BreakStatement':
      return branch(scope.breakOf(node.label?.name), node);
    case 'ContinueStatement':
      return branch(scope.continueOf(node.label?.name), node);
    case 'ReturnStatement':
      return lowerReturn(node, to);
  }
  return fail(`a ${node.type}`, node);
}

function declarations(
  node: Extract<Statement, { type: 'VariableDeclaration' }>,
  to: FunctionLowering,
): Stmt[] {
  const first = to.fn.body.body.find((stmt) => stmt.type === 'VariableDeclaration');
  for (const { id, init } of node.declarations) {
    if (!init) continue;
    // A local starts as zero: at the top of the function, nothing is to be done.
    const zero = init.type === 'Literal' && init.value === 0 && node === first;
    if (!zero) return fail('a variable that starts as something else than zero', id);
  }
  return [];
}

function branch(label: Label | undefined, node: Statement): Stmt[] {
  if (!label) return fail(`a ${node.type} that leaves nothing`, node);
  label.used = true;
  return [{ op: 'br', label }];
}

/** A statement that `break name` leaves. */
function labelled(
  names: readonly string[],
  scope: StatementScope,
  lower: (scope: StatementScope) => Stmt[],
): Stmt[] {
  if (names.length === 0) return lower(scope);
  const target = { names, break: { used: false }, continue: undefined, plain: false };
  return block(target.break, lower(scope.inside(target)));
}

/** Leaves out a block that nothing branches to. */
function block(label: Label, body: readonly Stmt[]): Stmt[] {
  return label.used ? [{ op: 'block', label, body }] : [...body];
}

function lowerFor(node: ForStatement, scope: StatementScope, names: readonly string[]): Stmt[] {
  const { to } = scope;
  const top: Label = { used: true };
  const target = { names, break: { used: false }, continue: { used: false }, plain: true };
  const init: Stmt[] = [];
  if (node.init?.type === 'VariableDeclaration')
    fail('a declaration in a for statement', node.init);
  else if (node.init) init.push(...effect(to, node.init));

  const body = lowerStatement(node.body, scope.inside(target), []);
  const update = node.update ? effect(to, node.update) : [];
  const again: Stmt = { op: 'br', label: top };
  if (body.length === 0 && node.test) {
    // The minifier's form of do-while: the test does the work and decides at the end.
    const loop: Stmt[] = [{ op: 'br_if', label: top, test: test(to, node.test) }];
    if (update.length === 0) return [...init, { op: 'loop', label: top, body: flatten(loop) }];
  }
  const leave: Stmt[] = [];
  if (node.test) {
    target.break.used = true;
    leave.push({ op: 'br_if', label: target.break, test: not(test(to, node.test)) });
  }
  const turn = [...flatten(leave), ...block(target.continue, body), ...update, again];
  return [...init, ...block(target.break, [{ op: 'loop', label: top, body: turn }])];
}

/** Takes what a test does before its value out of the test, where stores can be combined. */
function flatten(list: readonly Stmt[]): Stmt[] {
  return combineStores(
    list.flatMap((stmt): Stmt[] => {
      if (stmt.op !== 'br_if' || stmt.test.op !== 'sequence') return [stmt];
      return [...stmt.test.body, { ...stmt, test: stmt.test.value }];
    }),
  );
}

/** Nested blocks, one per case, with a br_table in the innermost. */
function lowerSwitch(
  node: SwitchStatement,
  scope: StatementScope,
  names: readonly string[],
): Stmt[] {
  const { to } = scope;
  const target = { names, break: { used: false }, continue: undefined, plain: true };
  const inner = scope.inside(target);
  const starts = node.cases.map((): Label => ({ used: true }));
  let code: Stmt[] = [dispatch(node, starts, target.break, to)];
  node.cases.forEach((one, i) => {
    code = [{ op: 'block', label: starts[i]!, body: code }];
    code.push(...lowerStatements(one.consequent, inner));
  });
  return block(target.break, code);
}

function dispatch(
  node: SwitchStatement,
  starts: readonly Label[],
  end: Label,
  to: FunctionLowering,
): Stmt {
  if (!isSigned(to.range(node.discriminant))) fail('a switch over such a value', node.discriminant);
  const numbers = node.cases.map(caseNumber);
  const known = numbers.filter((number) => number !== undefined);
  const lowest = Math.min(...known);
  const length = Math.max(...known) - lowest + 1;
  if (!(length >= 1 && length <= SWITCH_LIMIT)) fail(`a switch over ${length} numbers`, node);
  if (new Set(known).size !== known.length) fail('a switch with a case twice', node);

  const fallback = starts[numbers.indexOf(undefined)] ?? end;
  if (fallback === end) end.used = true;
  const labels = Array.from({ length }, (_, i) => {
    const at = numbers.indexOf(lowest + i);
    return starts[at] ?? fallback;
  });
  const index = bits(to, node.discriminant);
  // Numbers below the lowest wrap to great unsigned ones, which take the fallback too.
  const from = lowest === 0 ? index : binary('i32.sub', 'i32', index, i32(lowest));
  return { op: 'br_table', index: from, labels, fallback };
}

/** Undefined for `default`. */
function caseNumber({ test: node }: SwitchCase): number | undefined {
  if (!node) return undefined;
  if (node.type === 'Literal' && Number.isInteger(node.value)) return node.value as number;
  if (node.type === 'UnaryExpression' && node.operator === '-' && node.argument.type === 'Literal')
    return -(node.argument.value as number);
  return fail('a case that is no integer', node);
}

function lowerReturn(
  node: Extract<Statement, { type: 'ReturnStatement' }>,
  to: FunctionLowering,
): Stmt[] {
  const wanted = to.fn.callable.signature.result;
  if (!node.argument) return [{ op: 'return', value: wanted && i32(0) }];
  const range = to.range(node.argument);
  if (range.kind !== 'nothing' && wanted)
    return [{ op: 'return', value: value(to, node.argument, wanted === 'f64' ? 'f64' : 'i32') }];
  return [...effect(to, node.argument), { op: 'return', value: wanted && i32(0) }];
}

/** A function as a list of steps over any number of virtual registers: the form that registers are allocated for. */
import type { Element } from './encoder.js';
import {
  type Arithmetic,
  type Comparison,
  type Expression,
  type FunctionTree,
  isComparison,
  type Statement,
} from './syntax.js';

/** A virtual register, or a constant of 32 bits or less. */
export type Operand = number | bigint;

export type Step =
  | { readonly op: 'constant'; readonly to: number; readonly value: bigint }
  | { readonly op: 'cell'; readonly to: number; readonly name: string }
  | { readonly op: 'copy'; readonly to: number; readonly from: Operand }
  | {
      readonly op: 'arithmetic';
      readonly operator: Arithmetic;
      readonly to: number;
      readonly left: Operand;
      readonly right: Operand;
    }
  | {
      readonly op: 'compare';
      readonly operator: Comparison;
      readonly to: number;
      readonly left: Operand;
      readonly right: Operand;
    }
  /** Jumps when the comparison holds. */
  | {
      readonly op: 'branch';
      readonly operator: Comparison;
      readonly left: Operand;
      readonly right: Operand;
      readonly label: string;
      /** The end of a turn of a loop. */
      readonly back?: boolean;
    }
  | { readonly op: 'jump'; readonly label: string }
  | { readonly op: 'label'; readonly label: string }
  | {
      readonly op: 'load';
      readonly to: number;
      readonly base: number;
      readonly index: Operand;
      readonly element: Element;
    }
  | {
      readonly op: 'store';
      readonly from: Operand;
      readonly base: number;
      readonly index: Operand;
      readonly element: Element;
    }
  /** `pointer` is the virtual register that holds the function's address; else it is known by its name. */
  | {
      readonly op: 'call';
      readonly to: number;
      readonly callee: string;
      readonly pointer: number | undefined;
      readonly args: readonly Operand[];
    }
  | { readonly op: 'root'; readonly to: number; readonly from: Operand }
  | { readonly op: 'return'; readonly from: Operand };

export interface StepList {
  readonly steps: readonly Step[];
  /** Virtual registers of the parameters, in order. */
  readonly parameters: readonly number[];
  /** Those that hold addresses: 64 bits wide in any function. */
  readonly pointers: ReadonlySet<number>;
  /** How many virtual registers there are. */
  readonly count: number;
}

const OPPOSITE: Readonly<Record<Comparison, Comparison>> = {
  '==': '!=',
  '!=': '==',
  '<': '>=',
  '>=': '<',
  '<=': '>',
  '>': '<=',
};

/** @throws ReferenceError for an unknown variable, TypeError for a number used as a pointer. */
export function stepsOf(tree: FunctionTree): StepList {
  return new Lowering(tree).list();
}

class Lowering {
  readonly #tree: FunctionTree;
  readonly #steps: Step[] = [];
  readonly #variables = new Map<string, number>();
  readonly #pointers = new Set<number>();
  #count = 0;
  #labels = 0;

  constructor(tree: FunctionTree) {
    this.#tree = tree;
  }

  list(): StepList {
    const parameters = this.#tree.parameters.map(({ name, pointer }) => {
      const register = this.#fresh();
      this.#variables.set(name, register);
      if (pointer) this.#pointers.add(register);
      return register;
    });
    this.#block(this.#tree.body);
    this.#steps.push({ op: 'return', from: this.#value(this.#tree.result) });
    return { steps: this.#steps, parameters, pointers: this.#pointers, count: this.#count };
  }

  #fresh(): number {
    return this.#count++;
  }

  #label(): string {
    return `L${++this.#labels}`;
  }

  #block(statements: readonly Statement[]): void {
    for (const statement of statements) this.#statement(statement);
  }

  #statement(statement: Statement): void {
    if (statement.kind === 'assign') {
      const from = this.#value(statement.value);
      const to = this.#variables.get(statement.name) ?? this.#fresh();
      this.#variables.set(statement.name, to);
      this.#steps.push({ op: 'copy', to, from });
    } else if (statement.kind === 'store') {
      const { base, index, element } = statement.to;
      const at = { base: this.#pointer(base), index: this.#value(index), element };
      this.#steps.push({ op: 'store', from: this.#value(statement.value), ...at });
    } else this.#loop(statement);
  }

  /** The test stands at the end, so that a turn has one jump. */
  #loop({ test, body }: Extract<Statement, { kind: 'while' }>): void {
    const [again, check] = [this.#label(), this.#label()];
    this.#steps.push({ op: 'jump', label: check }, { op: 'label', label: again });
    this.#block(body);
    this.#steps.push({ op: 'label', label: check });
    this.#branch(test, true, again, true);
  }

  #branch(test: Expression, wanted: boolean, label: string, back = false): void {
    const compares = test.kind === 'binary' && isComparison(test.operator);
    const comparison = compares ? (test.operator as Comparison) : '!=';
    const operator = wanted ? comparison : OPPOSITE[comparison];
    const left = this.#value(compares ? test.left : test);
    const right = compares ? this.#value(test.right) : 0n;
    this.#steps.push({ op: 'branch', operator, left, right, label, back });
  }

  #value(expression: Expression): Operand {
    switch (expression.kind) {
      case 'number':
        return this.#number(expression.value);
      case 'variable':
        return this.#variable(expression.name);
      case 'cell':
        return this.#into((to) => ({ op: 'cell', to, name: expression.name }));
      case 'choice':
        return this.#choice(expression);
      case 'element': {
        const { element } = expression;
        const at = { base: this.#pointer(expression.base), index: this.#value(expression.index) };
        return this.#into((to) => ({ op: 'load', to, ...at, element }));
      }
      case 'call':
        return this.#call(expression.callee, expression.args);
      default:
        return this.#binary(expression);
    }
  }

  #number(value: bigint): Operand {
    const wrapped = BigInt.asIntN(this.#tree.type === 'i64' ? 64 : 32, value);
    if (BigInt.asIntN(32, wrapped) === wrapped) return wrapped;
    return this.#into((to) => ({ op: 'constant', to, value: wrapped }));
  }

  #binary({ operator, left, right }: Extract<Expression, { kind: 'binary' }>): Operand {
    const operands = { left: this.#value(left), right: this.#value(right) };
    return this.#into((to) =>
      isComparison(operator)
        ? { op: 'compare', operator, to, ...operands }
        : { op: 'arithmetic', operator, to, ...operands },
    );
  }

  #choice({ test, yes, no }: Extract<Expression, { kind: 'choice' }>): Operand {
    const [otherwise, end, to] = [this.#label(), this.#label(), this.#fresh()];
    this.#branch(test, false, otherwise);
    this.#steps.push({ op: 'copy', to, from: this.#value(yes) });
    this.#steps.push({ op: 'jump', label: end }, { op: 'label', label: otherwise });
    this.#steps.push({ op: 'copy', to, from: this.#value(no) }, { op: 'label', label: end });
    return to;
  }

  #call(callee: string, given: readonly Expression[]): Operand {
    const args = given.map((each) => this.#value(each));
    if (callee === 'sqrt') return this.#into((to) => ({ op: 'root', to, from: args[0] ?? 0n }));
    const pointer = this.#variables.has(callee) ? this.#pointer(callee) : undefined;
    return this.#into((to) => ({ op: 'call', to, callee, pointer, args }));
  }

  #variable(name: string): number {
    const register = this.#variables.get(name);
    if (register === undefined) throw new ReferenceError(`no variable '${name}'`);
    return register;
  }

  #pointer(name: string): number {
    const register = this.#variable(name);
    if (!this.#pointers.has(register)) throw new TypeError(`'${name}' is no pointer`);
    return register;
  }

  #into(step: (to: number) => Step): number {
    const to = this.#fresh();
    this.#steps.push(step(to));
    return to;
  }
}

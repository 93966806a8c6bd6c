/** What a function means: the tree evaluated in TypeScript. The tests compare compiled code with this. */
import { ELEMENT, type Element } from './encoder.js';
import { type Expression, type FunctionTree, isComparison, type Statement } from './syntax.js';

/** A division that the CPU refuses: by zero, or of the smallest number by -1. */
export class DivisionTrap extends Error {}

export interface Surroundings {
  /** Bytes behind pointers, by parameter. */
  readonly memory?: Readonly<Record<string, Uint8Array>>;
  /** Functions of the host, and values of patched constants. */
  readonly functions?: Readonly<Record<string, (...args: readonly bigint[]) => bigint>>;
  readonly cells?: Readonly<Record<string, bigint>>;
}

/** @throws DivisionTrap, and RangeError for an access outside its memory. */
export function interpret(
  tree: FunctionTree,
  args: readonly bigint[],
  around: Surroundings = {},
): bigint {
  return new Frame(tree, args, around).run();
}

class Frame {
  readonly #tree: FunctionTree;
  readonly #around: Surroundings;
  readonly #bits: number;
  readonly #values = new Map<string, bigint>();

  constructor(tree: FunctionTree, args: readonly bigint[], around: Surroundings) {
    this.#tree = tree;
    this.#around = around;
    this.#bits = tree.type === 'i64' ? 64 : 32;
    for (const [index, { name }] of tree.parameters.entries()) {
      this.#values.set(name, this.#wrap(args[index] ?? 0n));
    }
  }

  run(): bigint {
    this.#execute(this.#tree.body);
    return this.#value(this.#tree.result);
  }

  #wrap(value: bigint): bigint {
    return BigInt.asIntN(this.#bits, value);
  }

  #execute(statements: readonly Statement[]): void {
    for (const statement of statements) {
      if (statement.kind === 'assign') {
        this.#values.set(statement.name, this.#value(statement.value));
      } else if (statement.kind === 'while') {
        while (this.#value(statement.test) !== 0n) this.#execute(statement.body);
      } else {
        const value = this.#value(statement.value);
        const { base, element, index } = statement.to;
        const bytes = this.#bytes(base, element, this.#value(index));
        for (const at of bytes.keys()) bytes[at] = Number((value >> BigInt(8 * at)) & 0xffn);
      }
    }
  }

  #value(expression: Expression): bigint {
    switch (expression.kind) {
      case 'number':
        return this.#wrap(expression.value);
      case 'variable':
        return this.#values.get(expression.name)!;
      case 'cell':
        return this.#wrap(this.#around.cells?.[expression.name] ?? 0n);
      case 'choice':
        return this.#value(this.#value(expression.test) !== 0n ? expression.yes : expression.no);
      case 'element':
        return this.#wrap(this.#element(expression));
      case 'call':
        return this.#call(
          expression.callee,
          expression.args.map((each) => this.#value(each)),
        );
      default:
        return this.#wrap(this.#binary(expression));
    }
  }

  #element({ base, element, index }: Extract<Expression, { kind: 'element' }>): bigint {
    const bytes = this.#bytes(base, element, this.#value(index));
    const value = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    return element.startsWith('i') ? BigInt.asIntN(8 * bytes.length, value) : value;
  }

  #bytes(base: string, element: Element, index: bigint): Uint8Array {
    const memory = this.#around.memory?.[base] ?? new Uint8Array();
    const { bytes } = ELEMENT[element];
    const at = Number(index) * bytes;
    if (at < 0 || at + bytes > memory.length) throw new RangeError(`${base}[${index}]`);
    return memory.subarray(at, at + bytes);
  }

  #call(callee: string, args: readonly bigint[]): bigint {
    if (callee === 'self') return interpret(this.#tree, args, this.#around);
    if (callee === 'sqrt') return this.#wrap(rootOf(args[0] ?? 0n));
    return this.#wrap(this.#around.functions![callee]!(...args));
  }

  #binary({ operator, left, right }: Extract<Expression, { kind: 'binary' }>): bigint {
    const [a, b] = [this.#value(left), this.#value(right)];
    const count = b & BigInt(this.#bits - 1);
    if (isComparison(operator)) return compare(operator, a, b) ? 1n : 0n;
    switch (operator) {
      case '+':
        return a + b;
      case '-':
        return a - b;
      case '*':
        return a * b;
      case '/':
      case '%':
        if (b === 0n || this.#wrap(a / b) !== a / b) throw new DivisionTrap();
        return operator === '/' ? a / b : a % b;
      case '&':
        return a & b;
      case '|':
        return a | b;
      case '^':
        return a ^ b;
      case '<<':
        return a << count;
      case '>>':
        return a >> count;
      default:
        return BigInt.asUintN(this.#bits, a) >> count;
    }
  }
}

function compare(operator: string, a: bigint, b: bigint): boolean {
  switch (operator) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    default:
      return a >= b;
  }
}

/** Of the absolute value, rounded down. */
function rootOf(signed: bigint): bigint {
  const value = signed < 0n ? -signed : signed;
  let root = BigInt(Math.floor(Math.sqrt(Number(value))));
  while (root * root > value) root--;
  while ((root + 1n) * (root + 1n) <= value) root++;
  return root;
}

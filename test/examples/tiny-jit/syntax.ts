/**
 * The language: a function of integers, `i64(a, b): let t = a * b; t < 0 ? -t : t`. All its values have the
 * type that it begins with; `p*` is a pointer, `p.i16[i]` an element behind it, `@k` a constant that can be
 * patched later. Text becomes a tree, by recursive descent.
 */
import { ELEMENT, type Element } from './encoder.js';

export type IntegerType = 'i64' | 'i32';
export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';
export type Arithmetic = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^' | '<<' | '>>' | '>>>';

export type Expression =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'variable'; readonly name: string }
  /** Patchable: 0 until something else is written into the code. */
  | { readonly kind: 'cell'; readonly name: string }
  | {
      readonly kind: 'binary';
      readonly operator: Arithmetic | Comparison;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'choice';
      readonly test: Expression;
      readonly yes: Expression;
      readonly no: Expression;
    }
  | {
      readonly kind: 'element';
      readonly base: string;
      readonly element: Element;
      readonly index: Expression;
    }
  /** Of a function pointer among the parameters, of `self`, of `sqrt`, or of another function. */
  | { readonly kind: 'call'; readonly callee: string; readonly args: readonly Expression[] };

export type Statement =
  | { readonly kind: 'assign'; readonly name: string; readonly value: Expression }
  | {
      readonly kind: 'store';
      readonly to: Extract<Expression, { kind: 'element' }>;
      readonly value: Expression;
    }
  | { readonly kind: 'while'; readonly test: Expression; readonly body: readonly Statement[] };

export interface FunctionTree {
  readonly type: IntegerType;
  readonly parameters: readonly { readonly name: string; readonly pointer: boolean }[];
  readonly body: readonly Statement[];
  readonly result: Expression;
}

const BINDING: readonly (readonly (Arithmetic | Comparison)[])[] = [
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['<<', '>>', '>>>'],
  ['+', '-'],
  ['*', '/', '%'],
];

const COMPARISONS: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];

export function isComparison(operator: string): operator is Comparison {
  return COMPARISONS.includes(operator);
}

/** @throws SyntaxError with what stands where it should not. */
export function parse(source: string): FunctionTree {
  return new Parser(source).function();
}

const TOKEN = /\s*(\d+|@?[a-z_]\w*|>>>|>>|<<|==|!=|<=|>=|[-+*/%&|^<>=?:;,.()[\]{}~])/gy;

class Parser {
  readonly #tokens: string[];
  #at = 0;

  constructor(source: string) {
    this.#tokens = [...source.trim().matchAll(TOKEN)].map((match) => match[1]!);
    const read = [...source.trim().matchAll(TOKEN)].reduce((sum, [text]) => sum + text.length, 0);
    if (read < source.trim().length) {
      throw new SyntaxError(`cannot read '${source.trim().slice(read, read + 10)}'`);
    }
  }

  function(): FunctionTree {
    const type = this.#next();
    if (type !== 'i64' && type !== 'i32') throw new SyntaxError(`expected i64 or i32, not ${type}`);
    const parameters: { name: string; pointer: boolean }[] = [];
    this.#expect('(');
    while (!this.#take(')')) {
      const name = this.#name();
      parameters.push({ name, pointer: this.#take('*') });
      if (this.#peek() !== ')') this.#expect(',');
    }
    this.#expect(':');
    const body = this.#statements();
    const result = this.#expression();
    if (this.#peek() !== undefined) throw new SyntaxError(`did not expect '${this.#peek()}'`);
    return { type, parameters, body, result };
  }

  #statements(): Statement[] {
    const found: Statement[] = [];
    for (let next = this.#statement(); next !== undefined; next = this.#statement())
      found.push(next);
    return found;
  }

  /** Undefined where an expression begins, or the end of a block. */
  #statement(): Statement | undefined {
    if (this.#take('while')) {
      this.#expect('(');
      const test = this.#expression();
      this.#expect(')');
      this.#expect('{');
      const body = this.#statements();
      this.#expect('}');
      return { kind: 'while', test, body };
    }
    if (this.#peek() === '}') return undefined;
    const start = this.#at;
    if (this.#take('let')) return this.#assignment(this.#name());
    const target = /^[a-z_]/.test(this.#peek() ?? '') ? this.#primary() : undefined;
    if (this.#peek() !== '=') {
      this.#at = start;
      return undefined;
    }
    if (target?.kind === 'variable') return this.#assignment(target.name);
    if (target?.kind !== 'element') throw new SyntaxError('only variables and elements take =');
    this.#expect('=');
    const value = this.#expression();
    this.#expect(';');
    return { kind: 'store', to: target, value };
  }

  #assignment(name: string): Statement {
    this.#expect('=');
    const value = this.#expression();
    this.#expect(';');
    return { kind: 'assign', name, value };
  }

  #expression(): Expression {
    const test = this.#binary(0);
    if (!this.#take('?')) return test;
    const yes = this.#expression();
    this.#expect(':');
    return { kind: 'choice', test, yes, no: this.#expression() };
  }

  #binary(level: number): Expression {
    const operators = BINDING[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const operator = operators.find((each) => each === this.#peek());
      if (operator === undefined) return left;
      this.#at++;
      left = { kind: 'binary', operator, left, right: this.#binary(level + 1) };
    }
  }

  #unary(): Expression {
    const zero = { kind: 'number', value: 0n } as const;
    const ones = { kind: 'number', value: -1n } as const;
    if (this.#take('-')) return { kind: 'binary', operator: '-', left: zero, right: this.#unary() };
    if (this.#take('~')) return { kind: 'binary', operator: '^', left: this.#unary(), right: ones };
    return this.#primary();
  }

  #primary(): Expression {
    if (this.#take('(')) {
      const inner = this.#expression();
      this.#expect(')');
      return inner;
    }
    const token = this.#next();
    if (/^\d/.test(token)) return { kind: 'number', value: BigInt(token) };
    if (token.startsWith('@')) return { kind: 'cell', name: token.slice(1) };
    if (!/^[a-z_]/.test(token)) throw new SyntaxError(`did not expect '${token}'`);
    if (this.#take('(')) return { kind: 'call', callee: token, args: this.#arguments() };
    if (!this.#take('.')) return { kind: 'variable', name: token };
    const element = this.#next();
    if (!(element in ELEMENT)) throw new SyntaxError(`no element type '${element}'`);
    this.#expect('[');
    const index = this.#expression();
    this.#expect(']');
    return { kind: 'element', base: token, element: element as Element, index };
  }

  #arguments(): Expression[] {
    const args: Expression[] = [];
    while (!this.#take(')')) {
      args.push(this.#expression());
      if (this.#peek() !== ')') this.#expect(',');
    }
    return args;
  }

  #name(): string {
    const token = this.#next();
    if (/^[a-z_]/.test(token)) return token;
    throw new SyntaxError(`expected a name, not '${token}'`);
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new SyntaxError('the text ends too early');
    return token;
  }

  #take(token: string): boolean {
    if (this.#peek() !== token) return false;
    this.#at++;
    return true;
  }

  #expect(token: string): void {
    const found = this.#next();
    if (found !== token) throw new SyntaxError(`expected '${token}', not '${found}'`);
  }
}

/** Signatures as text: `f64(i32, ptr, ...)`, the result first and the parameters in parentheses, as in C. */
import { checkText } from '../../base/arguments.js';
import { MayexecError } from '../../base/errors.js';
import { namedType, structOf, type TypeModel, type ValueType } from './value-type.js';

export interface Signature {
  readonly result: ValueType;
  readonly parameters: readonly ValueType[];
  /** Takes more arguments than it names. */
  readonly variadic: boolean;
}

const TOKEN = /\s*(\.\.\.|[A-Za-z_]\w*|[(){},*])/y;

/** @throws MayexecError that says where the text stops being a signature. */
export function parseSignature(text: string, model: TypeModel): Signature {
  checkText('the signature', text, "a string such as 'i32(i32, ptr)'");
  const reader = new SignatureReader(text, model);
  const result = reader.type();
  reader.expect('(');
  const parameters: ValueType[] = [];
  let variadic = false;
  if (!reader.accepts(')')) {
    do {
      variadic = reader.accepts('...');
      if (!variadic) parameters.push(reader.type());
    } while (!variadic && reader.accepts(','));
    reader.expect(')');
  }
  reader.end();
  const [first] = parameters;
  const none = parameters.length === 1 && first?.kind === 'void';
  if (!none && parameters.some(({ kind }) => kind === 'void')) {
    throw new MayexecError(`signature '${text}': a parameter cannot be void`);
  }
  return { result, parameters: none ? [] : parameters, variadic };
}

/** @throws MayexecError for a text that is not one type. */
export function parseType(text: string, model: TypeModel): ValueType {
  checkText('the type', text, "a string such as 'i32'");
  const reader = new SignatureReader(text, model);
  const type = reader.type();
  reader.end();
  return type;
}

class SignatureReader {
  readonly #text: string;
  readonly #model: TypeModel;
  #at = 0;

  constructor(text: string, model: TypeModel) {
    this.#text = text;
    this.#model = model;
  }

  type(): ValueType {
    const word = this.#peek();
    let type: ValueType;
    if (this.accepts('{')) {
      const fields: ValueType[] = [];
      do fields.push(this.type());
      while (this.accepts(','));
      this.expect('}');
      type = structOf(fields);
    } else {
      if (word === undefined || !/^\w/.test(word)) throw this.#wrong('a type');
      this.accepts(word);
      type = namedType(word, this.#model);
    }
    while (this.accepts('*')) type = namedType('ptr', this.#model);
    return type;
  }

  accepts(token: string): boolean {
    if (this.#peek() !== token) return false;
    this.#at = TOKEN.lastIndex;
    return true;
  }

  expect(token: string): void {
    if (!this.accepts(token)) throw this.#wrong(`'${token}'`);
  }

  end(): void {
    if (this.#text.slice(this.#at).trim() !== '') throw this.#wrong('the end');
  }

  #peek(): string | undefined {
    TOKEN.lastIndex = this.#at;
    return TOKEN.exec(this.#text)?.[1];
  }

  #wrong(expected: string): MayexecError {
    const rest = this.#text.slice(this.#at).trim();
    const found = rest === '' ? 'it ends' : `there is '${rest}'`;
    return new MayexecError(
      `signature '${this.#text}': expected ${expected} where ${found} (example: 'i32(i32, f64, ptr)')`,
    );
  }
}

/**
 * Reads the frame of the module function: which of its names are heap views, imports, globals and
 * functions; the table; the exports; the memory's size and first contents.
 *
 *     function (A) {            // the outer function: base64 decoder, scratch, bulk memory
 *       return (function (A) {  // the inner function, `module` below
 *         var buffer, views, Math functions, imports, globals;
 *         function f(...) {...}               // hundreds
 *         decode(bytes, 65536, "...");        // memory's first contents
 *         var table = [null, function..., g];
 *         return { memory, name: function..., name: g };
 *       })(A);
 *     }
 */
import type {
  Expression,
  FunctionExpression,
  Function as FunctionNode,
  ObjectExpression,
  SpreadElement,
  Statement,
  VariableDeclarator,
} from 'acorn';
import type { Callable, GlobalVariable } from '../ir.js';
import type { Binding, Import, Intrinsic } from './bindings.js';
import { classify, type ModuleFrame } from './classify.js';
import { callsInPlace, describeFunction, type FunctionInfo } from './functions.js';
import { TranslateError } from './source.js';

export interface ModuleShape {
  readonly bindings: ReadonlyMap<string, Binding>;
  /** Every function, also those written in place, by its syntax node. */
  readonly functions: ReadonlyMap<FunctionNode, FunctionInfo>;
  readonly imports: readonly Import[];
  readonly globals: readonly GlobalVariable[];
  readonly table: readonly (Callable | undefined)[];
  readonly exports: readonly { readonly name: string; readonly fn: FunctionInfo }[];
  readonly initialPages: number;
  readonly data: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
}

/** Functions of the frame that stand for an instruction, recognised by their whole text. */
const INTRINSICS: readonly (readonly [RegExp, Intrinsic])[] = [
  [/^function \w+\(A\)\{return n\[A\]\}$/, 'scratch.load_i32'],
  [/^function \w+\(A,e\)\{n\[A\]=e\}$/, 'scratch.store_i32'],
  [/^function \w+\(\)\{return t\[0\]\}$/, 'scratch.load_f64'],
  [/^function \w+\(A\)\{t\[0\]=A\}$/, 'scratch.store_f64'],
  [/^function \w+\(\)\{throw new Error\("abort"\)\}$/, 'unreachable'],
  [/^function \w+\(A,r,a\)\{e\.copyWithin\(A,r,r\+a\)\}$/, 'memory.copy'],
  [
    /^function \w+\(A,r,a\)\{if\(\(A>>>=0\)\+\(a>>>=0\)>e\.length\)throw"trap: invalid memory\.fill";e\.fill\(r,A,A\+a\)\}$/,
    'memory.fill',
  ],
  [/^function \w+\(\)\{return r\.byteLength\/65536\|0\}$/, 'memory.size'],
];
/** The frame's declarations that need no translation: the base64 decoder and its lookup table. */
const DECODER = /^function \w+\(A,e,a\)\{for\(var i,f,n=0,c=e,t=a\.length/;
const SCRATCH =
  /^var f=new ArrayBuffer\(16\),n=new Int32Array\(f\),(\w+)=new Float32Array\(f\),t=new Float64Array\(f\);$/;
const LOOKUP =
  /^(for\(var e,r=new Uint8Array\(123\),a=25;a>=0;--a\)r\[48\+a\]=52\+a,r\[65\+a\]=a,r\[97\+a\]=26\+a;|r\[43\]=62,r\[47\]=63;)$/;

export function readModuleShape(source: string, outer: FunctionExpression): ModuleShape {
  const reader = new ShapeReader(source);
  reader.readOuter(outer);
  return reader.readModule(innerFunction(outer));
}

class ShapeReader {
  readonly #source: string;
  readonly #functions = new Map<FunctionNode, FunctionInfo>();
  readonly #data: { offset: number; bytes: Uint8Array }[] = [];
  readonly #frame: ModuleFrame = {
    bindings: new Map(),
    imports: [],
    globals: [],
    initialPages: 0,
    buffer: undefined,
    namespaces: new Map(),
  };
  #decoder: string | undefined;
  #table: Expression | undefined;
  #returned: Expression | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  readOuter(outer: FunctionExpression): void {
    for (const stmt of outer.body.body) {
      const text = this.#text(stmt);
      const scratch = SCRATCH.exec(text);
      if (scratch) this.#frame.bindings.set(scratch[1]!, { kind: 'scratchF32' });
      else if (stmt.type === 'FunctionDeclaration' && DECODER.test(text))
        this.#decoder = stmt.id.name;
      else if (stmt.type === 'FunctionDeclaration' && this.#intrinsic(stmt)) continue;
      else if (!LOOKUP.test(text) && stmt.type !== 'ReturnStatement')
        throw new TranslateError(`an unknown ${stmt.type} around the module`, stmt.start);
    }
  }

  readModule(module: FunctionExpression): ModuleShape {
    const { bindings } = this.#frame;
    // Functions are hoisted: the table and the exports name those that stand below them.
    for (const stmt of module.body.body)
      if (stmt.type === 'FunctionDeclaration' && !this.#intrinsic(stmt))
        bindings.set(stmt.id.name, { kind: 'function', fn: this.#add(stmt) });
    for (const stmt of module.body.body) this.#statement(stmt, module);
    const [table, returned] = [this.#table, this.#returned];
    if (table?.type !== 'ArrayExpression' || returned?.type !== 'ObjectExpression')
      throw new TranslateError('the module has no table or returns no exports', module.start);
    return {
      table: table.elements.map((element) => this.#slot(element ?? table)),
      exports: readExports(returned, (node) => this.#functionOf(node)),
      bindings,
      functions: this.#functions,
      imports: this.#frame.imports,
      globals: this.#frame.globals,
      initialPages: this.#frame.initialPages,
      data: this.#data,
    };
  }

  #statement(stmt: Statement, module: FunctionExpression): void {
    if (stmt.type === 'VariableDeclaration') {
      for (const declarator of stmt.declarations) {
        const found = tableLiteral(declarator);
        if (found === undefined) classify(declarator, module, this.#frame);
        if (!found) continue;
        this.#table = found;
        this.#frame.bindings.set(this.#text(declarator.id), { kind: 'table' });
      }
    } else if (stmt.type === 'ExpressionStatement') {
      const { expression: all } = stmt;
      const calls = all.type === 'SequenceExpression' ? all.expressions : [all];
      for (const call of calls) this.#data.push(readData(call, this.#decoder));
    } else if (stmt.type === 'ReturnStatement') this.#returned = stmt.argument ?? undefined;
    else if (stmt.type !== 'FunctionDeclaration') refuse(stmt);
  }

  #slot(element: Expression | SpreadElement): Callable | undefined {
    if (element.type === 'Literal' && element.value === null) return undefined;
    if (element.type === 'SpreadElement' || element.type === 'ArrayExpression')
      throw new TranslateError('a hole or a spread in the table', element.start);
    const binding =
      element.type === 'Identifier' ? this.#frame.bindings.get(element.name) : undefined;
    if (binding?.kind === 'import') {
      // As for functions of the table: always a result.
      const { callable } = binding.import;
      callable.signature = { ...callable.signature, result: 'i32' };
      return callable;
    }
    const fn = this.#functionOf(element);
    fn.inTable = true;
    return fn.callable;
  }

  #functionOf(node: Expression): FunctionInfo {
    if (node.type === 'FunctionExpression') return this.#add(node);
    const binding = node.type === 'Identifier' ? this.#frame.bindings.get(node.name) : undefined;
    if (binding?.kind === 'function') return binding.fn;
    throw new TranslateError(`a ${node.type} as function`, node.start);
  }

  #add(node: FunctionNode): FunctionInfo {
    const info = describeFunction(node);
    this.#functions.set(node, info);
    for (const inner of callsInPlace(node)) this.#functions.set(inner, describeFunction(inner));
    return info;
  }

  #intrinsic(node: FunctionNode): boolean {
    const known = INTRINSICS.find(([pattern]) => pattern.test(this.#text(node)));
    if (known && node.id)
      this.#frame.bindings.set(node.id.name, { kind: 'intrinsic', name: known[1] });
    return known !== undefined;
  }

  #text(node: { start: number; end: number }): string {
    return this.#source.slice(node.start, node.end);
  }
}

function innerFunction(outer: FunctionExpression): FunctionExpression {
  const last = outer.body.body.at(-1);
  const call = last?.type === 'ReturnStatement' ? last.argument : undefined;
  if (call?.type !== 'CallExpression' || call.callee.type !== 'FunctionExpression')
    throw new TranslateError(
      'the outer function does not return the call of a function',
      outer.start,
    );
  return call.callee;
}

/**
 * `table = ((t = [...]).grow = ..., t.set = ..., t.get = ..., t)`: the array, null for the bare
 * declaration of `t`, undefined for any other declarator.
 */
function tableLiteral({ init }: VariableDeclarator): Expression | null | undefined {
  if (!init) return null;
  const first = init.type === 'SequenceExpression' ? init.expressions[0] : undefined;
  if (first?.type !== 'AssignmentExpression' || first.left.type !== 'MemberExpression')
    return undefined;
  const target = first.left.object;
  return target.type === 'AssignmentExpression' ? target.right : undefined;
}

/** `decode(bytes = view, offset, "base64")` */
function readData(call: Expression, decoder: string | undefined): ModuleShape['data'][number] {
  if (call.type === 'CallExpression' && call.callee.type === 'Identifier') {
    const [, offset, text] = call.arguments;
    if (call.callee.name === decoder && offset?.type === 'Literal' && text?.type === 'Literal')
      if (typeof offset.value === 'number' && typeof text.value === 'string')
        return { offset: offset.value, bytes: Buffer.from(text.value, 'base64') };
  }
  return refuse(call);
}

function readExports(
  object: ObjectExpression,
  functionOf: (node: Expression) => FunctionInfo,
): ModuleShape['exports'] {
  const found: { name: string; fn: FunctionInfo }[] = [];
  for (const property of object.properties) {
    if (property.type !== 'Property' || property.key.type !== 'Identifier' || property.computed)
      throw new TranslateError('an unusual export', property.start);
    const { name } = property.key;
    // The encoder exports these two itself.
    if (name !== 'memory' && name !== '__indirect_function_table')
      found.push({ name, fn: functionOf(property.value) });
  }
  return found;
}

function refuse(node: Statement | Expression): never {
  throw new TranslateError(`an unknown ${node.type} in the module's frame`, node.start);
}

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
  Statement,
  VariableDeclarator,
} from 'acorn';
import type { Binding, Import, Intrinsic } from './bindings.js';
import { classify, type Frame } from './classify.js';
import { callsInPlace, describeFunction, type FunctionInfo } from './functions.js';
import type { Callable, GlobalVariable } from './ir.js';
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
  const text = (node: { start: number; end: number }): string => source.slice(node.start, node.end);
  const bindings = new Map<string, Binding>();
  const intrinsic = (node: FunctionNode): boolean => {
    const known = INTRINSICS.find(([pattern]) => pattern.test(text(node)));
    if (known && node.id) bindings.set(node.id.name, { kind: 'intrinsic', name: known[1] });
    return known !== undefined;
  };

  let decoder: string | undefined;
  for (const stmt of outer.body.body) {
    const scratch = SCRATCH.exec(text(stmt));
    if (scratch) bindings.set(scratch[1]!, { kind: 'scratchF32' });
    else if (stmt.type === 'FunctionDeclaration' && DECODER.test(text(stmt)))
      decoder = stmt.id.name;
    else if (stmt.type === 'FunctionDeclaration' && intrinsic(stmt)) continue;
    else if (!LOOKUP.test(text(stmt)) && stmt.type !== 'ReturnStatement')
      throw new TranslateError(`an unknown ${stmt.type} around the module`, stmt.start);
  }

  const functions = new Map<FunctionNode, FunctionInfo>();
  const add = (node: FunctionNode): FunctionInfo => {
    const info = describeFunction(node);
    functions.set(node, info);
    for (const inner of callsInPlace(node)) functions.set(inner, describeFunction(inner));
    return info;
  };
  const module = innerFunction(outer);
  const frame: Frame = {
    bindings,
    imports: [],
    globals: [],
    initialPages: 0,
    buffer: undefined,
    namespaces: new Map(),
  };
  const data: { offset: number; bytes: Uint8Array }[] = [];
  let table: Expression | undefined;
  let returned: Expression | undefined;

  // Functions are hoisted: the table and the exports name those that stand below them.
  for (const stmt of module.body.body)
    if (stmt.type === 'FunctionDeclaration' && !intrinsic(stmt))
      bindings.set(stmt.id.name, { kind: 'function', fn: add(stmt) });
  for (const stmt of module.body.body) {
    if (stmt.type === 'VariableDeclaration')
      for (const declarator of stmt.declarations) {
        const found = tableLiteral(declarator);
        if (found === undefined) classify(declarator, module, frame);
        else if (found !== null) {
          table = found;
          bindings.set(text(declarator.id), { kind: 'table' });
        }
      }
    else if (stmt.type === 'ExpressionStatement') {
      const { expression } = stmt;
      const calls =
        expression.type === 'SequenceExpression' ? expression.expressions : [expression];
      data.push(...calls.map((call) => readData(call, decoder)));
    } else if (stmt.type === 'ReturnStatement') returned = stmt.argument ?? undefined;
    else if (stmt.type !== 'FunctionDeclaration') refuse(stmt);
  }

  const functionOf = (node: Expression): FunctionInfo => {
    if (node.type === 'FunctionExpression') return add(node);
    const binding = node.type === 'Identifier' ? bindings.get(node.name) : undefined;
    if (binding?.kind !== 'function')
      throw new TranslateError(`a ${node.type} as function`, node.start);
    return binding.fn;
  };
  if (table?.type !== 'ArrayExpression' || returned?.type !== 'ObjectExpression')
    throw new TranslateError('the module has no table or returns no exports', module.start);
  const slots = table.elements.map((element) => {
    if (element?.type === 'Literal' && element.value === null) return undefined;
    if (element === null || element.type === 'SpreadElement')
      throw new TranslateError('a hole or a spread in the table', table?.start);
    const binding = element.type === 'Identifier' ? bindings.get(element.name) : undefined;
    if (binding?.kind === 'import') {
      // As for functions of the table: always a result.
      const { callable } = binding.import;
      callable.signature = { ...callable.signature, result: 'i32' };
      return callable;
    }
    const fn = functionOf(element);
    fn.inTable = true;
    return fn.callable;
  });
  return {
    bindings,
    functions,
    imports: frame.imports,
    globals: frame.globals,
    table: slots,
    exports: readExports(returned, functionOf),
    initialPages: frame.initialPages,
    data,
  };
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

/**
 * The input of the translator: one exact file of one exact package version.
 *
 * Everything after this check relies on the shape of that file, so another file is refused by its
 * hash before any of it is read.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type AnyNode, type Expression, type FunctionExpression, parse } from 'acorn';

/** `dist/x86/deps/unicorn-x86.min.js` of the npm package. */
export const PACKAGE = '@specy/x86@1.1.0';
export const INPUT_SHA256 = '8001bf3115e28c69bd7e178adee945441d51c2ea12a8e199b537682cbabc5d74';

/** The input, or a part of it, is not what the translator was written for. */
export class TranslateError extends Error {
  override readonly name = 'TranslateError';
  readonly offset: number | undefined;

  constructor(message: string, offset?: number) {
    super(offset === undefined ? message : `${message} (at offset ${offset} of the input)`);
    this.offset = offset;
  }
}

export async function readSource(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new TranslateError(`cannot read the engine of ${PACKAGE}: ${String(cause)}`);
  });
  const found = sha256(bytes);
  if (found !== INPUT_SHA256)
    throw new TranslateError(
      `${path} is not the engine file of ${PACKAGE}: its SHA-256 is ${found}, expected ${INPUT_SHA256}`,
    );
  return bytes.toString('utf8');
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/**
 * The function that holds the whole module: in `this.exports = (function (imports) {...})(imports)`
 * the callee. Found once; anything else than exactly one is an error.
 */
export function findModuleFunction(source: string): FunctionExpression {
  const program = parse(source, { ecmaVersion: 2022, sourceType: 'module' });
  const found: FunctionExpression[] = [];
  visit(program, (node) => {
    if (node.type !== 'AssignmentExpression') return true;
    const { left, right } = node;
    if (left.type !== 'MemberExpression' || left.object.type !== 'ThisExpression') return true;
    if (left.property.type !== 'Identifier' || left.property.name !== 'exports') return true;
    const callee: Expression | undefined =
      right.type === 'CallExpression' && right.callee.type !== 'Super' ? right.callee : undefined;
    if (callee?.type === 'FunctionExpression') found.push(callee);
    return false;
  });
  const [only] = found;
  if (only === undefined || found.length !== 1)
    throw new TranslateError(
      `expected one function assigned to this.exports, found ${found.length}`,
    );
  return only;
}

/** Visits nodes from the top, in source order; `enter` returns false to leave out what is inside. */
export function visit(node: AnyNode, enter: (node: AnyNode) => boolean): void {
  if (!enter(node)) return;
  // A million nodes are visited several times: no arrays of keys or values here.
  const fields = node as unknown as Record<string, unknown>;
  for (const key in fields) {
    const value = fields[key];
    if (typeof value !== 'object' || value === null) continue;
    if (Array.isArray(value)) for (const item of value) visitField(item, enter);
    else visitField(value, enter);
  }
}

function visitField(value: unknown, enter: (node: AnyNode) => boolean): void {
  // A regular expression literal has a field that is no node.
  if (typeof value === 'object' && value !== null && 'type' in value)
    visit(value as AnyNode, enter);
}

/** How the package takes the bits of a float, and the same without a NaN's host-dependent bits. */
const FLOAT_BITS = 'function u(A){t[0]=A}';
const FLOAT_BITS_OF_ONE_NAN = 'function u(A){t[0]=A==A?A:NaN}';

/** The JavaScript form: the package's own code for the module, and nothing around it. */
export function jsForm(source: string): string {
  const { start, end } = findModuleFunction(source);
  const parts = source.slice(start, end).split(FLOAT_BITS);
  if (parts.length !== 2)
    throw new TranslateError(`expected ${FLOAT_BITS} once, found ${parts.length - 1}`);
  return [
    `/* From ${PACKAGE}, GPL-2.0: Unicorn 1.0.3 for x86, as JavaScript. Generated; do not edit. */`,
    `export default ${parts.join(FLOAT_BITS_OF_ONE_NAN)};`,
    '',
  ].join('\n');
}

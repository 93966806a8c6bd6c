/**
 * Vector instructions with one register as both operands (`pmovzxbw xmm0, xmm0`, `phaddd xmm1, xmm1`), which
 * compilers emit all the time. QEMU's helpers of that age (ops_sse.h) store lanes of the result before they have
 * read all lanes of the source, so that the upper lanes come out wrong.
 *
 * A helper `(env, target, source)` that does so is found by its own text: in order, a load from the source
 * of bytes that were stored to the target before. It gets the source from a copy when both are the same.
 */
import { IN_PLACE_COPY } from '../../../engine/unicorn1/offsets.js';
import { TranslateError } from '../read/source.js';

/** Six of phadd and phsub for SSE and six for MMX, twelve of pmovsx and pmovzx, packusdw, cvtps2pd. */
const HELPERS = 26;
/** A helper of two registers without the environment, as its entry of the table calls it in place. */
const HELPER = /return function\(A,e,r\)\{([^{}]*)\}\(/g;
const VARIABLES = /^var [^;]*;/;

export function patchInPlace(source: string): string {
  let found = 0;
  const patched = source.replace(HELPER, (helper, body: string) => {
    if (!readsWhatItStored(body)) return helper;
    found++;
    const variables = VARIABLES.exec(body)?.[0] ?? '';
    return helper.replace(body, `${variables}${copyFirst(body)}${body.slice(variables.length)}`);
  });
  if (found === HELPERS) return patched;
  throw new TranslateError(`expected ${HELPERS} helpers that work in place, found ${found}`);
}

/** Through the heap view that the helper itself stores by: other views' names may mean something else there. */
function copyFirst(body: string): string {
  const [, view, shift] = /(\w)\[\((?:e\|=0|\w=e)\)>>(\d)\]|$/.exec(body) ?? [];
  const width = 2 ** Number(shift);
  const lanes = Array.from({ length: 16 / width }, (_, lane) => {
    const from = lane === 0 ? 'r' : `r+${lane * width}`;
    return `${view}[${IN_PLACE_COPY / width + lane}]=0|${view}[${from}>>${shift}]`;
  });
  return `e|=0,r|=0;if((0|e)==(0|r)){${lanes.join(',')};r=${IN_PLACE_COPY}}`;
}

type Bytes = readonly [start: number, end: number];

/** Goes through the assignments in order: what is right of `=` is read first. */
function readsWhatItStored(body: string): boolean {
  const stored: Bytes[] = [];
  // `(c=e)+8`: other variables stand for the target's address.
  const target = ['e', ...[...body.matchAll(/\((\w)=e\)/g)].map(([, name]) => name!)];
  for (const statement of statementsOf(body)) {
    const store = /^\w+\[([^[\]]+)\]=(?!=)/.exec(statement);
    const loads = statement.slice(store?.[0].length ?? 0).matchAll(/\w+\[([^[\]]+)\]/g);
    for (const [, address] of loads) {
      const read = bytesAt(address!, ['r']);
      if (read !== undefined && stored.some((bytes) => overlap(bytes, read))) return true;
    }
    const written = store === null ? undefined : bytesAt(store[1]!, target);
    if (written !== undefined) stored.push(written);
  }
  return false;
}

/** Cut at commas and semicolons outside of brackets. */
function statementsOf(body: string): string[] {
  const statements: string[] = [];
  let depth = 0;
  let start = 0;
  for (const [index, char] of [...body].entries()) {
    if (char === '(' || char === '[') depth++;
    else if (char === ')' || char === ']') depth--;
    else if ((char === ',' || char === ';') && depth === 0) {
      statements.push(body.slice(start, index));
      start = index + 1;
    }
  }
  return [...statements, body.slice(start)];
}

/** `0|(r|=0)`, `r+3|0`, `(e|=0)>>1`, `(c=e)+4>>2`: the shift tells the width. */
function bytesAt(address: string, names: readonly string[]): Bytes | undefined {
  const plain = address.replace(/\((\w)(?:\|=0|=e)\)/, '$1');
  const match = /^(?:0\|)?(\w)(?:\+(\d+))?(?:\|0|>>(\d))?$/.exec(plain);
  if (match === null || !names.includes(match[1]!)) return undefined;
  const start = Number(match[2] ?? 0);
  return [start, start + 2 ** Number(match[3] ?? 0)];
}

function overlap(a: Bytes, b: Bytes): boolean {
  return a[0] < b[1] && b[0] < a[1];
}

/**
 * The directives of a call suite: `;@ call f(1, 2) = 3`. Read strictly, as all directives are; each says one
 * thing of one call.
 */

import { SIGNAL } from '../../abi/linux/signal.js';
import { MayexecError, nearest, unknownValue } from '../../base/errors.js';
import type { Access, FaultCode } from '../../base/outcome.js';
import { ownEntry } from '../../base/own-entry.js';
import { TYPE_NAMES } from '../../kit/abi/value-type.js';
import { pointerIn } from '../../kit/bed/buffers.js';
import { type Argument, arg, type TypedValue } from '../../kit/run/arguments.js';
import { NO_OWN_POLICIES, type OwnPolicies } from '../../policy/own-policies.js';
import { knownRule } from '../read/directive.js';

export type CallCheck =
  | { readonly kind: 'returns'; readonly value: unknown; readonly type: string | undefined }
  | { readonly kind: 'preserves'; readonly what: readonly string[] }
  | { readonly kind: 'follows' }
  | {
      readonly kind: 'faults';
      readonly access: Access;
      readonly code: FaultCode | undefined;
      readonly label: string | undefined;
    }
  | { readonly kind: 'killed'; readonly signal: string }
  | { readonly kind: 'within'; readonly instructions: number }
  | { readonly kind: 'touches'; readonly buffers: readonly string[] }
  | { readonly kind: 'leaves'; readonly name: string; readonly value: bigint | Uint8Array }
  | { readonly kind: 'denied'; readonly rule: string };

export interface ParsedCall {
  readonly label: string;
  readonly args: readonly Argument[];
  readonly check: CallCheck;
}

const VERBS = [
  ...['=', 'preserves', 'follows', 'faults', 'killed', 'within', 'touches only', 'leaves'],
  'denied by',
];
const EXAMPLE = "example: 'call f(1, -2) = 3'";

/** `text` follows the word `call`. @throws MayexecError that says what is wrong and what was meant. */
export function parseCall(text: string, own = NO_OWN_POLICIES): ParsedCall {
  const [, label, rest] = /^([A-Za-z_.$][\w.$]*)\s*(\(.*)$/s.exec(text) ?? [];
  const end = rest === undefined ? -1 : closing(rest);
  if (label === undefined || rest === undefined || end < 0) {
    throw new MayexecError(
      `'${text}' is no call: expected LABEL(ARGUMENTS) and a check; ${EXAMPLE}`,
    );
  }
  const args = splitList(rest.slice(1, end)).map((word) => argumentOf(word));
  return { label, args, check: checkOf(rest.slice(end + 1).trim(), own) };
}

function closing(text: string): number {
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    if (quoted && text[at] === '\\') at++;
    else if (text[at] === '"') quoted = !quoted;
    else if (!quoted && text[at] === ')') return at;
  }
  return -1;
}

/** At commas outside of strings. */
function splitList(text: string): string[] {
  const parts = text.match(/("(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

function argumentOf(word: string): Argument {
  const pointer = pointerIn(word);
  if (pointer !== undefined) return pointer;
  const [, bytes] = /^bytes\s+(.+)$/.exec(word) ?? [];
  if (bytes !== undefined) return contentOf(bytes);
  const value = valueIn(word);
  if (value instanceof Uint8Array) return value;
  return value.type === undefined ? value.number : typed(value.type, value.number);
}

function typed(type: string, value: number | bigint): TypedValue {
  return arg.struct(type, value);
}

type Value = { readonly type: string | undefined; readonly number: number | bigint } | Uint8Array;

/** `3`, `-0x10`, `2.5`, `nan`, `f32 1`, `"text"` (with its NUL). */
function valueIn(word: string): Value {
  if (word.startsWith('"')) return textBytes(word);
  const [, type, digits = ''] = /^(?:([A-Za-z]\w*)\s+)?(\S+)$/.exec(word) ?? [];
  if (type !== undefined && !TYPE_NAMES.includes(type))
    throw unknownValue('type', type, TYPE_NAMES);
  const float = type === undefined ? undefined : /^(f32|f64|float|double)$/.test(type);
  if (/^-?(\d+|0x[0-9a-f]+)$/i.test(digits)) {
    const magnitude = BigInt(digits.replace('-', ''));
    const whole = digits.startsWith('-') ? -magnitude : magnitude;
    return { type, number: float ? Number(digits) : whole };
  }
  const fraction = specialFloat(digits);
  if (fraction === undefined || float === false) {
    throw new MayexecError(
      `'${word}' is no value: expected a number, TYPE NUMBER (f32 1.5), "text", bytes 01 02 or @BUFFER+4`,
    );
  }
  return { type: type ?? 'f64', number: fraction };
}

function specialFloat(text: string): number | undefined {
  if (/^-?(\d+\.\d*|\.\d+|\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  const named: Readonly<Record<string, number>> = {
    nan: Number.NaN,
    inf: Number.POSITIVE_INFINITY,
    '-inf': Number.NEGATIVE_INFINITY,
  };
  return ownEntry(named, text.toLowerCase());
}

function textBytes(word: string): Uint8Array {
  try {
    return new TextEncoder().encode(`${String(JSON.parse(word))}\0`);
  } catch {
    throw new MayexecError(
      `${word} has an unknown escape: \\n, \\t, \\", \\\\ and \\u0000 are known`,
    );
  }
}

function checkOf(text: string, own: OwnPolicies): CallCheck {
  if (text.startsWith('=')) return returnsOf(text.slice(1).trim());
  const [verb = '', ...words] = text.split(/\s+/);
  const rest = words.join(' ');
  switch (verb) {
    case 'preserves':
      return { kind: 'preserves', what: needed(verb, splitList(rest)) };
    case 'follows':
      return only(verb, words, 0, { kind: 'follows' });
    case 'faults':
      return faultOf(words);
    case 'killed':
      return killedOf(words);
    case 'within':
      return withinOf(rest);
    case 'touches':
      if (words[0] !== 'only') throw new MayexecError("expected 'touches only BUFFER, BUFFER'");
      return { kind: 'touches', buffers: reachOf(words.slice(1).join(' ')) };
    case 'leaves':
      return leavesOf(rest);
    case 'denied':
      if (words[0] !== 'by' || words.length !== 2)
        throw new MayexecError("expected 'denied by RULE'");
      knownRule(words[1]!, own);
      return { kind: 'denied', rule: words[1]! };
    default:
      throw unknownVerb(verb);
  }
}

function unknownVerb(verb: string): MayexecError {
  const guess = nearest(verb, VERBS);
  const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
  const what = verb === '' ? 'nothing is said of the call' : `unknown check '${verb}'`;
  return new MayexecError(`${what}: expected one of ${VERBS.join(', ')}${hint}`);
}

function returnsOf(text: string): CallCheck {
  const value = valueIn(text);
  if (value instanceof Uint8Array) throw new MayexecError('a call returns a number, not a text');
  return { kind: 'returns', value: value.number, type: value.type };
}

const ACCESSES: readonly Access[] = ['read', 'write', 'exec'];
const CODES: readonly FaultCode[] = ['SEGV_MAPERR', 'SEGV_ACCERR', 'SEGV_PKUERR', 'BUS_ADRERR'];

function faultOf([access = '', ...words]: readonly string[]): CallCheck {
  const known = ACCESSES.find((each) => each === access);
  if (known === undefined) throw unknownValue('access', access, ACCESSES);
  const at = words.indexOf('at');
  const label = at < 0 ? undefined : words[at + 1];
  const [code, ...more] = at < 0 ? words : [...words.slice(0, at), ...words.slice(at + 2)];
  if ((at >= 0 && label === undefined) || more.length > 0) {
    throw new MayexecError("expected 'faults ACCESS [CODE] [at LABEL]'");
  }
  const found = CODES.find((each) => each === code);
  if (code !== undefined && found === undefined) throw unknownValue('fault code', code, CODES);
  return { kind: 'faults', access: known, code: found, label };
}

function killedOf(words: readonly string[]): CallCheck {
  const [signal = ''] = words;
  const names = Object.keys(SIGNAL);
  if (!names.includes(signal)) throw unknownValue('signal', signal, names);
  return only('killed', words, 1, { kind: 'killed', signal });
}

function withinOf(text: string): CallCheck {
  const [, count] = /^(\d+) instructions?$/.exec(text) ?? [];
  if (count === undefined) throw new MayexecError("expected 'within N instructions'");
  return { kind: 'within', instructions: Number(count) };
}

/** `rax = 1`, `@dst = 01 02 ff`, `@dst = "text"` (its first bytes, without a NUL). */
function leavesOf(text: string): CallCheck {
  const [, buffer, bytes] = /^@([\w.-]+)\s*=\s*(.+)$/s.exec(text) ?? [];
  if (buffer !== undefined && bytes !== undefined) {
    return { kind: 'leaves', name: buffer, value: contentOf(bytes) };
  }
  const [, register, digits] = /^(\w+)\s*=\s*(-?\w+)$/.exec(text) ?? [];
  const value = digits === undefined ? undefined : valueIn(digits);
  if (register === undefined || value === undefined || value instanceof Uint8Array) {
    throw new MayexecError("expected 'leaves REGISTER = NUMBER' or 'leaves @BUFFER = BYTES'");
  }
  return { kind: 'leaves', name: register, value: BigInt(value.number) };
}

/** `@dst, code`; a buffer also without its sign. */
function reachOf(text: string): string[] {
  return splitList(text).map((word) => word.replace(/^@/, ''));
}

/** `"text"`, or bytes in hexadecimal: `01 02 ff`. */
export function contentOf(given: string): Uint8Array {
  const text = given.replace(/^bytes\s+/, '');
  if (text.startsWith('"')) return textBytes(text).slice(0, -1);
  const words = text.trim().split(/\s+/);
  if (!words.every((word) => /^[0-9a-f]{2}$/i.test(word))) {
    throw new MayexecError(
      `'${text}' are no bytes: expected "text" or two hexadecimal digits each`,
    );
  }
  return Uint8Array.from(words, (word) => Number.parseInt(word, 16));
}

function needed(verb: string, words: readonly string[]): readonly string[] {
  if (words.length === 0) throw new MayexecError(`'${verb}' needs a word after it`);
  return words;
}

function only(verb: string, words: readonly string[], most: number, check: CallCheck): CallCheck {
  if (words.length <= most) return check;
  throw new MayexecError(`unexpected '${words[most]}' after '${verb}'`);
}

/** msvcrt: the scanf family. */
import { Struct } from '../../base/struct.js';
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { latinBytes, wideBytes } from '../process/memory-io.js';
import { vaList, variadic } from './arguments.js';
import type { FormatArguments } from './format.js';
import { parseInteger, parseReal } from './numbers.js';
import { CharacterRanges } from './search.js';
import { standardStream, streamOf, textAt } from './stdio.js';
import { EOF, type Stream } from './stream.js';

/** Characters one by one, and one of them given back. */
interface Source {
  /** EOF at the end. */
  next(): number;
  back(character: number): void;
}

interface Conversion {
  readonly store: boolean;
  readonly width: number;
  readonly size: string;
  readonly letter: string;
  /** Of %[. */
  readonly set: string;
}

const SPEC = /%(\*)?(\d+)?(hh|h|ll|l|L|I64|I32|w|z|j|t)?(\[\^?\]?[^\]]*\]|[a-zA-Z%])/y;
/** Behind the last ]: nobody looks for the end of a set that has none again and again. */
const SPEC_WITHOUT_SET = /%(\*)?(\d+)?(hh|h|ll|l|L|I64|I32|w|z|j|t)?([a-zA-Z%])/y;
/** Longest field without a width. */
const MAX_FIELD = 1 << 16;
/** White space beyond ASCII, which only wide characters have. */
const WIDE_SPACE = /\s/;

function isSpace(code: number): boolean {
  if (code < 0x80) return code === 32 || (code >= 9 && code <= 13);
  return code > 0xff && WIDE_SPACE.test(String.fromCharCode(code));
}

function ofText(text: string): Source {
  let at = 0;
  return {
    next: () => (at < text.length ? text.charCodeAt(at++) : EOF),
    back: (character) => {
      if (character !== EOF) at--;
    },
  };
}

function ofStream(stream: Stream): Source {
  return { next: () => stream.get(), back: (character) => stream.unget(character) };
}

function scan(
  call: ApiCall,
  from: Source,
  format: string,
  args: FormatArguments,
  wide: boolean,
): number {
  let [stored, taken] = [0, 0];
  const { meter } = call.process.system;
  const lastSet = format.lastIndexOf(']');
  const source: Source = {
    next: () => {
      taken++;
      if (taken % 256 === 0) meter.charge('text');
      return from.next();
    },
    back: (character) => {
      taken--;
      from.back(character);
    },
  };
  for (let at = 0; at < format.length; ) {
    const letter = format[at]!;
    if (isSpace(format.charCodeAt(at))) {
      skipSpace(source);
      at++;
      continue;
    }
    const spec = at < lastSet ? SPEC : SPEC_WITHOUT_SET;
    spec.lastIndex = at;
    const match = letter === '%' ? spec.exec(format) : null;
    if (match === null || match[4] === '%') {
      if (match !== null) skipSpace(source);
      const found = source.next();
      if (found !== letter.charCodeAt(0)) {
        source.back(found);
        return found === EOF && stored === 0 ? EOF : stored;
      }
      at = match === null ? at + 1 : spec.lastIndex;
      continue;
    }
    at = spec.lastIndex;
    meter.charge('text');
    const conversion: Conversion = {
      store: match[1] === undefined,
      width: Math.min(match[2] === undefined ? MAX_FIELD : Number(match[2]), MAX_FIELD),
      size: match[3] ?? '',
      letter: match[4]![0]!,
      set: match[4]!,
    };
    if (conversion.letter === 'n') {
      if (conversion.store) call.memory.setU32(args.word(), taken);
      continue;
    }
    const done = convert(call, source, conversion, args, wide);
    if (done === 'end') return stored === 0 ? EOF : stored;
    if (done === 'mismatch') return stored;
    if (conversion.store) stored++;
  }
  return stored;
}

type Done = 'stored' | 'mismatch' | 'end';

function convert(
  call: ApiCall,
  source: Source,
  conversion: Conversion,
  args: FormatArguments,
  wide: boolean,
): Done {
  const { letter, width, size, store } = conversion;
  if (letter !== 'c' && letter !== 'C' && letter !== '[') skipSpace(source);
  const first = source.next();
  if (first === EOF) return 'end';
  source.back(first);
  const pointer = store ? args.word() : 0n;
  const put = (bytes: Uint8Array): void => {
    if (store) call.memory.write(pointer, bytes);
  };
  const isWide =
    size === 'l' || size === 'w' || (size !== 'h' && (letter < 'a' && letter !== '[') !== wide);
  const text = (value: string, ended: boolean): void =>
    put(isWide ? wideBytes(value, ended) : latinBytes(value, ended));
  switch (letter) {
    case 'c':
    case 'C': {
      const found = field(source, width === MAX_FIELD ? 1 : width, () => true);
      text(found, false);
      return 'stored';
    }
    case 's':
    case 'S':
      text(
        field(source, width, (one) => !isSpace(one)),
        true,
      );
      return 'stored';
    case '[': {
      const found = field(source, width, inSet(conversion.set));
      if (found === '') return 'mismatch';
      text(found, true);
      return 'stored';
    }
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
    case 'a': {
      const value = parseReal(numberField(source, width, /[-+0-9.eE]/));
      if (value.length === 0) return 'mismatch';
      const bytes = new DataView(new ArrayBuffer(8));
      if (size === 'l' || size === 'L') bytes.setFloat64(0, value.value, true);
      else bytes.setFloat32(0, value.value, true);
      put(new Uint8Array(bytes.buffer, 0, size === 'l' || size === 'L' ? 8 : 4));
      return 'stored';
    }
    case 'd':
    case 'u':
    case 'i':
    case 'o':
    case 'x':
    case 'X':
    case 'p': {
      const radix = { d: 10, u: 10, i: 0, o: 8 }[letter as 'd'] ?? 16;
      const value = parseInteger(numberField(source, width, DIGITS[radix]!), radix);
      if (value.length === 0) return 'mismatch';
      put(new Struct(8).setU64(0, value.value).bytes.subarray(0, bytesOf(call, letter, size)));
      return 'stored';
    }
    default:
      return 'mismatch';
  }
}

const DIGITS: Readonly<Record<number, RegExp>> = {
  0: /[-+0-9a-fA-FxX]/,
  8: /[-+0-7]/,
  10: /[-+0-9]/,
  16: /[-+0-9a-fA-FxX]/,
};

function bytesOf({ process }: ApiCall, letter: string, size: string): number {
  if (letter === 'p') return process.word;
  switch (size) {
    case 'hh':
      return 1;
    case 'h':
      return 2;
    case 'll':
    case 'I64':
    case 'j':
    case 'L':
      return 8;
    case 'z':
    case 't':
      return process.word;
    default:
      return 4;
  }
}

function skipSpace(source: Source): void {
  for (;;) {
    const character = source.next();
    if (character !== EOF && isSpace(character)) continue;
    source.back(character);
    return;
  }
}

function field(source: Source, width: number, takes: (code: number) => boolean): string {
  let out = '';
  while (out.length < width) {
    const character = source.next();
    if (character === EOF || !takes(character)) {
      source.back(character);
      break;
    }
    out += String.fromCharCode(character);
  }
  return out;
}

/** Signs count at the beginning, and behind an exponent's letter. */
function numberField(source: Source, width: number, letters: RegExp): string {
  let last = '';
  let seen = '';
  return field(source, width, (code) => {
    const letter = String.fromCharCode(code);
    // Digits of every radix.
    if (code >= 0x30 && code <= 0x37) {
      last = letter;
      return true;
    }
    const isSign = letter === '+' || letter === '-';
    const isOnce = /[.eExX]/.test(letter) && letters.source.includes('.') === !/[xX]/.test(letter);
    const taken =
      letters.test(letter) &&
      (!isSign || last === '' || /[eE]/.test(last)) &&
      !(isOnce && seen.includes(letter.toLowerCase()));
    if (taken) {
      last = letter;
      if (isOnce) seen += letter.toLowerCase();
    }
    return taken;
  });
}

function inSet(set: string): (code: number) => boolean {
  const negated = set[1] === '^';
  const body = set.slice(negated ? 2 : 1, -1);
  const ranges: [number, number][] = [];
  for (let at = 0; at < body.length; at++) {
    const first = body.charCodeAt(at);
    const isRange = body[at + 1] === '-' && at + 2 < body.length;
    ranges.push([first, isRange ? body.charCodeAt(at + 2) : first]);
    if (isRange) at += 2;
  }
  const members = new CharacterRanges(ranges);
  return (code) => members.has(code) !== negated;
}

const from = (call: ApiCall, unit: 1 | 2, args: FormatArguments): number =>
  scan(call, ofText(textAt(call, 0, unit)), textAt(call, 1, unit), args, unit === 2);
const fromStream = (call: ApiCall, unit: 1 | 2, args: FormatArguments): number =>
  scan(call, ofStream(streamOf(call, 0)), textAt(call, 1, unit), args, unit === 2);

export const scanApi: ApiSet = {
  sscanf: cdecl('str text, str format', (call) => from(call, 1, variadic(call))),
  swscanf: cdecl('wstr text, wstr format', (call) => from(call, 2, variadic(call))),
  vsscanf: cdecl('str text, str format, ptr arguments', (call) => from(call, 1, vaList(call, 2))),
  fscanf: cdecl('ptr stream, str format', (call) => fromStream(call, 1, variadic(call))),
  fwscanf: cdecl('ptr stream, wstr format', (call) => fromStream(call, 2, variadic(call))),
  vfscanf: cdecl('ptr stream, str format, ptr arguments', (call) =>
    fromStream(call, 1, vaList(call, 2)),
  ),
  scanf: cdecl('str format', (call) =>
    scan(call, ofStream(standardStream(call.process, 0)), textAt(call, 0), variadic(call), false),
  ),
  vscanf: cdecl('str format, ptr arguments', (call) =>
    scan(call, ofStream(standardStream(call.process, 0)), textAt(call, 0), vaList(call, 1), false),
  ),
  wscanf: cdecl('wstr format', (call) =>
    scan(call, ofStream(standardStream(call.process, 0)), textAt(call, 0, 2), variadic(call), true),
  ),
};

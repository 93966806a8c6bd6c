/** msvcrt: strings, of bytes (str...) and of UTF-16 units (wcs...): one implementation for both. */
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { latinBytes, latinText, wideBytes } from '../process/memory-io.js';
import { EINVAL, errorText, setErrno } from './errors.js';
import { indexOfText, span } from './search.js';
import { textAt } from './stdio.js';

type Unit = 1 | 2;

/** Longest copy of one call. */
const MAX_COUNT = 1 << 20;

function encoded(text: string, unit: Unit, terminated = true): Uint8Array {
  return unit === 1 ? latinBytes(text, terminated) : wideBytes(text, terminated);
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** The letters of ASCII from `first` on, whose other case is `distance` away. */
function shifted(text: string, first: number, distance: number): string {
  const codes = new Uint16Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    codes[at] = code >= first && code < first + 26 ? code + distance : code;
  }
  return latinText(codes);
}

const lower = (text: string): string => shifted(text, 0x41, 32);
const upper = (text: string): string => shifted(text, 0x61, -32);

function reversed(text: string): string {
  const codes = new Uint16Array(text.length);
  for (let at = 0; at < text.length; at++) codes[text.length - 1 - at] = text.charCodeAt(at);
  return latinText(codes);
}

function most(call: ApiCall, index: number): number {
  return Math.min(Number(call.word(index)), MAX_COUNT);
}

/** At most `count` characters of a string that need not end. */
function firstOf(call: ApiCall, index: number, count: number, unit: Unit): string {
  if (count === 0) return '';
  const limited = call.memory.text(call.word(index), unit === 2, count * unit);
  return (limited ?? textAt(call, index, unit)).slice(0, count);
}

function place(call: ApiCall, at: number, unit: Unit): bigint {
  return at < 0 ? 0n : call.word(0) + BigInt(at * unit);
}

/** Writes at the end of the string that the first argument points to. */
function append(call: ApiCall, text: string, unit: Unit): bigint {
  const end = call.word(0) + BigInt(textAt(call, 0, unit).length * unit);
  call.memory.write(end, encoded(text, unit));
  return call.word(0);
}

function replace(call: ApiCall, unit: Unit, change: (text: string) => string): bigint {
  call.memory.write(call.word(0), encoded(change(textAt(call, 0, unit)), unit));
  return call.word(0);
}

function copyCounted(call: ApiCall, unit: Unit): bigint {
  const count = most(call, 2);
  const bytes = encoded(firstOf(call, 1, count, unit), unit, false);
  call.memory.write(call.word(0), bytes);
  call.memory.fill(call.word(0) + BigInt(bytes.length), count * unit - bytes.length, 0);
  return call.word(0);
}

function duplicate(call: ApiCall, unit: Unit): bigint {
  const bytes = encoded(textAt(call, 0, unit), unit);
  const block = call.process.allocate(bytes.length);
  if (block === undefined) return 0n;
  call.memory.write(block, bytes);
  return block;
}

/** strtok: where to go on lies in the process, as msvcrt keeps it by thread. */
function token(call: ApiCall, unit: Unit): bigint {
  const { process, memory } = call;
  const saved = process.datum(`strtok ${unit} ${process.tid}`, () => new Uint8Array(process.word));
  const from = call.word(0) === 0n ? memory.word(saved) : call.word(0);
  if (from === 0n) return 0n;
  const text = memory.text(from, unit === 2) ?? '';
  const set = textAt(call, 1, unit);
  const start = span(text, set, true);
  const end = start + span(text.slice(start), set, false);
  if (start === text.length) {
    memory.setWord(saved, 0n);
    return 0n;
  }
  const next = from + BigInt((end + (end < text.length ? 1 : 0)) * unit);
  if (end < text.length) memory.write(from + BigInt(end * unit), new Uint8Array(unit));
  memory.setWord(saved, next);
  return from + BigInt(start * unit);
}

/** One character set of functions: `name` gives the name of each. */
function family(unit: Unit): ApiSet {
  const text = unit === 1 ? 'str' : 'wstr';
  const name = (narrow: string): string =>
    unit === 1 ? narrow : narrow.replace(/^(_?)(str)/, '$1wcs');
  const two = `${text} a, ${text} b`;
  const three = `${two}, size count`;
  const at = (call: ApiCall, index: number): string => textAt(call, index, unit);
  const character = (call: ApiCall): string =>
    String.fromCharCode(call.dword(1) & (unit === 1 ? 0xff : 0xffff));
  return {
    [name('strlen')]: cdecl(`${text} text`, (call) => at(call, 0).length),
    [name('strcmp')]: cdecl(two, (call) => compare(at(call, 0), at(call, 1))),
    [name('strcoll')]: cdecl(two, (call) => compare(at(call, 0), at(call, 1))),
    [name('_stricmp')]: cdecl(two, (call) => compare(lower(at(call, 0)), lower(at(call, 1)))),
    [name('strncmp')]: cdecl(three, (call) =>
      compare(firstOf(call, 0, most(call, 2), unit), firstOf(call, 1, most(call, 2), unit)),
    ),
    [name('_strnicmp')]: cdecl(three, (call) => {
      const [a, b] = [0, 1].map((index) => lower(firstOf(call, index, most(call, 2), unit)));
      return compare(a!, b!);
    }),
    [name('strcpy')]: cdecl(`out to, ${text} from`, (call) => {
      call.memory.write(call.word(0), encoded(at(call, 1), unit));
      return call.word(0);
    }),
    [name('strncpy')]: cdecl(`out to, ${text} from, size count`, (call) => copyCounted(call, unit)),
    [name('strcat')]: cdecl(`out to, ${text} from`, (call) => append(call, at(call, 1), unit)),
    [name('strncat')]: cdecl(`out to, ${text} from, size count`, (call) =>
      append(call, firstOf(call, 1, most(call, 2), unit), unit),
    ),
    [name('strchr')]: cdecl(`${text} text, int character`, (call) =>
      place(call, `${at(call, 0)}\0`.indexOf(character(call)), unit),
    ),
    [name('strrchr')]: cdecl(`${text} text, int character`, (call) =>
      place(call, `${at(call, 0)}\0`.lastIndexOf(character(call)), unit),
    ),
    [name('strstr')]: cdecl(`${text} text, ${text} part`, (call) =>
      place(call, indexOfText(at(call, 0), at(call, 1)), unit),
    ),
    [name('strpbrk')]: cdecl(`${text} text, ${text} set`, (call) => {
      const whole = at(call, 0);
      const found = span(whole, at(call, 1), false);
      return place(call, found === whole.length ? -1 : found, unit);
    }),
    [name('strspn')]: cdecl(two, (call) => span(at(call, 0), at(call, 1), true)),
    [name('strcspn')]: cdecl(two, (call) => span(at(call, 0), at(call, 1), false)),
    [name('strtok')]: cdecl(two, (call) => token(call, unit)),
    [name('_strdup')]: cdecl(`${text} text`, (call) => duplicate(call, unit)),
    [name('_strlwr')]: cdecl(`${text} text`, (call) => replace(call, unit, lower)),
    [name('_strupr')]: cdecl(`${text} text`, (call) => replace(call, unit, upper)),
    [name('_strrev')]: cdecl(`${text} text`, (call) => replace(call, unit, reversed)),
    // In the C locale a string is its own key.
    [name('strxfrm')]: cdecl(`out to, ${text} from, size count`, (call) => {
      const whole = at(call, 1);
      if (whole.length < most(call, 2)) call.memory.write(call.word(0), encoded(whole, unit));
      return whole.length;
    }),
  };
}

/** mbstowcs and wcstombs: one byte is one character. */
function changeUnit(call: ApiCall, from: Unit, to: Unit): number {
  const text = textAt(call, 1, from);
  if (to === 1 && /[^\0-\xff]/.test(text)) {
    setErrno(call.process, 42);
    return -1;
  }
  if (call.word(0) === 0n) return text.length;
  const cut = text.slice(0, most(call, 2));
  call.memory.write(call.word(0), encoded(cut, to, text.length < most(call, 2)));
  return cut.length;
}

/** strcpy_s and strcat_s: too little room empties the destination. */
function bounded(call: ApiCall, unit: Unit, before: string): number {
  const text = before + textAt(call, 2, unit);
  const fits = text.length < Number(call.word(1));
  call.memory.write(call.word(0), encoded(fits ? text : '', unit));
  if (fits) return 0;
  setErrno(call.process, EINVAL);
  return 34;
}

export const stringsApi: ApiSet = {
  ...family(1),
  ...family(2),
  strnlen: cdecl('str text, size count', (call) => firstOf(call, 0, most(call, 1), 1).length),
  wcsnlen: cdecl('wstr text, size count', (call) => firstOf(call, 0, most(call, 1), 2).length),
  strcpy_s: cdecl('out to, size size, str from', (call) => bounded(call, 1, '')),
  strcat_s: cdecl('out to, size size, str from', (call) => bounded(call, 1, textAt(call, 0))),
  wcscpy_s: cdecl('out to, size size, wstr from', (call) => bounded(call, 2, '')),
  wcscat_s: cdecl('out to, size size, wstr from', (call) => bounded(call, 2, textAt(call, 0, 2))),
  strerror: cdecl('int number', (call) => {
    const text = errorText(call.int(0));
    return call.process.datum(`error ${text}`, () => latinBytes(text));
  }),
  mbstowcs: cdecl('out to, str from, size count', (call) => changeUnit(call, 1, 2)),
  wcstombs: cdecl('out to, wstr from, size count', (call) => changeUnit(call, 2, 1)),
};

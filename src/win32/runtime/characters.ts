/** msvcrt: kinds of characters, and the C locale. */
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { latinBytes } from '../process/memory-io.js';

const UPPER = 1;
const LOWER = 2;
const DIGIT = 4;
const SPACE = 8;
const PUNCT = 0x10;
const CONTROL = 0x20;
const BLANK = 0x40;
const HEX = 0x80;
const ALPHA = 0x100 | UPPER | LOWER;

/** Bits of ctype.h. */
export function characterType(code: number): number {
  const letter = String.fromCharCode(code & 0xffff);
  if (/[A-Z]/.test(letter)) return 0x100 | UPPER | (/[A-F]/.test(letter) ? HEX : 0);
  if (/[a-z]/.test(letter)) return 0x100 | LOWER | (/[a-f]/.test(letter) ? HEX : 0);
  if (/[0-9]/.test(letter)) return DIGIT | HEX;
  if (letter === ' ') return SPACE | BLANK;
  if (/[\t-\r]/.test(letter)) return SPACE | CONTROL | (letter === '\t' ? BLANK : 0);
  if (code < 32 || code === 127) return CONTROL;
  return code < 127 ? PUNCT : 0;
}

const KINDS: Readonly<Record<string, number>> = {
  alpha: ALPHA,
  upper: UPPER,
  lower: LOWER,
  digit: DIGIT,
  xdigit: HEX,
  space: SPACE,
  punct: PUNCT,
  cntrl: CONTROL,
  alnum: ALPHA | DIGIT,
  print: ALPHA | DIGIT | PUNCT | BLANK,
  graph: ALPHA | DIGIT | PUNCT,
};

function tests(): ApiSet {
  const made: Record<string, ReturnType<typeof cdecl>> = {};
  for (const [kind, bits] of Object.entries(KINDS)) {
    // A tab is blank and yet not to be printed.
    const test = (call: ApiCall): number =>
      kind === 'print' && call.int(0) === 9 ? 0 : characterType(call.int(0)) & bits;
    made[`is${kind}`] = cdecl('int character', test);
    made[`isw${kind}`] = cdecl('int character', test);
  }
  return made;
}

function cased(from: RegExp, shift: number) {
  return (call: ApiCall): number => {
    const code = call.dword(0);
    return from.test(String.fromCharCode(code & 0xffff)) && code < 128 ? code + shift : code;
  };
}

const toLower = cdecl('int character', cased(/[A-Z]/, 32));
const toUpper = cdecl('int character', cased(/[a-z]/, -32));

/** struct lconv: ten strings, then bytes. */
function localeConventions(call: ApiCall): Addr {
  const { process } = call;
  const empty = process.datum('lconv empty', () => latinBytes(''));
  const point = process.datum('lconv point', () => latinBytes('.'));
  return process.datum('lconv', () => {
    const { word } = process;
    const table = new Struct(10 * word + 8);
    table.bytes.fill(127, 10 * word);
    for (let index = 0; index < 10; index++) {
      table.setWord(index * word, word, index === 0 ? point : empty);
    }
    return table.bytes;
  });
}

/** There is the C locale and no other. */
function setLocale(call: ApiCall): bigint {
  const wanted = call.word(1) === 0n ? 'C' : call.text(1);
  if (wanted !== '' && wanted !== 'C' && wanted !== 'POSIX') return 0n;
  return call.process.datum('locale C', () => latinBytes('C'));
}

export const charactersApi: ApiSet = {
  ...tests(),
  tolower: toLower,
  toupper: toUpper,
  towlower: toLower,
  towupper: toUpper,
  iswctype: cdecl(
    'int character, int type',
    (call) => characterType(call.dword(0)) & call.dword(1),
  ),
  _isctype: cdecl(
    'int character, int type',
    (call) => characterType(call.dword(0)) & call.dword(1),
  ),
  localeconv: cdecl('', localeConventions),
  setlocale: cdecl('int category, str locale', setLocale),
  ___lc_codepage_func: cdecl('', () => 0n),
  ___mb_cur_max_func: cdecl('', () => 1n),
};

/** printf's formats as msvcrt reads them: I64 and I32, %p as zero-padded hexadecimal, three digits of exponent. */

/** Where the arguments come from: each call takes the next one. */
export interface FormatArguments {
  /** A word of the stack, as an unsigned integer. */
  word(): bigint;
  /** Eight bytes, of a double as well. */
  long(): bigint;
  /** The string that a pointer points to; undefined where it cannot be read. */
  text(address: bigint, wide: boolean, limit: number | undefined): string | undefined;
  /** Stores a count (%n). */
  store(address: bigint, count: number): void;
  readonly pointerDigits: number;
  /** Told of each conversion, and how many characters it made. */
  converted(characters: number): void;
}

/** Characters of the longest text. */
const MAX_TEXT = 1 << 24;

/** More than any line worth printing: a width of the guest's must not fill the host's memory. */
const MAX_WIDTH = 1 << 16;
const SPEC =
  /%([-+ #0]*)(?![-+ #0])(\*|\d+)?(?:\.(\*|\d*))?(hh|h|ll|l|L|I64|I32|I|w|z|j|t)?([a-zA-Z%])/y;

/**
 * @param wide of the wide family: %s and %c are wide there, %S and %C narrow.
 * @returns undefined when the text would be longer than 16 Mi characters.
 */
export function format(text: string, args: FormatArguments, wide = false): string | undefined {
  let out = '';
  for (let at = 0; at < text.length; ) {
    const percent = text.indexOf('%', at);
    if (percent < 0) return out + text.slice(at);
    out += text.slice(at, percent);
    SPEC.lastIndex = percent;
    const match = SPEC.exec(text);
    if (match === null) {
      out += '%';
      at = percent + 1;
      continue;
    }
    const made = convert(match, args, out.length, wide);
    args.converted(made.length);
    if (out.length + made.length > MAX_TEXT) return undefined;
    out += made;
    at = SPEC.lastIndex;
  }
  return out;
}

interface Conversion {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly size: string;
  readonly letter: string;
}

function convert(
  match: RegExpExecArray,
  args: FormatArguments,
  sofar: number,
  wide: boolean,
): string {
  let flags = match[1] ?? '';
  let width = numberOf(match[2], args) ?? 0;
  if (width < 0) {
    flags += '-';
    width = -width;
  }
  const given = match[3] === '' ? 0 : numberOf(match[3], args);
  const conversion: Conversion = {
    flags,
    width: Math.min(width, MAX_WIDTH),
    precision: given === undefined || given < 0 ? undefined : Math.min(given, MAX_WIDTH),
    size: match[4] ?? '',
    letter: match[5] ?? '',
  };
  return one(conversion, args, sofar, wide);
}

function numberOf(text: string | undefined, args: FormatArguments): number | undefined {
  if (text === undefined) return undefined;
  return text === '*' ? Number(BigInt.asIntN(32, args.word())) : Number(text);
}

function one(
  conversion: Conversion,
  args: FormatArguments,
  sofar: number,
  isWide: boolean,
): string {
  const { letter, precision, size } = conversion;
  switch (letter) {
    case '%':
      return '%';
    case 'd':
    case 'i':
      return integer(conversion, signed(size, args), 10);
    case 'u':
      return integer(conversion, unsigned(size, args), 10);
    case 'o':
      return integer(conversion, unsigned(size, args), 8);
    case 'x':
    case 'X':
      return integer(conversion, unsigned(size, args), 16);
    case 'p':
      return pad(
        conversion,
        args.word().toString(16).toUpperCase().padStart(args.pointerDigits, '0'),
      );
    case 'c':
    case 'C': {
      const wide =
        size === 'h' ? false : size === 'l' || size === 'w' || (letter === 'C') !== isWide;
      return pad(conversion, String.fromCharCode(Number(args.word() & (wide ? 0xffffn : 0xffn))));
    }
    case 's':
    case 'S': {
      const wide =
        size === 'h' ? false : size === 'l' || size === 'w' || (letter === 'S') !== isWide;
      const address = args.word();
      const text = address === 0n ? '(null)' : args.text(address, wide, precision);
      return pad(conversion, (text ?? '').slice(0, precision));
    }
    case 'n':
      args.store(args.word(), sofar);
      return '';
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
    case 'a':
    case 'A':
      return real(conversion, args.long());
    case 'F':
      // Known to C, not to msvcrt, which takes no argument for it.
      return '';
    default:
      return letter;
  }
}

function bitsOf(size: string, args: FormatArguments): { bits: number; value: bigint } {
  switch (size) {
    case 'hh':
      return { bits: 8, value: args.word() };
    case 'h':
      return { bits: 16, value: args.word() };
    case 'll':
    case 'I64':
    case 'j':
      return { bits: 64, value: args.long() };
    case 'I':
    case 'z':
    case 't':
      return { bits: args.pointerDigits * 4, value: args.word() };
    default:
      return { bits: 32, value: args.word() };
  }
}

function signed(size: string, args: FormatArguments): bigint {
  const { bits, value } = bitsOf(size, args);
  return BigInt.asIntN(bits, value);
}

function unsigned(size: string, args: FormatArguments): bigint {
  const { bits, value } = bitsOf(size, args);
  return BigInt.asUintN(bits, value);
}

function integer(conversion: Conversion, value: bigint, radix: number): string {
  const { flags, precision, letter } = conversion;
  const negative = value < 0n;
  let digits = (negative ? -value : value).toString(radix);
  if (precision === 0 && value === 0n) digits = '';
  digits = digits.padStart(precision ?? 0, '0');
  if (letter === 'X') digits = digits.toUpperCase();
  let prefix = '';
  if (letter === 'd' || letter === 'i') prefix = signOf(flags, negative);
  else if (flags.includes('#') && value !== 0n)
    prefix = radix === 16 ? `0${letter}` : radix === 8 ? '0' : '';
  return padNumber(conversion, prefix, digits, precision === undefined);
}

function signOf(flags: string, negative: boolean): string {
  if (negative) return '-';
  return flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
}

function padNumber(conversion: Conversion, prefix: string, digits: string, zeros: boolean): string {
  const { flags, width } = conversion;
  if (zeros && flags.includes('0') && !flags.includes('-')) {
    return prefix + digits.padStart(width - prefix.length, '0');
  }
  return pad(conversion, prefix + digits);
}

function pad({ flags, width }: Conversion, text: string): string {
  return flags.includes('-') ? text.padEnd(width) : text.padStart(width);
}

/** The default of %a is every digit there is. */
const HEX_DIGITS = 13;

function real(conversion: Conversion, bits: bigint): string {
  const { flags, letter } = conversion;
  const isHex = letter === 'a' || letter === 'A';
  const precision = Math.min(conversion.precision ?? (isHex ? HEX_DIGITS : 6), 100);
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt.asUintN(64, bits));
  const size = Math.abs(view.getFloat64(0));
  const prefix = signOf(flags, bits >> 63n !== 0n);
  const kind = letter.toLowerCase();
  const text = Number.isFinite(size)
    ? digitsOf(size, kind, precision, flags.includes('#'))
    : noNumber(bits, kind, precision);
  const cased = letter === letter.toUpperCase() ? text.toUpperCase() : text;
  return padNumber(conversion, prefix, cased, true);
}

/** What is no number has a name in place of its digits, cut and rounded as digits are: 1.#INF00, 1.#J. */
function noNumber(bits: bigint, kind: string, precision: number): string {
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  const negative = bits >> 63n !== 0n;
  const isQuiet = (fraction & 0x8_0000_0000_0000n) !== 0n;
  const isDefault = negative && fraction === 0x8_0000_0000_0000n;
  const name = fraction === 0n ? '#INF' : isDefault ? '#IND' : isQuiet ? '#QNAN' : '#SNAN';
  const places = kind === 'g' ? Math.max(precision - 1, 0) : precision;
  if (places === 0) return '1';
  const isCut = places < name.length;
  const last = String.fromCharCode(name.charCodeAt(places - 1) + 1);
  const digits = isCut ? name.slice(0, places - 1) + last : name.padEnd(places, '0');
  if (kind === 'g') return `1.${digits.replace(/0+$/, '')}`;
  return kind === 'e' ? `1.${digits}e+000` : `1.${digits}`;
}

function digitsOf(size: number, letter: string, precision: number, keep: boolean): string {
  switch (letter) {
    case 'f':
      return withPoint(fixed(size, precision), keep);
    case 'e':
      return exponent(withPoint(size.toExponential(precision), keep));
    case 'g': {
      const significant = precision === 0 ? 1 : precision;
      const [mantissa = '', power = '0'] = size.toExponential(significant - 1).split('e');
      const scientific = Number(power) < -4 || Number(power) >= significant;
      const plain = scientific ? mantissa : fixed(size, significant - 1 - Number(power));
      const shown = keep ? withPoint(plain, true) : trimmed(plain);
      return scientific ? exponent(`${shown}e${power}`) : shown;
    }
    default:
      return hexadecimal(size, precision);
  }
}

function trimmed(plain: string): string {
  return plain.includes('.') ? plain.replace(/0+$/, '').replace(/\.$/, '') : plain;
}

/** `#`: there is always a point. */
function withPoint(text: string, keep: boolean): string {
  if (!keep || text.includes('.')) return text;
  return text.replace(/^\d+/, (digits) => `${digits}.`);
}

/** All digits of large numbers are exact. */
function fixed(size: number, precision: number): string {
  if (size < 1e21) return size.toFixed(precision);
  return BigInt(size).toString() + (precision > 0 ? `.${'0'.repeat(precision)}` : '');
}

/** %a: 0x1.8p+1. */
function hexadecimal(size: number, precision: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, size);
  const bits = view.getBigUint64(0);
  const raw = Number(bits >> 52n);
  const digits = Math.min(precision, 13);
  const shift = BigInt((13 - digits) * 4);
  const mantissa = (bits & 0xf_ffff_ffff_ffffn) | (raw === 0 ? 0n : 1n << 52n);
  const rounded = shift === 0n ? mantissa : (mantissa + (1n << (shift - 1n))) >> shift;
  const text = rounded.toString(16).padStart(digits + 1, '0');
  const power = size === 0 ? 0 : raw === 0 ? -1022 : raw - 1023;
  const point = digits === 0 ? '' : `.${text.slice(-digits).padEnd(precision, '0')}`;
  return `0x${text.slice(0, text.length - digits)}${point}p${power < 0 ? '-' : '+'}${Math.abs(power)}`;
}

/** msvcrt's exponents have three digits. */
function exponent(text: string): string {
  const [mantissa = '', power = '0'] = text.split('e');
  const value = Number(power);
  return `${mantissa}e${value < 0 ? '-' : '+'}${Math.abs(value).toString().padStart(3, '0')}`;
}

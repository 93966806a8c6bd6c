/** printf's formats as msvcrt reads them: I64 and I32, %p as zero-padded hexadecimal, three digits of exponent. */

/** Where the arguments come from: each call takes the next one. */
export interface FormatArguments {
  /** A word of the stack, as an unsigned integer. */
  word(): bigint;
  /** Eight bytes. */
  long(): bigint;
  double(): number;
  /** The string that a pointer points to; undefined where it cannot be read. */
  text(address: bigint, wide: boolean, limit: number | undefined): string | undefined;
  /** Stores a count (%n). */
  store(address: bigint, count: number): void;
  readonly pointerDigits: number;
}

/** More than any line worth printing: a width of the guest's must not fill the host's memory. */
const MAX_WIDTH = 1 << 16;
const SPEC = /%([-+ #0]*)(\*|\d+)?(?:\.(\*|\d*))?(hh|h|ll|l|L|I64|I32|I|w|z|j|t)?([a-zA-Z%])/y;

export function format(text: string, args: FormatArguments): string {
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
    out += convert(match, args, out.length);
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

function convert(match: RegExpExecArray, args: FormatArguments, sofar: number): string {
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
  return one(conversion, args, sofar);
}

function numberOf(text: string | undefined, args: FormatArguments): number | undefined {
  if (text === undefined) return undefined;
  return text === '*' ? Number(BigInt.asIntN(32, args.word())) : Number(text);
}

function one(conversion: Conversion, args: FormatArguments, sofar: number): string {
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
    case 'C':
      return pad(conversion, String.fromCharCode(Number(args.word() & 0xffn)));
    case 's':
    case 'S': {
      const wide = letter === 'S' ? size !== 'h' : size === 'l' || size === 'w';
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
    case 'F':
    case 'g':
    case 'G':
    case 'a':
    case 'A':
      return real(conversion, args.double());
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

function real(conversion: Conversion, value: number): string {
  const { flags, letter } = conversion;
  const precision = conversion.precision ?? 6;
  const negative = value < 0 || Object.is(value, -0);
  const size = Math.abs(value);
  const prefix = signOf(flags, negative);
  if (!Number.isFinite(size)) {
    return padNumber(conversion, prefix, Number.isNaN(size) ? '1.#QNAN' : '1.#INF', false);
  }
  const text = digitsOf(size, letter.toLowerCase(), Math.min(precision, 100), flags.includes('#'));
  const cased = letter === letter.toUpperCase() ? text.toUpperCase() : text;
  return padNumber(conversion, prefix, cased, true);
}

function digitsOf(size: number, letter: string, precision: number, keep: boolean): string {
  switch (letter) {
    case 'f':
      return size >= 1e21
        ? BigInt(size).toString() + (precision > 0 ? `.${'0'.repeat(precision)}` : '')
        : size.toFixed(precision);
    case 'e':
      return exponent(size.toExponential(precision));
    case 'g': {
      const significant = precision === 0 ? 1 : precision;
      const [mantissa = '', power = '0'] = size.toExponential(significant - 1).split('e');
      const scientific = Number(power) < -4 || Number(power) >= significant;
      const plain = scientific ? mantissa : size.toFixed(significant - 1 - Number(power));
      const shown = keep || !plain.includes('.') ? plain : plain.replace(/\.?0+$/, '');
      return scientific ? exponent(`${shown}e${power}`) : shown;
    }
    default:
      return exponent(size.toExponential(precision));
  }
}

/** msvcrt's exponents have three digits. */
function exponent(text: string): string {
  const [mantissa = '', power = '0'] = text.split('e');
  const value = Number(power);
  return `${mantissa}e${value < 0 ? '-' : '+'}${Math.abs(value).toString().padStart(3, '0')}`;
}

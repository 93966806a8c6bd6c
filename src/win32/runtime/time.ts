/** msvcrt: time. The zone is UTC, and every machine was switched on at the same moment. */
import { Struct } from '../../base/struct.js';
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { latinBytes, wideBytes } from '../process/memory-io.js';
import { doubleBits } from './numbers.js';
import { textAt } from './stdio.js';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August'],
  ...['September', 'October', 'November', 'December'],
];
/** The end of the year 3000, as in msvcrt. */
const LAST = 32_535_215_999n;
const TM_BYTES = 36;

/** struct tm. */
interface Broken {
  readonly second: number;
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  /** Since 1900. */
  readonly year: number;
  readonly weekday: number;
  readonly yearday: number;
}

function broken(seconds: bigint): Broken {
  const date = new Date(Number(seconds) * 1000);
  const year = date.getUTCFullYear();
  return {
    second: date.getUTCSeconds(),
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    month: date.getUTCMonth(),
    year: year - 1900,
    weekday: date.getUTCDay(),
    yearday: Math.floor((date.getTime() - Date.UTC(year, 0, 1)) / 86_400_000),
  };
}

function encode(time: Broken): Uint8Array {
  const fields = [
    ...[time.second, time.minute, time.hour, time.day, time.month, time.year],
    ...[time.weekday, time.yearday, 0],
  ];
  const out = new Struct(TM_BYTES);
  for (const [index, value] of fields.entries()) out.setU32(index * 4, value);
  return out.bytes;
}

function decode(call: ApiCall, index: number): Broken {
  const tm = call.memory.struct(call.word(index), TM_BYTES);
  const [second, minute, hour, day, month, year, weekday, yearday] = Array.from(
    { length: 8 },
    (_, at) => tm.i32(at * 4),
  ) as [number, number, number, number, number, number, number, number];
  return { second, minute, hour, day, month, year, weekday, yearday };
}

type Bits = 32 | 64;

function timeAt(call: ApiCall, index: number, bits: Bits): bigint {
  const value = call.memory.struct(call.word(index), bits / 8);
  return bits === 64 ? value.i64(0) : BigInt(value.i32(0));
}

function now(call: ApiCall, bits: Bits): bigint {
  const { seconds } = call.process.system.clock.realtime;
  if (call.word(0) !== 0n) {
    call.memory.write(call.word(0), new Struct(8).setU64(0, seconds).bytes.subarray(0, bits / 8));
  }
  return seconds;
}

function split(call: ApiCall, bits: Bits): bigint {
  const seconds = timeAt(call, 0, bits);
  if (seconds < 0n || seconds > LAST) return 0n;
  const at = call.process.datum('tm', () => new Uint8Array(TM_BYTES));
  call.memory.write(at, encode(broken(seconds)));
  return at;
}

/** The fields are put in order, as the function does. */
function join(call: ApiCall): bigint {
  const { second, minute, hour, day, month, year } = decode(call, 0);
  const milliseconds = Date.UTC(1900 + year, month, day, hour, minute, second);
  const seconds = BigInt(Number.isNaN(milliseconds) ? -1 : Math.floor(milliseconds / 1000));
  if (seconds < 0n || seconds > LAST) return -1n;
  call.memory.write(call.word(0), encode(broken(seconds)));
  return seconds;
}

const two = (value: number): string => String(value).padStart(2, '0');
const clockOf = ({ hour, minute, second }: Broken): string =>
  `${two(hour)}:${two(minute)}:${two(second)}`;

function asctime(time: Broken): string {
  const day = DAYS[time.weekday]?.slice(0, 3) ?? '???';
  const month = MONTHS[time.month]?.slice(0, 3) ?? '???';
  return `${day} ${month} ${two(time.day)} ${clockOf(time)} ${time.year + 1900}\n`;
}

function shown(call: ApiCall, time: Broken): bigint {
  const at = call.process.datum('asctime', () => new Uint8Array(64));
  call.memory.write(at, latinBytes(asctime(time).slice(0, 62)));
  return at;
}

/** One letter behind % of strftime. Undefined: msvcrt has no such. */
function piece(letter: string, time: Broken, hash: boolean): string | undefined {
  const { weekday, month, day, year, hour, minute, second, yearday } = time;
  const pad = hash ? String : two;
  const half = hour % 12 === 0 ? 12 : hour % 12;
  const full = String(year + 1900);
  const week = (first: number): number =>
    Math.floor((yearday + 7 - ((weekday + 7 - first) % 7)) / 7);
  const parts: Readonly<Record<string, () => string>> = {
    a: () => DAYS[weekday]?.slice(0, 3) ?? '',
    A: () => DAYS[weekday] ?? '',
    b: () => MONTHS[month]?.slice(0, 3) ?? '',
    B: () => MONTHS[month] ?? '',
    c: () => `${two(month + 1)}/${two(day)}/${two(year % 100)} ${clockOf(time)}`,
    d: () => pad(day),
    H: () => pad(hour),
    I: () => pad(half),
    j: () => (hash ? String(yearday + 1) : String(yearday + 1).padStart(3, '0')),
    m: () => pad(month + 1),
    M: () => pad(minute),
    p: () => (hour < 12 ? 'AM' : 'PM'),
    S: () => pad(second),
    U: () => pad(week(0)),
    w: () => String(weekday),
    W: () => pad(week(1)),
    x: () => `${two(month + 1)}/${two(day)}/${two(year % 100)}`,
    X: () => clockOf(time),
    y: () => pad(year % 100),
    Y: () => full,
    z: () => '+0000',
    Z: () => 'UTC',
    '%': () => '%',
  };
  return parts[letter]?.();
}

function formatted(format: string, time: Broken, converted: () => void): string {
  return format.replace(/%(#?)(.)/g, (_whole, hash: string, letter: string) => {
    converted();
    return piece(letter, time, hash !== '') ?? '';
  });
}

function formatTime(call: ApiCall, unit: 1 | 2): number {
  const { meter } = call.process.system;
  const text = formatted(textAt(call, 2, unit), decode(call, 3), () => meter.charge('text'));
  if (text.length >= Number(call.word(1))) return 0;
  call.memory.write(call.word(0), unit === 1 ? latinBytes(text) : wideBytes(text));
  return text.length;
}

/** `time` and its relations have 64 bits in 64-bit code. */
const native = (call: ApiCall): Bits => (call.process.wide ? 64 : 32);

function signed(call: ApiCall, index: number): bigint {
  return BigInt.asIntN(native(call), call.word(index));
}

export const timeApi: ApiSet = {
  time: cdecl('out time', (call) => now(call, native(call))),
  _time32: cdecl('out time', (call) => now(call, 32)),
  _time64: cdecl('out time', (call) => now(call, 64), 'u64'),
  gmtime: cdecl('ptr time', (call) => split(call, native(call))),
  localtime: cdecl('ptr time', (call) => split(call, native(call))),
  _gmtime32: cdecl('ptr time', (call) => split(call, 32)),
  _gmtime64: cdecl('ptr time', (call) => split(call, 64)),
  _localtime32: cdecl('ptr time', (call) => split(call, 32)),
  _localtime64: cdecl('ptr time', (call) => split(call, 64)),
  mktime: cdecl('ptr tm', join),
  _mktime32: cdecl('ptr tm', join),
  _mktime64: cdecl('ptr tm', join, 'u64'),
  asctime: cdecl('ptr tm', (call) => shown(call, decode(call, 0))),
  ctime: cdecl('ptr time', (call) => shown(call, broken(timeAt(call, 0, native(call))))),
  _ctime32: cdecl('ptr time', (call) => shown(call, broken(timeAt(call, 0, 32)))),
  _ctime64: cdecl('ptr time', (call) => shown(call, broken(timeAt(call, 0, 64)))),
  difftime: cdecl(
    'size later, size earlier',
    (call) => doubleBits(Number(signed(call, 0) - signed(call, 1))),
    'f64',
  ),
  strftime: cdecl('out buffer, size size, str format, ptr tm', (call) => formatTime(call, 1)),
  wcsftime: cdecl('out buffer, size size, wstr format, ptr tm', (call) => formatTime(call, 2)),
  clock: cdecl('', (call) => call.process.system.clock.nanoseconds / 1_000_000n),
};

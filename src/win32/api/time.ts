/** kernel32: time. The zone is UTC, and the clock the machine's own. */
import { ERROR } from '../../abi/windows/status.js';
import { Struct } from '../../base/struct.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';

/** 100-nanosecond intervals from 1601 to 1970. */
const EPOCH_DIFFERENCE = 116_444_736_000_000_000n;
const PER_MILLISECOND = 10_000n;
/** Milliseconds from 1601 to 1970. */
const EPOCH_MILLISECONDS = 11_644_473_600_000;

function now({ process }: ApiCall): bigint {
  const { seconds, nanoseconds } = process.system.clock.realtime;
  return seconds * 10_000_000n + BigInt(Math.floor(nanoseconds / 100)) + EPOCH_DIFFERENCE;
}

/** SYSTEMTIME. */
function encode(time: bigint): Uint8Array | undefined {
  const date = new Date(Number(time / PER_MILLISECOND) - EPOCH_MILLISECONDS);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() > 30_827) return undefined;
  const fields = [
    ...[date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDay(), date.getUTCDate()],
    ...[date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), date.getUTCMilliseconds()],
  ];
  const out = new Struct(16);
  for (const [index, value] of fields.entries()) out.setU16(index * 2, value);
  return out.bytes;
}

function systemTime(call: ApiCall): bigint {
  call.memory.write(call.word(0), encode(now(call)) ?? new Uint8Array(16));
  return 0n;
}

function fileTime(call: ApiCall): bigint {
  call.memory.setU64(call.word(0), now(call));
  return 0n;
}

function toFileTime(call: ApiCall): bigint {
  const time = call.memory.struct(call.word(0), 16);
  const [year, month, , day, hour, minute, second, millisecond] = Array.from(
    { length: 8 },
    (_, index) => time.u16(index * 2),
  ) as [number, number, number, number, number, number, number, number];
  const valid = year >= 1601 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
  if (!valid || hour > 23 || minute > 59 || second > 59 || millisecond > 999) {
    return call.fail(ERROR.INVALID_PARAMETER);
  }
  const since = Date.UTC(year, month - 1, day, hour, minute, second, millisecond);
  call.memory.setU64(call.word(1), BigInt(since + EPOCH_MILLISECONDS) * PER_MILLISECOND);
  return 1n;
}

function toSystemTime(call: ApiCall): bigint {
  const bytes = encode(call.memory.struct(call.word(0), 8).u64(0));
  if (bytes === undefined) return call.fail(ERROR.INVALID_PARAMETER);
  call.memory.write(call.word(1), bytes);
  return 1n;
}

export const timeApi: ApiSet = {
  GetSystemTime: api('out lpSystemTime', systemTime),
  GetLocalTime: api('out lpSystemTime', systemTime),
  GetSystemTimeAsFileTime: api('out lpSystemTimeAsFileTime', fileTime),
  GetSystemTimePreciseAsFileTime: api('out lpSystemTimeAsFileTime', fileTime),
  SystemTimeToFileTime: api('ptr lpSystemTime, out lpFileTime', toFileTime),
  FileTimeToSystemTime: api('ptr lpFileTime, out lpSystemTime', toSystemTime),
  GetTickCount: api('', (call) => call.process.system.clock.nanoseconds / 1_000_000n),
  GetTickCount64: api('', (call) => call.process.system.clock.nanoseconds / 1_000_000n, 'u64'),
  QueryPerformanceCounter: api('out lpPerformanceCount', (call) => {
    call.memory.setU64(call.word(0), call.process.system.clock.nanoseconds / 100n);
    return 1n;
  }),
  QueryPerformanceFrequency: api('out lpFrequency', (call) => {
    call.memory.setU64(call.word(0), 10_000_000n);
    return 1n;
  }),
};

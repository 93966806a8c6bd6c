/** Structures behind pointers, as strace writes them. Compare strace's src/print_struct_stat.c and its like. */
import { signalName } from '../../../abi/linux/signal.js';
import type { Struct } from '../../../base/struct.js';
import { FILE_TYPES, SA_FLAGS, SS_FLAGS } from './names.js';
import { flags, hex, pointer, quoted } from './text.js';

const SIGNALS = 64;

/** `[INT TERM]`; when most are in it, those that are not: `~[INT]`. */
export function sigset(mask: bigint): string {
  const all = Array.from({ length: SIGNALS }, (_, index) => index + 1);
  const inside = all.filter((number) => mask & (1n << BigInt(number - 1)));
  const most = inside.length >= Math.floor((SIGNALS * 2) / 3);
  const listed = most ? all.filter((number) => !inside.includes(number)) : inside;
  const names = listed.map((number) => (signalName(number) ?? String(number)).replace(/^SIG/, ''));
  return `${most ? '~' : ''}[${names.join(' ')}]`;
}

const HANDLERS = ['SIG_DFL', 'SIG_IGN'];

export function sigaction(struct: Struct, word: 4 | 8): string {
  const handler = struct.word(0, word);
  const bits = struct.u32(word);
  const parts = [
    `sa_handler=${HANDLERS[Number(handler)] ?? pointer(handler)}`,
    `sa_mask=${sigset(struct.u64(3 * word))}`,
    `sa_flags=${flags(bits, SA_FLAGS)}`,
  ];
  if (bits & 0x04000000) parts.push(`sa_restorer=${pointer(struct.word(2 * word, word))}`);
  return `{${parts.join(', ')}}`;
}

export function stack(struct: Struct, word: 4 | 8): string {
  const size = struct.word(2 * word, word);
  const state = flags(struct.u32(word), SS_FLAGS);
  return `{ss_sp=${pointer(struct.word(0, word))}, ss_flags=${state}, ss_size=${size}}`;
}

/** `0644`, `022`, `S_IFREG|0644`. */
export function mode(value: number): string {
  const type = FILE_TYPES.find(([bits]) => bits === (value & 0o170000));
  const permissions = `0${(value & 0o7777).toString(8)}`.padStart(3, '0');
  return type === undefined ? permissions : `${type[1]}|${permissions}`;
}

function device(value: bigint): string {
  const number = Number(value);
  const major = (number >> 8) & 0xfff;
  const minor = (number & 0xff) | ((number >> 12) & 0xfff00);
  return `makedev(${hex(BigInt(major))}, ${hex(BigInt(minor))})`;
}

/** `form`: struct stat of x86-64, or i386's stat or stat64. */
export function stat(struct: Struct, form: 'wide' | 'old' | 'stat64'): string {
  const at = { wide: [24, 40, 48], old: [8, 16, 20], stat64: [16, 32, 44] } as const;
  const [modeAt, rdevAt, sizeAt] = at[form];
  const type = form === 'old' ? struct.u16(modeAt) : struct.u32(modeAt);
  const shown = `st_mode=${mode(type)}`;
  if ((type & 0o170000) === 0o020000) {
    const rdev = form === 'old' ? BigInt(struct.u32(rdevAt)) : struct.u64(rdevAt);
    return `{${shown}, st_rdev=${device(rdev)}, ...}`;
  }
  const size = form === 'old' ? BigInt(struct.u32(sizeAt)) : struct.u64(sizeAt);
  return `{${shown}, st_size=${size}, ...}`;
}

export function utsname(struct: Struct): string {
  const field = (index: number): string => {
    const bytes = struct.slice(index * 65, 65);
    return quoted(bytes.subarray(0, bytes.indexOf(0)));
  };
  return `{sysname=${field(0)}, nodename=${field(1)}, ...}`;
}

/** Multiples of 1024 are written as such. */
export function rlimit(struct: Struct, word: 4 | 8, infinity: string): string {
  const largest = word === 8 ? (1n << 64n) - 1n : 0xffffffffn;
  const value = (number: bigint): string => {
    if (number === largest) return infinity;
    const kilo = number > 1024n && number % 1024n === 0n;
    return kilo ? `${number / 1024n}*1024` : String(number);
  };
  return `{rlim_cur=${value(struct.word(0, word))}, rlim_max=${value(struct.word(word, word))}}`;
}

export function time(struct: Struct, word: 4 | 8, fraction: 'tv_nsec' | 'tv_usec'): string {
  return `{tv_sec=${struct.signedWord(0, word)}, ${fraction}=${struct.signedWord(word, word)}}`;
}

export function userDesc(struct: Struct): string {
  const bits = struct.u32(12);
  const bit = (index: number): number => (bits >> index) & 1;
  return [
    `{entry_number=${struct.i32(0)}`,
    `base_addr=0x${struct.u32(4).toString(16).padStart(8, '0')}`,
    `limit=0x${struct.u32(8).toString(16).padStart(6, '0')}`,
    `seg_32bit=${bit(0)}`,
    `contents=${(bits >> 1) & 3}`,
    `read_exec_only=${bit(3)}`,
    `limit_in_pages=${bit(4)}`,
    `seg_not_present=${bit(5)}`,
    `useable=${bit(6)}}`,
  ].join(', ');
}

/**
 * The stack of a new program: strings at the top, then argc, argv, envp and the auxiliary vector.
 * Compare fs/binfmt_elf.c:create_elf_tables().
 */
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { cString } from '../../../base/text.js';
import type { Abi } from '../abi.js';
import { USER_ID } from '../fs/mode.js';
import type { AddressSpace } from '../mm/address-space.js';

const AT = {
  PHDR: 3,
  PHENT: 4,
  PHNUM: 5,
  PAGESZ: 6,
  BASE: 7,
  FLAGS: 8,
  ENTRY: 9,
  UID: 11,
  EUID: 12,
  GID: 13,
  EGID: 14,
  PLATFORM: 15,
  HWCAP: 16,
  CLKTCK: 17,
  SECURE: 23,
  RANDOM: 25,
  HWCAP2: 26,
  EXECFN: 31,
  SYSINFO: 32,
  MINSIGSTKSZ: 51,
} as const;

/** CPUID 1, EDX: what every x86-64 processor has. */
const HWCAP = 0x078bfbffn;
const CLOCK_TICKS = 100n;
/** MAX_ARG_STRLEN. */
export const MAX_STRING = 131072;
/** ARG_MAX, which a small stack does not lower. */
const ARG_MAX = 131072n;
/** The largest frame: siginfo, ucontext, FXSAVE and alignment. */
const MIN_SIGNAL_STACK = 1040n;

export interface StackContent {
  readonly path: string;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  /** 16 bytes. */
  readonly random: Uint8Array;
  readonly entry: Addr;
  readonly headers: Addr;
  readonly headerCount: number;
  /** Of the interpreter; 0 without one. */
  readonly base: Addr;
  /** AT_SYSINFO; 0: none. */
  readonly systemCall: Addr;
}

/** Everything above argc, laid out from a top address downwards. */
interface Strings {
  readonly path: Addr;
  readonly argv: readonly Addr[];
  readonly envp: readonly Addr[];
  readonly lowest: Addr;
  readonly bytes: Uint8Array;
}

/** The bytes that the strings take at the top. E2BIG: a string of 128 KiB, or all of them more than a quarter of the stack's limit. */
export function checkArguments(
  { path, argv, envp }: Pick<StackContent, 'path' | 'argv' | 'envp'>,
  stackLimit: bigint,
  word: 4 | 8,
): Result<bigint> {
  const strings = [path, ...argv, ...envp].map(cString);
  if (strings.some((bytes) => bytes.length > MAX_STRING)) return fail('E2BIG');
  const total = strings.reduce((sum, bytes) => sum + bytes.length, 0);
  const pointers = (argv.length + envp.length) * word;
  return BigInt(total + pointers) > mostArgumentBytes(stackLimit)
    ? fail('E2BIG')
    : ok(BigInt(total + word));
}

/** bprm_stack_limits(): a quarter of the stack, at most three quarters of _STK_LIM. */
export function mostArgumentBytes(stackLimit: bigint): bigint {
  const quarter = stackLimit / 4n;
  const most = quarter < 0x600000n ? quarter : 0x600000n;
  return most > ARG_MAX ? most : ARG_MAX;
}

function layStrings(content: StackContent, top: Addr, word: 4 | 8): Strings {
  const all = [content.path, ...[...content.envp].reverse(), ...[...content.argv].reverse()];
  const encoded = all.map(cString);
  const length = encoded.reduce((sum, bytes) => sum + bytes.length, 0);
  // A null pointer is the uppermost word.
  const end = top - BigInt(word);
  const lowest = end - BigInt(length);
  const bytes = new Uint8Array(length);
  const places: Addr[] = [];
  let at = length;
  for (const string of encoded) {
    at -= string.length;
    bytes.set(string, at);
    places.push(lowest + BigInt(at));
  }
  const envp = places.slice(1, 1 + content.envp.length).reverse();
  const argv = places.slice(1 + content.envp.length).reverse();
  return { path: places[0]!, argv, envp, lowest, bytes };
}

/** Fills in the stack that mapStack made. The stack pointer of the first instruction. */
export function fillStack(mm: AddressSpace, abi: Abi, content: StackContent): Result<Addr> {
  const { word } = abi;
  const { stackTop, stackOffset } = mm.layout;
  const strings = layStrings(content, stackTop, word);
  const platform = cString(abi.word === 8 ? 'x86_64' : 'i686');
  const aligned = (strings.lowest - stackOffset) & ~15n;
  const platformAt = aligned - BigInt(platform.length);
  const randomAt = platformAt - 16n;
  const vector = auxiliary(abi, content, { path: strings.path, platform: platformAt, randomAt });
  const words = [
    BigInt(content.argv.length),
    ...strings.argv,
    0n,
    ...strings.envp,
    0n,
    ...vector.flat(),
  ];
  const table = new Struct(words.length * word);
  for (const [index, value] of words.entries()) table.setWord(index * word, word, value);
  const sp = (randomAt - BigInt(table.bytes.length)) & ~15n;
  const parts: readonly (readonly [Addr, Uint8Array])[] = [
    [strings.lowest, strings.bytes],
    [platformAt, platform],
    [randomAt, content.random],
    [sp, table.bytes],
  ];
  for (const [at, bytes] of parts) {
    const done = mm.copyOut(at, bytes);
    if (!done.ok) return done;
  }
  setBounds(mm, strings, stackTop - BigInt(word));
  mm.startStack = sp;
  return ok(sp);
}

function setBounds(mm: AddressSpace, strings: Strings, end: Addr): void {
  mm.argStart = strings.argv[0] ?? strings.envp[0] ?? strings.path;
  mm.argEnd = strings.envp[0] ?? strings.path;
  mm.envStart = mm.argEnd;
  mm.envEnd = strings.path < end ? strings.path : end;
}

function auxiliary(
  abi: Abi,
  content: StackContent,
  at: { readonly path: Addr; readonly platform: Addr; readonly randomAt: Addr },
): readonly (readonly [bigint, bigint])[] {
  const pair = (type: number, value: bigint): readonly [bigint, bigint] => [BigInt(type), value];
  const user = BigInt(USER_ID);
  return [
    ...(content.systemCall === 0n ? [] : [pair(AT.SYSINFO, content.systemCall)]),
    pair(AT.MINSIGSTKSZ, MIN_SIGNAL_STACK),
    pair(AT.HWCAP, HWCAP),
    pair(AT.PAGESZ, 4096n),
    pair(AT.CLKTCK, CLOCK_TICKS),
    pair(AT.PHDR, content.headers),
    pair(AT.PHENT, abi.word === 8 ? 56n : 32n),
    pair(AT.PHNUM, BigInt(content.headerCount)),
    pair(AT.BASE, content.base),
    pair(AT.FLAGS, 0n),
    pair(AT.ENTRY, content.entry),
    pair(AT.UID, user),
    pair(AT.EUID, user),
    pair(AT.GID, user),
    pair(AT.EGID, user),
    pair(AT.SECURE, 0n),
    pair(AT.RANDOM, at.randomAt),
    pair(AT.HWCAP2, 0n),
    pair(AT.EXECFN, at.path),
    pair(AT.PLATFORM, at.platform),
    [0n, 0n],
  ];
}

/**
 * The language of injections. strace's words are spelt as strace spells them:
 *
 *     CALL[,CALL...]:error=ERRNO[:when=WHEN]      fails with it, and the kernel never hears of the call
 *     CALL[,CALL...]:retval=VALUE[:when=WHEN]     the same with a success
 *     WHEN: N, N+ (from the Nth on), N+STEP, N..M, N..M+STEP
 *
 * For Windows and Wine CALL may be a function of the API, and ERRNO its Win32 error or, of an Nt function, its NTSTATUS:
 * `VirtualAlloc:error=ERROR_NOT_ENOUGH_MEMORY`, `NtProtectVirtualMemory:error=STATUS_ACCESS_DENIED`.
 *
 * Three of our own: `mmap:ignore-hint[:when=WHEN]`, `map-count=N` (vm.max_map_count) and `rlimit-NAME=SIZE`.
 * A `+` before a letter or % begins another injection.
 */

import { ERRNO, errnoName } from '../abi/linux/errno.js';
import {
  RLIMIT_AS,
  RLIMIT_DATA,
  RLIMIT_FSIZE,
  RLIMIT_MEMLOCK,
  RLIMIT_NOFILE,
  RLIMIT_STACK,
} from '../abi/linux/process.js';
import { checkText } from '../base/arguments.js';
import type { Errno } from '../base/errno.js';
import { MayexecError, nearest, unknownValue } from '../base/errors.js';
import { ownEntry } from '../base/own-entry.js';
import { shorten } from '../base/text.js';
import type { CallNames } from '../kernel/world.js';
import { failureOf } from './failure-names.js';
import type { CallEffect, CallInjection, Injection, When } from './injection.js';
import { LINUX_CALLS, namedCalls } from './named-calls.js';

/** Limits that something here obeys. */
const LIMITS: Readonly<Record<string, number>> = {
  'rlimit-as': RLIMIT_AS,
  'rlimit-data': RLIMIT_DATA,
  'rlimit-fsize': RLIMIT_FSIZE,
  'rlimit-memlock': RLIMIT_MEMLOCK,
  'rlimit-nofile': RLIMIT_NOFILE,
  'rlimit-stack': RLIMIT_STACK,
};

const SETTINGS = ['map-count', ...Object.keys(LIMITS)];
const EFFECTS = ['error=ERRNO', 'retval=VALUE', 'ignore-hint', 'when=WHEN'];
/** strace can do these to a call; nothing here waits or sends signals. */
const ONLY_STRACE = ['signal', 'syscall', 'delay_enter', 'delay_exit', 'poke_enter', 'poke_exit'];
const ALWAYS: When = { first: 1, last: Number.POSITIVE_INFINITY, step: 1 };
const UNITS = { '': 0n, k: 10n, m: 20n, g: 30n } as const;

/** Each injection is asked about each call. */
const LONGEST_SPEC = 4096;

/** @throws MayexecError that names the part that is wrong, what is accepted and the nearest spelling. */
export function parseInjections(spec: string, names: CallNames = LINUX_CALLS): Injection[] {
  checkText('inject', spec, "a string such as 'mmap:error=ENOMEM', or a list of them");
  if (spec.length > LONGEST_SPEC) {
    throw new MayexecError(
      `injection '${shorten(spec)}' is longer than ${LONGEST_SPEC} characters`,
    );
  }
  return spec.split(/\+(?=[a-z%])/i).map((text) => parseOne(text.trim(), names));
}

function parseOne(text: string, names: CallNames): Injection {
  const [head = '', ...words] = text.split(':');
  if (head === '') {
    throw new MayexecError(
      `injection '${shorten(text)}': expected CALL:error=${names.functions.length > 0 ? 'ERROR' : 'ERRNO'}${names.linux ? ', map-count=N or rlimit-as=SIZE' : ''}`,
    );
  }
  const [, name, value] = /^([\w-]+)=(.*)$/.exec(head) ?? [];
  if (name === undefined || value === undefined)
    return within(text, () => callOf(text, head, words, names));
  if (words.length > 0)
    throw new MayexecError(`injection '${shorten(text)}': nothing follows ${name}=N`);
  return within(text, () => settingOf(text, name, value, names));
}

function within<T>(text: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MayexecError)) throw error;
    throw new MayexecError(`injection '${shorten(text)}': ${error.message}`);
  }
}

function settingOf(text: string, name: string, value: string, { linux }: CallNames): Injection {
  if (!linux)
    throw new MayexecError(`${name} is a limit of Linux, which this sandbox does not run`);
  if (name === 'map-count') {
    return { kind: 'map-count', text, count: wholeNumber('map-count', value) };
  }
  const resource = ownEntry(LIMITS, name);
  if (resource === undefined) throw unknownValue('setting', name, SETTINGS);
  return { kind: 'rlimit', text, resource, bytes: sizeOf(name, value) };
}

function callOf(
  text: string,
  head: string,
  words: readonly string[],
  names: CallNames,
): CallInjection {
  const calls = namedCalls(head, names);
  const api = calls.filter((name) => names.functions.includes(name));
  if (
    api.length > 0 &&
    api.length < calls.length &&
    words.some((word) => word.startsWith('error='))
  ) {
    throw new MayexecError(
      `${api[0]} and ${calls.find((name) => !api.includes(name))} do not fail alike: name them in injections of their own`,
    );
  }
  let effect: CallEffect | undefined;
  let when = ALWAYS;
  for (const word of words) {
    const [key = '', value] = splitOnce(word);
    if (key === 'when') when = whenOf(value ?? '');
    else if (effect !== undefined) throw new MayexecError(`'${word}': one effect is given already`);
    else effect = effectOf(word, key, value, api);
  }
  if (effect === undefined) {
    throw new MayexecError(
      `nothing is to happen: expected one of ${EFFECTS.slice(0, 3).join(', ')}`,
    );
  }
  if (effect.kind === 'ignore-hint' && calls.some((name) => name !== 'mmap')) {
    throw new MayexecError("only mmap takes a hint: expected 'mmap:ignore-hint'");
  }
  return { kind: 'call', text, calls, effect, when };
}

function splitOnce(word: string): [key: string, value: string | undefined] {
  const at = word.indexOf('=');
  return at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function effectOf(
  word: string,
  key: string,
  value: string | undefined,
  api: readonly string[],
): CallEffect {
  if (key === 'ignore-hint' && value === undefined) return { kind: 'ignore-hint' };
  if (key === 'error' && value !== undefined && api.length > 0) {
    return { kind: 'failure', error: failureOf(value, api) };
  }
  if (key === 'error' && value !== undefined) return { kind: 'error', errno: errnoOf(value) };
  if (key === 'retval' && value !== undefined)
    return { kind: 'retval', value: returnValueOf(value) };
  if (ONLY_STRACE.includes(key)) {
    throw new MayexecError(`'${key}' is strace's only: expected one of ${EFFECTS.join(', ')}`);
  }
  const guess = nearest(key, ['error', 'retval', 'ignore-hint', 'when']);
  const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
  throw new MayexecError(`unknown effect '${word}': expected one of ${EFFECTS.join(', ')}${hint}`);
}

function errnoOf(text: string): Errno {
  const named = Object.hasOwn(ERRNO, text) ? (text as Errno) : undefined;
  const errno = /^\d+$/.test(text) ? errnoName(Number(text)) : named;
  if (errno !== undefined) return errno;
  const guess = nearest(text, Object.keys(ERRNO));
  const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
  throw new MayexecError(
    `unknown errno '${text}': expected a name such as ENOMEM, or its number${hint}`,
  );
}

function returnValueOf(text: string): bigint {
  if (/^(\d+|0x[0-9a-f]+)$/i.test(text) && BigInt(text) < 1n << 64n) return BigInt(text);
  throw new MayexecError(`retval '${text}': expected a number from 0, such as 7 or 0x1000`);
}

function whenOf(text: string): When {
  const [all, first, last, plus, step] = /^(\d+)(?:\.\.(\d+))?(\+)?(\d+)?$/.exec(text) ?? [];
  const isOpen = last === undefined && plus !== undefined;
  const when = {
    first: Number(first),
    last: isOpen ? Number.POSITIVE_INFINITY : Number(last ?? first),
    step: Number(step ?? 1),
  };
  const right = all !== undefined && (step === undefined || plus !== undefined);
  if (right && when.first >= 1 && when.last >= when.first && when.step >= 1) return when;
  throw new MayexecError(
    `when '${text}': expected N, N+, N+STEP, N..M or N..M+STEP, counted from 1`,
  );
}

function wholeNumber(what: string, text: string): number {
  if (/^\d+$/.test(text) && Number(text) < 2 ** 31) return Number(text);
  throw new MayexecError(`${what} is '${text}': expected a whole number`);
}

function sizeOf(what: string, text: string): bigint {
  const [, digits, unit = ''] = /^(\d{1,20})([kmg]?)$/i.exec(text) ?? [];
  if (digits === undefined) {
    throw new MayexecError(`${what} is '${text}': expected a number, which K, M or G may follow`);
  }
  return BigInt(digits) << UNITS[unit.toLowerCase() as keyof typeof UNITS];
}

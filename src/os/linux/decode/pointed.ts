/** Arguments that point to something: strings, buffers, structures. What cannot be read is an address. */

import type { ArgSpec, ArgType } from '../../../abi/linux/syscall-spec.js';
import type { Result } from '../../../base/result.js';
import type { Struct } from '../../../base/struct.js';
import { copyStringIn, structIn, wordIn } from '../../../kernel/user-memory.js';
import type { DecodeContext } from './context.js';
import * as structs from './structs.js';
import { pointer, quoted, quotedHex, STRING_LIMIT, shortened } from './text.js';

const PATH_LIMIT = 4095;
/** Elements of a vector that strace shows. */
const VECTOR_LIMIT = 32;

export function isOutput(type: ArgType): boolean {
  return type.endsWith('-out') || type === 'buf-out';
}

/**
 * `length`: bytes or elements, from the argument that counts them. `value`: the call's result, for
 * what it has filled in.
 */
export function pointed(
  call: string,
  { type }: ArgSpec,
  at: bigint,
  length: bigint,
  context: DecodeContext,
  value: bigint | undefined,
): string {
  if (at === 0n) return 'NULL';
  const text = show(call, type, at, length, context, value);
  return text ?? pointer(at);
}

function show(
  call: string,
  type: ArgType,
  at: bigint,
  length: bigint,
  { memory, word }: DecodeContext,
  value: bigint | undefined,
): string | undefined {
  switch (type) {
    case 'path':
      return string(memory, at, PATH_LIMIT);
    case 'str':
      return string(memory, at, STRING_LIMIT);
    case 'buf-in':
      return buffer(memory, at, length, quoted);
    case 'buf-out':
      // getcwd counts its NUL, which is no part of the text.
      return buffer(
        memory,
        at,
        call === 'getcwd' ? (value ?? 1n) - 1n : (value ?? 0n),
        call === 'getrandom' ? quotedHex : quoted,
      );
    case 'iovec':
      return vector(memory, at, length, word);
    case 'argv':
      return stringVector(memory, at, word);
    case 'envp':
      return environment(memory, at, word);
    case 'mmap-args':
      return undefined;
    default:
      return structure(call, type, at, { memory, word });
  }
}

type Memory = DecodeContext['memory'];

function string(memory: Memory, at: bigint, limit: number): string | undefined {
  const read = copyStringIn(memory, at, limit + 1);
  if (!read.ok) return undefined;
  const { bytes } = read.value;
  return bytes.length > limit ? `${quoted(bytes.subarray(0, limit))}...` : quoted(bytes);
}

function buffer(
  memory: Memory,
  at: bigint,
  length: bigint,
  quote: (bytes: Uint8Array) => string,
): string | undefined {
  const wanted = Number(length > BigInt(STRING_LIMIT) ? BigInt(STRING_LIMIT) : length);
  const read = memory.copyIn(at, wanted);
  return read.ok ? shortened(read.value, Number(length), quote) : undefined;
}

function vector(memory: Memory, at: bigint, count: bigint, word: 4 | 8): string | undefined {
  const shown = Number(count > BigInt(VECTOR_LIMIT) ? BigInt(VECTOR_LIMIT) : count);
  const read = structIn(memory, at, shown * 2 * word);
  if (!read.ok) return undefined;
  const parts = Array.from({ length: shown }, (_, index) => {
    const base = read.value.word(2 * index * word, word);
    const length = read.value.word((2 * index + 1) * word, word);
    const text = buffer(memory, base, length, quoted) ?? pointer(base);
    return `{iov_base=${text}, iov_len=${length}}`;
  });
  if (count > BigInt(shown)) parts.push('...');
  return `[${parts.join(', ')}]`;
}

function pointers(memory: Memory, at: bigint, word: 4 | 8): bigint[] | undefined {
  const found: bigint[] = [];
  for (let index = 0; index <= VECTOR_LIMIT; index++) {
    const next = wordIn(memory, at + BigInt(index * word), word);
    if (!next.ok) return undefined;
    if (next.value === 0n) break;
    found.push(next.value);
  }
  return found;
}

function stringVector(memory: Memory, at: bigint, word: 4 | 8): string | undefined {
  const found = pointers(memory, at, word);
  if (found === undefined) return undefined;
  const texts = found
    .slice(0, VECTOR_LIMIT)
    .map((each) => string(memory, each, STRING_LIMIT) ?? pointer(each));
  if (found.length > VECTOR_LIMIT) texts.push('...');
  return `[${texts.join(', ')}]`;
}

/** The address and the number of variables: their values would fill the line. */
function environment(memory: Memory, at: bigint, word: 4 | 8): string | undefined {
  const found = pointers(memory, at, word);
  if (found === undefined) return undefined;
  return `${pointer(at)} /* ${found.length} var${found.length === 1 ? '' : 's'} */`;
}

interface Layout {
  readonly size: number;
  show(struct: Struct): string;
}

function structure(
  call: string,
  type: ArgType,
  at: bigint,
  context: DecodeContext,
): string | undefined {
  const layout = layoutOf(call, type, context.word);
  if (layout === undefined) return undefined;
  const read: Result<Struct> = structIn(context.memory, at, layout.size);
  return read.ok ? layout.show(read.value) : undefined;
}

function layoutOf(call: string, type: ArgType, word: 4 | 8): Layout | undefined {
  switch (type) {
    case 'int-in':
    case 'int-out':
      return { size: 4, show: (s) => `[${s.i32(0)}]` };
    case 'fd-pair-out':
      return { size: 8, show: (s) => `[${s.i32(0)}, ${s.i32(4)}]` };
    case 'stat-out':
      return statLayout(call, word);
    case 'utsname-out':
      return { size: 390, show: structs.utsname };
    case 'timespec-in':
    case 'timespec-out':
      return { size: 2 * word, show: (s) => structs.time(s, word, 'tv_nsec') };
    case 'timeval-in':
    case 'timeval-out':
      return { size: 2 * word, show: (s) => structs.time(s, word, 'tv_usec') };
    case 'sigset-in':
    case 'sigset-out':
      return { size: 8, show: (s) => structs.sigset(s.u64(0)) };
    case 'sigaction-in':
    case 'sigaction-out':
      return { size: 3 * word + 8, show: (s) => structs.sigaction(s, word) };
    case 'stack-in':
    case 'stack-out':
      return { size: 3 * word, show: (s) => structs.stack(s, word) };
    case 'rlimit-in':
    case 'rlimit-out':
      return limitLayout(call, word);
    case 'user-desc':
      return { size: 16, show: structs.userDesc };
    default:
      return undefined;
  }
}

function statLayout(call: string, word: 4 | 8): Layout {
  if (call.endsWith('64')) return { size: 96, show: (s) => structs.stat(s, 'stat64') };
  return word === 8
    ? { size: 144, show: (s) => structs.stat(s, 'wide') }
    : { size: 64, show: (s) => structs.stat(s, 'old') };
}

function limitLayout(call: string, word: 4 | 8): Layout {
  const wide = call === 'prlimit64';
  const size = wide ? 8 : word;
  const infinity = wide ? 'RLIM64_INFINITY' : 'RLIM_INFINITY';
  return { size: 2 * size, show: (s) => structs.rlimit(s, size, infinity) };
}

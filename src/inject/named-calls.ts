/** Sets of calls as a command line names them: system calls as strace does, functions of an API by their names. */
import { callFamily, callSet } from '../abi/linux/call-set.js';
import { checkText } from '../base/arguments.js';
import { MayexecError, nearest } from '../base/errors.js';
import type { CallNames } from '../kernel/world.js';

const MEMORY: ReadonlySet<string> = new Set(['%memory', 'memory', 'mm']);

/** What programs for Linux make. */
export const LINUX_CALLS: CallNames = { linux: true, functions: [], memory: [] };

/**
 * `mmap,mprotect`, `%memory`, `VirtualAlloc,NtProtectVirtualMemory`: names, each once; system calls by family.
 * @throws MayexecError that names the first unknown one and the nearest right spelling.
 */
export function namedCalls(text: string, names: CallNames): readonly string[] {
  if (names.functions.length === 0) return callSet(text);
  checkText('the set of calls', text, 'names such as VirtualAlloc,VirtualProtect, or %memory');
  return [...new Set(text.split(',').flatMap((given) => membersOf(given.trim(), names)))];
}

function membersOf(name: string, { linux, functions, memory }: CallNames): readonly string[] {
  if (MEMORY.has(name)) return linux ? [...callSet(name), ...memory] : memory;
  if (functions.includes(name)) return [name];
  if (linux && isSystemCall(name)) return [callFamily(name)];
  const others = linux ? callSet('%memory') : [];
  const guess = nearest(name, [...functions, ...others, ...MEMORY]);
  const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
  const kinds = linux ? 'function of Windows or system call' : 'function of Windows';
  throw new MayexecError(
    `unknown ${kinds} '${name}': expected names such as VirtualAlloc,VirtualProtect, or %memory${hint}`,
  );
}

function isSystemCall(name: string): boolean {
  try {
    return callSet(name).length === 1;
  } catch (error) {
    if (error instanceof MayexecError) return false;
    throw error;
  }
}

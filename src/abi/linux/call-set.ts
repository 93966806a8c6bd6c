/** Sets of system calls as strace's `-e trace=` and `-e inject=` name them: names, and the class of memory. */

import { checkText } from '../../base/arguments.js';
import { MayexecError, nearest } from '../../base/errors.js';
import { ownEntry } from '../../base/own-entry.js';
import { SYSCALLS_I386 } from './syscalls-i386.js';
import { SYSCALLS_X86_64 } from './syscalls-x86-64.js';

/** `%memory`: the rows that strace's tables mark TM, as far as x86 has them. */
const MEMORY = [
  'brk',
  'get_mempolicy',
  'io_destroy',
  'io_setup',
  'madvise',
  'map_shadow_stack',
  'mbind',
  'migrate_pages',
  'mincore',
  'mlock',
  'mlock2',
  'mlockall',
  'mmap',
  'move_pages',
  'mprotect',
  'mremap',
  'mseal',
  'msync',
  'munlock',
  'munlockall',
  'munmap',
  'pkey_mprotect',
  'remap_file_pages',
  'set_mempolicy',
  'set_mempolicy_home_node',
  'shmat',
  'shmdt',
];

/** Other spellings of the class: strace's older one, and a short one. */
const CLASSES: Readonly<Record<string, readonly string[]>> = {
  '%memory': MEMORY,
  memory: MEMORY,
  mm: MEMORY,
};

const NAMES: ReadonlySet<string> = new Set(
  [...SYSCALLS_X86_64, ...SYSCALLS_I386].map(({ name }) => name),
);

/** i386 has two calls for one: what is said of mmap is said of both. */
export function callFamily(name: string): string {
  checkText('callFamily: the name', name);
  return name === 'mmap2' || name === 'old_mmap' ? 'mmap' : name;
}

/**
 * Names of a set such as `mmap,mprotect` or `%memory`, by family (`mmap` stands for mmap2 as well), each once.
 * @throws MayexecError that names the first unknown one and the nearest right spelling.
 */
export function callSet(text: string): readonly string[] {
  checkText('the set of system calls', text, 'names such as mmap,mprotect, or %memory');
  const names = text.split(',').flatMap((given) => {
    const name = given.trim();
    const members = ownEntry(CLASSES, name);
    if (members !== undefined) return members;
    if (NAMES.has(callFamily(name))) return [callFamily(name)];
    const guess = nearest(name, [...NAMES, ...Object.keys(CLASSES)]);
    const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
    throw new MayexecError(
      `unknown system call '${name}': expected names such as mmap,mprotect, or %memory${hint}`,
    );
  });
  return [...new Set(names)];
}

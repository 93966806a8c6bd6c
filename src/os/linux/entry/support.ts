/** How much of each system call there is: all of it, a part of it (with what is missing), or nothing. */

import type { Arch } from '../../../base/address.js';
import { checkShape, oneOf } from '../../../base/shape.js';
import { HANDLERS, syscallSpecs } from './syscall-table.js';

export interface SyscallSupport {
  readonly number: number;
  readonly name: string;
  readonly support: 'full' | 'partial' | 'none';
  /** Of 'partial': what is not as on a real kernel. */
  readonly note?: string;
}

const PLAIN_TASKS =
  'makes threads and processes: no process shares memory but by vfork, nor descriptors; no pidfd (ENOSYS), no namespaces (EPERM)';
const MASK = 'its signal mask counts when the call begins, and not while it waits';
const READ_ONLY_ATTRIBUTES = 'attributes are those that the host gave';
const ONE_TIME = 'a file has one time, that of its last change';
const ROOM = 'sizes are the memory that the sandbox may use';
const NO_PI = 'operations with priority inheritance are ENOSYS';

const PARTIAL: Readonly<Record<string, string>> = {
  clone: PLAIN_TASKS,
  clone3: PLAIN_TASKS,
  futex: NO_PI,
  futex_time64: NO_PI,
  ppoll: MASK,
  ppoll_time64: MASK,
  pselect6: MASK,
  pselect6_time64: MASK,
  getxattr: READ_ONLY_ATTRIBUTES,
  lgetxattr: READ_ONLY_ATTRIBUTES,
  fgetxattr: READ_ONLY_ATTRIBUTES,
  listxattr: READ_ONLY_ATTRIBUTES,
  llistxattr: READ_ONLY_ATTRIBUTES,
  flistxattr: READ_ONLY_ATTRIBUTES,
  utime: ONE_TIME,
  utimes: ONE_TIME,
  futimesat: ONE_TIME,
  utimensat: ONE_TIME,
  utimensat_time64: ONE_TIME,
  statfs: ROOM,
  fstatfs: ROOM,
  statfs64: ROOM,
  fstatfs64: ROOM,
  sysinfo: 'no load averages, no swap, no buffers',
  wait4: 'the usage of resources is told as zeros',
  waitid: 'the usage of resources is told as zeros',
  sched_getaffinity: 'there is one CPU',
};

/** Every call of the architecture, by number. */
export function syscallSupport(arch: Arch): SyscallSupport[] {
  checkShape('syscallSupport: the architecture', arch, oneOf(['x86-64', 'i386']));
  return syscallSpecs(arch).map(({ number, name }) => {
    if (!Object.hasOwn(HANDLERS, name)) return { number, name, support: 'none' };
    const note = PARTIAL[name];
    return note === undefined
      ? { number, name, support: 'full' }
      : { number, name, support: 'partial', note };
  });
}

/** Names with a note, for a test that each of them exists. */
export const PARTIAL_CALLS: readonly string[] = Object.keys(PARTIAL);

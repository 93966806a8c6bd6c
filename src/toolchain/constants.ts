/**
 * Every named constant that an assembly source may use: those of src/abi, and system-call numbers
 * as `SYS_mmap` and `__NR_mmap`. Gathered from the tables themselves: there is no second copy.
 */

import { ERRNO } from '../abi/linux/errno.js';
import * as fcntl from '../abi/linux/fcntl.js';
import * as ipc from '../abi/linux/ipc.js';
import * as mman from '../abi/linux/mman.js';
import * as process from '../abi/linux/process.js';
import * as signal from '../abi/linux/signal.js';
import { SYSCALLS_I386 } from '../abi/linux/syscalls-i386.js';
import { SYSCALLS_X86_64 } from '../abi/linux/syscalls-x86-64.js';
import type { Arch } from '../base/address.js';
import * as address from '../base/address.js';

/** Numbers a module exports under a name in capitals. */
function numbersOf(module: object): [string, bigint][] {
  return Object.entries(module)
    .filter(([name, value]) => /^[A-Z_]/.test(name) && Number.isInteger(value))
    .map(([name, value]) => [name, BigInt(value)]);
}

function tablesOf(): [string, bigint][] {
  const numbered = { ...ERRNO, ...signal.SIGNAL };
  const codes = Object.assign({}, signal.SI_CODE, ...Object.values(signal.FAULT_CODE));
  return [
    ...Object.entries(numbered).map(([name, [number]]): [string, bigint] => [name, BigInt(number)]),
    ...numbersOf(codes),
  ];
}

/** Spellings that are common in sources. */
function aliases(known: ReadonlyMap<string, bigint>): [string, bigint][] {
  const same = { MAP_ANON: 'MAP_ANONYMOUS', EWOULDBLOCK: 'EAGAIN', EDEADLOCK: 'EDEADLK' };
  return [
    ...Object.entries({ ...same, ENOTSUP: 'EOPNOTSUPP', SIGIOT: 'SIGABRT', SIGPOLL: 'SIGIO' }).map(
      ([alias, name]): [string, bigint] => [alias, known.get(name)!],
    ),
    ['MAP_FILE', 0n],
    ['STDIN_FILENO', 0n],
    ['STDOUT_FILENO', 1n],
    ['STDERR_FILENO', 2n],
  ];
}

function gather(arch: Arch): Map<string, bigint> {
  const modules = [address, fcntl, ipc, mman, process, signal];
  const all = new Map([...modules.flatMap(numbersOf), ...tablesOf()]);
  for (const [name, value] of aliases(all)) all.set(name, value);
  for (const { name, number } of arch === 'x86-64' ? SYSCALLS_X86_64 : SYSCALLS_I386) {
    all.set(`SYS_${name}`, BigInt(number)).set(`__NR_${name}`, BigInt(number));
  }
  return all;
}

const gathered = new Map<Arch, ReadonlyMap<string, bigint>>();

/** By name, for sources of this architecture. */
export function namedConstants(arch: Arch): ReadonlyMap<string, bigint> {
  const known = gathered.get(arch) ?? gather(arch);
  gathered.set(arch, known);
  return known;
}

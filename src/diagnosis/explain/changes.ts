/**
 * What a program for Linux could ask for instead: each change is made to its calls while it runs, as if its
 * source said so. A change only says what to do; whether it works is for a run to show.
 */
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  READ_IMPLIES_EXEC,
} from '../../abi/linux/mman.js';
import type { InterceptedCall, SyscallInterceptor } from '../../kernel/intercept.js';
import { RIGHT_EXEC, RIGHT_WRITE } from '../../memory/mapping.js';
import { MAP_JIT, PR_JIT_WRITE_PROTECT } from '../../policy/apple/hardened-runtime.js';
import type { CallEvent } from '../../trace/events.js';
import { atFirstCall, type Change, isSame, type Perform, resultOf, succeeded } from './change.js';
import { heapFromMmap } from './heap-from-mmap.js';
import { isMmap, type Subject } from './subject.js';

/** Makes [start, start + length) executable; false when a call of it failed. */
type Gain = (perform: Perform, start: bigint, length: bigint) => boolean;

const READ_WRITE = BigInt(PROT_READ | PROT_WRITE);
const READ_EXEC = BigInt(PROT_READ | PROT_EXEC);
const EXEC = BigInt(PROT_EXEC);
const WRITE_EXEC = RIGHT_WRITE | RIGHT_EXEC;
const PAGE = 4096n;

/** Does it want to make memory executable that is there? */
function gainsExec({ asks }: InterceptedCall): boolean {
  return asks?.kind === 'protect' && (asks.rights & RIGHT_EXEC) !== 0;
}

/** mmap with other rights, flags or descriptor; undefined for any call but that one. */
function remade(made: CallEvent | undefined, change: (args: bigint[]) => void): SyscallInterceptor {
  return (call) => {
    if (!isSame(call, made)) return undefined;
    const args = [...call.args];
    change(args);
    return { kind: 'change', args };
  };
}

const byMprotect: Gain = (perform, start, length) =>
  succeeded(perform('mprotect', start, length, READ_EXEC));

/** The bytes go through a memfd, which is mapped over them: a page of zeros is an empty name. */
const byMemfd: Gain = (perform, start, length) => {
  const name = resultOf(
    perform('mmap', 0n, PAGE, READ_WRITE, BigInt(MAP_PRIVATE | MAP_ANONYMOUS), -1n, 0n),
  );
  if (name === undefined) return false;
  const fd = resultOf(perform('memfd_create', name, 1n));
  perform('munmap', name, PAGE);
  if (fd === undefined) return false;
  const flags = BigInt(MAP_SHARED | MAP_FIXED);
  const mapped =
    succeeded(perform('write', fd, start, length)) &&
    succeeded(perform('mmap', start, length, READ_EXEC, flags, fd, 0n));
  perform('close', fd);
  return mapped;
};

const byPkey: Gain = (perform, start, length) =>
  succeeded(perform('pkey_mprotect', start, length, READ_EXEC, -1n));

/** Wherever the program itself would make memory executable, or runs what is not, it is done in another way. */
function gained(gain: Gain, first?: SyscallInterceptor): Omit<Change, 'text'> {
  const mine = new Set<bigint>();
  return {
    intercept: (call) => {
      const [start = 0n, length = 0n] = call.args;
      if (!gainsExec(call)) return first?.(call);
      return gain(call.perform, start, length)
        ? { kind: 'answer', value: 0n }
        : { kind: 'fail', errno: 'EACCES' };
    },
    interceptFault: ({ access, address, perform }) => {
      const page = address & ~(PAGE - 1n);
      if (access === 'exec' && gain(perform, page, PAGE)) {
        mine.add(page);
        return 'retry';
      }
      const back = access === 'write' && mine.delete(page);
      return back && succeeded(perform('mprotect', page, PAGE, READ_WRITE)) ? 'retry' : undefined;
    },
  };
}

/** MAP_JIT memory: the thread's switch stands at write after the mapping, and at execute from the first wish for it on. */
function mapJit(made: CallEvent | undefined): Omit<Change, 'text'> {
  const turn = (perform: Perform, to: bigint): boolean =>
    succeeded(perform('prctl', BigInt(PR_JIT_WRITE_PROTECT), to, 0n, 0n, 0n));
  return {
    intercept: (call) => {
      const { name, args, perform } = call;
      if (isSame(call, made)) {
        const [addr = 0n, length = 0n, , flags = 0n, fd = 0n, offset = 0n] = args;
        const value = resultOf(
          perform(name, addr, length, 7n, flags | BigInt(MAP_JIT), fd, offset),
        );
        if (value === undefined || !turn(perform, 0n)) return { kind: 'fail', errno: 'EPERM' };
        return { kind: 'answer', value };
      }
      if (!gainsExec(call)) return undefined;
      return turn(perform, 1n) ? { kind: 'answer', value: 0n } : undefined;
    },
    interceptFault: ({ access, perform }) => {
      if (access === 'read') return undefined;
      return turn(perform, access === 'exec' ? 1n : 0n) ? 'retry' : undefined;
    },
  };
}

function both(first: SyscallInterceptor, second: SyscallInterceptor): SyscallInterceptor {
  return (call) => first(call) ?? second(call);
}

/** Smallest first. Those that come to what the program did already are left out. */
export function changesFor({ asked, made, policies, isHeap, isDevZero }: Subject): Change[] {
  const asksBoth = (asked.rights & WRITE_EXEC) === WRITE_EXEC;
  const mapped = made !== undefined && isMmap(made);
  const writable = remade(made, (args) => {
    args[2] = (args[2] ?? 0n) & ~EXEC;
  });
  const all = remade(made, (args) => {
    args[2] = 7n;
  });
  const list: (Change | false)[] = [
    isDevZero && {
      text: 'mmap with MAP_ANONYMOUS instead of the descriptor of /dev/zero',
      intercept: remade(made, (args) => {
        args[3] = (args[3] ?? 0n) | BigInt(MAP_ANONYMOUS);
        args[4] = -1n;
      }),
    },
    asked.kind === 'protect' &&
      asksBoth && {
        text: 'mprotect to PROT_READ|PROT_EXEC, without PROT_WRITE',
        ...gained(byMprotect),
      },
    asked.kind === 'map' && {
      text: 'mmap with PROT_READ|PROT_WRITE, and mprotect to PROT_READ|PROT_EXEC once the code is written',
      ...gained(byMprotect, writable),
    },
    asked.kind === 'fetch' && {
      text: 'mprotect to PROT_READ|PROT_EXEC once the code is written, before it is called',
      ...gained(byMprotect),
    },
    isHeap && {
      text: `memory from mmap instead of the heap (malloc takes it there from 128 KiB on)${asked.kind === 'fetch' ? ', and mprotect once the code is written' : ''}`,
      ...(asked.kind === 'fetch'
        ? gained(byMprotect, heapFromMmap())
        : { intercept: heapFromMmap() }),
    },
    mapped &&
      !(asked.kind === 'map' && asksBoth) && {
        text: 'mmap with PROT_READ|PROT_WRITE|PROT_EXEC from the start',
        intercept: all,
      },
    mapped &&
      policies.has('netbsd-mprotect') && {
        text: 'mmap with PROT_READ|PROT_WRITE|PROT_MPROTECT(PROT_EXEC), and mprotect to PROT_READ|PROT_EXEC later',
        ...gained(
          byMprotect,
          remade(made, (args) => {
            args[2] = READ_WRITE | (EXEC << 3n);
          }),
        ),
      },
    mapped &&
      policies.has('freebsd') && {
        text: 'mmap with PROT_MAX(PROT_READ|PROT_WRITE|PROT_EXEC), and mprotect to PROT_READ|PROT_EXEC later',
        ...gained(
          byMprotect,
          remade(made, (args) => {
            args[2] = READ_WRITE | (7n << 16n);
          }),
        ),
      },
    mapped &&
      policies.has('hardened-runtime') && {
        text: 'mmap with MAP_JIT, and pthread_jit_write_protect_np() around writing',
        ...mapJit(made),
      },
    {
      text: 'the code written to a memfd, and that mapped PROT_READ|PROT_EXEC',
      ...gained(byMemfd, asked.kind === 'map' ? writable : undefined),
    },
    policies.has('systemd-mdwe') && {
      text: 'pkey_mprotect instead of mprotect',
      ...gained(byPkey, asked.kind === 'map' ? writable : undefined),
    },
    asked.kind === 'fetch' && {
      text: 'personality(READ_IMPLIES_EXEC) before the memory is taken: all that is readable then executes',
      intercept: both(
        atFirstCall((perform) => perform('personality', BigInt(READ_IMPLIES_EXEC))),
        writable,
      ),
    },
  ];
  return list.filter((change) => change !== false);
}

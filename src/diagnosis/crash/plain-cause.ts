/**
 * What a crash is where no rule stands behind it, in words: a call through a null pointer, memory that
 * nobody wrote code to, a page that old programs expect, a system call that there is not.
 */

import { errnoNumber } from '../../abi/linux/errno.js';
import type { Addr, Arch } from '../../base/address.js';
import type { Outcome } from '../../base/outcome.js';
import { OUTCOME } from '../../base/outcome-shape.js';
import { aBigint, aNumber, checkShape } from '../../base/shape.js';
import { missingExtension } from '../../sandbox/missing-extension.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import { checkSandbox } from '../../sandbox/sandbox-shape.js';
import type { SyscallEvent } from '../../trace/events.js';

type SignalOutcome = Extract<Outcome, { kind: 'signal' }>;

/** vsyscall of x86-64 (arch/x86/include/uapi/asm/vsyscall.h). */
const VSYSCALL = { start: 0xffff_ffff_ff60_0000n, end: 0xffff_ffff_ff60_1000n };
/** sysctl vm.mmap_min_addr: nothing is ever mapped below. */
const NULL_END = 0x1_0000n;
/** Two bytes of zero are `add [rax], al`: so many in a row are no code. */
const ZEROS = 16;
const LONGEST_INSTRUCTION = 15;

/** Sentences without a full stop, the nearest cause first; empty when there is nothing plain to say. */
export function plainCauses(sandbox: Sandbox, outcome: Outcome): string[] {
  checkSandbox('plainCauses', sandbox);
  checkShape('plainCauses: the outcome', outcome, OUTCOME);
  if (outcome.kind === 'triple-fault') return noKernel(sandbox, outcome.pc);
  if (outcome.kind !== 'signal') return [];
  const missing = missingCall(sandbox, outcome);
  return [
    ...fetchCause(sandbox, outcome),
    ...illegalCause(sandbox, outcome),
    ...(missing === undefined
      ? []
      : [`${missing.name} had answered ENOSYS before: there is no such call here`]),
  ];
}

/** How programs ask a kernel for a service, by the instruction's bytes. */
const SERVICES: readonly (readonly [number, number, string])[] = [
  [0x0f, 0x05, 'syscall'],
  [0x0f, 0x34, 'sysenter'],
  [0xcd, 0x80, 'int 0x80'],
];

/** Most kernels that end so are none: programs, started as one. */
function noKernel(sandbox: Sandbox, pc: Addr): string[] {
  const [first, second] = peekUpTo(sandbox, pc, 2);
  const service = SERVICES.find(([one, other]) => first === one && second === other)?.[2];
  return [
    ...(service === undefined
      ? []
      : [
          `'${service}' asks a kernel for a service, and here this program itself is run as the kernel: as a program it runs with os 'linux' (--os linux)`,
        ]),
    ...(sandbox.regs.idtr_base === 0n
      ? ['no interrupt descriptor table had been loaded (lidt): no exception could be handled']
      : []),
  ];
}

function fetchCause(sandbox: Sandbox, { access, address, code, pc }: SignalOutcome): string[] {
  if (access === 'exec') {
    if (VSYSCALL.start <= address && address < VSYSCALL.end) {
      return [
        'this is the vsyscall page, which is not there, as with vsyscall=none: old programs ask it for the time',
      ];
    }
    if (ranOffZeros(sandbox, address)) {
      return [
        'the bytes before it are zeros: the program ran over memory that holds no code to its end',
      ];
    }
    if (code === 'SEGV_MAPERR') {
      return address < NULL_END ? ['a jump or call through a null pointer'] : [];
    }
    return executesZeros(sandbox, address)
      ? ['the bytes there are zeros: nobody wrote code to this memory']
      : [];
  }
  return executesZeros(sandbox, pc)
    ? ['the instruction is made of zeros: the program ran into memory that holds no code']
    : [];
}

function illegalCause(sandbox: Sandbox, { signal, pc }: SignalOutcome): string[] {
  if (signal !== 'SIGILL') return [];
  return [missingExtension(peekUpTo(sandbox, pc, LONGEST_INSTRUCTION), sandbox.arch) ?? []].flat();
}

/** Ended at a fetch from mapped memory in which there is no code. */
export function isFetchOfZeros(sandbox: Sandbox, outcome: Outcome): boolean {
  if (outcome.kind !== 'signal' || outcome.access !== 'exec') return false;
  return executesZeros(sandbox, outcome.address);
}

function executesZeros(sandbox: Sandbox, address: Addr): boolean {
  const bytes = peekUpTo(sandbox, address, ZEROS);
  return bytes.length > 1 && bytes.every((byte) => byte === 0);
}

/** The fetch of a page's first byte, with zeros that could be executed up to it. */
function ranOffZeros(sandbox: Sandbox, address: Addr): boolean {
  if (address % PAGE !== 0n || address === 0n) return false;
  const before = sandbox.maps().find(({ start, end }) => start < address && address <= end);
  return before?.perms.includes('x') === true && executesZeros(sandbox, address - BigInt(ZEROS));
}

/** Up to `length` bytes from `address`, as far as something is mapped there and behind it a page. */
export function peekUpTo(sandbox: Sandbox, address: Addr, length: number): Uint8Array {
  checkSandbox('peekUpTo', sandbox);
  checkShape('the address', address, aBigint);
  checkShape('the length', length, aNumber);
  const map = sandbox.maps().find(({ start, end }) => start <= address && address < end);
  if (map === undefined) return new Uint8Array(0);
  try {
    return sandbox.peek(address, Math.min(length, Number(map.end - address)));
  } catch {
    // Past the end of the file that is mapped there.
    return new Uint8Array(0);
  }
}

/** Calls that C libraries try first and do without. */
const TRIED = new Set([
  'rseq',
  'set_robust_list',
  'clone3',
  'statx',
  'faccessat2',
  'openat2',
  'close_range',
  'membarrier',
]);

/** What a program does that has found something amiss and ends itself. */
const LAST_WORDS = new Set([
  ...['write', 'writev', 'getpid', 'gettid', 'rt_sigprocmask', 'rt_sigaction', 'futex'],
  ...['kill', 'tkill', 'tgkill'],
]);
const GIVES_UP = new Set(['SIGABRT', 'SIGILL', 'SIGTRAP']);
const PAGE = 4096n;

/**
 * The call that failed last, when it failed for being unknown and the end has to do with it: the program ended itself
 * right behind it, or what it answered was taken for an address.
 */
function missingCall({ trace, arch }: Sandbox, outcome: SignalOutcome): SyscallEvent | undefined {
  const calls = trace.flatMap((event) =>
    event.type === 'syscall' && !event.byHost ? [event] : [],
  );
  const at = calls.findLastIndex(
    ({ errno, name }) => errno !== undefined && !(errno === 'ENOSYS' && TRIED.has(name)),
  );
  const failed = calls[at];
  if (failed?.errno !== 'ENOSYS' || failed.injected !== undefined) return undefined;
  const gaveUp =
    GIVES_UP.has(outcome.signal) &&
    calls.slice(at + 1).every(({ name, args }) => isLast(name, args));
  return gaveUp || isAnswer(outcome.address, arch) ? failed : undefined;
}

function isLast(name: string, [first]: readonly bigint[]): boolean {
  return LAST_WORDS.has(name) && (!name.startsWith('write') || first === 2n);
}

/** -ENOSYS, or the -1 that a C library makes of it, or little more, which wraps round to 0. */
function isAnswer(address: Addr, arch: Arch): boolean {
  const bits = arch === 'i386' ? 32 : 64;
  const answer = BigInt.asUintN(bits, BigInt(-errnoNumber('ENOSYS')));
  return BigInt.asUintN(bits, address - answer) < PAGE;
}

/**
 * What a crash is where no rule stands behind it, in words: a call through a null pointer, memory that
 * nobody wrote code to, a page that old programs expect, a system call that there is not.
 */

import type { Addr } from '../../base/address.js';
import type { Outcome } from '../../base/outcome.js';
import { OUTCOME } from '../../base/outcome-shape.js';
import { aBigint, aNumber, checkShape } from '../../base/shape.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import { checkSandbox } from '../../sandbox/sandbox-shape.js';
import type { SyscallEvent, TraceEvent } from '../../trace/events.js';
import { missingExtension } from '../../x86/missing-extension.js';

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
  if (outcome.kind !== 'signal') return [];
  const missing = missingCall(sandbox.trace);
  return [
    ...fetchCause(sandbox, outcome),
    ...illegalCause(sandbox, outcome),
    ...(missing === undefined
      ? []
      : [`${missing.name} had answered ENOSYS before: there is no such call here`]),
  ];
}

function fetchCause(sandbox: Sandbox, { access, address, code, pc }: SignalOutcome): string[] {
  if (access === 'exec') {
    if (VSYSCALL.start <= address && address < VSYSCALL.end) {
      return [
        'this is the vsyscall page, which is not there, as with vsyscall=none: old programs ask it for the time',
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

/** The call that failed last, when it failed for being unknown. */
function missingCall(trace: readonly TraceEvent[]): SyscallEvent | undefined {
  const failed = trace.findLast(
    (event) =>
      event.type === 'syscall' &&
      event.errno !== undefined &&
      !event.byHost &&
      !(event.errno === 'ENOSYS' && TRIED.has(event.name)),
  );
  if (failed?.type !== 'syscall' || failed.errno !== 'ENOSYS') return undefined;
  return failed.injected === undefined ? failed : undefined;
}

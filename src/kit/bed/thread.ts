/** The thread pointer of calls: `fs` on x86-64, `gs` on i386, as a C library sets it up before main. */
import { type Addr, PAGE_SIZE } from '../../base/address.js';
import { InvariantError } from '../../base/errors.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import type { Code } from './code.js';

/** A page of its own below the code: the block of a thread without variables. */
export const THREAD_POINTER: Addr = 0x0fff_0000n;
/** Of that page: where a descriptor is passed to the kernel. */
const DESCRIPTOR: Addr = THREAD_POINTER + 0x100n;

/** struct user_desc: 32-bit, the limit in pages, usable. */
const USER_DESC_FLAGS = 0x51;
const ANY_ENTRY = 0xffff_ffff;

export function setThreadPointer(sandbox: Sandbox, address: Addr): void {
  if (sandbox.arch === 'x86-64') {
    sandbox.regs.fs_base = address;
    return;
  }
  const wanted = Uint32Array.of(ANY_ENTRY, Number(address), 0xfffff, USER_DESC_FLAGS);
  sandbox.poke(DESCRIPTOR, new Uint8Array(wanted.buffer));
  const { errno } = sandbox.syscall('set_thread_area', DESCRIPTOR);
  if (errno !== undefined) throw new InvariantError(`set_thread_area: ${errno}`);
  const [entry = 0] = sandbox.peek(DESCRIPTOR, 1);
  sandbox.regs.gs = BigInt(entry * 8 + 3);
}

/** What every code may read: the block behind the thread pointer. */
export function threadPages({ threadPointer = THREAD_POINTER }: Code): {
  readonly start: Addr;
  readonly end: Addr;
} {
  const start = threadPointer & ~BigInt(PAGE_SIZE - 1);
  return { start, end: start + BigInt(PAGE_SIZE) };
}

/** Thread-local storage: arch_prctl and the three GDT entries of i386. Compare arch/x86/kernel/process_64.c and tls.c. */

import { ARCH_GET_FS, ARCH_GET_GS, ARCH_SET_FS, ARCH_SET_GS } from '../../../abi/linux/process.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { int, type SyscallResult } from '../../../kernel/syscall.js';
import { structIn, wordOut } from '../../../kernel/user-memory.js';
import type { Abi } from '../abi.js';
import type { Task } from '../process/task.js';
import type { HandlerTable } from './handler.js';

const FIRST_ENTRY = 12;
const ENTRIES = 3;
/** struct user_desc: entry_number, base_addr, limit, flags. */
const USER_DESC_SIZE = 16;
const TASK_SIZE_MAX = 0x7fff_ffff_f000n;

interface UserDescriptor {
  readonly base: number;
  readonly limit: number;
  readonly flags: number;
}

/** Bits of the last word. */
const SEG_32BIT = 1;
const READ_EXEC_ONLY = 8;
const LIMIT_IN_PAGES = 16;
const NOT_PRESENT = 32;
const USEABLE = 64;

function contentsOf(flags: number): number {
  return (flags >> 1) & 3;
}

function archPrctl(task: Task, code: number, addr: Addr, { word }: Abi): SyscallResult {
  // 32-bit callers have only the options about CPUID, which this CPU cannot make fault.
  if (word === 4) return fail('EINVAL');
  const { engine } = task.kernel;
  switch (code) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
      if (addr >= TASK_SIZE_MAX) return fail('EPERM');
      engine.writeRegister(code === ARCH_SET_FS ? 'fs_base' : 'gs_base', addr);
      return ok(0);
    case ARCH_GET_FS:
    case ARCH_GET_GS: {
      const base = engine.readRegister(code === ARCH_GET_FS ? 'fs_base' : 'gs_base');
      return wordOut(task.mm, addr, 8, base);
    }
    default:
      return fail('EINVAL');
  }
}

/** All zero but for what marks an empty one (LDT_empty), or all zero (LDT_zero). */
function isEmpty({ base, limit, flags }: UserDescriptor): boolean {
  if (base !== 0 || limit !== 0) return false;
  return flags === (READ_EXEC_ONLY | NOT_PRESENT) || flags === 0;
}

/** tls_desc_okay(): a present 32-bit data segment. */
function isUsable({ flags }: UserDescriptor): boolean {
  return (flags & SEG_32BIT) !== 0 && contentsOf(flags) <= 1 && !(flags & NOT_PRESENT);
}

/** fill_ldt(): the processor's own format. */
function encode({ base, limit, flags }: UserDescriptor): bigint {
  const type = (flags & READ_EXEC_ONLY ? 0 : 2) | (contentsOf(flags) << 2) | 1;
  const access = type | 0x10 | 0x60 | 0x80;
  const nibble =
    (flags & USEABLE ? 1 : 0) | (flags & SEG_32BIT ? 4 : 0) | (flags & LIMIT_IN_PAGES ? 8 : 0);
  const high =
    (((base >>> 24) << 24) |
      (nibble << 20) |
      (limit & 0xf0000) |
      (access << 8) |
      ((base >>> 16) & 0xff)) >>>
    0;
  const low = (((base & 0xffff) << 16) | (limit & 0xffff)) >>> 0;
  return (BigInt(high) << 32n) | BigInt(low);
}

/** fill_user_desc(). */
function decode(descriptor: bigint): UserDescriptor {
  const low = Number(descriptor & 0xffffffffn);
  const high = Number(descriptor >> 32n);
  const type = (high >> 8) & 0xf;
  const flags =
    (high & (1 << 22) ? SEG_32BIT : 0) |
    (((type >> 2) & 3) << 1) |
    (type & 2 ? 0 : READ_EXEC_ONLY) |
    (high & (1 << 23) ? LIMIT_IN_PAGES : 0) |
    (high & (1 << 15) ? 0 : NOT_PRESENT) |
    (high & (1 << 20) ? USEABLE : 0);
  return {
    base: ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000)) >>> 0,
    limit: (low & 0xffff) | (high & 0xf0000),
    flags,
  };
}

/** do_set_thread_area(). `mayChoose`: -1 asks for a free entry. */
export function setThreadArea(task: Task, addr: Addr, mayChoose = true): Result<0> {
  const read = structIn(task.mm, addr, USER_DESC_SIZE);
  if (!read.ok) return read;
  const struct = read.value;
  const wanted = { base: struct.u32(4), limit: struct.u32(8), flags: struct.u32(12) & 0x7f };
  if (!isEmpty(wanted) && !isUsable(wanted)) return fail('EINVAL');
  let index = struct.i32(0) - FIRST_ENTRY;
  if (mayChoose && struct.i32(0) === -1) {
    index = task.tls.indexOf(0n);
    if (index < 0) return fail('ESRCH');
    const told = wordOut(task.mm, addr, 4, BigInt(index + FIRST_ENTRY));
    if (!told.ok) return told;
  }
  if (index < 0 || index >= ENTRIES) return fail('EINVAL');
  const descriptor = isEmpty(wanted) ? 0n : encode(wanted);
  task.tls = task.tls.with(index, descriptor);
  task.kernel.engine.setGdtEntry(index + FIRST_ENTRY, descriptor);
  return ok(0);
}

function getThreadArea(task: Task, addr: Addr): Result<0> {
  const read = structIn(task.mm, addr, 4);
  if (!read.ok) return read;
  const index = read.value.i32(0) - FIRST_ENTRY;
  const descriptor = task.tls[index];
  if (descriptor === undefined) return fail('EINVAL');
  const { base, limit, flags } = decode(descriptor);
  const struct = new Struct(USER_DESC_SIZE)
    .setU32(0, index + FIRST_ENTRY)
    .setU32(4, base)
    .setU32(8, limit)
    .setU32(12, flags);
  return task.mm.copyOut(addr, struct.bytes);
}

/** The 64-bit table has numbers for the two, but no 64-bit process may use them. */
const i386Only =
  (call: (task: Task, addr: Addr) => SyscallResult) =>
  (task: Task, [addr]: readonly bigint[], { word }: Abi): SyscallResult =>
    word === 4 ? call(task, addr ?? 0n) : fail('ENOSYS');

export const threadAreaCalls: HandlerTable = {
  arch_prctl: (task, [code, addr], abi) => archPrctl(task, int(code), addr, abi),
  set_thread_area: i386Only(setThreadArea),
  get_thread_area: i386Only(getThreadArea),
};

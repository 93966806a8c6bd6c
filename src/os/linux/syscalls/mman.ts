/** Memory: registers to the memory manager's arguments. What it decides is in src/os/linux/mm. */

import {
  MAP_32BIT,
  MAP_ANONYMOUS,
  MAP_FIXED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../../../abi/linux/mman.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { int, type SyscallArgs, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { structIn } from '../../../kernel/user-memory.js';
import type { MemoryRequest } from '../../../memory/request.js';
import type { Abi } from '../abi.js';
import { sealRelro } from '../exec/seal-image.js';
import { mappedFile } from '../fs/mapped-file.js';
import type { MappedFile } from '../mm/address-space.js';
import type { Task } from '../process/task.js';
import { accessOk } from './arguments.js';
import type { HandlerTable, RequestTable } from './handler.js';

const PAGE_MASK = 0xfffn;
/** mincore looks at no more pages at a time than fit one page of answers. */
const MINCORE_PIECE = 4096n;

interface MmapRegisters {
  readonly addr: Addr;
  readonly length: bigint;
  readonly prot: bigint;
  readonly flags: bigint;
  readonly fd: bigint;
}

/** ksys_mmap_pgoff(): the descriptor comes before everything else. */
function mmap(task: Task, abi: Abi, request: MmapRegisters, pageOffset: bigint): SyscallResult {
  let flags = uint(request.flags);
  let file: MappedFile | undefined;
  if (!(flags & MAP_ANONYMOUS)) {
    const open = task.files.get(int(request.fd));
    if (!open.ok) return open;
    file = mappedFile(open.value);
  }
  // int 0x80 from 64-bit code looks for addresses that fit its result (mmap_compat_base).
  const narrow = abi.word === 4 && task.arch === 'x86-64' && !(flags & MAP_FIXED);
  if (narrow) flags |= MAP_32BIT;
  const { addr, length } = request;
  return task.mm.mmap({ addr, length, prot: uint(request.prot), flags, file, pageOffset });
}

/** The sixth argument counts bytes on x86-64. On i386 this is the call of old: a pointer to all six. */
function mmapBytes(task: Task, args: SyscallArgs, abi: Abi): SyscallResult {
  if (abi.word === 4) return mmapOld(task, args[0], abi);
  const [addr, length, prot, flags, fd, offset] = args;
  if (offset & PAGE_MASK) return fail('EINVAL');
  return mmap(task, abi, { addr, length, prot, flags, fd }, offset >> 12n);
}

function mmapOld(task: Task, pointer: bigint, abi: Abi): SyscallResult {
  const read = structIn(task.mm, pointer, 24);
  if (!read.ok) return read;
  const offset = read.value.word(20, 4);
  if (offset & PAGE_MASK) return fail('EINVAL');
  return mmap(task, abi, registersIn(read.value), offset >> 12n);
}

function registersIn(struct: Struct): MmapRegisters {
  const word = (index: number): bigint => struct.word(4 * index, 4);
  return { addr: word(0), length: word(1), prot: word(2), flags: word(3), fd: word(4) };
}

function mprotect(task: Task, addr: Addr, length: bigint, prot: bigint): Result<0> {
  const done = task.mm.mprotect(addr, length, prot);
  if (done.ok) sealRelro(task, addr, length);
  return done;
}

function pkeyMprotect(
  task: Task,
  [addr, length, prot, key]: readonly [bigint, bigint, bigint, bigint],
): SyscallResult {
  return int(key) === -1
    ? task.mm.mprotect(addr, length, prot)
    : task.mm.mprotect(addr, length, prot, int(key));
}

/**
 * Compare mm/mincore.c: the arguments, the vector's range, then the pages, one VMA at a time. What was
 * found before a hole is in the vector although the call fails.
 */
function mincore(task: Task, addr: Addr, length: bigint, vector: Addr): SyscallResult {
  if (addr & PAGE_MASK) return fail('EINVAL');
  if (!accessOk(task, addr, length)) return fail('ENOMEM');
  const pages = (length + PAGE_MASK) >> 12n;
  if (!accessOk(task, vector, pages)) return fail('EFAULT');
  for (let done = 0n; done < pages; ) {
    const start = addr + (done << 12n);
    const vma = task.mm.find(start);
    if (vma === undefined) return fail('ENOMEM');
    const rest = pages - done;
    const inVma = (vma.end - start) >> 12n;
    const count = [rest, inVma, MINCORE_PIECE].reduce((least, n) => (n < least ? n : least));
    if (task.kernel.meter.exhausted) return fail('EAGAIN');
    const resident = task.mm.mincore(start, count << 12n);
    if (!resident.ok) return resident;
    const copied = task.mm.copyOut(vector + done, resident.value);
    if (!copied.ok) return copied;
    done += count;
  }
  return ok(0);
}

/** Only a 64-bit kernel has it. */
function mseal(task: Task, addr: Addr, length: bigint, flags: bigint): Result<0> {
  return task.mm.layout.kernelBits === 64 ? task.mm.mseal(addr, length, flags) : fail('ENOSYS');
}

export const mmanCalls: HandlerTable = {
  mmap: mmapBytes,
  mmap2: (task, [addr, length, prot, flags, fd, pages], abi) =>
    mmap(task, abi, { addr, length, prot, flags, fd }, pages),
  munmap: (task, [addr, length]) => task.mm.munmap(addr, length),
  mprotect: (task, [addr, length, prot]) => mprotect(task, addr, length, prot),
  pkey_mprotect: (task, [addr, length, prot, key]) => pkeyMprotect(task, [addr, length, prot, key]),
  pkey_alloc: (task, [flags, rights]) => task.mm.pkeyAlloc(flags, rights),
  pkey_free: (task, [key]) => task.mm.pkeyFree(int(key)),
  brk: (task, [addr]) => ok(task.mm.brk(addr)),
  mremap: (task, [addr, oldLength, newLength, flags, newAddr]) =>
    task.mm.mremap(addr, oldLength, newLength, flags, newAddr),
  madvise: (task, [addr, length, advice]) => task.mm.madvise(addr, length, int(advice)),
  msync: (task, [addr, length, flags]) => task.mm.msync(addr, length, int(flags)),
  mincore: (task, [addr, length, vector]) => mincore(task, addr, length, vector),
  mlock: (task, [addr, length]) => task.mm.mlock(addr, length, 0),
  mlock2: (task, [addr, length, flags]) => task.mm.mlock(addr, length, int(flags)),
  munlock: (task, [addr, length]) => task.mm.munlock(addr, length),
  mlockall: (task, [flags]) => task.mm.mlockall(int(flags)),
  munlockall: (task) => task.mm.munlockall(),
  remap_file_pages: (task, [addr, length, prot, pages, flags]) =>
    task.mm.remapFilePages(addr, length, prot, pages, flags),
  mseal: (task, [addr, length, flags]) => mseal(task, addr, length, flags),
};

/** What mmap's registers ask for, whatever becomes of them. */
function mapRequest({ addr, length, prot, flags, fd }: MmapRegisters): MemoryRequest {
  const request = { kind: 'map', start: addr, length, rights: rightsOf(prot) } as const;
  return uint(flags) & MAP_ANONYMOUS ? request : { ...request, descriptor: int(fd) };
}

function rightsOf(prot: bigint): number {
  return uint(prot) & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

function oldRequest(task: Task, pointer: bigint): MemoryRequest | undefined {
  const read = task.mm.look(pointer, 24);
  return read.ok ? mapRequest(registersIn(new Struct(read.value))) : undefined;
}

function protects([start, length, prot]: SyscallArgs): MemoryRequest {
  return { kind: 'protect', start, length, rights: rightsOf(prot) };
}

function uses([start, length]: SyscallArgs): MemoryRequest {
  return { kind: 'use', start, length, rights: 0 };
}

export const mmanRequests: RequestTable = {
  mmap: ([addr, length, prot, flags, fd], task, abi) =>
    abi.word === 4 ? oldRequest(task, addr) : mapRequest({ addr, length, prot, flags, fd }),
  mmap2: ([addr, length, prot, flags, fd]) => mapRequest({ addr, length, prot, flags, fd }),
  munmap: ([start, length]) => ({ kind: 'unmap', start, length, rights: 0 }),
  mprotect: protects,
  pkey_mprotect: protects,
  brk: ([start]) => ({ kind: 'heap', start, length: 0n, rights: PROT_READ | PROT_WRITE }),
  mremap: ([start, , length]) => ({ kind: 'move', start, length, rights: 0 }),
  madvise: uses,
  msync: uses,
  mlock: uses,
  mlock2: uses,
  munlock: uses,
  mseal: uses,
};

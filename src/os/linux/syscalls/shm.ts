/** shmget, shmat, shmdt, shmctl, and i386's ipc for them. Compare ipc/shm.c and ipc/syscall.c. */

import {
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  IPCOP_SHMAT,
  IPCOP_SHMCTL,
  IPCOP_SHMDT,
  IPCOP_SHMGET,
  SHM_DEST,
  SHM_EXEC,
  SHM_LOCK,
  SHM_LOCKED,
  SHM_RDONLY,
  SHM_REMAP,
  SHM_RND,
  SHM_UNLOCK,
} from '../../../abi/linux/ipc.js';
import {
  MAP_FIXED,
  MAP_SHARED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../../../abi/linux/mman.js';
import { type Addr, pageUp } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { int, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { structIn, wordOut } from '../../../kernel/user-memory.js';
import type { MemoryRequest } from '../../../memory/request.js';
import type { Abi } from '../abi.js';
import { USER_ID } from '../fs/mode.js';
import type { Task } from '../process/task.js';
import { attachMode, attachments, permitted, type ShmSegment } from '../shm.js';
import type { HandlerTable, RequestTable } from './handler.js';

const PAGE_MASK = 0xfffn;
/** Asks ipc for the newer structures on i386; they are all there is. shmctl itself knows no such bit. */
const IPC_64 = 0x100;

/** The address and the MAP_* flags that SHM_RND and SHM_REMAP make of the argument. */
function place(addr: Addr, flags: number): Result<{ addr: Addr; mapFlags: number }> {
  if (addr === 0n) {
    return flags & SHM_REMAP ? fail('EINVAL') : ok({ addr, mapFlags: MAP_SHARED });
  }
  if (!(addr & PAGE_MASK)) return ok({ addr, mapFlags: MAP_SHARED | MAP_FIXED });
  if (!(flags & SHM_RND)) return fail('EINVAL');
  const rounded = addr & ~PAGE_MASK;
  if (rounded === 0n && flags & SHM_REMAP) return fail('EINVAL');
  return ok({ addr: rounded, mapFlags: MAP_SHARED | MAP_FIXED });
}

/** do_shmat(). Deviation: what lies in the way is found before the security module is asked, not after. */
function shmat(task: Task, id: number, at: Addr, flags: number): Result<Addr> {
  if (id < 0) return fail('EINVAL');
  const wanted = place(at, flags);
  if (!wanted.ok) return wanted;
  const segment = task.kernel.shm.find(id);
  if (segment === undefined) return fail('EINVAL');
  if (!permitted(segment, attachMode(flags))) return fail('EACCES');
  const { addr, mapFlags } = wanted.value;
  const length = pageUp(segment.size);
  if (addr !== 0n && !(flags & SHM_REMAP) && isTaken(task, addr, length)) return fail('EINVAL');
  const writable = !(flags & SHM_RDONLY);
  return task.mm.mmap({
    addr,
    length,
    prot: attachRights(flags),
    flags: mapFlags,
    file: {
      object: segment.object,
      readable: true,
      writable,
      appendOnly: false,
      noexecMount: false,
      mappable: true,
      // Each attachment has an open file of its own: they do not merge.
      description: {},
    },
    pageOffset: 0n,
    origin: 'shmat',
  });
}

/** PROT_* of an attachment. */
function attachRights(flags: number): number {
  return PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
}

/** What wraps round the end of all addresses counts as taken. */
function isTaken({ mm }: Task, start: Addr, length: bigint): boolean {
  if (start + length >= 1n << BigInt(mm.layout.kernelBits)) return true;
  mm.frames.meter.charge('vma', mm.list.length);
  return mm.vmas.some((vma) => vma.start < start + length && vma.end > start);
}

/** ksys_shmdt(): every piece of the attachment that begins at `addr`. A sealed one stays, and nobody says so. */
function shmdt({ mm }: Task, addr: Addr): Result<0> {
  if (addr & PAGE_MASK) return fail('EINVAL');
  mm.frames.meter.charge('vma', mm.list.length);
  const pieces = mm.vmas.filter(
    ({ object, start, pageOffset }) =>
      object?.kind === 'sysv-shm' && start - addr === BigInt(pageOffset) << 12n,
  );
  const first = pieces[0];
  if (first?.object === undefined) return fail('EINVAL');
  const { object } = first;
  const end = addr + pageUp(BigInt(object.size));
  for (const piece of pieces) {
    if (piece.object === object && (piece === first || piece.end <= end)) {
      mm.munmap(piece.start, piece.end - piece.start);
    }
  }
  return ok(0);
}

function shmctl(task: Task, id: number, command: number, buffer: Addr, abi: Abi): SyscallResult {
  const { shm } = task.kernel;
  if (id < 0 || command < 0) return fail('EINVAL');
  switch (command) {
    case IPC_RMID:
    case IPC_SET:
    case IPC_STAT:
    case SHM_LOCK:
    case SHM_UNLOCK:
      break;
    default:
      return fail('EINVAL');
  }
  const mode = command === IPC_SET ? structIn(task.mm, buffer, 24) : undefined;
  if (mode !== undefined && !mode.ok) return mode;
  const segment = shm.find(id);
  if (segment === undefined) return fail('EINVAL');
  switch (command) {
    case IPC_RMID:
      shm.replace({ ...segment, key: 0, removed: true });
      return ok(0);
    case SHM_LOCK: {
      const { memlock } = task.mm.limits;
      return memlock === 0n ? fail('EPERM') : shm.lock(segment, memlock);
    }
    case SHM_UNLOCK:
      shm.replace({ ...segment, locked: false });
      return ok(0);
    case IPC_SET:
      shm.replace({ ...segment, mode: (mode?.value.u32(20) ?? 0) & 0o777 });
      return ok(0);
    default:
      if (!permitted(segment, 0o444)) return fail('EACCES');
      return task.mm.copyOut(buffer, describe(segment, task, abi).bytes);
  }
}

/** struct shmid64_ds. */
function describe(segment: ShmSegment, { pid }: Task, { word }: Abi): Struct {
  const wide = word === 8;
  const { removed, locked } = segment;
  const mode = segment.mode | (removed ? SHM_DEST : 0) | (locked ? SHM_LOCKED : 0);
  const struct = new Struct(wide ? 112 : 84).setU32(0, segment.key);
  for (const at of [4, 8, 12, 16]) struct.setU32(at, USER_ID);
  struct.setU32(20, mode);
  const size = wide ? 48 : 36;
  struct.setWord(size, word, segment.size);
  // The three times stay 0: nobody asks the clock for them.
  const pids = size + word + 24;
  struct.setU32(pids, segment.creator).setU32(pids + 4, pid);
  return struct.setWord(pids + 8, word, BigInt(attachments(segment)));
}

/** i386: one call for all of System V's; SHMAT gives the address back in memory. */
function ipc(
  task: Task,
  [call, first, second, third, pointer]: readonly [bigint, bigint, bigint, bigint, bigint],
  abi: Abi,
): SyscallResult {
  const operation = uint(call) & 0xffff;
  switch (operation) {
    case IPCOP_SHMAT: {
      if (uint(call) >>> 16 === 1) return fail('EINVAL');
      const attached = shmat(task, int(first), pointer, uint(second));
      return attached.ok ? wordOut(task.mm, third, 4, attached.value) : attached;
    }
    case IPCOP_SHMDT:
      return shmdt(task, pointer);
    case IPCOP_SHMGET:
      return task.kernel.shm.get(int(first), second, uint(third), task.pid);
    case IPCOP_SHMCTL:
      return shmctl(task, int(first), int(second) & ~IPC_64, pointer, abi);
    default:
      return fail('ENOSYS');
  }
}

export const shmCalls: HandlerTable = {
  shmget: (task, [key, size, flags]) => task.kernel.shm.get(int(key), size, uint(flags), task.pid),
  shmat: (task, [id, addr, flags]) => shmat(task, int(id), addr, uint(flags)),
  shmdt: (task, [addr]) => shmdt(task, addr),
  shmctl: (task, [id, command, buffer], abi) => shmctl(task, int(id), int(command), buffer, abi),
  ipc: (task, [call, first, second, third, pointer], abi) =>
    ipc(task, [call, first, second, third, pointer], abi),
};

function attachRequest({ kernel }: Task, id: number, start: Addr, flags: number): MemoryRequest {
  const length = pageUp(kernel.shm.find(id)?.size ?? 0n);
  return { kind: 'map', start, length, rights: attachRights(flags) };
}

function detachRequest(start: Addr): MemoryRequest {
  return { kind: 'unmap', start, length: 0n, rights: 0 };
}

export const shmRequests: RequestTable = {
  shmat: ([id, addr, flags], task) => attachRequest(task, int(id), addr, uint(flags)),
  shmdt: ([addr]) => detachRequest(addr),
  ipc: ([call, first, second, , pointer], task) => {
    const operation = uint(call) & 0xffff;
    if (operation === IPCOP_SHMDT) return detachRequest(pointer);
    if (operation !== IPCOP_SHMAT) return undefined;
    return attachRequest(task, int(first), pointer, uint(second));
  },
};

/** The process itself: its end, ids, limits, name, threads' odds and ends. Compare kernel/exit.c and kernel/sys.c. */
import {
  GRND_INSECURE,
  GRND_NONBLOCK,
  GRND_RANDOM,
  PER_LINUX32,
  PER_MASK,
} from '../../../abi/linux/process.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { cString } from '../../../base/text.js';
import { int, noReturn, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { structIn, wordOut } from '../../../kernel/user-memory.js';
import type { Abi } from '../abi.js';
import { USER_ID } from '../fs/mode.js';
import { type ResourceLimit, RLIM_INFINITY } from '../process/limits.js';
import type { Task } from '../process/task.js';
import { exitThread } from '../process/thread.js';
import { accessOk } from './arguments.js';
import type { HandlerTable, SyscallHandler } from './handler.js';

const UTS_LENGTH = 65;
const RANDOM_CHUNK = 1 << 16;
/** import_ubuf() cuts to this. */
const MAX_RW_COUNT = 0x7ffff000n;

/** Names of the machine; 'i686' for who says it wants to be on a 32-bit one. */
function uname(task: Task, buffer: bigint): SyscallResult {
  const narrow =
    task.mm.layout.kernelBits === 32 || (task.mm.personality & PER_MASK) === PER_LINUX32;
  const fields = [
    'Linux',
    'mayexec',
    '6.18.0',
    '#1 SMP PREEMPT_DYNAMIC',
    narrow ? 'i686' : 'x86_64',
    '(none)',
  ];
  const struct = new Struct(fields.length * UTS_LENGTH);
  for (const [index, field] of fields.entries()) struct.set(index * UTS_LENGTH, cString(field));
  return task.mm.copyOut(buffer, struct.bytes);
}

/** struct sysinfo (kernel/sys.c:do_sysinfo): the memory is what the sandbox may use. */
function sysinfo(task: Task, at: bigint, word: 4 | 8): SyscallResult {
  const { clock, engine, frames } = task.kernel;
  const bytes = (count: number): bigint => BigInt(count) * 4096n;
  const struct = new Struct(word === 8 ? 112 : 64)
    .setWord(0, word, clock.monotonic.seconds)
    .setWord(4 * word, word, bytes(engine.memory.maxFrames))
    .setWord(5 * word, word, BigInt(frames.free));
  struct.setU16(10 * word, task.processes.count);
  return task.mm.copyOut(at, struct.setU32(word === 8 ? 104 : 52, 1).bytes);
}

/** kernel/futex/syscalls.c: the length first, then the head. */
function getRobustList(
  task: Task,
  pid: number,
  headAt: bigint,
  lengthAt: bigint,
  word: 4 | 8,
): SyscallResult {
  const of = pid === 0 ? task : task.processes.thread(pid);
  if (of === undefined) return fail('ESRCH');
  const length = wordOut(task.mm, lengthAt, word, BigInt(3 * word));
  return length.ok ? wordOut(task.mm, headAt, word, of.robustList) : length;
}

function personality(task: Task, wanted: number): SyscallResult {
  const before = task.mm.personality;
  if (wanted !== 0xffffffff) task.mm.personality = wanted;
  return ok(before >>> 0);
}

/** In pieces, so that a length beyond all memory ends at the first bad page. */
function getrandom(task: Task, buffer: bigint, length: bigint, flags: number): SyscallResult {
  if (flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) return fail('EINVAL');
  const both = GRND_RANDOM | GRND_INSECURE;
  if ((flags & both) === both) return fail('EINVAL');
  if (!accessOk(task, buffer, length)) return fail('EFAULT');
  const wanted = Number(length < MAX_RW_COUNT ? length : MAX_RW_COUNT);
  let done = 0;
  while (done < wanted) {
    const bytes = task.kernel.entropy.bytes(Math.min(RANDOM_CHUNK, wanted - done));
    const copied = task.mm.copyOutPartial(buffer + BigInt(done), bytes);
    done += copied;
    task.kernel.meter.chargeBytes(bytes.length);
    if (copied < bytes.length) return done === 0 ? fail('EFAULT') : ok(done);
    if (task.kernel.meter.exhausted) break;
  }
  return ok(done);
}

function limitIn(task: Task, addr: bigint, word: 4 | 8): Result<ResourceLimit> {
  const read = structIn(task.mm, addr, 2 * word);
  if (!read.ok) return read;
  const value = (at: number): bigint => {
    const given = read.value.word(at, word);
    return word === 4 && given === 0xffffffffn ? RLIM_INFINITY : given;
  };
  return ok({ soft: value(0), hard: value(word) });
}

/** A limit too large for the word is shown as infinite. */
function limitOut(task: Task, addr: bigint, word: 4 | 8, limit: ResourceLimit): Result<0> {
  const shown = (value: bigint): bigint =>
    word === 4 && value > 0xffffffffn ? RLIM_INFINITY : value;
  const struct = new Struct(2 * word).setWord(0, word, shown(limit.soft));
  return task.mm.copyOut(addr, struct.setWord(word, word, shown(limit.hard)).bytes);
}

const getrlimit: SyscallHandler = (task, [resource, addr], { word }) => {
  const limit = task.limits.get(uint(resource));
  return limit.ok ? limitOut(task, addr, word, limit.value) : limit;
};

function prlimit(
  task: Task,
  [pid, resource, newAt, oldAt]: readonly [bigint, bigint, bigint, bigint],
): SyscallResult {
  const wanted = newAt === 0n ? undefined : limitIn(task, newAt, 8);
  if (wanted !== undefined && !wanted.ok) return wanted;
  if (!isSelf(task, int(pid))) return fail('ESRCH');
  const before = task.limits.get(uint(resource));
  if (!before.ok) return before;
  if (wanted !== undefined) {
    const set = task.limits.set(uint(resource), wanted.value);
    if (!set.ok) return set;
  }
  return oldAt === 0n ? ok(0) : limitOut(task, oldAt, 8, before.value);
}

/** A thread of the process, or 0. */
function isSelf(task: Task, id: number): boolean {
  return id === 0 || id === task.pid || task.processes.thread(id)?.process === task.process;
}

/** Those that could run have their turns first. */
function yieldTurn(task: Task): SyscallResult {
  if (!task.processes.scheduler.hasOthers(task)) return ok(0);
  task.waiting = {
    retry: () => ok(0),
    ready: () => true,
    interruptible: false,
    restarts: false,
    wokenBy: 'others',
  };
  return noReturn;
}

/** One CPU; the mask is written in words of 8 bytes. */
function getAffinity(
  task: Task,
  pid: number,
  length: number,
  addr: bigint,
  abi: Abi,
): SyscallResult {
  if (length < 1 || length % abi.word !== 0) return fail('EINVAL');
  if (!isSelf(task, pid)) return fail('ESRCH');
  const written = Math.min(length, 8);
  const done = task.mm.copyOut(addr, new Struct(written).setU8(0, 1).bytes);
  return done.ok ? ok(written) : done;
}

const user: SyscallHandler = () => ok(USER_ID);

/** Three ids at three places; 16-bit ones on i386's old calls. */
function resIds(size: 2 | 4): SyscallHandler {
  return (task, [first, second, third]) => {
    const id = size === 2 ? new Struct(2).setU16(0, USER_ID) : new Struct(4).setU32(0, USER_ID);
    for (const addr of [first, second, third]) {
      const done = task.mm.copyOut(addr, id.bytes);
      if (!done.ok) return done;
    }
    return ok(0);
  };
}

const resIdsByAbi: SyscallHandler = (task, args, abi) =>
  resIds(abi.word === 4 ? 2 : 4)(task, args, abi);

export const processCalls: HandlerTable = {
  exit: (task, [code]) => {
    exitThread(task, int(code) & 0xff);
    return noReturn;
  },
  exit_group: (task, [code]) => {
    task.end({ kind: 'exit', code: int(code) & 0xff });
    return noReturn;
  },
  getpid: (task) => ok(task.pid),
  gettid: (task) => ok(task.tid),
  getppid: (task) => ok(task.parentPid),
  getpgrp: (task) => ok(task.process.group),
  getpgid: (task, [pid]) => (isSelf(task, int(pid)) ? ok(task.process.group) : fail('ESRCH')),
  getsid: (task, [pid]) => (isSelf(task, int(pid)) ? ok(task.process.group) : fail('ESRCH')),
  getuid: user,
  getgid: user,
  geteuid: user,
  getegid: user,
  getuid32: user,
  getgid32: user,
  geteuid32: user,
  getegid32: user,
  getresuid: resIdsByAbi,
  getresgid: resIdsByAbi,
  getresuid32: resIds(4),
  getresgid32: resIds(4),
  getgroups: () => ok(0),
  getgroups32: () => ok(0),
  uname: (task, [buffer]) => uname(task, buffer),
  personality: (task, [wanted]) => personality(task, uint(wanted)),
  getrandom: (task, [buffer, length, flags]) => getrandom(task, buffer, length, uint(flags)),
  set_tid_address: (task, [addr]) => {
    task.clearChildTid = addr;
    return ok(task.tid);
  },
  set_robust_list: (task, [head, length], { word }) => {
    if (length !== BigInt(3 * word)) return fail('EINVAL');
    task.robustList = head;
    return ok(0);
  },
  get_robust_list: (task, [pid, headAt, lengthAt], { word }) =>
    getRobustList(task, int(pid), headAt, lengthAt, word),
  sysinfo: (task, [at], { word }) => sysinfo(task, at, word),
  sched_yield: (task) => yieldTurn(task),
  sched_getaffinity: (task, [pid, length, addr], abi) =>
    getAffinity(task, int(pid), uint(length), addr, abi),
  getrlimit,
  ugetrlimit: getrlimit,
  setrlimit: (task, [resource, addr], { word }) => {
    const limit = limitIn(task, addr, word);
    return limit.ok ? task.limits.set(uint(resource), limit.value) : limit;
  },
  prlimit64: (task, [pid, resource, newAt, oldAt]) => prlimit(task, [pid, resource, newAt, oldAt]),
};

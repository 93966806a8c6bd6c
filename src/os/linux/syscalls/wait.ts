/** wait4, waitpid, waitid. Compare kernel/exit.c:do_wait(). */

import { WNOHANG, WUNTRACED } from '../../../abi/linux/process.js';
import { signalNumber } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { int, noReturn, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { wordOut } from '../../../kernel/user-memory.js';
import type { Abi } from '../abi.js';
import { USER_ID } from '../fs/mode.js';
import { endStatus, reap } from '../process/fork.js';
import type { Task } from '../process/task.js';
import type { HandlerTable } from './handler.js';

const WEXITED = 4;
const WCONTINUED = 8;
const WNOWAIT = 0x0100_0000;
const WNOTHREAD = 0x2000_0000;
const WALL = 0x4000_0000;
const WCLONE = 0x8000_0000;
const WAIT4_OPTIONS = WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE;
const WAITID_OPTIONS = WAIT4_OPTIONS | WEXITED | WNOWAIT;
const P_ALL = 0;
const P_PID = 1;
const P_PGID = 2;
const CLD_EXITED = 1;
const CLD_KILLED = 2;
/** struct rusage: two times and fourteen longs. Nothing here takes time. */
const RUSAGE_WORDS = 18;

interface Wanted {
  readonly pid: number | undefined;
  readonly options: number;
}

/** Children that the call is about: those of the kind that __WCLONE and __WALL choose. */
function candidates(task: Task, { pid, options }: Wanted): Task[] {
  const sigchld = signalNumber('SIGCHLD');
  task.kernel.meter.charge('object', task.processes.count);
  return task.processes.childrenOf(task).filter((child) => {
    if (pid !== undefined && child.pid !== pid) return false;
    return options & WALL || (child.process.exitSignal !== sigchld) === ((options & WCLONE) !== 0);
  });
}

/** Waits for one of them; `tell` gives the answer of a child that has ended. */
function waitFor(task: Task, wanted: Wanted, tell: (child: Task) => SyscallResult): SyscallResult {
  const retry = (): SyscallResult | undefined => {
    const children = candidates(task, wanted);
    if (children.length === 0) return fail('ECHILD');
    const ended = children.find(({ outcome }) => outcome !== undefined);
    return ended === undefined ? undefined : tell(ended);
  };
  const answer = retry();
  if (answer !== undefined) return answer;
  if (wanted.options & WNOHANG) return ok(0);
  const ready = (): boolean =>
    !candidates(task, wanted).some(({ outcome }) => outcome === undefined) ||
    candidates(task, wanted).some(({ outcome }) => outcome !== undefined);
  task.waiting = { retry, ready, interruptible: true, restarts: true, wokenBy: 'others' };
  return noReturn;
}

/** The status word: an exit code in the second byte, or the signal in the first. */
function statusOf({ outcome }: Task): number {
  return outcome?.kind === 'exit' ? endStatus(outcome) << 8 : endStatus(outcome);
}

/** Undefined: any child; a group that is not this one has none. */
function childOf(task: Task, pid: number): number | undefined {
  if (pid > 0) return pid;
  const ownGroup = pid === -1 || pid === 0 || -pid === task.process.group;
  return ownGroup ? undefined : 0;
}

function wait4(
  task: Task,
  [pid, statusAt, options, usageAt]: readonly [number, Addr, number, Addr],
  abi: Abi,
): SyscallResult {
  if (uint(BigInt(options)) & ~WAIT4_OPTIONS) return fail('EINVAL');
  if (pid === -0x8000_0000) return fail('ESRCH');
  return waitFor(task, { pid: childOf(task, pid), options }, (child) => {
    const status = statusOf(child);
    reap(child);
    if (statusAt !== 0n) {
      const told = wordOut(task.mm, statusAt, 4, BigInt(status));
      if (!told.ok) return told;
    }
    const usage = usageOut(task, usageAt, abi);
    return usage.ok ? ok(child.pid) : usage;
  });
}

function usageOut(task: Task, at: Addr, { word }: Abi): Result<0> {
  return at === 0n ? ok(0) : task.mm.copyOut(at, new Uint8Array(RUSAGE_WORDS * word));
}

function waitid(
  task: Task,
  [kind, id, infoAt, options, usageAt]: readonly [number, number, Addr, number, Addr],
  abi: Abi,
): SyscallResult {
  if (options & ~WAITID_OPTIONS || !(options & (WEXITED | WUNTRACED | WCONTINUED))) {
    return fail('EINVAL');
  }
  if (kind !== P_ALL && kind !== P_PID && kind !== P_PGID) return fail('EINVAL');
  if (kind === P_PID && id <= 0) return fail('EINVAL');
  const pid = kind === P_PID ? id : kind === P_PGID ? childOf(task, -id) : undefined;
  const done = waitFor(task, { pid, options }, (child) => {
    const info = childInfo(child, abi);
    if (!(options & WNOWAIT)) reap(child);
    const usage = usageOut(task, usageAt, abi);
    if (!usage.ok) return usage;
    return infoAt === 0n ? ok(0) : task.mm.copyOut(infoAt, info);
  });
  return done;
}

/** siginfo_t of a child that has ended; its last 128 - n bytes are not touched by the kernel. */
function childInfo(child: Task, { word }: Abi): Uint8Array {
  const union = word === 8 ? 16 : 12;
  const exited = child.outcome?.kind === 'exit';
  const status = statusOf(child);
  return new Struct(union + 12)
    .setU32(0, signalNumber('SIGCHLD'))
    .setU32(8, exited ? CLD_EXITED : CLD_KILLED)
    .setU32(union, child.pid)
    .setU32(union + 4, USER_ID)
    .setU32(union + 8, exited ? status >> 8 : status).bytes;
}

export const waitCalls: HandlerTable = {
  wait4: (task, [pid, status, options, usage], abi) =>
    wait4(task, [int(pid), status, int(options), usage], abi),
  waitpid: (task, [pid, status, options], abi) =>
    wait4(task, [int(pid), status, int(options), 0n], abi),
  waitid: (task, [kind, id, info, options, usage], abi) =>
    waitid(task, [int(kind), int(id), info, int(options), usage], abi),
};

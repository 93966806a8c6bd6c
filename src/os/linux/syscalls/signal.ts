/** Signals: actions, masks, sending, returning from handlers. Compare kernel/signal.c. */

import {
  NSIG,
  SA_EXPOSE_TAGBITS,
  SA_NOCLDSTOP,
  SA_NOCLDWAIT,
  SA_NODEFER,
  SA_ONSTACK,
  SA_RESETHAND,
  SA_RESTART,
  SA_RESTORER,
  SA_SIGINFO,
  SI_CODE,
  SIG_BLOCK,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SS_DISABLE,
  signalNumber,
} from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { int, noReturn, type SyscallResult } from '../../../kernel/syscall.js';
import { structIn, wordIn, wordOut } from '../../../kernel/user-memory.js';
import type { Abi } from '../abi.js';
import { becomesStack } from '../entry/map-stack.js';
import { USER_ID } from '../fs/mode.js';
import type { Task } from '../process/task.js';
import { setAlternateStack } from '../signals/alternate-stack.js';
import { forceSignal } from '../signals/exceptions.js';
import { stackFlags } from '../signals/frame.js';
import { restorePlainFrame, restoreRtFrame } from '../signals/frame-i386.js';
import { restoreFrame64 } from '../signals/frame-x86-64.js';
import { hasInterruption } from '../signals/interruption.js';
import { senderInfo } from '../signals/siginfo.js';
import { IGNORE_HANDLER, type SignalAction } from '../signals/signal-actions.js';
import { type HandlerTable, waitForever } from './handler.js';

const SIGSET_SIZE = 8n;
const SIGKILL = signalNumber('SIGKILL');
const SIGSTOP = signalNumber('SIGSTOP');

/** UAPI_SA_FLAGS: other bits are cleared, so that a program can ask which exist. */
const KNOWN_FLAGS =
  SA_NOCLDSTOP |
  SA_NOCLDWAIT |
  SA_SIGINFO |
  SA_ONSTACK |
  SA_RESTART |
  SA_NODEFER |
  SA_RESETHAND |
  SA_EXPOSE_TAGBITS |
  SA_RESTORER;

/** struct sigaction of the rt calls: handler, flags, restorer, mask. */
function actionIn(task: Task, addr: Addr, { word }: Abi): Result<SignalAction> {
  const read = structIn(task.mm, addr, 3 * word + 8);
  if (!read.ok) return read;
  const struct = read.value;
  return ok({
    handler: struct.word(0, word),
    flags: struct.u32(word) & KNOWN_FLAGS,
    restorer: struct.word(2 * word, word),
    mask: struct.u64(3 * word),
  });
}

function actionOut(task: Task, addr: Addr, action: SignalAction, { word }: Abi): Result<0> {
  const struct = new Struct(3 * word + 8)
    .setWord(0, word, action.handler)
    .setWord(word, word, BigInt(action.flags >>> 0))
    .setWord(2 * word, word, action.restorer)
    .setU64(3 * word, action.mask);
  return task.mm.copyOut(addr, struct.bytes);
}

/** i386's old struct: handler, mask, flags, restorer. */
function oldActionIn(task: Task, addr: Addr): Result<SignalAction> {
  const read = structIn(task.mm, addr, 16);
  if (!read.ok) return read;
  const struct = read.value;
  return ok({
    handler: struct.word(0, 4),
    flags: struct.u32(8) & KNOWN_FLAGS,
    restorer: struct.word(12, 4),
    mask: struct.word(4, 4),
  });
}

function oldActionOut(task: Task, addr: Addr, action: SignalAction): Result<0> {
  const struct = new Struct(16)
    .setWord(0, 4, action.handler)
    .setWord(4, 4, action.mask)
    .setU32(8, action.flags)
    .setWord(12, 4, action.restorer);
  return task.mm.copyOut(addr, struct.bytes);
}

/** do_sigaction(): `wanted` undefined only asks. The action before. */
function setAction(
  task: Task,
  signal: number,
  wanted: SignalAction | undefined,
): Result<SignalAction> {
  if (signal < 1 || signal > NSIG) return fail('EINVAL');
  if (wanted !== undefined && (signal === SIGKILL || signal === SIGSTOP)) return fail('EINVAL');
  const before = task.signals.actions.of(signal);
  if (wanted === undefined) return ok(before);
  task.signals.actions.set(signal, wanted);
  if (wanted.handler === IGNORE_HANDLER) forget(task, signal);
  return ok(before);
}

/** What is ignored from now on is no longer pending, for no thread. */
function forget(task: Task, signal: number): void {
  task.process.pending.discard(signal);
  for (const thread of task.processes.threadsOf(task)) thread.signals.discard(signal);
}

function rtSigaction(
  task: Task,
  [signal, newAt, oldAt, size]: readonly [bigint, bigint, bigint, bigint],
  abi: Abi,
): SyscallResult {
  if (size !== SIGSET_SIZE) return fail('EINVAL');
  const wanted = newAt === 0n ? undefined : actionIn(task, newAt, abi);
  if (wanted !== undefined && !wanted.ok) return wanted;
  const before = setAction(task, int(signal), wanted?.value);
  if (!before.ok) return before;
  return oldAt === 0n ? ok(0) : actionOut(task, oldAt, before.value, abi);
}

function oldSigaction(task: Task, signal: bigint, newAt: Addr, oldAt: Addr): SyscallResult {
  const wanted = newAt === 0n ? undefined : oldActionIn(task, newAt);
  if (wanted !== undefined && !wanted.ok) return wanted;
  const before = setAction(task, int(signal), wanted?.value);
  if (!before.ok) return before;
  return oldAt === 0n ? ok(0) : oldActionOut(task, oldAt, before.value);
}

/** signal(2): one shot, nothing blocked meanwhile. */
function oldSignal(task: Task, signal: bigint, handler: Addr): SyscallResult {
  const flags = SA_RESETHAND | SA_NODEFER;
  const before = setAction(task, int(signal), { handler, flags, restorer: 0n, mask: 0n });
  return before.ok ? ok(before.value.handler) : before;
}

function changeMask(task: Task, how: number, set: bigint): Result<0> {
  const { signals } = task;
  switch (how) {
    case SIG_BLOCK:
      signals.blocked |= set;
      return ok(0);
    case SIG_UNBLOCK:
      signals.blocked &= ~set;
      return ok(0);
    case SIG_SETMASK:
      signals.blocked = set;
      return ok(0);
    default:
      return fail('EINVAL');
  }
}

/** `size`: bytes of the mask, 4 in the old call (which leaves the upper half alone). */
function sigprocmask(
  task: Task,
  [how, newAt, oldAt]: readonly [bigint, bigint, bigint],
  size: 4 | 8,
): SyscallResult {
  const before = task.signals.blocked;
  if (newAt !== 0n) {
    const set = wordIn(task.mm, newAt, size);
    if (!set.ok) return set;
    const kept = size === 4 && int(how) === SIG_SETMASK ? (before >> 32n) << 32n : 0n;
    const changed = changeMask(task, int(how), set.value | kept);
    if (!changed.ok) return changed;
  }
  return oldAt === 0n ? ok(0) : wordOut(task.mm, oldAt, size, before);
}

/** pending & blocked. */
function sigpending(task: Task, addr: Addr, size: 4 | 8): SyscallResult {
  const { pendingMask, blocked } = task.signals;
  return wordOut(task.mm, addr, size, pendingMask & blocked);
}

function sigaltstack(task: Task, newAt: Addr, oldAt: Addr, { word }: Abi): SyscallResult {
  const sp = task.kernel.stackPointer;
  const before = task.signals.alternateStack;
  const flags = stackFlags(before, sp);
  if (newAt !== 0n) {
    const read = structIn(task.mm, newAt, 3 * word);
    if (!read.ok) return read;
    const wanted = {
      start: read.value.word(0, word),
      flags: read.value.u32(word),
      size: read.value.word(2 * word, word),
    };
    const set = setAlternateStack(task.signals, wanted, sp);
    if (!set.ok) return set;
    if (!(wanted.flags & SS_DISABLE)) becomesStack(task, wanted.start, wanted.size);
  }
  if (oldAt === 0n) return ok(0);
  const struct = new Struct(3 * word)
    .setWord(0, word, before.start)
    .setU32(word, flags)
    .setWord(2 * word, word, before.size);
  return task.mm.copyOut(oldAt, struct.bytes);
}

/** Compare kill_something_info(): one process, a group, or (-1) every other one. */
function kill(task: Task, pid: number, signal: number): SyscallResult {
  task.kernel.meter.charge('object', task.processes.count);
  const targets = [...task.processes.all].filter((one) => isTarget(task, one, pid));
  if (targets.length === 0) return fail('ESRCH');
  let result: SyscallResult = ok(0);
  for (const target of targets) result = send(task, signal, SI_CODE.SI_USER, target);
  return result;
}

function isTarget(task: Task, one: Task, pid: number): boolean {
  if (pid > 0) return one.pid === pid;
  if (pid === -1) return one !== task;
  return one.process.group === (pid === 0 ? task.process.group : -pid);
}

/** Signal 0 only asks whether the process is there. */
function send(task: Task, signal: number, code: number, target = task): SyscallResult {
  if (signal < 0 || signal > NSIG) return fail('EINVAL');
  if (signal !== 0) target.signals.send(senderInfo(signal, code, task.pid, USER_ID));
  return ok(0);
}

/** To one thread, of any process. */
function tkill(task: Task, group: number | undefined, tid: number, signal: number): SyscallResult {
  if (tid <= 0 || (group !== undefined && group <= 0)) return fail('EINVAL');
  const thread = task.processes.thread(tid);
  if (thread === undefined || thread.outcome !== undefined) return fail('ESRCH');
  if (group !== undefined && thread.pid !== group) return fail('ESRCH');
  if (signal < 0 || signal > NSIG) return fail('EINVAL');
  const info = senderInfo(signal, SI_CODE.SI_TKILL, task.pid, USER_ID);
  if (signal !== 0) thread.signals.sendHere(info);
  return ok(0);
}

/** Registers are the frame's from here on. A frame that cannot be read back is a SIGSEGV. */
function sigreturn(task: Task, rt: boolean, { word }: Abi): SyscallResult {
  const restore = task.arch === 'x86-64' ? restoreFrame64 : rt ? restoreRtFrame : restorePlainFrame;
  // int 0x80 of a 64-bit process: there is no 32-bit frame to return from.
  const fits = (word === 8) === (task.arch === 'x86-64');
  if (!fits || !restore(task.frameContext).ok) forceSignal(task, 'SIGSEGV');
  return noReturn;
}

/** Waits with another mask: only a signal that is pending already can end it. */
function sigsuspend(task: Task, mask: bigint): SyscallResult {
  const { signals } = task;
  const others = !task.processes.scheduler.isAlone(task);
  if ((signals.pendingMask & ~mask) === 0n && !others) return waitForever(task, 'outside');
  signals.suspend(mask);
  return hasInterruption(task) || !others ? fail('EINTR') : waitForever(task, 'outside');
}

export const signalCalls: HandlerTable = {
  rt_sigaction: (task, [signal, newAt, oldAt, size], abi) =>
    rtSigaction(task, [signal, newAt, oldAt, size], abi),
  sigaction: (task, [signal, newAt, oldAt]) => oldSigaction(task, signal, newAt, oldAt),
  signal: (task, [signal, handler]) => oldSignal(task, signal, handler),
  rt_sigprocmask: (task, [how, newAt, oldAt, size]) =>
    size === SIGSET_SIZE ? sigprocmask(task, [how, newAt, oldAt], 8) : fail('EINVAL'),
  sigprocmask: (task, [how, newAt, oldAt]) => sigprocmask(task, [how, newAt, oldAt], 4),
  rt_sigpending: (task, [addr, size]) =>
    size > SIGSET_SIZE ? fail('EINVAL') : sigpending(task, addr, 8),
  sigpending: (task, [addr]) => sigpending(task, addr, 4),
  rt_sigsuspend: (task, [addr, size]) => {
    if (size !== SIGSET_SIZE) return fail('EINVAL');
    const mask = wordIn(task.mm, addr, 8);
    return mask.ok ? sigsuspend(task, mask.value) : mask;
  },
  pause: (task) => sigsuspend(task, task.signals.blocked),
  sigaltstack: (task, [newAt, oldAt], abi) => sigaltstack(task, newAt, oldAt, abi),
  kill: (task, [pid, signal]) => kill(task, int(pid), int(signal)),
  tkill: (task, [thread, signal]) => tkill(task, undefined, int(thread), int(signal)),
  tgkill: (task, [group, thread, signal]) => tkill(task, int(group), int(thread), int(signal)),
  rt_sigreturn: (task, _args, abi) => sigreturn(task, true, abi),
  sigreturn: (task, _args, abi) => sigreturn(task, false, abi),
};

/** pipe and pipe2, and what read and write mean for a pipe: they may wait. Compare fs/pipe.c. */

import {
  O_CLOEXEC,
  O_DIRECT,
  O_EXCL,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
} from '../../../abi/linux/fcntl.js';
import { SI_CODE, signalNumber } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { noReturn, type SyscallResult, uint } from '../../../kernel/syscall.js';
import { copyInPartly, copyOutPartly, type UserMemory } from '../../../kernel/user-memory.js';
import { OpenFile } from '../fs/open-file.js';
import { Pipe, type TransferBuffers } from '../fs/pipe.js';
import type { Waiting } from '../process/scheduler.js';
import type { Task } from '../process/task.js';
import { senderInfo } from '../signals/siginfo.js';
import type { HandlerTable } from './handler.js';

const EITHER_END = O_CLOEXEC | O_NONBLOCK | O_DIRECT;
/** Of pipe2: a pipe that the kernel writes to. */
const O_NOTIFICATION_PIPE = O_EXCL;

function makePipe(task: Task, at: Addr, flags: number): SyscallResult {
  if (flags & ~(EITHER_END | O_NOTIFICATION_PIPE)) return fail('EINVAL');
  // As in a kernel without CONFIG_WATCH_QUEUE.
  if (flags & O_NOTIFICATION_PIPE) return fail('ENOPKG');
  const { files: system } = task.kernel;
  if (!system.hasRoom()) return fail('ENFILE');
  const pipe = system.add(new Pipe(system.pipefs, system.newNumber(), task.kernel.frames));
  system.reserve(pipe);
  const path = `pipe:[${pipe.number}]`;
  const ends = [
    new OpenFile(pipe, path, O_RDONLY | (flags & O_NONBLOCK)),
    new OpenFile(pipe, path, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT))),
  ];
  const fds: number[] = [];
  for (const end of ends) {
    const fd = task.files.install(end, (flags & O_CLOEXEC) !== 0);
    if (!fd.ok) return undo(task, pipe, fds, fd);
    fds.push(fd.value);
  }
  const told = new Struct(8).setU32(0, fds[0]!).setU32(4, fds[1]!);
  const copied = task.mm.copyOut(at, told.bytes);
  return copied.ok ? copied : undo(task, pipe, fds, copied);
}

function undo<E>(task: Task, pipe: Pipe, fds: readonly number[], failure: E): E {
  if (fds.length === 0) task.kernel.files.forget(pipe);
  for (const fd of fds) task.files.close(fd);
  return failure;
}

export interface Vector {
  readonly addr: Addr;
  readonly length: bigint;
}

/** Several buffers as one, from byte `skipped` on. */
class Vectors implements TransferBuffers {
  readonly #memory: UserMemory;
  readonly #vectors: readonly Vector[];
  readonly #total: number;
  #done: number;

  constructor(memory: UserMemory, vectors: readonly Vector[], total: number, skipped: number) {
    this.#memory = memory;
    this.#vectors = vectors;
    this.#total = total;
    this.#done = skipped;
  }

  get left(): number {
    return this.#total - this.#done;
  }

  put(bytes: Uint8Array): number {
    return this.#walk(bytes.length, (addr, from, to) =>
      copyOutPartly(this.#memory, addr, bytes.subarray(from, to)),
    );
  }

  get(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    const taken = this.#walk(length, (addr, from, to) => {
      const part = copyInPartly(this.#memory, addr, to - from);
      if (!part.ok) return 0;
      bytes.set(part.value, from);
      return part.value.length;
    });
    return bytes.subarray(0, taken);
  }

  /** Calls `move` for each stretch of memory of the next `length` bytes until one moves less. */
  #walk(length: number, move: (addr: Addr, from: number, to: number) => number): number {
    let moved = 0;
    let start = 0;
    for (const vector of this.#vectors) {
      const end = start + Number(vector.length);
      const from = this.#done - start;
      const count = Math.min(end - this.#done, length - moved);
      start = end;
      if (count <= 0) continue;
      const now = move(vector.addr + BigInt(from), moved, moved + count);
      moved += now;
      this.#done += now;
      if (now < count) break;
    }
    return moved;
  }
}

/** read and write of any kind; `total` is at most the sum of the vectors' lengths. */
export function pipeTransfer(
  task: Task,
  direction: 'read' | 'write',
  { inode, flags }: OpenFile & { readonly inode: Pipe },
  vectors: readonly Vector[],
  total: number,
): SyscallResult {
  if (total === 0) return ok(0);
  const { meter } = task.kernel;
  meter.charge('vector', vectors.length);
  const nonblocking = (flags & O_NONBLOCK) !== 0;
  const packet = (flags & O_DIRECT) !== 0;
  const attempt = (done: number): Attempt => {
    const buffers = new Vectors(task.mm, vectors, total, done);
    const next =
      direction === 'read'
        ? readOnce(inode, buffers)
        : writeOnce(task, inode, buffers, { done, packet });
    meter.chargeBytes(total - buffers.left);
    return next;
  };
  const first = attempt(0);
  if (first.answer !== undefined) return first.answer;
  if (nonblocking) return first.done > 0 ? ok(first.done) : fail('EAGAIN');
  task.waiting = waitFor(attempt, first.done, () =>
    direction === 'read' ? inode.readReady : inode.writeReady,
  );
  return noReturn;
}

/** No answer: it must wait, with so many bytes moved. */
interface Attempt {
  readonly answer?: Result<number>;
  readonly done: number;
}

function waitFor(attempt: (done: number) => Attempt, done: number, ready: () => boolean): Waiting {
  const waiting: Waiting = {
    progress: done,
    retry: () => {
      const next = attempt(waiting.progress ?? 0);
      waiting.progress = next.done;
      return next.answer;
    },
    ready,
    interruptible: true,
    restarts: true,
    wokenBy: 'others',
  };
  return waiting;
}

function readOnce(pipe: Pipe, buffers: Vectors): Attempt {
  const answer = pipe.readTo(buffers);
  return answer === undefined ? { done: 0 } : { answer, done: 0 };
}

/** Without a reader: SIGPIPE, whatever was written before. */
function writeOnce(
  task: Task,
  pipe: Pipe,
  buffers: Vectors,
  { done, packet }: { readonly done: number; readonly packet: boolean },
): Attempt {
  const { moved, end } = pipe.writeFrom(buffers, packet, done > 0);
  const all = done + moved;
  if (moved > 0) pipe.modified = task.kernel.clock.nanoseconds;
  if (end === 'full') return { done: all };
  if (end === 'EPIPE') {
    const { uid } = task.facts;
    task.signals.sendHere(senderInfo(signalNumber('SIGPIPE'), SI_CODE.SI_USER, task.pid, uid));
  }
  return { answer: end === 'done' || all > 0 ? ok(all) : fail(end), done: all };
}

export const pipeCalls: HandlerTable = {
  pipe: (task, [at]) => makePipe(task, at, 0),
  pipe2: (task, [at, flags]) => makePipe(task, at, uint(flags)),
};

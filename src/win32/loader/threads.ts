/** Threads of a process: how one begins, what it runs, and its end. */
import { MEM_RELEASE } from '../../abi/windows/memory.js';
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { free } from '../../os/windows/memory/free.js';
import { ProcessEnded, ThreadEnded } from '../calls/control.js';
import type { HostTask } from '../calls/task.js';
import { runAtExit } from '../process/exit.js';
import type { Win32Process } from '../process/process.js';
import { Win32Thread } from '../process/thread.js';
import { runProcess } from '../run.js';
import { beginTurn, endThread } from '../schedule.js';
import { attach } from './libraries.js';
import { LoadFailure } from './load-failure.js';
import { prepareThread, threadEnd } from './start.js';
import { fillTeb } from './teb.js';
import { copyTls, makeStack, TLS_ARRAY } from './thread-memory.js';

const THREAD_ATTACH = 2;
const THREAD_DETACH = 3;
const MAX_THREADS = 1000;
const TEB_BYTES = 0x2000n;

export interface ThreadInit {
  readonly start: Addr;
  readonly parameter: bigint;
  /** Bytes of the stack; 0: as the program's image says. */
  readonly reserve: bigint;
  readonly commit: bigint;
  readonly suspended: boolean;
}

/** Undefined: there is no memory for it, or there are too many. It runs when its turn comes. */
export function createThread(process: Win32Process, init: ThreadInit): Win32Thread | undefined {
  if (process.threads.length >= MAX_THREADS) return undefined;
  const creator = process.thread;
  const thread = new Win32Thread(process.system.nextId());
  process.thread = thread;
  try {
    const image = process.modules.main.content.image;
    makeStack(process, init.reserve || image.stack.reserve, init.commit || image.stack.commit);
    thread.teb = process.freeTebs.pop() ?? newTeb(process);
    thread.tlsArray = process.reserveSystemMemory(BigInt(TLS_ARRAY), 'thread-local storage');
    fillTeb(process);
    for (const [index, [base, tls]] of [...process.tls].entries()) {
      const module = process.modules.withBase(base);
      if (module !== undefined) copyTls(process, module, tls, index);
    }
  } catch (error) {
    if (!(error instanceof LoadFailure)) throw error;
    releaseMemory(process, thread);
    return undefined;
  } finally {
    process.thread = creator;
  }
  thread.suspended = init.suspended ? 1 : 0;
  thread.task = body(process, init);
  if (process.threads.length === 1) beginTurn(process);
  process.threads = [...process.threads, thread];
  return thread;
}

function newTeb(process: Win32Process): Addr {
  return process.space.mapTeb() ?? process.reserveSystemMemory(TEB_BYTES, 'TEB');
}

/** The thread's work: the DLLs are told, then its function runs. */
function* body(process: Win32Process, { start, parameter }: ThreadInit): HostTask<never> {
  const { engine, wide, word, memory } = process;
  prepareThread(process);
  for (let index = 0; index < (wide ? 16 : 8); index++) engine.writeRegister(`xmm${index}`, 0n);
  engine.writeRegister('fpsw', 0n);
  engine.writeRegister('fptag', 0xffffn);
  for (const module of process.modules.all) yield* attach(process, module, THREAD_ATTACH);
  const sp = ((process.stack.base - 0x400n) & ~0xfn) - BigInt(wide ? 0x28 : 8);
  const frame = new Struct(2 * word)
    .setWord(0, word, threadEnd(process))
    .setWord(word, word, parameter);
  memory.write(sp, frame.bytes);
  process.sp = sp;
  if (wide) engine.writeRegister('rcx', parameter);
  process.pc = start;
  return yield* runProcess(process);
}

/** ExitThread: the DLLs are told; with the last thread the process ends. @throws ThreadEnded, ProcessEnded */
export function* exitThread(process: Win32Process, code: number): HostTask<never> {
  if (process.threads.length === 1) {
    yield* runAtExit(process, false);
    throw new ProcessEnded({ kind: 'exit', code: code >>> 0 });
  }
  for (const module of [...process.modules.all].reverse()) {
    yield* attach(process, module, THREAD_DETACH);
  }
  releaseMemory(process, process.thread);
  throw new ThreadEnded(code);
}

/** TerminateThread: nobody is told, and its stack stays. @throws ThreadEnded for the thread itself. */
export function terminateThread(process: Win32Process, thread: Win32Thread, code: number): void {
  if (thread === process.thread) throw new ThreadEnded(code);
  thread.task?.return(undefined as never);
  thread.task = undefined;
  endThread(process, thread, code);
}

function releaseMemory(process: Win32Process, thread: Win32Thread): void {
  const { space, heaps, word } = process;
  const slots = space.vm.pages.peek(thread.tlsArray, process.tls.size * word);
  if (slots !== undefined && thread.tlsArray !== 0n) {
    const blocks = new Struct(slots);
    for (let index = 0; index < process.tls.size; index++) {
      heaps.release(heaps.process, blocks.word(index * word, word));
    }
  }
  if (thread.teb !== 0n) process.freeTebs.push(thread.teb);
  for (const base of [thread.tlsArray, thread.stack.bottom]) {
    if (base !== 0n) free(space.vm, base, 0n, MEM_RELEASE);
  }
}

/**
 * Task: one thread (struct task_struct): registers, signals of its own, thread-local storage, rights over memory, the call
 * that it is in. Everything else is its process's (process.ts); what is asked for all the time can be asked of either.
 */

import type { Addr, Arch } from '../../../base/address.js';
import type { Outcome } from '../../../base/outcome.js';
import type { CpuState } from '../../../engine/engine.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { PolicyStack } from '../../../policy/stack.js';
import { type Abi, abiOf } from '../abi.js';
import type { Directory } from '../fs/inode.js';
import { USER_ID } from '../fs/mode.js';
import type { DescriptorTable } from '../fs/open-file.js';
import type { LinuxKernel } from '../kernel.js';
import type { AddressSpace } from '../mm/address-space.js';
import { SpaceFacts } from '../mm/facts.js';
import type { MmFacts, TaskFacts } from '../mm/hooks.js';
import { initialRights, type ThreadRights } from '../mm/thread-rights.js';
import type { FrameContext } from '../signals/frame.js';
import { SignalState } from '../signals/signal-state.js';
import type { ResourceLimits } from './limits.js';
import type { Process, Program } from './process.js';
import type { ProcessTable } from './process-table.js';
import type { Waiting } from './scheduler.js';

/** TASK_COMM_LEN, with its NUL. */
export const COMM_LENGTH = 16;

export class Task {
  readonly process: Process;
  /** Its own number; of a process's first thread the process's. */
  readonly tid: number;
  /** All of the kernel, this one's among them. */
  readonly processes: ProcessTable<Task>;
  comm = 'mayexec';
  /** Registers while another thread has the CPU. */
  cpu: CpuState | undefined;
  /** The system call that it sleeps in. */
  waiting: Waiting | undefined;
  readonly signals: SignalState;
  /** PKRU and the switch of MAP_JIT memory. */
  readonly rights: ThreadRights;
  /** Descriptors 12 to 14 of the GDT (i386 thread-local storage). */
  tls: readonly bigint[] = [0n, 0n, 0n];
  /** set_tid_address. */
  clearChildTid = 0n;
  /** set_robust_list: where the list of robust futexes begins. */
  robustList = 0n;
  /** The system call that is being made, for the events that it causes. */
  call: string | undefined;
  /** It has ended, and others of its process go on. */
  exited = false;

  /** `tid`: of a thread beside the process's first. */
  constructor(process: Process, processes: ProcessTable<Task>, tid = process.pid) {
    this.process = process;
    this.processes = processes;
    this.tid = tid;
    this.rights = initialRights(process.mm.tuning.pku);
    this.signals = new SignalState(process.actions, process.signalQueue(), {
      queue: process.pending,
      isMine: (signal) => processes.takerOf(this, signal) === this,
    });
  }

  get kernel(): LinuxKernel {
    return this.process.kernel;
  }

  /** Of the process (its thread group); that of its first thread too. */
  get pid(): number {
    return this.process.pid;
  }

  get parentPid(): number {
    return this.process.parentPid;
  }

  get mm(): AddressSpace {
    return this.process.mm;
  }

  get policies(): PolicyStack {
    return this.process.policies;
  }

  get files(): DescriptorTable {
    return this.process.files;
  }

  get limits(): ResourceLimits {
    return this.process.limits;
  }

  get cwd(): Directory {
    return this.process.cwd;
  }

  get program(): Program {
    return this.process.program;
  }

  get umask(): number {
    return this.process.umask;
  }

  /** Of its process, itself among them. */
  get threads(): readonly Task[] {
    return this.processes.threadsOf(this);
  }

  get outcome(): Outcome | undefined {
    return this.process.outcome;
  }

  get arch(): Arch {
    return this.kernel.arch;
  }

  get abi(): Abi {
    return abiOf(this.arch);
  }

  get frameContext(): FrameContext {
    const { signals, mm } = this;
    const { returnStub } = this.process;
    const keys = mm.tuning.pku ? mm : undefined;
    return { engine: this.kernel.engine, memory: mm, signals, keys, returnStub };
  }

  /** What policies are told; a child of vfork is its own task in its parent's memory. */
  get policyFacts(): MmFacts {
    const { mm, process } = this;
    return process.sharesMemory ? new SpaceFacts(mm, () => this.facts) : mm.facts;
  }

  get facts(): TaskFacts {
    const { kernel, pid, comm, program } = this;
    const now = kernel.clock.realtime;
    const parent = this.processes.get(this.parentPid);
    return {
      pid,
      comm,
      exe: program.path,
      uid: USER_ID,
      euid: USER_ID,
      gid: USER_ID,
      egid: USER_ID,
      parent: {
        pid: this.parentPid,
        comm: parent?.comm ?? 'mayexec',
        exe: parent?.program.path ?? '/usr/bin/mayexec',
      },
      now: {
        seconds: Number(now.seconds),
        milliseconds: Math.floor(now.nanoseconds / 1_000_000),
      },
      auditSerial: kernel.auditSerial,
    };
  }

  /** One byte of its memory as a debugger sees it; undefined where nothing is mapped. */
  byteAt(address: Addr): number | undefined {
    return this.mm.find(address) === undefined ? undefined : this.mm.peek(address, 1)[0];
  }

  /** copy_thread(): what the first thread of a child has of the one that forked. */
  inherit(parent: Task): void {
    this.process.inherit(parent.process);
    this.signals.inherit(parent.signals);
    Object.assign(this.rights, parent.rights);
    const { comm, tls } = parent;
    Object.assign(this, { comm, tls });
  }

  /** clone with CLONE_THREAD: what a thread has of the one that made it. */
  inheritThread(parent: Task): void {
    this.signals.inherit(parent.signals, true);
    Object.assign(this.rights, parent.rights);
    const { comm, tls } = parent;
    Object.assign(this, { comm, tls });
  }

  /** de_thread(): the first thread's place is taken by another one, which begins a program. */
  become(other: Task): void {
    this.signals.inherit(other.signals);
    Object.assign(this.rights, other.rights);
    const { comm, call } = other;
    Object.assign(this, { comm, call, exited: false, waiting: undefined });
  }

  /** A program begins: what it may do with memory is as execve leaves it. */
  resetRights(): void {
    Object.assign(this.rights, initialRights(this.mm.tuning.pku));
    this.mm.useThread(this.rights);
  }

  /** The process ends; the first end counts. */
  end(outcome: Outcome): void {
    this.process.outcome ??= outcome;
  }

  /** What is the thread's own. */
  save(): Saved {
    const signals = this.signals.save();
    const { comm, tls, clearChildTid, robustList, cpu, waiting, exited } = this;
    const rights = { ...this.rights };
    const progress = waiting?.progress;
    return saved(() => {
      Object.assign(this, { comm, tls, clearChildTid, robustList, cpu, waiting, exited });
      Object.assign(this.rights, rights);
      if (waiting !== undefined) waiting.progress = progress;
      signals.restore();
    });
  }
}

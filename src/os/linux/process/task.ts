/** Task: one process with its one thread. Compare struct task_struct (include/linux/sched.h). */

import { RLIMIT_NOFILE, RLIMIT_SIGPENDING } from '../../../abi/linux/process.js';
import { signalNumber } from '../../../abi/linux/signal.js';
import type { Addr, Arch } from '../../../base/address.js';
import type { Outcome } from '../../../base/outcome.js';
import type { CpuState } from '../../../engine/engine.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { PolicyStack } from '../../../policy/stack.js';
import { type Abi, abiOf } from '../abi.js';
import { NO_VDSO, type Vdso } from '../exec/vdso.js';
import type { Directory } from '../fs/inode.js';
import { USER_ID } from '../fs/mode.js';
import { DescriptorTable, type OpenFile } from '../fs/open-file.js';
import type { LinuxKernel } from '../kernel.js';
import type { AddressSpace } from '../mm/address-space.js';
import type { MmFacts, TaskFacts } from '../mm/hooks.js';
import type { FrameContext } from '../signals/frame.js';
import { SignalState } from '../signals/signal-state.js';
import { ResourceLimits } from './limits.js';
import type { ProcessTable, Waiting } from './process-table.js';

/** TASK_COMM_LEN, with its NUL. */
export const COMM_LENGTH = 16;

/** How the program came to be; what /proc/self tells of it. */
export interface Program {
  readonly path: string;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
}

export const NO_PROGRAM: Program = { path: '', argv: [], envp: [] };

export class Task {
  readonly kernel: LinuxKernel;
  /** All of the kernel, this one among them. */
  readonly processes: ProcessTable<Task>;
  readonly pid: number;
  parentPid: number;
  /** Process group. */
  group: number;
  /** The one that the host started, and looks at. */
  isFirst = false;
  /** Told to the parent when this one ends. */
  exitSignal = signalNumber('SIGCHLD');
  /** A child of vfork: `mm` is its parent's. */
  sharesMemory = false;
  /** The parent sleeps until this one execs or ends. */
  sleepsParent = false;
  /** Registers while another process has the CPU. */
  cpu: CpuState | undefined;
  /** The system call that it sleeps in. */
  waiting: Waiting | undefined;
  /** As given, before a program's marks shape them. */
  readonly basePolicies: PolicyStack;
  /** Address space and policies change together, at exec. */
  mm: AddressSpace;
  policies: PolicyStack;
  readonly files: DescriptorTable;
  readonly limits: ResourceLimits;
  readonly signals: SignalState;
  cwd: Directory;
  program: Program = NO_PROGRAM;
  /** Labels of the program. */
  symbols: ReadonlyMap<string, Addr> = new Map();
  comm = 'mayexec';
  umask = 0o022;
  /** The kernel's own code in an i386 process. */
  returnStub: Vdso = NO_VDSO;
  /** Descriptors 12 to 14 of the GDT (i386 thread-local storage). */
  tls: readonly bigint[] = [0n, 0n, 0n];
  /** set_tid_address. */
  clearChildTid = 0n;
  /** PR_SET_NO_NEW_PRIVS, PR_SET_DUMPABLE. */
  noNewPrivileges = false;
  dumpable = 1;
  /** The system call that is being made, for the events that it causes. */
  call: string | undefined;
  /** How it ended. */
  outcome: Outcome | undefined;

  constructor(
    kernel: LinuxKernel,
    processes: ProcessTable<Task>,
    pid: number,
    mm: AddressSpace,
    policies: PolicyStack,
    basePolicies = policies,
  ) {
    this.kernel = kernel;
    this.processes = processes;
    this.pid = pid;
    this.parentPid = pid - 1;
    this.group = pid;
    this.mm = mm;
    this.basePolicies = basePolicies;
    this.policies = policies;
    this.cwd = kernel.files.home;
    this.limits = new ResourceLimits(() => this.mm.limits);
    this.signals = new SignalState(kernel.frames, () =>
      Number(this.limits.soft(RLIMIT_SIGPENDING)),
    );
    this.files = new DescriptorTable(
      () => Number(this.limits.soft(RLIMIT_NOFILE)),
      (file) => this.#released(file),
      kernel.frames,
    );
  }

  get arch(): Arch {
    return this.kernel.arch;
  }

  get abi(): Abi {
    return abiOf(this.arch);
  }

  get frameContext(): FrameContext {
    const { signals, returnStub } = this;
    const keys = this.mm.tuning.pku ? this.mm : undefined;
    return { engine: this.kernel.engine, memory: this.mm, signals, keys, returnStub };
  }

  /** What policies are told; a child of vfork is its own task in its parent's memory. */
  get policyFacts(): MmFacts {
    const { facts } = this.mm;
    return this.sharesMemory ? { ...facts, task: this.facts } : facts;
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

  /** copy_process(): what a child has of its parent, memory apart. */
  inherit(parent: Task): void {
    this.parentPid = parent.pid;
    this.files.copyFrom(parent.files);
    this.limits.copyFrom(parent.limits);
    this.signals.inherit(parent.signals);
    const { group, cwd, program, symbols, comm, umask, returnStub, tls } = parent;
    const { noNewPrivileges, dumpable } = parent;
    Object.assign(this, { group, cwd, program, symbols, comm, umask, returnStub, tls });
    Object.assign(this, { noNewPrivileges, dumpable });
  }

  /** exit_mm(), and what execve does with the old program's. */
  leaveMemory(): void {
    if (!this.sharesMemory) this.mm.close();
    this.sharesMemory = false;
    this.sleepsParent = false;
  }

  /** The first end counts. */
  end(outcome: Outcome): void {
    this.outcome ??= outcome;
  }

  save(): Saved {
    const signals = this.signals.save();
    const files = this.files.save();
    const limits = this.limits.save();
    const { mm, policies, cwd, program, comm, umask, returnStub, tls, clearChildTid } = this;
    const { symbols, noNewPrivileges, dumpable, outcome } = this;
    const { parentPid, sharesMemory, sleepsParent, cpu, waiting } = this;
    const family = { parentPid, sharesMemory, sleepsParent, cpu, waiting };
    const plain = { mm, policies, cwd, program, comm, umask, returnStub, tls, clearChildTid };
    const progress = waiting?.progress;
    const memory = mm.snapshot();
    return saved(
      () => {
        Object.assign(this, plain, family, { symbols, noNewPrivileges, dumpable, outcome });
        if (waiting !== undefined) waiting.progress = progress;
        signals.restore();
        files.restore();
        mm.restore(memory);
        limits.restore();
      },
      () => mm.dropSnapshot(memory),
    );
  }

  /** The last descriptor of an open file is gone; without a name and a mapping its content goes too. */
  #released(file: OpenFile): void {
    const { inode } = file;
    if (inode.closed(file) && inode.openFiles === 0) this.kernel.files.forget(inode);
  }
}

/**
 * Process: what all threads of a process share: memory, files, signal actions, limits, credentials, family (the
 * structures that struct task_struct points to, and struct signal_struct). What each thread has of its own is in task.ts.
 */
import { RLIMIT_NOFILE, RLIMIT_SIGPENDING } from '../../../abi/linux/process.js';
import { signalNumber } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import type { Outcome } from '../../../base/outcome.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { PolicyStack } from '../../../policy/stack.js';
import { NO_VDSO, type Vdso } from '../exec/vdso.js';
import type { Directory } from '../fs/inode.js';
import { DescriptorTable, type OpenFile } from '../fs/open-file.js';
import type { LinuxKernel } from '../kernel.js';
import type { AddressSpace } from '../mm/address-space.js';
import { SignalActions } from '../signals/signal-actions.js';
import { SignalQueue } from '../signals/signal-queue.js';
import { ResourceLimits } from './limits.js';

/** How the program came to be; what /proc/self tells of it. */
export interface Program {
  readonly path: string;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
}

export const NO_PROGRAM: Program = { path: '', argv: [], envp: [] };

export class Process {
  readonly kernel: LinuxKernel;
  /** Of its first thread too. */
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
  /** As given, before a program's marks shape them. */
  readonly basePolicies: PolicyStack;
  /** Address space and policies change together, at exec. */
  mm: AddressSpace;
  policies: PolicyStack;
  readonly files: DescriptorTable;
  readonly limits: ResourceLimits;
  readonly actions = new SignalActions();
  /** Signals that any of its threads may take. */
  readonly pending: SignalQueue;
  cwd: Directory;
  program: Program = NO_PROGRAM;
  /** Labels of the program. */
  symbols: ReadonlyMap<string, Addr> = new Map();
  umask = 0o022;
  /** The kernel's own code in an i386 process. */
  returnStub: Vdso = NO_VDSO;
  /** PR_SET_NO_NEW_PRIVS, PR_SET_DUMPABLE. */
  noNewPrivileges = false;
  dumpable = 1;
  /** How it ended. */
  outcome: Outcome | undefined;

  constructor(
    kernel: LinuxKernel,
    pid: number,
    mm: AddressSpace,
    policies: PolicyStack,
    basePolicies = policies,
  ) {
    this.kernel = kernel;
    this.pid = pid;
    this.parentPid = pid - 1;
    this.group = pid;
    this.mm = mm;
    this.basePolicies = basePolicies;
    this.policies = policies;
    this.cwd = kernel.files.home;
    this.limits = new ResourceLimits(() => this.mm.limits);
    this.pending = this.signalQueue();
    this.files = new DescriptorTable(
      () => Number(this.limits.soft(RLIMIT_NOFILE)),
      (file) => this.#released(file),
      kernel.frames,
    );
  }

  /** For the process or one of its threads. */
  signalQueue(): SignalQueue {
    return new SignalQueue(this.kernel.frames, () => Number(this.limits.soft(RLIMIT_SIGPENDING)));
  }

  /** copy_process(): what a child has of its parent, memory apart. */
  inherit(parent: Process): void {
    this.parentPid = parent.pid;
    this.files.copyFrom(parent.files);
    this.limits.copyFrom(parent.limits);
    this.actions.copyFrom(parent.actions);
    const { group, cwd, program, symbols, umask, returnStub, noNewPrivileges, dumpable } = parent;
    Object.assign(this, { group, cwd, program, symbols, umask, returnStub });
    Object.assign(this, { noNewPrivileges, dumpable });
  }

  /** exit_mm(), and what execve does with the old program's. */
  leaveMemory(): void {
    if (!this.sharesMemory) this.mm.close();
    this.sharesMemory = false;
    this.sleepsParent = false;
  }

  save(): Saved {
    const parts = [this.actions, this.pending, this.files, this.limits].map((part) => part.save());
    const { mm, policies, cwd, program, umask, returnStub, symbols } = this;
    const { noNewPrivileges, dumpable, outcome, parentPid, sharesMemory, sleepsParent } = this;
    const plain = { mm, policies, cwd, program, umask, returnStub, symbols, noNewPrivileges };
    const family = { dumpable, outcome, parentPid, sharesMemory, sleepsParent };
    const memory = mm.snapshot();
    return saved(
      () => {
        Object.assign(this, plain, family);
        mm.restore(memory);
        for (const part of parts) part.restore();
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

/**
 * LinuxProcess: a Linux machine with one process on it, as the host uses it. The host loads a program
 * or none, runs it, calls into it, makes system calls in its name and takes snapshots.
 */

import { type Addr, type AddrRange, type Arch, pageDown } from '../../../base/address.js';
import { InvariantError, MayexecError, ProgramError } from '../../../base/errors.js';
import type { Access, Outcome } from '../../../base/outcome.js';
import { visible } from '../../../base/text.js';
import type { CpuState, Engine, RunCode } from '../../../engine/engine.js';
import { parseElf } from '../../../formats/elf/image.js';
import type {
  CallAnswer,
  Dropped,
  Guest,
  GuestFile,
  GuestSnapshot,
  HostEntry,
} from '../../../kernel/guest.js';
import { OutputSink } from '../../../kernel/output.js';
import { type Pause, type RunRequest, Stepper } from '../../../kernel/run-control.js';
import type { Saved } from '../../../kernel/snapshot.js';
import type { SyscallResult } from '../../../kernel/syscall.js';
import type { VmaHistory } from '../../../memory/history.js';
import type { ListedMapping } from '../../../memory/mapping.js';
import type { MemoryObject } from '../../../memory/object.js';
import { HOST_ADDRESSES, HostCallFrame, noRoom } from '../entry/call.js';
import { performSyscall } from '../entry/dispatch.js';
import { hostCall } from '../entry/host-call.js';
import { execProgram, prepareIdle } from '../exec/exec.js';
import { execFailure } from '../exec/exec-failure.js';
import { Directory } from '../fs/inode.js';
import { addProcess, populateProc } from '../fs/proc.js';
import { openStandardStreams } from '../fs/standard-streams.js';
import { LinuxKernel } from '../kernel.js';
import type { AddressSpace } from '../mm/address-space.js';
import { changeLayout } from '../mm/placement/layout.js';
import { mappingOf } from '../mm/vmas/mapping.js';
import { judgeFault } from '../signals/page-fault.js';
import { sysctlFiles } from '../sysctl.js';
import type { LinuxProcessOptions } from './linux-process-options.js';
import { Process } from './process.js';
import { ProcessTable } from './process-table.js';
import { runTasks, type TaskLimits, type TasksEnd } from './run-tasks.js';
import { enterThread } from './scheduler.js';
import { createPolicies, createSpace } from './space.js';
import { Task } from './task.js';

/** Of the process that the host starts; those that it forks count up from there. */
const FIRST_PID = 1000;

/** Belongs to the process that made it. */
interface ProcessSnapshot extends GuestSnapshot {
  readonly cpu: CpuState;
  readonly code: RunCode;
  readonly parts: Saved;
}

export class LinuxProcess implements Guest {
  readonly os = 'linux';
  readonly #kernel: LinuxKernel;
  readonly #task: Task;
  readonly #blocks: number;
  readonly #outputs: readonly [OutputSink, OutputSink];
  #loaded = false;
  /** Snapshots that nobody holds any more give their frames back. */
  readonly #forgotten = new FinalizationRegistry<Saved>((parts) => {
    if (!this.#closed) parts.drop();
  });
  #closed = false;

  private constructor(options: LinuxProcessOptions) {
    const kernel = new LinuxKernel(options);
    const processes = new ProcessTable<Task>(options.schedule);
    this.#kernel = kernel;
    this.#blocks = options.limits.blocks;
    const owner = (): Task => processes.runningOf(this.#task);
    const policies = createPolicies(kernel, options.policies.policies, owner);
    const layout = changeLayout(kernel.layout, policies.effects);
    const mm = createSpace(kernel, layout, policies, owner);
    this.#task = new Task(new Process(kernel, FIRST_PID, mm, policies), processes);
    this.#task.process.isFirst = true;
    processes.add(this.#task);
    for (const [resource, bytes] of options.resourceLimits ?? []) {
      this.#task.limits.set(resource, { soft: bytes, hard: bytes });
    }
    const { onOutput } = options;
    const sink = (fd: 1 | 2): OutputSink =>
      new OutputSink(onOutput === undefined ? undefined : (bytes) => onOutput(fd, bytes));
    this.#outputs = [sink(1), sink(2)];
    const { files } = kernel;
    openStandardStreams(files, this.#task.files, options.stdin ?? new Uint8Array(), this.#outputs);
    populateProc(files, () => processes.scheduler.current ?? this.#task, {
      'vm/memfd_noexec': String(policies.effects.memfdNoexec ?? 0),
      'vm/mmap_min_addr': String(layout.mmapMinAddr),
      ...sysctlFiles(kernel.sysctls),
    });
    addProcess(files, this.#task);
    kernel.engine.setTranslate(mm.translate);
  }

  static create(options: LinuxProcessOptions): LinuxProcess {
    return new LinuxProcess(options);
  }

  get mm(): AddressSpace {
    return this.#task.mm;
  }

  get arch(): Arch {
    return this.#kernel.arch;
  }

  get memory(): AddressSpace {
    return this.#task.mm;
  }

  get registers(): Engine {
    return this.#kernel.engine;
  }

  get hostAddresses(): AddrRange {
    return HOST_ADDRESSES[this.arch];
  }

  get pid(): number {
    return this.#task.pid;
  }

  get kernelLog(): readonly string[] {
    return this.#kernel.log.lines;
  }

  get dropped(): Dropped {
    const [stdout, stderr] = this.#outputs;
    return {
      logLines: this.#kernel.log.dropped,
      stdout: stdout.dropped,
      stderr: stderr.dropped,
    };
  }

  get stdout(): Uint8Array {
    return this.#outputs[0].bytes;
  }

  get stderr(): Uint8Array {
    return this.#outputs[1].bytes;
  }

  get symbols(): ReadonlyMap<string, Addr> {
    return this.#task.process.symbols;
  }

  /** What ended the program, if it has ended. */
  get outcome(): Outcome | undefined {
    return this.#task.outcome;
  }

  /**
   * Puts a program into the file system and loads it. What only happens behind execve's point of no
   * return (a policy refuses a segment) is the outcome of the run.
   * @throws MayexecError for a file that cannot be executed.
   */
  exec(
    path: string,
    bytes: Uint8Array,
    argv: readonly string[],
    envp: readonly string[],
    xattrs: Readonly<Record<string, string>> = {},
  ): void {
    const parsed = parseElf(bytes);
    if (!parsed.ok) throw new ProgramError(path, parsed.reason);
    const { image } = parsed;
    if (image.arch !== this.#kernel.arch) {
      throw new ProgramError(path, `it is for ${image.arch}, this sandbox is ${this.#kernel.arch}`);
    }
    this.#kernel.writeFile(path, { content: bytes, mode: 0o755, xattrs });
    const done = execProgram(this.#task, this.#kernel.layout, { path, argv, envp });
    if (!done.ok) throw new ProgramError(path, execFailure(done, image));
    this.#loaded = true;
  }

  /** Where the program starts. @throws MayexecError for what is no directory of the guest's. */
  changeDirectory(path: string): void {
    const { files } = this.#kernel;
    const found = files.walk(files.root, path, true);
    const inode = found.ok ? found.value.inode : undefined;
    if (!path.startsWith('/') || !(inode instanceof Directory)) {
      throw new MayexecError(`the directory '${visible(path)}' to start in is none of the guest's`);
    }
    this.#task.process.cwd = inode;
  }

  /** No program: an empty process with a stack and a heap, for system calls and `call`. */
  idle(): void {
    prepareIdle(this.#task);
  }

  run(): Outcome {
    const end = this.resume({});
    if (end.kind === 'pause')
      throw new InvariantError(`a run without a request paused: ${end.reason}`);
    return end;
  }

  resume(request: RunRequest): Outcome | Pause {
    const { processes } = this.#task;
    if (!this.#loaded && this.#kernel.programCounter === 0n) {
      throw new MayexecError('run: no program is loaded');
    }
    if (this.#task.outcome !== undefined) return this.#task.outcome;
    processes.scheduler.show(processes.scheduler.turn?.task ?? this.#task);
    this.#budget();
    const stepper = Stepper.for(request, this.#kernel.programCounter);
    const blocks = Math.min(request.blocks ?? this.#blocks, this.#blocks);
    const done = runTasks(this.#task, { blocks, stepper, turn: processes.scheduler.turn });
    processes.scheduler.turn = done.turn;
    const { pid } = done.turn.task;
    processes.scheduler.show(done.turn.task);
    const pc = this.#kernel.programCounter;
    processes.scheduler.show(this.#task);
    const { end } = done;
    if (end === 'paused') {
      const { reason = 'instructions', hit } = stepper ?? {};
      return { kind: 'pause', reason, pid, pc, ...(hit === undefined ? {} : { hit }) };
    }
    if (typeof end === 'string') throw new MayexecError('run: stopped at a return address');
    const spent = end.kind === 'limit' && end.limit === 'blocks';
    if (spent && request.blocks !== undefined && request.blocks <= this.#blocks) {
      return { kind: 'pause', reason: 'blocks', pid, pc };
    }
    this.#kernel.record({ type: 'end', pid: this.#task.pid, outcome: end });
    return end;
  }

  /**
   * Calls guest code by the platform's C convention (System V, cdecl). The stack pointer is put back
   * when it returns; every other register stays as the code left it.
   */
  call(address: Addr, args: readonly bigint[]): Outcome {
    return this.#apart(() => {
      const outcome = this.#call(address, args);
      this.#kernel.record({ type: 'end', pid: this.#task.pid, outcome });
      return outcome;
    });
  }

  /** Runs from `address` with all registers as they are, until the code jumps to the host or ends. */
  enter(address: Addr, blocks = this.#blocks): Outcome | HostEntry {
    return this.#apart(() => {
      this.#kernel.programCounter = address;
      const end = this.#runTasks({ host: HOST_ADDRESSES[this.#task.arch], blocks });
      if (end === 'host') return { kind: 'host', address: this.#kernel.programCounter };
      if (typeof end === 'string') throw new InvariantError(`a call of the host ended: ${end}`);
      return end;
    });
  }

  /** Whatever the program itself has come to stays as it is. */
  #apart<T>(run: () => T): T {
    const task = this.#task;
    const { outcome, waiting, exited } = task;
    task.process.outcome = undefined;
    Object.assign(task, { waiting: undefined, exited: false });
    const result = run();
    task.process.outcome = outcome;
    Object.assign(task, { waiting, exited });
    return result;
  }

  /**
   * A system call as the guest would make it. `byHost` is false for a program whose code is the host's, such as
   * Wine's own libraries. @throws MayexecError for an unknown name.
   */
  syscall(nameOrNumber: string | number, args: readonly bigint[], byHost = true): CallAnswer {
    const { abi } = this.#task;
    const call = hostCall(abi, nameOrNumber, args);
    if (!call.ok) return { value: -1n, errno: call.errno };
    let late: SyscallResult | undefined;
    const deliver = (answer: SyscallResult): void => {
      late = answer;
    };
    const task = this.#task;
    this.#budget();
    // What the guest itself may be waiting for goes on afterwards.
    const { waiting } = task;
    task.waiting = undefined;
    const first = performSyscall(task, { abi, ...call.value, byHost, deliver });
    // A call that waits lets the other processes run until it has its answer.
    if (task.waiting !== undefined) this.#runTasks({ enough: () => late !== undefined });
    task.waiting = waiting;
    const result = late ?? first;
    if (result.ok === 'no-return') return { value: 0n };
    return result.ok ? { value: BigInt(result.value) } : { value: -1n, errno: result.errno };
  }

  /** What the policies say of an access that a page refuses, for code that no signal is sent to (Wine's programs). */
  judgeFault(address: Addr, access: Access, pc: Addr): ReturnType<typeof judgeFault> {
    return judgeFault(this.#task, { address, access, pc });
  }

  mappings(): ListedMapping[] {
    const { mm } = this.#task;
    return mm.vmas.map((vma) => ({
      ...mappingOf(vma, mm.nameOf(vma)),
      attributes: mm.smapsFlags(vma),
    }));
  }

  mapsText(): string {
    return this.#task.mm.mapsText();
  }

  history(address: Addr): readonly VmaHistory[] {
    return this.#task.mm.history(pageDown(address));
  }

  readFile(path: string): Uint8Array {
    return this.#kernel.files.read(path);
  }

  /** The pages of a file. @throws MayexecError when there is none. */
  fileContent(path: string): MemoryObject {
    return this.#kernel.files.content(path);
  }

  writeFile(path: string, file: Uint8Array | GuestFile): void {
    this.#kernel.writeFile(path, file);
  }

  snapshot(): ProcessSnapshot {
    const tasks = this.#task.processes.save();
    const kernel = this.#kernel.save();
    const { frames } = this.#kernel;
    const { reserved } = frames;
    const parts: Saved = {
      restore: () => {
        kernel.restore();
        tasks.restore();
        // Whatever was given back and taken on the way.
        frames.reserved = reserved;
      },
      drop: () => {
        kernel.drop();
        tasks.drop();
      },
    };
    const { engine } = this.#kernel;
    const [cpu, code] = [engine.saveCpu(), engine.saveCode()];
    const snapshot = { os: this.os, cpu, code, parts };
    this.#forgotten.register(snapshot, parts, snapshot);
    return snapshot;
  }

  /** Gives back at once what only the snapshot holds; else that happens when nobody holds it any more. */
  discard(snapshot: GuestSnapshot): void {
    if (this.#forgotten.unregister(snapshot)) ownSnapshot(snapshot).parts.drop();
  }

  restore(snapshot: GuestSnapshot): void {
    const { cpu, code, parts } = ownSnapshot(snapshot);
    const { engine } = this.#kernel;
    const { scheduler } = this.#task.processes;
    const [current, before] = [scheduler.current, seenBy(this.#task)];
    parts.restore();
    if (current !== this.#task || !isSame(before, seenBy(this.#task))) enterThread(this.#task);
    engine.loadCpu(cpu);
    engine.loadCode(code);
  }

  close(): void {
    this.#closed = true;
    for (const task of this.#task.processes.all) task.process.leaveMemory();
    this.#kernel.shm.close();
    this.#kernel.files.close();
  }

  #call(address: Addr, args: readonly bigint[]): Outcome {
    const frame = HostCallFrame.push(this.#task, address, args);
    if (!(frame instanceof HostCallFrame)) return noRoom(frame);
    const end = this.#runTasks({ until: frame.returnAddress });
    return typeof end === 'string' ? frame.pop() : end;
  }

  /** Whatever a request says, calls are cut off by the sandbox's own limit alone. */
  #budget(): void {
    const { meter } = this.#kernel;
    meter.limit = meter.spent + this.#blocks;
  }

  /** Apart from the program's own run. The first process has the CPU afterwards, whoever had it last. */
  #runTasks(limits: Partial<TaskLimits>): TasksEnd['end'] {
    this.#budget();
    const { end } = runTasks(this.#task, { blocks: this.#blocks, ...limits });
    this.#task.processes.scheduler.show(this.#task);
    return end;
  }
}

/** What decides which memory a thread sees, and how. */
function seenBy({ mm, rights, tls }: Task): readonly unknown[] {
  return [mm, rights.pkru, rights.jitWriteProtect, ...tls];
}

function isSame(before: readonly unknown[], after: readonly unknown[]): boolean {
  return before.every((value, index) => value === after[index]);
}

/** @throws MayexecError for what another world's guest made. */
function ownSnapshot(snapshot: GuestSnapshot): ProcessSnapshot {
  if ('cpu' in snapshot && 'parts' in snapshot) return snapshot as ProcessSnapshot;
  throw new MayexecError(
    `restore: this snapshot is of a guest of '${snapshot.os}', not of 'linux'`,
  );
}

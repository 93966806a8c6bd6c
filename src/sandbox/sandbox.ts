/**
 * Sandbox: one guest under a policy. The composition root: it picks the world, the engine and the
 * policies, and hands the host what it may do with the guest.
 */

import type { Addr, AddrRange, Arch } from '../base/address.js';
import { checkBoolean, checkBytes, checkFunction, checkText } from '../base/arguments.js';
import { MayexecError } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import type { Fault, Outcome } from '../base/outcome.js';
import { checksum } from '../base/pack.js';
import type { Finding } from '../diagnosis/monitor/finding.js';
import { findingsOf } from '../diagnosis/monitor/findings.js';
import { PageWatcher } from '../diagnosis/monitor/page-watcher.js';
import type { Engine } from '../engine/engine.js';
import {
  type EngineInfo,
  engineInfo,
  loadEngine,
  type OpenedEngine,
  openEngine,
  openLoadedEngine,
} from '../engine/open.js';
import { type InjectionCount, Injector } from '../inject/injector.js';
import type { CallAnswer, Dropped, Guest, GuestSnapshot, HostEntry } from '../kernel/guest.js';
import { KernelLog } from '../kernel/log.js';
import type { Pause } from '../kernel/run-control.js';
import type { Saved } from '../kernel/snapshot.js';
import type { VmaHistory } from '../memory/history.js';
import { permsText } from '../memory/mapping.js';
import type { KernelGuest } from '../os/kernel/guest.js';
import { resolvePolicies } from '../policy/registry.js';
import type { TraceEvent } from '../trace/events.js';
import { Recorder } from '../trace/recorder.js';
import { exceptionReport } from '../win32/guest/report.js';
import { guestOptions } from './guest-options.js';
import { KernelBeside } from './kernel-beside.js';
import { type CheckedKernel, checkKernel, withKernel } from './kernel-options.js';
import {
  type CheckedOptions,
  checkCall,
  checkHostFile,
  checkOptions,
  type EngineChoice,
  type HostFile,
  integer,
  type SandboxOptions,
  toWord,
} from './options.js';
import {
  callsUpTo,
  digestOf,
  type RecordedCall,
  Recording,
  readSandbox,
  writeSandbox,
} from './recording.js';
import { type Registers, registersOf } from './registers.js';
import { checkResume, type ResumeOptions } from './resume.js';
import { type GuestOs, WORLDS } from './worlds.js';

/** One line of the address space. Addresses are half-open. */
export interface MapsEntry {
  readonly start: Addr;
  readonly end: Addr;
  /** As in /proc/self/maps: 'rwxp'. */
  readonly perms: string;
  /** Byte offset into the object mapped. */
  readonly offset: bigint;
  readonly name: string;
  /** The two-letter codes of the VmFlags line of smaps. */
  readonly vmFlags: string[];
}

/** `value` is what the register holds after the call, signed; -1n with `errno` when it failed. */
export type SyscallOutcome = CallAnswer;

/** What a sandbox shares with others. */
interface Company {
  readonly kernel: Sandbox | undefined;
  readonly isBeside: boolean;
  readonly recording: Recording;
  readonly log: KernelLog;
}

/** State of a sandbox at one moment. Belongs to the sandbox that made it; any number may be kept. */
export interface SandboxSnapshot {
  readonly guest: GuestSnapshot;
  readonly kernel: SandboxSnapshot | undefined;
  readonly beside: Saved | undefined;
  readonly injector: Saved;
  readonly watcher: Saved | undefined;
  readonly traceLength: number;
  /** What the host had done. */
  readonly recorded: Recording['last'];
}

const FROM_BYTES: OptionNames<Pick<SandboxOptions, 'engine' | 'onOutput'>> = {
  engine: true,
  onOutput: true,
};

export class Sandbox implements Disposable {
  readonly arch: Arch;
  readonly os: GuestOs;
  /** The policy in force, as a spec string. */
  readonly policy: string;
  readonly seed: number;
  /** Which engine runs it, in which form, and why that one was chosen. */
  readonly engine: EngineInfo;
  /**
   * The kernel in ring 0 beside the program (option `kernel`): a sandbox of os 'kernel', which belongs to this one and
   * is saved, restored and closed with it.
   */
  readonly kernel: Sandbox | undefined;
  /** Registers by name, read and written: `sb.regs.rax = 1n`. */
  readonly regs: Registers;

  readonly #engine: Engine;
  readonly #guest: Guest;
  readonly #recorder: Recorder;
  readonly #injector: Injector;
  readonly #watcher: PageWatcher | undefined;
  readonly #snapshots = new WeakSet<SandboxSnapshot>();
  readonly #discarded = new WeakSet<SandboxSnapshot>();
  readonly #options: SandboxOptions;
  readonly #recording: Recording;
  readonly #beside: KernelBeside | undefined;
  /** It is the kernel beside a program, which has the say about its state. */
  readonly #isBeside: boolean;
  #closed = false;

  private constructor(
    { engine, info }: OpenedEngine,
    checked: CheckedOptions,
    options: SandboxOptions,
    { kernel, isBeside, recording, log }: Company,
  ) {
    const world = WORLDS[checked.os];
    const choice = options.policy ?? world.defaultPolicy;
    const resolved = resolvePolicies(choice, checked.arch, checked.os);
    this.kernel = kernel;
    this.#isBeside = isBeside;
    this.#recording = recording;
    this.#beside = kernel && new KernelBeside(kernel.#guest as KernelGuest);
    const policies = withKernel(resolved, this.#beside);
    this.arch = checked.arch;
    this.os = checked.os;
    this.seed = checked.seed;
    this.policy = policies.spec;
    this.engine = info;
    this.#engine = engine;
    this.#options = options;
    this.#recorder = new Recorder();
    this.#injector = new Injector(checked.injections);
    this.#watcher = options.monitor === true ? new PageWatcher() : undefined;
    this.#guest = world.open({
      engine,
      policies,
      trace: this.#recorder,
      ...(this.#watcher === undefined ? {} : { watch: this.#watcher }),
      ...guestOptions(checked, options, this.#injector),
      log,
      ...(this.#beside === undefined ? {} : { kernelDevice: this.#beside }),
    });
    this.regs = registersOf(
      this.#guest.registers,
      () => this.#alive(),
      (name, value) => this.#recording.add(['setRegister', name, value]),
    );
  }

  /**
   * Opens a sandbox, with a program ready to run or with an empty process for `syscall` and `call`.
   * @throws MayexecError for an unknown option, policy, layout or engine, and for a program that is no ELF.
   */
  static async create(options: SandboxOptions = {}): Promise<Sandbox> {
    const checked = checkOptions(options);
    const own = checkKernel(options, checked.os);
    const beside = own && {
      ...own,
      engine: await openEngine(own.checked.engine, own.checked),
    };
    try {
      return Sandbox.#on(await openEngine(checked.engine, checked), checked, options, beside);
    } catch (error) {
      beside?.engine.engine.close();
      throw error;
    }
  }

  /** Fetches and compiles an engine, so that `createLoaded` can be used. */
  static load(engine: EngineChoice = 'auto'): Promise<void> {
    return loadEngine(engine);
  }

  /** As `create`, at once. @throws MayexecError too when no engine of the kind has been loaded. */
  static createLoaded(options: SandboxOptions = {}): Sandbox {
    const checked = checkOptions(options);
    const own = checkKernel(options, checked.os);
    const beside = own && { ...own, engine: openLoadedEngine(own.checked.engine, own.checked) };
    try {
      return Sandbox.#on(openLoadedEngine(checked.engine, checked), checked, options, beside);
    } catch (error) {
      beside?.engine.engine.close();
      throw error;
    }
  }

  static #on(
    opened: OpenedEngine,
    checked: CheckedOptions,
    options: SandboxOptions,
    beside: (CheckedKernel & { readonly engine: OpenedEngine }) | undefined,
  ): Sandbox {
    const recording = new Recording();
    const log = new KernelLog();
    try {
      const kernel =
        beside &&
        new Sandbox(beside.engine, beside.checked, beside.options, {
          kernel: undefined,
          isBeside: true,
          recording: new Recording((call) => recording.add(['kernel', ...call])),
          log,
        });
      return new Sandbox(opened, checked, options, { kernel, isBeside: false, recording, log });
    } catch (error) {
      opened.engine.close();
      throw error;
    }
  }

  /** Runs the loaded program until it ends, or a limit ends it. */
  run(): Outcome {
    return this.#did(this.#ended ?? this.#alive().run(), 'run');
  }

  /**
   * Runs the loaded program as far as `options` say, exact to the instruction: to pause and go on changes
   * nothing of what it does. All of them count from where it goes on now; without any it is `run`.
   * @returns a Pause, from which it goes on, or the Outcome when it ended or met a limit of the sandbox first.
   * @throws MayexecError for an unknown option, a limit below 1 and a place that is no address.
   */
  resume(options: ResumeOptions = {}): Pause | Outcome {
    const request = checkResume(options, this.arch);
    return this.#did(this.#ended ?? this.#alive().resume(request), 'resume', options);
  }

  /** Calls guest code as the platform's C convention does, and runs it until it returns. */
  call(address: number | bigint, ...args: (number | bigint)[]): Outcome {
    const words = args.map((value, index) => toWord(`argument ${index + 1}`, value));
    const at = toWord('address', address);
    return this.#did(this.#ended ?? this.#alive().call(at, words), 'call', address, ...args);
  }

  /**
   * Runs guest code from `address` with every register as it is, until it jumps to one of the `hostAddresses`
   * or ends. The host then does what that function of its own does, and enters again where it returns to.
   * @param blocks Translated blocks at most; default the sandbox's limit.
   */
  enter(address: number | bigint, blocks?: number): Outcome | HostEntry {
    if (blocks !== undefined) integer('blocks', blocks, 1, 2 ** 52);
    const end = this.#ended ?? this.#alive().enter(toWord('address', address), blocks);
    return this.#did(end, 'enter', address, ...(blocks === undefined ? [] : [blocks]));
  }

  /** Where nothing can be mapped: what guest code jumps to when it calls functions of the host (`enter`). */
  get hostAddresses(): AddrRange {
    return this.#guest.hostAddresses;
  }

  /** Calls `observer` before each instruction with its address; registers may be read then. It costs speed. */
  onInstruction(observer: ((pc: Addr) => void) | undefined): void {
    this.#alive();
    checkFunction('the observer', observer);
    this.#engine.onInstruction(observer);
  }

  /** Makes a system call as the guest would, by name or number. Missing arguments are 0. */
  syscall(call: string | number, ...args: (number | bigint)[]): SyscallOutcome {
    checkCall(call);
    const words = args.map((value, index) => toWord(`argument ${index + 1}`, value));
    return this.#did(this.#alive().syscall(call, words), 'syscall', call, ...args);
  }

  /** Stores as the guest would: null, or the fault that it raised (then nothing is stored). */
  store(address: number | bigint, bytes: Uint8Array): Fault | null {
    checkBytes('what to store', bytes);
    const fault = this.#alive().memory.store(toWord('address', address), bytes);
    return this.#did(fault, 'store', address, bytes);
  }

  /** Loads as the guest would: the bytes, or the fault. */
  load(address: number | bigint, length: number): Uint8Array | Fault {
    const count = integer('length', length, 0, 2 ** 31);
    const loaded = this.#alive().memory.load(toWord('address', address), count);
    return this.#did(loaded, 'load', address, length);
  }

  /** A debugger's write: rights are ignored. @throws MayexecError where nothing is mapped. */
  poke(address: number | bigint, bytes: Uint8Array): void {
    checkBytes('what to poke', bytes);
    this.#alive().memory.poke(toWord('address', address), bytes);
    this.#recording.add(['poke', address, bytes]);
  }

  /** A debugger's read: rights are ignored. @throws MayexecError where nothing is mapped. */
  peek(address: number | bigint, length: number): Uint8Array {
    const count = integer('length', length, 0, 2 ** 31);
    return this.#alive().memory.peek(toWord('address', address), count);
  }

  maps(): MapsEntry[] {
    return this.#alive()
      .mappings()
      .map((mapping) => ({
        start: mapping.start,
        end: mapping.end,
        perms: permsText(mapping),
        offset: mapping.offset,
        name: mapping.name,
        vmFlags: [...mapping.attributes],
      }));
  }

  /** What a user is told of an exception that ended the program, in lines. */
  exceptionReport(outcome: Outcome): string[] {
    if (outcome.kind !== 'exception') return [];
    return exceptionReport(outcome, this.#alive().mappings(), this.kernelLog);
  }

  /** The text of /proc/self/maps, or what the world has in its place. */
  procMaps(): string {
    return this.#alive().mapsText();
  }

  /** What created and changed the mapping that holds `address`, oldest first; empty where nothing is mapped. */
  history(address: number | bigint): readonly VmaHistory[] {
    return this.#alive().history(toWord('address', address));
  }

  /** Everything that happened so far: system calls, faults, policy decisions, map changes, signals. */
  get trace(): readonly TraceEvent[] {
    return this.#recorder.events;
  }

  /** Called when the trace is full, before its oldest events go (see `dropped`). */
  onTraceFull(observer: (() => void) | undefined): void {
    this.#recorder.beforeDrop = observer;
  }

  /**
   * What is kept no more, in events, lines and bytes: of a long trace and kernel log the latest part is kept, of the
   * output the first 16 MiB of each descriptor (`onOutput` has all of it).
   */
  get dropped(): Dropped & { readonly events: number } {
    return { events: this.#recorder.dropped, ...this.#guest.dropped };
  }

  /** Lines that the real kernel would have printed. */
  get kernelLog(): readonly string[] {
    return this.#guest.kernelLog;
  }

  get stdout(): Uint8Array {
    return this.#guest.stdout;
  }

  get stderr(): Uint8Array {
    return this.#guest.stderr;
  }

  /** What came of each injection so far (option `inject`). */
  get injections(): readonly InjectionCount[] {
    return this.#injector.counts;
  }

  /**
   * The classic mistakes that the program made so far, each with the instruction that made it. Of the kind
   * 'executed-after-write' there are some only of Linux programs and with the option `monitor`.
   */
  get findings(): readonly Finding[] {
    const guest = this.#alive();
    const executed = this.#watcher?.findings ?? [];
    return findingsOf({
      arch: this.arch,
      os: this.os,
      trace: this.trace,
      pid: guest.pid,
      mappings: guest.mappings(),
      executed,
    });
  }

  /** Labels of the program, by name; empty for a program without a symbol table. */
  get symbols(): ReadonlyMap<string, Addr> {
    return this.#guest.symbols;
  }

  /** Instructions run while counting was on (`countInstructions`). */
  get instructions(): number {
    return this.#alive() && this.#engine.instructions;
  }

  /** What the blocks that have begun since the sandbox was created count (docs/limits.md). */
  get blocks(): number {
    return this.#alive() && this.#engine.blocks;
  }

  /** Counting every instruction costs about half of the speed; it is off at first. */
  countInstructions(on: boolean): void {
    this.#alive();
    checkBoolean('countInstructions', on);
    this.#engine.countInstructions(on);
    this.#recording.add(['countInstructions', on]);
  }

  /** A file of the guest's file system, as it is now. @throws MayexecError when there is none. */
  readFile(path: string): Uint8Array {
    checkText('the path of a file', path);
    return this.#alive().readFile(path);
  }

  writeFile(path: string, file: HostFile): void {
    checkHostFile(path, file);
    this.#alive().writeFile(path, file);
    this.#recording.add(['writeFile', path, file]);
  }

  /** Registers, memory, mappings, files, output and trace as they are now. Pages are shared until written. */
  snapshot(): SandboxSnapshot {
    this.#checkOwnState('snapshot');
    return this.#save();
  }

  #save(): SandboxSnapshot {
    const snapshot = {
      kernel: this.kernel === undefined ? undefined : this.kernel.#save(),
      beside: this.#beside?.save(),
      guest: this.#alive().snapshot(),
      injector: this.#injector.save(),
      watcher: this.#watcher?.save(),
      traceLength: this.#recorder.count,
      recorded: this.#recording.last,
    };
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  /** Goes back to a snapshot, which stays usable. @throws MayexecError for another sandbox's snapshot. */
  restore(snapshot: SandboxSnapshot): void {
    this.#checkOwnState('restore');
    this.#load(snapshot);
  }

  #load(snapshot: SandboxSnapshot): void {
    const guest = this.#alive();
    if (!this.#snapshots.has(snapshot)) {
      throw new MayexecError('restore: this snapshot was made by another sandbox');
    }
    guest.restore(snapshot.guest);
    const { kernel } = this;
    if (kernel !== undefined && snapshot.kernel !== undefined) kernel.#load(snapshot.kernel);
    snapshot.beside?.restore();
    snapshot.injector.restore();
    snapshot.watcher?.restore();
    this.#recorder.truncate(snapshot.traceLength);
    this.#recording.last = snapshot.recorded;
  }

  /**
   * The sandbox as it is now, or as it was at one of its snapshots, as bytes that the same version of this package turns into
   * the same sandbox in another process or page (`fromBytes`): its options and what the host has done to it since.
   * @throws MayexecError for what bytes cannot hold (functions and policies among the options), and after
   * more than 200,000 calls or 64 MiB of the host's.
   */
  toBytes(snapshot?: SandboxSnapshot): Uint8Array {
    this.#checkOwnState('toBytes');
    this.#alive();
    if (snapshot !== undefined && !this.#snapshots.has(snapshot)) {
      throw new MayexecError('toBytes: this snapshot was made by another sandbox, or discarded');
    }
    const { onOutput: _, engine: __, ...options } = this.#options;
    return writeSandbox({
      engine: this.engine.name,
      options,
      calls: callsUpTo(snapshot === undefined ? this.#recording.last : snapshot.recorded),
      digest: snapshot === undefined ? this.#digest() : null,
    });
  }

  /**
   * The sandbox that `toBytes` wrote. Everything is done again, which takes as long as it took; `onOutput` is called with
   * what the guest writes from then on.
   * @throws MayexecError for bytes that are no snapshot, are cut off or damaged, of another version or engine.
   */
  static async fromBytes(
    bytes: Uint8Array,
    given: Pick<SandboxOptions, 'engine' | 'onOutput'> = {},
  ): Promise<Sandbox> {
    checkOptionNames('Sandbox.fromBytes', given, FROM_BYTES);
    const { engine = 'auto', onOutput } = given;
    checkFunction('onOutput', onOutput);
    const info = await engineInfo(engine);
    const { options, calls, digest } = readSandbox(bytes, info.name);
    let again = true;
    let sandbox: Sandbox | undefined;
    try {
      sandbox = await Sandbox.create({
        ...(options as SandboxOptions),
        engine,
        onOutput: (fd, written) => {
          if (!again) onOutput?.(fd, written);
        },
      });
      for (const call of calls) sandbox.#again(call);
      if (digest !== null && sandbox.#digest() !== digest) {
        throw new MayexecError('another state comes of it');
      }
    } catch (error) {
      sandbox?.close();
      // It was written of a sandbox that accepted all of this.
      if (!(error instanceof MayexecError)) throw error;
      throw new MayexecError(`this snapshot of mayexec is damaged: ${error.message}`);
    }
    again = false;
    return sandbox;
  }

  /** Does what a recording says, as the host did. */
  #again([name, ...args]: RecordedCall): void {
    if (name === 'kernel') {
      const { kernel } = this;
      if (kernel !== undefined) kernel.#again(args as unknown as RecordedCall);
      return;
    }
    if (name === 'setRegister') {
      const [register, value] = args as [string, bigint];
      this.regs[register] = value;
      return;
    }
    const method = this[name] as (...given: readonly unknown[]) => unknown;
    method.apply(this, [...args]);
  }

  /** Registers, mappings, output, the number of events: what differs when anything does. */
  #digest(): number {
    const guest = this.#alive();
    const { registers } = guest;
    return digestOf([
      ...registers.registers.map((name) => `${name}=${registers.readRegister(name)}`),
      guest.mapsText(),
      ...[guest.stdout, guest.stderr].map((bytes) => `${bytes.length} ${checksum(bytes)}`),
      String(this.#recorder.count),
      ...(this.kernel === undefined ? [] : [String(this.kernel.#digest())]),
    ]);
  }

  /** Notes what the host did, once it is done: what threw has done nothing. */
  #did<T>(result: T, ...call: RecordedCall): T {
    this.#recording.add(call);
    return result;
  }

  /**
   * Frees the memory that only this snapshot holds, which cannot be restored afterwards. Without it that
   * happens some time after the last reference is gone, and never within a loop that does not await.
   * Discarding twice is allowed. @throws MayexecError for what is no snapshot of this sandbox.
   */
  discard(snapshot: SandboxSnapshot): void {
    this.#checkOwnState('discard');
    this.#forget(snapshot);
  }

  #forget(snapshot: SandboxSnapshot): void {
    const guest = this.#alive();
    if (this.#discarded.has(snapshot)) return;
    if (!this.#snapshots.delete(snapshot)) {
      throw new MayexecError('discard: this is no snapshot of this sandbox');
    }
    this.#discarded.add(snapshot);
    guest.discard(snapshot.guest);
    const { kernel } = this;
    if (kernel !== undefined && snapshot.kernel !== undefined) kernel.#forget(snapshot.kernel);
  }

  /** Frees the engine. Closing twice is allowed; any other use of a closed sandbox throws. */
  close(): void {
    // The kernel beside a program is closed with it.
    if (!this.#isBeside) this.#end();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.kernel !== undefined) this.kernel.#end();
    this.#guest.close();
    this.#engine.close();
  }

  /** A program does not run where its kernel has died, or hangs. */
  get #ended(): Outcome | undefined {
    return this.#alive() && this.#beside?.over;
  }

  #checkOwnState(what: string): void {
    if (!this.#isBeside) return;
    throw new MayexecError(
      `${what}: a kernel beside a program is saved and restored with it: call ${what} of the program's sandbox`,
    );
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #alive(): Guest {
    if (this.#closed) throw new MayexecError('this sandbox is closed: create another one');
    return this.#guest;
  }
}

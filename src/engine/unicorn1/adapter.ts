/**
 * The engine port over Unicorn 1.0.3: runs guest code until something happens and says what.
 *
 * Unicorn's own memory map plays no part: see mmu.ts. Everything that ends a run is read off the CPU's
 * state afterwards; no decision is made inside a callback.
 */
import type { Addr, Arch } from '../../base/address.js';
import { InvariantError, MayexecError } from '../../base/errors.js';
import { ARITHMETIC } from '../carried/cpu.js';
import {
  type CpuProfile,
  GDT_TLS_FIRST,
  GDT_TLS_LAST,
  linuxProfile,
  type SegmentName,
  type SegmentValue,
} from '../cpu-profile.js';
import {
  type CpuState,
  type Engine,
  type EngineOptions,
  FAULT_WATCHED,
  type PhysicalMemory,
  type RunCode,
  type RunOptions,
  type StepControl,
  type Stop,
  type Translate,
} from '../engine.js';
import { EngineFailure } from '../failure.js';
import { VECTOR_DB } from './api.js';
import { boot } from './boot.js';
import { Carrier } from './carrier.js';
import { CodeFrames } from './code-frames.js';
import { CodeHistory, type CodeState } from './code-history.js';
import { loadCpu, saveCpu } from './cpu-state.js';
import { EngineFrames } from './frames.js';
import type { Machine, MachineClient } from './machine.js';
import { Mmu } from './mmu.js';
import { END_PLACE, ENV, HF } from './offsets.js';
import type { Ram } from './ram.js';
import { readRegister, registerNames, writeRegister } from './registers.js';
import { setSegment } from './segments.js';
import { type Resume, stopOf } from './stop.js';

/** Nothing of a guest is executable there: the kernel's end of the address space. */
const NOWHERE: Readonly<Record<Arch, Addr>> = {
  'x86-64': 0xffff_ffff_ffff_fff0n,
  i386: 0xffff_fff0n,
};

/** What the engine's counter of blocks holds, when a block goes on that has been counted. */
const MOST_BLOCKS = 2 ** 31 - 2;
/** A run that is taken up again so often without beginning a block pays one for each time. */
const MOST_RETRIES = 64;

/** What one engine uses and the next one reuses. */
export interface MachineWithRam {
  readonly machine: Machine;
  readonly ram: Ram;
}

/** A fetch is watched before its instruction begins. */
function isWatchedData(stop: Stop): boolean {
  return stop.kind === 'fault' && stop.cause === FAULT_WATCHED && stop.access !== 'exec';
}

function isFetch(refusal: Mmu['refusal']): boolean {
  return refusal?.access === 'exec';
}

/** Was the block at hand begun, so that going on at this place continues it? */
function interruptsBlock(stop: Stop | Resume, refusal: Mmu['refusal']): boolean {
  if (stop === 'retry' || stop === 'step') return !isFetch(refusal);
  switch (stop.kind) {
    case 'paused':
    case 'invalid-opcode':
      return true;
    case 'fault':
      return stop.access !== 'exec';
    case 'exception':
      // After a single step what comes next is as it is without.
      return stop.vector !== VECTOR_DB;
    case 'until':
      // Where it may not be executed, nothing has begun.
      return !isFetch(refusal);
    default:
      return false;
  }
}

/** Among the hidden flags while the CPU runs. */
const OURS = HF.HOOKED_INSTRUCTIONS | HF.HOOKED_ACCESSES;

const PROGRAM_COUNTERS: ReadonlySet<string> = new Set(['rip', 'eip']);

export class Unicorn1Engine implements Engine, MachineClient {
  readonly name: string;
  readonly arch: Arch;
  readonly cpu: CpuProfile;
  readonly memory: PhysicalMemory;
  readonly registers: readonly string[];
  readonly #machine: Machine;
  readonly #ram: Ram;
  readonly #mmu: Mmu;
  readonly #carrier: Carrier;
  readonly #history: CodeHistory;
  /** Where the GDT lies in the module's memory. */
  readonly #gdt: number;
  readonly #onClose: (reusable: boolean) => void;
  #state: 'open' | 'running' | 'closed' | 'failed' = 'open';
  #failure = '';
  #blocks = 0;
  #instructions = 0;
  #counting = false;
  /** What is hooked in the present run: code is translated for it. */
  #mode = 0;
  #observer: ((pc: Addr) => void) | undefined;
  /** Of the present run. */
  #control: StepControl | undefined;
  /** The control has stopped the run. */
  #paused = false;
  /** Where the last run ended within a block: going on there continues it. */
  #continuesAt: Addr | undefined;
  /** What ends a run in all code that is translated: NOWHERE, or an `until` whose page was executed from before. */
  #end: Addr;
  /** Set inside a run by a hook. */
  #call: 'syscall' | 'sysenter' | undefined;
  /** An instruction that is begun again because the run was taken up there: not to be counted twice. */
  #begunPc: bigint | undefined;
  /** Where the last run ended at an access that somebody wanted to see. */
  #watchedPc: bigint | undefined;

  /** `onClose` gets the machine back; `reusable` is false when it broke. */
  constructor(
    name: string,
    { machine, ram }: MachineWithRam,
    options: EngineOptions,
    onClose: (reusable: boolean) => void,
  ) {
    this.name = name;
    this.arch = options.arch;
    const profile = options.cpu ?? linuxProfile(options.arch);
    if (profile.arch !== options.arch)
      throw new MayexecError(
        `the CPU profile '${profile.name}' is for ${profile.arch}, the engine for ${options.arch}`,
      );
    this.cpu = profile;
    this.registers = registerNames(profile);
    this.#machine = machine;
    this.#ram = ram;
    this.#onClose = onClose;
    const idle = () => this.#state !== 'running';
    const code = new CodeFrames(machine);
    const mostFrames = Math.floor(options.memory / 4096);
    const { heap } = machine;
    this.#history = new CodeHistory(heap, (address) => frames.frameOf(address));
    const history = this.#history;
    const frames = new EngineFrames({ heap, ram, code, history }, mostFrames, idle);
    this.memory = frames;
    this.#mmu = new Mmu(machine, { frames, code, history }, profile.gdt?.address);
    this.#end = NOWHERE[options.arch];
    this.#gdt = frames.kernelPage.pointer;
    this.#carrier = new Carrier(machine, this.#mmu, profile.extensions, profile.privilege === 3, {
      get watching() {
        return machine.watching;
      },
      access: (lo, hi, length, isWrite) => this.access(lo, hi, length, isWrite),
      stored: (address, length) => this.stored(address, length),
      writeX87Control: (value) => writeRegister(machine, profile, this.#gdt, 'fpcw', BigInt(value)),
      readFlags: () => Number(readRegister(machine, profile, 'eflags')) & ARITHMETIC,
    });
    machine.client = this;
    this.#mmu.flush();
    machine.flushCode();
    boot(machine, this.#gdt, profile, options.seed);
  }

  get blocks(): number {
    return this.#blocks;
  }

  get instructions(): number {
    return this.#instructions;
  }

  readRegister(name: string): bigint {
    if (this.#state !== 'running') this.#assertOpen();
    return readRegister(this.#machine, this.cpu, name);
  }

  writeRegister(name: string, value: bigint): void {
    this.#assertOpen();
    // Who is sent somewhere, be it to where it was, begins a block there.
    if (PROGRAM_COUNTERS.has(name)) this.#continuesAt = undefined;
    writeRegister(this.#machine, this.cpu, this.#gdt, name, value);
  }

  saveCpu(): CpuState {
    this.#assertOpen();
    const saved = saveCpu(this.#machine, this.#gdt, this.#mmu.saveMisses());
    return { ...saved, continuesAt: this.#continuesAt };
  }

  loadCpu(state: CpuState): void {
    this.#assertOpen();
    this.#mmu.loadMisses(loadCpu(this.#machine, this.#gdt, state).misses);
    this.#continuesAt = state.continuesAt;
  }

  saveCode(): CodeState {
    this.#assertOpen();
    return this.#mmu.saveCode();
  }

  loadCode(state: RunCode): void {
    this.#assertOpen();
    this.#mmu.loadCode(state as CodeState);
  }

  setGdtEntry(index: number, descriptor: bigint): void {
    this.#assertOpen();
    if (!Number.isInteger(index) || index < GDT_TLS_FIRST || index > GDT_TLS_LAST)
      throw new MayexecError(
        `GDT entry ${index}: the thread-local entries are ${GDT_TLS_FIRST} to ${GDT_TLS_LAST}`,
      );
    this.#machine.heap.writeU64(this.#gdt + index * 8, BigInt.asUintN(64, descriptor));
  }

  setSegment(name: SegmentName, value: SegmentValue): void {
    this.#assertOpen();
    if (this.cpu.privilege !== 0)
      throw new MayexecError(`the CPU profile '${this.cpu.name}' loads segments by selector`);
    setSegment(this.#machine, name, value);
  }

  setTranslate(translate: Translate): void {
    this.#assertOpen();
    this.#mmu.translate = translate;
    this.#mmu.flush();
  }

  flushTlb(page?: number, count = 1): void {
    // A broken engine has none; whoever used it takes down its memory all the same.
    if (this.#state === 'failed') return;
    if (this.#state !== 'running') this.#assertOpen();
    this.#mmu.flush(page, count);
  }

  countInstructions(on: boolean): void {
    this.#counting = on;
  }

  onInstruction(observer: ((pc: Addr) => void) | undefined): void {
    this.#observer = observer;
  }

  run(options: RunOptions): Stop {
    this.#assertOpen();
    if (!(options.blocks >= 1))
      throw new MayexecError(`a budget of ${options.blocks} blocks: at least 1 is needed`);
    const machine = this.#machine;
    machine.takeRestarted();
    // A watched access ended the last run inside its instruction, which begins once more here.
    this.#begunPc = this.#watchedPc === machine.pc ? this.#watchedPc : undefined;
    this.#watchedPc = undefined;
    this.#control = options.control;
    this.#paused = false;
    const hooked = this.#counting || this.#observer !== undefined || options.control !== undefined;
    const watching = (options.control?.watched.length ?? 0) > 0;
    machine.hookInstructions(hooked);
    machine.hookAccesses(watching);
    this.#mode = (hooked ? HF.HOOKED_INSTRUCTIONS : 0) | (watching ? HF.HOOKED_ACCESSES : 0);
    const stop = this.#runOn(options);
    this.#watchedPc = isWatchedData(stop) ? stop.pc : undefined;
    return stop;
  }

  /** Takes the run up again as long as it ended for no reason of the guest's. */
  #runOn(options: RunOptions): Stop {
    const machine = this.#machine;
    const until = options.until ?? NOWHERE[this.arch];
    let continues = this.#continuesAt === machine.pc;
    let left = options.blocks;
    let retries = 0;
    this.#continuesAt = undefined;
    for (let resume: Resume = 'retry'; ; ) {
      // A block that goes on was counted when it began.
      const given = Math.min(Math.ceil(left), MOST_BLOCKS) + (continues ? 1 : 0);
      machine.blocksLeft = given;
      this.#place(options);
      const code = this.#enter(options.until, resume);
      const used = given - machine.blocksLeft;
      const begun = used > 0 && continues ? used - 1 : used;
      if (used > 0) continues = false;
      this.#blocks += begun;
      left -= begun;
      const end = { code, until, call: this.#call, notBegun: this.#leaveMode() };
      const stop = this.#paused
        ? ({ kind: 'paused', pc: machine.pc } as const)
        : (stopOf(machine, this.#mmu, end) ?? this.#full());
      if (stop === undefined)
        throw this.#fail(`a run ended at 0x${machine.pc.toString(16)} with code ${code}`);
      continues ||= machine.end !== END_PLACE && interruptsBlock(stop, this.#mmu.refusal);
      if (typeof stop === 'object' && (stop.kind !== 'budget' || left <= 0)) {
        this.#continuesAt = continues ? machine.pc : undefined;
        return stop;
      }
      if (typeof stop === 'object') {
        resume = 'retry';
        continue;
      }
      // Page tables which never settle cannot go on for ever.
      retries = begun > 0 ? 0 : retries + 1;
      if (retries > MOST_RETRIES) left -= 1;
      if (left <= 0) {
        this.#continuesAt = continues ? machine.pc : undefined;
        return { kind: 'budget', pc: machine.pc };
      }
      if (stop === 'retry' && !isFetch(this.#mmu.refusal)) this.#begunPc = machine.pc;
      resume = stop;
    }
  }

  /** Too many carried instructions: what is translated is dropped, and the run goes on at its next block. */
  #full(): Stop | undefined {
    return this.#carrier.isFull ? { kind: 'budget', pc: this.#machine.pc } : undefined;
  }

  /** One `uc_emu_start`; returns its code. */
  #enter(until: Addr | undefined, resume: Resume): number {
    const { heap, env } = this.#machine;
    this.#call = undefined;
    this.#endAt(until);
    // QEMU would make a second exception a double fault; nothing is in flight between runs.
    heap.writeU32(env + ENV.OLD_EXCEPTION, 0xffff_ffff);
    // An instruction in the shadow of `mov ss` is translated as a block of its own.
    const alone = resume === 'step' ? HF.INHIBIT_IRQ : 0;
    heap.writeU32(env + ENV.HFLAGS, heap.readU32(env + ENV.HFLAGS) | alone | this.#mode);
    if (this.#carrier.isFull) {
      this.#machine.flushCode();
      this.#carrier.forget();
    }
    this.#mmu.beginRun(this.#end === until ? undefined : until);
    this.#state = 'running';
    let code: number;
    try {
      code = this.#machine.start(this.#machine.pc, this.#end);
    } catch (error) {
      throw this.#fail(error instanceof Error ? error.message : String(error));
    } finally {
      this.#mmu.endRun();
    }
    this.#state = 'open';
    this.#ram.register();
    this.#rethrowHostError();
    return code;
  }

  #place({ until, host }: RunOptions): void {
    if (host !== undefined) this.#machine.setPlace(host.start, Number(host.end - host.start));
    else this.#machine.setPlace(until);
  }

  /**
   * Where a run ends stands in the code that is translated from there. Most ends are where nothing is executable, and
   * show as a fault at that address; code is translated anew for another one only.
   */
  #endAt(until: Addr | undefined): void {
    const isCode = until !== undefined && (this.#mmu.reachedUntil || this.#mmu.hasExecuted(until));
    const end = isCode ? until : NOWHERE[this.arch];
    if (end === this.#end) return;
    this.#end = end;
    this.#machine.flushCode();
  }

  /**
   * Takes out of the hidden flags what belongs to the run. Ends the shadow of `mov ss`; true when it was still there, so that
   * no instruction was executed.
   */
  #leaveMode(): boolean {
    const { heap, env } = this.#machine;
    const hflags = heap.readU32(env + ENV.HFLAGS);
    heap.writeU32(env + ENV.HFLAGS, hflags & ~(HF.INHIBIT_IRQ | OURS));
    return (hflags & HF.INHIBIT_IRQ) !== 0;
  }

  // Called by the machine, inside a run.

  miss(lo: number, hi: number, access: number, mode: number): number {
    return this.#mmu.miss(lo, hi, access, mode);
  }

  stored(ram: number, length: number): number {
    return this.#history.stored(ram, length) ? 1 : 0;
  }

  translated(tb: number): void {
    this.#history.translated(tb);
  }

  decode(lo: number, hi: number): number {
    try {
      const answer = this.#carrier.decode(lo, this.arch === 'i386' ? 0 : hi);
      if (this.#carrier.isFull) this.#machine.stop();
      return answer;
    } catch (error) {
      this.#mmu.hostError ??= error;
      return 0;
    }
  }

  carry(index: number, again: boolean): number {
    return this.#carrier.run(index, again);
  }

  pageEndStore(lo: number, hi: number): void {
    this.#mmu.pageEndStore(lo, hi);
  }

  instruction(lo: number, hi: number): void {
    const pc = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
    const again = pc === this.#begunPc || this.#machine.takeRestarted();
    this.#begunPc = undefined;
    if (again) return;
    try {
      if (this.#control?.before(pc)) {
        this.#paused = true;
        this.#machine.stop();
        return;
      }
      if (this.#counting) this.#instructions++;
      this.#observer?.(pc);
    } catch (error) {
      this.#mmu.hostError ??= error;
      this.#machine.stop();
    }
  }

  access(lo: number, hi: number, length: number, isWrite: boolean): void {
    const address = (BigInt(this.arch === 'i386' ? 0 : hi >>> 0) << 32n) | BigInt(lo >>> 0);
    const end = address + BigInt(length);
    const control = this.#control;
    if (!control?.watched.some((range) => address < range.end && range.start < end)) return;
    try {
      control.touched(address, length, isWrite ? 'write' : 'read');
    } catch (error) {
      this.#mmu.hostError ??= error;
      this.#machine.stop();
    }
  }

  systemCall(via: 'syscall' | 'sysenter'): void {
    this.#call = via;
    this.#machine.stop();
  }

  close(): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'running') throw new InvariantError('the engine was closed inside a run');
    const reusable = this.#state === 'open';
    if (reusable) {
      this.#machine.hookInstructions(false);
      this.#machine.hookAccesses(false);
    }
    this.#state = 'closed';
    this.#failure = 'the CPU engine is closed';
    this.#machine.client = undefined;
    this.#onClose(reusable);
  }

  #assertOpen(): void {
    if (this.#state === 'open') return;
    if (this.#state === 'running') throw new InvariantError('the engine was called inside a run');
    throw new EngineFailure(this.#failure);
  }

  #fail(reason: string): EngineFailure {
    this.#state = 'failed';
    this.#failure = `the CPU engine broke and was discarded: ${reason}`;
    this.#machine.client = undefined;
    return new EngineFailure(this.#failure);
  }

  /** A function of the host threw inside a run: it was kept from the engine's frames, and surfaces here. */
  #rethrowHostError(): void {
    const error = this.#mmu.hostError;
    if (error === undefined) return;
    this.#mmu.hostError = undefined;
    throw error;
  }
}

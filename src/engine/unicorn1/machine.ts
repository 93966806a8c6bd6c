/**
 * One opened Unicorn CPU inside one module: its handle, where its structures lie, and the hooks that
 * every engine needs. A machine outlives the engines that use it one after the other (see open.ts), so
 * whatever belongs to one guest is reached through `client`.
 */
import type { Arch } from '../../base/address.js';
import { InvariantError } from '../../base/errors.js';
import {
  UC_ARCH_X86,
  UC_ERR_OK,
  UC_HOOK_CODE,
  UC_HOOK_INSN,
  UC_HOOK_MEM_READ,
  UC_HOOK_MEM_UNMAPPED,
  UC_HOOK_MEM_WRITE,
  UC_MEM_WRITE,
  UC_MODE_32,
  UC_MODE_64,
  UC_X86_INS_SYSCALL,
  UC_X86_INS_SYSENTER,
} from './api.js';
import { Heap } from './heap.js';
import type { HostFunction, UnicornModule } from './module.js';
import {
  BLOCKS_LEFT_CELL,
  CARRIED,
  CONTINUES_CELL,
  CONTINUES_NOWHERE,
  CPU,
  END_CELL,
  ENV,
  MMU_FAULT_CELL,
  PAGE_END_STORE_CELL,
  PLACE_CELL,
  PLACE_HIGH_CELL,
  PLACE_MASK_CELL,
  RESTARTED_CELL,
  STORED_CELL,
  TRANSLATED_CELL,
  UC,
} from './offsets.js';

/** What the engine in charge of a machine answers to. None may throw. */
export interface MachineClient {
  /** A TLB miss. 0: the entry is filled; 1: the exception is set. Addresses are low and high halves. */
  miss(lo: number, hi: number, access: number, mode: number): number;
  /** Eight bytes are about to be stored near the end of a page. */
  pageEndStore(lo: number, hi: number): void;
  /** The guest has stored to a page that may hold code. 1: the next store there is to be told of as well. */
  stored(ram: number, length: number): number;
  /** A block was translated: its struct TranslationBlock. */
  translated(tb: number): void;
  instruction(lo: number, hi: number): void;
  /** A load or store is about to be made. */
  access(lo: number, hi: number, length: number, isWrite: boolean): void;
  systemCall(via: 'syscall' | 'sysenter'): void;
  /** Of an instruction that is translated: what carrier.ts answers. */
  decode(lo: number, hi: number): number;
  /** Runs a carried instruction, for the first time or again. */
  carry(index: number, again: boolean): number;
}

export class Machine {
  readonly module: UnicornModule;
  readonly arch: Arch;
  readonly heap: Heap;
  readonly handle: number;
  /** Addresses of CPUState and of CPUX86State in it. */
  readonly cpu: number;
  readonly env: number;
  /** 64 bytes for arguments and results. */
  readonly scratch: number;
  /** The guest's part of the CPU as Unicorn opened it. */
  readonly #opened: Uint8Array;
  client: MachineClient | undefined;
  #instructionHook = 0;
  readonly #instructionEntry: number;
  #accessHook = 0;
  readonly #accessEntry: number;

  constructor(module: UnicornModule, arch: Arch) {
    this.module = module;
    this.arch = arch;
    this.heap = new Heap(module);
    this.scratch = module.malloc(64);
    const mode = arch === 'x86-64' ? UC_MODE_64 : UC_MODE_32;
    this.check(module.uc.uc_open(UC_ARCH_X86, mode, this.scratch), 'uc_open');
    this.handle = this.heap.readU32(this.scratch);
    this.cpu = this.heap.readU32(this.handle + UC.CPU);
    this.env = this.cpu + CPU.ENV;
    if (this.heap.readU32(this.cpu + CPU.ENV_PTR) !== this.env)
      throw new InvariantError('the engine file is not the one that offsets.ts describes');
    this.#instructionEntry = module.addFunction(
      (_uc, lo = 0, hi = 0) => this.client?.instruction(lo, hi) as undefined,
      'vijii',
    );
    this.#accessEntry = module.addFunction((_uc, type = 0, lo = 0, hi = 0, length = 0) => {
      this.client?.access(lo, hi, length, type === UC_MEM_WRITE);
      return undefined;
    }, 'viijiji');
    this.#addHooks();
    this.#opened = this.heap.bytes.slice(this.env, this.env + ENV.GUEST_END);
  }

  /** Makes the CPU forget the guest that used it. */
  reset(): void {
    this.heap.bytes.set(this.#opened, this.env);
  }

  #addHooks(): void {
    const { module, heap } = this;
    const walk = module.addFunction(
      (_cs, lo = 0, hi = 0, access = 0, mode = 0) =>
        this.client === undefined ? 1 : this.client.miss(lo >>> 0, hi >>> 0, access, mode),
      'iiiiii',
    );
    heap.writeU32(MMU_FAULT_CELL, walk);
    const pageEnd = module.addFunction((_env, lo = 0, hi = 0) => {
      this.client?.pageEndStore(lo >>> 0, hi >>> 0);
      return 0;
    }, 'iiii');
    heap.writeU32(PAGE_END_STORE_CELL, pageEnd);
    const stored = module.addFunction(
      (ram = 0, length = 0) => this.client?.stored(ram >>> 0, length) ?? 0,
      'iiii',
    );
    heap.writeU32(STORED_CELL, stored);
    const translated = module.addFunction((tb = 0) => {
      this.client?.translated(tb >>> 0);
      return 0;
    }, 'iiii');
    heap.writeU32(TRANSLATED_CELL, translated);
    const decode = module.addFunction(
      (_env, lo = 0, hi = 0) => this.client?.decode(lo >>> 0, hi >>> 0) ?? 0,
      'iiii',
    );
    heap.writeU32(CARRIED.DECODE_CELL, decode);
    const carry = module.addFunction(
      (_env, index = 0, again = 0) => this.client?.carry(index, again !== 0) ?? 0,
      'iiii',
    );
    heap.writeU32(CARRIED.RUN_CELL, carry);
    // The patched region ends one byte short of 2^64: at that byte, go on to the TLB as elsewhere.
    const goOn = module.addFunction(() => 1, 'iiijiji');
    this.addHook(UC_HOOK_MEM_UNMAPPED, goOn, 1n, 0n);
    for (const [via, id] of [
      ['syscall', UC_X86_INS_SYSCALL],
      ['sysenter', UC_X86_INS_SYSENTER],
    ] as const)
      this.addHook(
        UC_HOOK_INSN,
        this.#entry(() => this.client?.systemCall(via), 'vii'),
        1n,
        0n,
        id,
      );
  }

  #entry(fn: () => void, signature: string): number {
    const hook: HostFunction = () => {
      fn();
      return undefined;
    };
    return this.module.addFunction(hook, signature);
  }

  /** Returns the hook's handle. A range that begins after its end matches everything. */
  addHook(type: number, entry: number, begin: bigint, end: bigint, instruction = 0): number {
    const { module, heap, scratch } = this;
    const code = module.uc.uc_hook_add(
      this.handle,
      scratch,
      type,
      entry,
      0,
      ...split(begin),
      ...split(end),
      instruction,
    );
    this.check(code, 'uc_hook_add');
    return heap.readU32(scratch);
  }

  /** Outside runs only. */
  hookInstructions(on: boolean): void {
    this.#instructionHook = this.#switch(
      this.#instructionHook,
      on,
      UC_HOOK_CODE,
      this.#instructionEntry,
    );
  }

  /** Outside runs only. */
  hookAccesses(on: boolean): void {
    const type = UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE;
    this.#accessHook = this.#switch(this.#accessHook, on, type, this.#accessEntry);
  }

  get watching(): boolean {
    return this.#accessHook !== 0;
  }

  /** The hook's handle, 0 without one. */
  #switch(hook: number, on: boolean, type: number, entry: number): number {
    if (on === (hook !== 0)) return hook;
    if (on) return this.addHook(type, entry, 1n, 0n);
    this.check(this.module.uc.uc_hook_del(this.handle, hook), 'uc_hook_del');
    return 0;
  }

  /** Forgets all translated code. Outside runs only. */
  flushCode(): void {
    this.module.uc.flush_code(this.env);
  }

  start(pc: bigint, until: bigint): number {
    // uc_emu_start writes the program counter, which tells a current CPU to leave its block: the first
    // block of the new run would begin twice.
    this.heap.writeU32(this.handle + UC.CURRENT_CPU, 0);
    return this.module.uc.uc_emu_start(this.handle, ...split(pc), ...split(until), 0, 0, 0);
  }

  /** What blocks may still cost, at most 2^31 - 2; negative when the last one cost more than was left. */
  get blocksLeft(): number {
    return this.heap.readU32(BLOCKS_LEFT_CELL) | 0;
  }

  /** To be set before each run. */
  set blocksLeft(blocks: number) {
    this.heap.writeU32(BLOCKS_LEFT_CELL, blocks);
    this.heap.writeU32(END_CELL, 0);
    this.heap.writeU32(CONTINUES_CELL, CONTINUES_NOWHERE);
  }

  /** Why the last run stopped by itself, if it did: END_BLOCKS, END_PLACE. */
  get end(): number {
    return this.heap.readU32(END_CELL);
  }

  /** Where a computed jump ends the run: an address, or a range of a power of two of bytes; without one nowhere. */
  setPlace(address: bigint | undefined, bytes = 1): void {
    const [lo, hi] = address === undefined ? [1, 0] : split(address);
    this.heap.writeU32(PLACE_CELL, lo >>> 0);
    this.heap.writeU32(PLACE_HIGH_CELL, hi >>> 0);
    this.heap.writeU32(PLACE_MASK_CELL, address === undefined ? 0 : -bytes >>> 0);
  }

  /** Did the instruction that begins now begin before? Asked once for each. */
  takeRestarted(): boolean {
    const words = this.heap.words;
    const restarted = words[RESTARTED_CELL >>> 2] !== 0;
    if (restarted) words[RESTARTED_CELL >>> 2] = 0;
    return restarted;
  }

  stop(): void {
    this.module.uc.uc_emu_stop(this.handle);
  }

  get pc(): bigint {
    return this.heap.readU64(this.env + ENV.EIP);
  }

  set pc(value: bigint) {
    this.heap.writeU64(this.env + ENV.EIP, value);
  }

  check(code: number, call: string): void {
    if (code !== UC_ERR_OK) throw new InvariantError(`${call} failed with code ${code}`);
  }
}

function split(value: bigint): [lo: number, hi: number] {
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}

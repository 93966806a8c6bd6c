/**
 * Carries instructions out beside the engine (src/engine/carried), called by it inside a run: patch-carried.ts has the
 * engine's side of this.
 */
import { compile } from '../carried/compile.js';
import {
  type CarriedCpu,
  LEAVE,
  MxcsrStatus,
  type Routine,
  type X87Words,
} from '../carried/cpu.js';
import { decodeInstruction, type MemoryForm } from '../carried/encoding.js';
import type { Extensions } from '../carried/extensions.js';
import { droppedPrefixes, wholeness } from '../carried/legacy.js';
import { ASKED_OPCODES } from '../carried/opcodes.js';
import { VECTOR_GP, VECTOR_SS } from './api.js';
import type { Heap } from './heap.js';
import type { Machine } from './machine.js';
import type { Mmu } from './mmu.js';
import { CARRIED, ENV, HF, SEGMENT, TLB, TLB_NOTDIRTY } from './offsets.js';

/** What the engine is told of an instruction. */
const ENGINE_DOES_IT = 0;
const UNDEFINED = 1;
const FETCH = 3;
const FIRST_ROUTINE = 4;
/** What it is told of a run of one. */
const DONE = 0;
const WANTS_READ = 1;
const WANTS_WRITE = 2;
const RAISES = 3;

const LONGEST = 15;
const SMAP_AC = 17;
/** Routines that are kept: some tens of megabytes. */
const MOST_ROUTINES = 1 << 16;
const CC_OP_EFLAGS = 1;
/** 32 bytes each, below the module's data. */
const OPERAND = 128;
const RESULT = 160;

/** The engine's client: what a run needs of it. */
export interface CarrierHost {
  /** Somebody watches accesses. */
  readonly watching: boolean;
  /** The instruction has stored to a page that may hold code. */
  stored(ram: number, length: number): void;
  access(lo: number, hi: number, length: number, isWrite: boolean): void;
  readFlags(): number;
  writeX87Control(value: number): void;
}

export class Carrier implements CarriedCpu {
  readonly #heap: Heap;
  readonly #mmu: Mmu;
  readonly #host: CarrierHost;
  readonly #extensions: Extensions;
  readonly #routines: Routine[] = [];
  readonly #known = new Map<string, number>();
  readonly #tlb: number;
  readonly #env: number;
  readonly #wide: boolean;
  readonly #user: boolean;
  readonly status = new MxcsrStatus();
  readonly operandArea = OPERAND;
  readonly resultArea = RESULT;
  bytes: Uint8Array;
  halves: Uint16Array;
  words: Uint32Array;
  f32: Float32Array;
  f64: Float64Array;
  view: DataView;
  lo = 0;
  hi = 0;
  #stackSegment = false;
  #answer = DONE;
  /** Addresses at which this instruction has had code dropped before it stores. */
  readonly #prepared = new Set<number>();
  /** Loads of this call so far, and what those of an instruction of several accesses have brought, by their order. */
  #loads = 0;
  #keeping = false;
  readonly #kept: Uint8Array[] = [];
  /** Stores of this call so far, and of the instruction. */
  #stores = 0;
  #stored = 0;
  #anyPrepared = false;
  readonly #replaced: boolean;

  /** `user`: privilege level 3. */
  constructor(
    machine: Machine,
    mmu: Mmu,
    extensions: Extensions,
    user: boolean,
    host: CarrierHost,
  ) {
    this.#user = user;
    this.#heap = machine.heap;
    this.#mmu = mmu;
    this.#host = host;
    this.#extensions = extensions;
    this.#env = machine.env;
    this.#tlb = machine.env + ENV.TLB;
    this.#wide = machine.arch === 'x86-64';
    this.#replaced = machine.module.form === 'js';
    this.bytes = this.#heap.bytes;
    this.words = this.#heap.words;
    this.view = this.#heap.view;
    this.halves = new Uint16Array(this.bytes.buffer);
    this.f32 = new Float32Array(this.bytes.buffer);
    this.f64 = new Float64Array(this.bytes.buffer);
    for (const [opcode, asked] of ASKED_OPCODES.entries())
      this.bytes[CARRIED.OPCODES + opcode] = asked ? 1 : 0;
  }

  /** While the instruction at `hi:lo` is translated. */
  decode(lo: number, hi: number): number {
    this.#renew();
    const code = this.#mmu.codeInRun(lo, hi, LONGEST + 1);
    const wide = (this.words[(this.#env + ENV.HFLAGS) >>> 2]! & HF.CS64) !== 0;
    const encoding = decodeInstruction(code, wide);
    const { length } = encoding;
    if (encoding.truncated && length <= LONGEST) return this.#fetch(lo, hi, code.length);
    if (!encoding.truncated && (lo & 4095) + length > 4096) {
      const page = this.#mmu.pageOf(lo + length - 1, hi);
      if (!this.#mmu.isExecuted(page)) return this.#fetch(lo, hi, length - 1);
    }
    const made = compile(encoding, code, this.#extensions, this.#user);
    this.words[CARRIED.DROPPED_PREFIXES >>> 2] = droppedPrefixes(encoding);
    this.words[CARRIED.ALIGNED >>> 2] = made === 'engine' ? wholeness(encoding, this.#user) : 0;
    if (made === 'engine') return ENGINE_DOES_IT;
    if (made === 'undefined') return UNDEFINED;
    const words = this.words;
    const maker = typeof made === 'function' ? made : made.maker;
    words[CARRIED.JUMPS >>> 2] = maker !== made && 'jumps' in made ? 1 : 0;
    words[CARRIED.CHECKED >>> 2] = 'target' in made ? made.target + 1 : 0;
    const next = lo + length;
    words[CARRIED.NEXT >>> 2] = next;
    words[(CARRIED.NEXT + 4) >>> 2] = hi + (next > 0xffff_ffff ? 1 : 0);
    const key = `${lo},${hi},${wide},${code.subarray(0, length).join()}`;
    let index = this.#known.get(key);
    if (index === undefined) {
      index = this.#routines.length;
      const nextHi = (hi + (next > 0xffff_ffff ? 1 : 0)) >>> 0;
      this.#routines.push(maker(next >>> 0, nextHi));
      this.#known.set(key, index);
    }
    return FIRST_ROUTINE + index;
  }

  /** There are so many that the run is to end, so that they can be forgotten with what is translated. */
  get isFull(): boolean {
    return this.#routines.length >= MOST_ROUTINES;
  }

  /** Between runs: nothing that is translated refers to routines any more. */
  forget(): void {
    this.#routines.length = 0;
    this.#known.clear();
  }

  #fetch(lo: number, hi: number, offset: number): number {
    const at = lo + offset;
    this.#want(at >>> 0, (hi + (at > 0xffff_ffff ? 1 : 0)) >>> 0, 1);
    return FETCH;
  }

  /** Runs routine `index`, from its beginning each time. */
  run(index: number, again: boolean): number {
    // Memory that has grown leaves an empty array behind, but for the form in JavaScript.
    if (again || this.bytes.length === 0 || this.#replaced) this.#renew();
    if (!again && this.#anyPrepared) {
      this.#prepared.clear();
      this.#anyPrepared = false;
    }
    if (!again) {
      this.#kept.length = 0;
      this.#stored = 0;
    }
    this.#keeping = false;
    this.#loads = 0;
    this.#stores = 0;
    this.#answer = DONE;
    try {
      this.#routines[index]!(this);
      return DONE;
    } catch (error) {
      if (error !== LEAVE) {
        this.#mmu.hostError ??= error;
        this.#mmu.interrupt(VECTOR_GP);
        return RAISES;
      }
      return this.#answer;
    }
  }

  #renew(): void {
    const bytes = this.#heap.bytes;
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    this.words = this.#heap.words;
    this.view = this.#heap.view;
    this.halves = new Uint16Array(bytes.buffer);
    this.f32 = new Float32Array(bytes.buffer);
    this.f64 = new Float64Array(bytes.buffer);
  }

  general(index: number): number {
    return this.#env + ENV.REGS + 8 * index;
  }

  vector(index: number, half: 0 | 1): number {
    return this.#env + (half === 0 ? ENV.XMM : ENV.YMM_UPPER) + 16 * index;
  }

  mmx(index: number): number {
    return this.#env + ENV.FPREGS + 16 * index;
  }

  readX87(): X87Words {
    const { bytes, halves, words } = this;
    const env = this.#env;
    let tags = 0;
    for (let i = 0; i < 8; i++) if (bytes[env + ENV.FPTAGS + i] === 0) tags |= 1 << i;
    const top = words[(env + ENV.FPSTT) >>> 2]! & 7;
    const status = (halves[(env + ENV.FPUS) >>> 1]! & ~0x3800) | (top << 11);
    return { control: halves[(env + ENV.FPUC) >>> 1]!, status, tags };
  }

  writeX87({ control, status, tags }: X87Words): void {
    const env = this.#env;
    this.#host.writeX87Control(control);
    this.halves[(env + ENV.FPUS) >>> 1] = status & ~0x3800;
    this.words[(env + ENV.FPSTT) >>> 2] = (status >> 11) & 7;
    for (let i = 0; i < 8; i++) this.bytes[env + ENV.FPTAGS + i] = (tags >> i) & 1 ? 0 : 1;
  }

  random(): bigint {
    // SplitMix64.
    const at = this.#env + ENV.RANDOM;
    const state = BigInt.asUintN(64, this.view.getBigUint64(at, true) + 0x9e37_79b9_7f4a_7c15n);
    this.view.setBigUint64(at, state, true);
    let value = BigInt.asUintN(64, (state ^ (state >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
    value = BigInt.asUintN(64, (value ^ (value >> 27n)) * 0x94d0_49bb_1331_11ebn);
    return value ^ (value >> 31n);
  }

  get backwards(): boolean {
    return (this.words[(this.#env + ENV.DF) >>> 2]! | 0) < 0;
  }

  jump(lo: number, hi: number): void {
    this.words[(this.#env + ENV.EIP) >>> 2] = lo;
    this.words[(this.#env + ENV.EIP + 4) >>> 2] = hi;
  }

  enterMmx(): void {
    this.words[(this.#env + ENV.FPSTT) >>> 2] = 0;
    this.words[(this.#env + ENV.FPTAGS) >>> 2] = 0;
    this.words[(this.#env + ENV.FPTAGS + 4) >>> 2] = 0;
  }

  get mxcsr(): number {
    return this.words[(this.#env + ENV.MXCSR) >>> 2]!;
  }

  set mxcsr(value: number) {
    this.words[(this.#env + ENV.MXCSR) >>> 2] = value;
  }

  readFlags(): number {
    return this.#host.readFlags();
  }

  writeFlags(flags: number): void {
    const { words } = this;
    words[(this.#env + ENV.CC_SRC) >>> 2] = flags;
    words[(this.#env + ENV.CC_SRC + 4) >>> 2] = 0;
    words[(this.#env + ENV.CC_OP) >>> 2] = CC_OP_EFLAGS;
  }

  locate(form: MemoryForm, next: number, nextHi: number, index?: bigint): void {
    const { words } = this;
    const { base, displacement, scale } = form;
    let lo = displacement >>> 0;
    let hi = displacement >> 31;
    if (base === 16) {
      lo += next;
      hi += nextHi;
    } else if (base >= 0) {
      const at = (this.#env + 8 * base) >>> 2;
      lo += words[at]!;
      hi += words[at + 1]!;
    }
    if (index !== undefined) {
      const offset = BigInt.asUintN(64, index * BigInt(scale));
      lo += Number(offset & 0xffff_ffffn);
      hi += Number(offset >> 32n);
    } else if (form.index >= 0) {
      const at = (this.#env + 8 * form.index) >>> 2;
      lo += words[at]! * scale;
      hi += words[at + 1]! * scale;
    }
    if (lo > 0xffff_ffff) {
      const carry = Math.floor(lo / 0x1_0000_0000);
      hi += carry;
      lo -= carry * 0x1_0000_0000;
    }
    hi = (hi | 0) === hi ? hi : hi % 0x1_0000_0000;
    if (form.bits !== 64) {
      hi = 0;
      if (form.bits === 16) lo &= 0xffff;
    }
    if (form.segment >= 0 && (!this.#wide || form.segment >= 4)) {
      const at = (this.#env + ENV.SEGS + form.segment * SEGMENT.BYTES + SEGMENT.BASE) >>> 2;
      lo += words[at]!;
      hi = (hi + words[at + 1]! + (lo > 0xffff_ffff ? 1 : 0)) % 0x1_0000_0000;
      lo %= 0x1_0000_0000;
    }
    this.lo = lo >>> 0;
    this.hi = this.#wide ? hi >>> 0 : 0;
    this.#stackSegment = form.stack;
  }

  load(length: number, to: number, offset = 0): void {
    const lo = this.lo + offset;
    const low = lo >>> 0;
    const high = (this.hi + (lo > 0xffff_ffff ? 1 : 0)) >>> 0;
    this.#watch(low, high, length, false);
    const index = this.#loads++;
    const kept = this.#keeping ? this.#kept[index] : undefined;
    if (kept !== undefined) {
      this.bytes.set(kept, to);
      return;
    }
    const within = 4096 - (low & 4095);
    const first = this.#pointer(low, high, length, 0);
    if (length <= within) this.#copy(to, first, length);
    else {
      const second = this.#pointer(low + within, high, length - within, 0);
      this.bytes.copyWithin(to, first, first + within);
      this.bytes.copyWithin(to + within, second, second + length - within);
    }
    if (this.#keeping) this.#kept[index] = this.bytes.slice(to, to + length);
  }

  keepLoads(): void {
    this.#keeping = true;
  }

  #copy(to: number, from: number, length: number): void {
    const { words, bytes } = this;
    if (((to | from | length) & 3) === 0) {
      for (let i = 0; i < length; i += 4) words[(to + i) >>> 2] = words[(from + i) >>> 2]!;
    } else for (let i = 0; i < length; i++) bytes[to + i] = bytes[from + i]!;
  }

  prepare(length: number, offset = 0): void {
    const lo = this.lo + offset;
    const low = lo >>> 0;
    const high = (this.hi + (lo > 0xffff_ffff ? 1 : 0)) >>> 0;
    this.#writable(low, high, length);
  }

  store(length: number, from: number, offset = 0): void {
    const lo = this.lo + offset;
    const low = lo >>> 0;
    const high = (this.hi + (lo > 0xffff_ffff ? 1 : 0)) >>> 0;
    // What has been stored stays: the page may have made room for another one of the instruction's since.
    if (this.#keeping && this.#stores++ < this.#stored) return;
    this.#watch(low, high, length, true);
    const first = this.#writable(low, high, length);
    const within = 4096 - (low & 4095);
    if (length <= within) {
      this.#copy(first, from, length);
      this.#tellStored(low, length);
      return;
    }
    // `#writable` has seen to that page too.
    const second = this.#pointer(low + within, high, length - within, 2);
    this.bytes.copyWithin(first, from, from + within);
    this.bytes.copyWithin(second, from + within, from + length);
    this.#tellStored(low, within);
    this.#tellStored((low + within) >>> 0, length - within);
  }

  raise(vector: number, errorCode = 0): never {
    this.#mmu.interrupt(vector, errorCode);
    this.#answer = RAISES;
    throw LEAVE;
  }

  #watch(lo: number, hi: number, length: number, isWrite: boolean): void {
    if (this.#host.watching) this.#host.access(lo, hi, length, isWrite);
  }

  #writable(lo: number, hi: number, length: number): number {
    const prepared = this.#anyPrepared && this.#prepared.has(lo);
    const within = 4096 - (lo & 4095);
    const first = this.#pointer(lo, hi, length, prepared ? 2 : 1);
    if (length > within)
      this.#pointer(lo + within, hi, length - within, prepared ? 2 : 1, lo, hi, length);
    return first;
  }

  /** To a page that the TLB has; where that says so, it may hold code. */
  #tellStored(lo: number, length: number): void {
    this.#stored = this.#stores;
    const { words } = this;
    const slot = (lo >>> 12) & (TLB.ENTRIES - 1);
    const mode = this.#mode();
    const entry = this.#tlb + mode * TLB.MODE_BYTES + slot * TLB.ENTRY_BYTES;
    if ((words[(entry >>> 2) + 2]! & TLB_NOTDIRTY) === 0) return;
    const io = words[(this.#env + ENV.IOTLB + (mode * TLB.ENTRIES + slot) * 8) >>> 2]!;
    this.#host.stored(((io & -4096) + lo) >>> 0, length);
  }

  /** Where the byte at an address lies; asks for what the TLB lacks. `kind`: 0 read, 1 write, 2 write where code was dropped. */
  #pointer(
    at: number,
    highOf: number,
    length: number,
    kind: 0 | 1 | 2,
    wholeLo = at,
    wholeHi = highOf,
    wholeLength = length,
  ): number {
    const lo = at >>> 0;
    const hi = (highOf + (at > 0xffff_ffff ? 1 : 0)) >>> 0;
    const top = (hi | 0) >> 15;
    if (this.#wide && top !== 0 && top !== -1)
      this.raise(this.#stackSegment ? VECTOR_SS : VECTOR_GP);
    const words = this.words;
    const slot =
      this.#tlb +
      this.#mode() * TLB.MODE_BYTES +
      ((lo >>> 12) & (TLB.ENTRIES - 1)) * TLB.ENTRY_BYTES;
    const entry = slot >>> 2;
    const page = (lo & -4096) >>> 0;
    if (kind === 0) {
      if (words[entry] === page && words[entry + 1] === hi) return (words[entry + 6]! + lo) >>> 0;
      this.#want(lo, hi, length);
      this.#answer = WANTS_READ;
      throw LEAVE;
    }
    const has = words[entry + 2]!;
    const clean = has === page || (kind === 2 && has === (page | TLB_NOTDIRTY) >>> 0);
    if (clean && words[entry + 3] === hi) return (words[entry + 6]! + lo) >>> 0;
    this.#want(wholeLo >>> 0, wholeHi, wholeLength);
    this.#prepared.add(wholeLo >>> 0);
    this.#anyPrepared = true;
    this.#answer = WANTS_WRITE;
    throw LEAVE;
  }

  #mode(): number {
    const words = this.words;
    const hflags = words[(this.#env + ENV.HFLAGS) >>> 2]!;
    if ((hflags & HF.CPL3) === HF.CPL3) return TLB.USER;
    if ((hflags & HF.SMAP) === 0) return 2;
    return (words[(this.#env + ENV.EFLAGS) >>> 2]! >>> SMAP_AC) & 2;
  }

  #want(lo: number, hi: number, length: number): void {
    const words = this.words;
    words[CARRIED.LO >>> 2] = lo;
    words[CARRIED.HI >>> 2] = hi;
    words[CARRIED.LENGTH >>> 2] = length;
    words[CARRIED.MODE >>> 2] = this.#mode();
  }
}

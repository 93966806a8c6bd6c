/**
 * Runs random code on one form of the engine and writes down everything that can be observed. The
 * same seed makes the same session on any form; two forms agree when their records do.
 */
import type { UnicornModule } from '../../../src/engine/unicorn1/module.js';
import { type Bits, type InstructionClass, instruction } from './instructions.js';
import { Random } from './random.js';

export interface SessionPlan {
  readonly seed: number;
  readonly bits: Bits;
  readonly kind: InstructionClass;
  /** Separate runs, each with fresh registers. */
  readonly runs: number;
  /** Instructions written per run: 1 compares single instructions, more compares programs. */
  readonly length: number;
}

export interface RunRecord {
  readonly code: readonly number[];
  /** UC_ERR_*, or the message with which the module gave up. */
  readonly result: number | string;
  readonly hooks: readonly string[];
  /** CPU state, as the engine keeps it: general, segment, control, x87 and vector registers, flags. */
  readonly cpu: Uint8Array;
  readonly registers: Readonly<Record<string, string>>;
}

export interface SessionRecord {
  readonly runs: readonly RunRecord[];
  readonly gaveUp: boolean;
}

const ARCH_X86 = 4;
const MODE: Readonly<Record<Bits, number>> = { 16: 2, 32: 4, 64: 8 };
const HOOK = { intr: 1, code: 4, block: 8, memory: 0x1ff0, invalidInstruction: 1 << 14 } as const;
const CODE = 0x1000;
const DATA = 0x8000;
const DATA_LENGTH = 0x4000;
/** Instructions after which a run is stopped. */
const BUDGET = 24;
/** More than any run calls, whose longest string instruction walks all of the data. */
const HOOK_LIMIT = 150_000;
/** Where the engine keeps the CPU, and how many bytes of its state are compared after each run. */
const CPU_POINTER = 176;
const ENV_OFFSET = 16768;
const ENV_LENGTH = 3600;

/** RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15 and the flags. */
const GENERAL = { rax: 35, rcx: 38, rdx: 40, rbx: 37, rsp: 44, rbp: 36, rsi: 43, rdi: 39 };
const NARROW = { eax: 19, ecx: 22, edx: 24, ebx: 21, esp: 30, ebp: 20, esi: 29, edi: 23 };
const HIGH = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`r${8 + i}`, 106 + i]));
const FLAGS = 25;
const IP: Readonly<Record<Bits, number>> = { 16: 26, 32: 26, 64: 41 };
const VECTORS = Array.from({ length: 8 }, (_, i) => 122 + i);
const MMX = Array.from({ length: 8 }, (_, i) => 98 + i);

export function runSession(module: UnicornModule, plan: SessionPlan): SessionRecord {
  const random = new Random(plan.seed);
  const runs: RunRecord[] = [];
  const session = new Session(module, plan.bits);
  session.fillData(random);
  for (let i = 0; i < plan.runs; i++) {
    const code: number[] = [];
    for (let j = 0; j < plan.length; j++) code.push(...instruction(random, plan.kind, plan.bits));
    const record = session.run(random, code, i);
    runs.push(record);
    // The module may not be called again: the caller makes a new one.
    if (typeof record.result === 'string') return { runs, gaveUp: true };
  }
  session.close();
  return { runs, gaveUp: false };
}

class Session {
  readonly #module: UnicornModule;
  readonly #bits: Bits;
  readonly #scratch: number;
  readonly #handle: number;
  readonly #callbacks: number[];
  #hooks: string[] = [];
  #steps = 0;

  constructor(module: UnicornModule, bits: Bits) {
    this.#module = module;
    this.#bits = bits;
    this.#scratch = module.malloc(64);
    this.#check(module.uc.uc_open(ARCH_X86, MODE[bits], this.#scratch));
    this.#handle = this.#view().getUint32(this.#scratch, true);
    this.#check(module.uc.uc_mem_map(this.#handle, CODE, 0, 0x2000, 7));
    this.#check(module.uc.uc_mem_map(this.#handle, DATA, 0, DATA_LENGTH, 3));
    this.#check(module.uc.uc_mem_map(this.#handle, DATA + DATA_LENGTH, 0, 0x1000, 1));
    const note =
      (name: string, result?: number) =>
      (_handle: number, ...args: number[]): number | undefined => {
        // The last argument is the pointer that was given with the hook.
        const length = this.#hooks.push(`${name} ${args.slice(0, -1).join()}`);
        // Only a wrong translation goes on for ever: the budget ends everything else.
        if (length > HOOK_LIMIT) throw new Error('the hooks do not end');
        return result;
      };
    this.#callbacks = [
      this.#hook(HOOK.code, 'vijii', (handle, ...args) => {
        note('code')(handle, ...args);
        if (++this.#steps >= BUDGET) module.uc.uc_emu_stop(handle);
        return undefined;
      }),
      this.#hook(HOOK.block, 'vijii', note('block')),
      this.#hook(HOOK.intr, 'viii', (handle, number) => {
        this.#hooks.push(`interrupt ${number}`);
        module.uc.uc_emu_stop(handle);
        return undefined;
      }),
      this.#hook(HOOK.memory, 'iiijiji', note('memory', 0)),
    ];
  }

  fillData(random: Random): void {
    const bytes = new Uint8Array(DATA_LENGTH);
    const words = new DataView(bytes.buffer);
    for (let i = 0; i < DATA_LENGTH; i += 4) words.setUint32(i, number(random), true);
    // Extended floats need a plausible exponent beside a mantissa whose top bit is set.
    for (let i = 0x400; i < DATA_LENGTH - 16; i += 512) {
      words.setUint8(i + 7, random.byte() | 0x80);
      words.setUint16(
        i + 8,
        random.pick([0x3fff, 0xbffe, 0x4003, 0x3ff0, 0x7fff, 0, 0x8000]),
        true,
      );
    }
    this.#check(this.#write(DATA, [...bytes]));
  }

  run(random: Random, code: readonly number[], number: number): RunRecord {
    const { uc } = this.#module;
    const start = CODE + ((number * 64) & 0xfff);
    this.#hooks = [];
    this.#steps = 0;
    this.#randomise(random);
    let result: number | string;
    try {
      this.#check(this.#write(start, code));
      const end = start + code.length;
      result = uc.uc_emu_start(this.#handle, start, 0, end, 0, 0, 0, 0);
    } catch (error) {
      result = error instanceof Error ? error.message : String(error);
      return { code, result, hooks: this.#hooks, cpu: new Uint8Array(0), registers: {} };
    }
    return { code, result, hooks: this.#hooks, cpu: this.#cpu(), registers: this.#registers() };
  }

  close(): void {
    const { uc, free, removeFunction } = this.#module;
    this.#check(uc.uc_close(this.#handle));
    for (const callback of this.#callbacks) removeFunction(callback);
    free(this.#scratch);
  }

  /** Pointers into the data half of the time, numbers with telling bit patterns otherwise. */
  #randomise(random: Random): void {
    const data = random.bytes(48);
    this.#check(this.#write(DATA + random.below(DATA_LENGTH - 64), data));
    const pointer = (): number => DATA + 0x800 + random.below(DATA_LENGTH - 0x1000);
    const names = this.#bits === 64 ? { ...GENERAL, ...HIGH } : NARROW;
    for (const [name, id] of Object.entries(names)) {
      const isPointer = random.chance(60) || /sp|bp|si|di/.test(name);
      const value = isPointer ? pointer() : random.pick([random.u32(), random.byte(), 0xffffffff]);
      const high = isPointer || random.chance(50) ? 0 : random.u32();
      this.#set(id, this.#bits === 16 ? value & 0xffff : value, high);
    }
    // Carry, parity, adjust, zero, sign, direction, overflow; bit 1 is always set.
    this.#set(FLAGS, (random.u32() & 0xcd5) | 2, 0);
    for (const id of [...VECTORS, ...MMX]) {
      if (random.chance(70)) continue;
      for (let i = 0; i < 16; i += 4)
        this.#view().setUint32(this.#scratch + i, number(random), true);
      this.#module.uc.uc_reg_write(this.#handle, id, this.#scratch);
    }
  }

  #registers(): Record<string, string> {
    const names = this.#bits === 64 ? { ...GENERAL, ...HIGH } : NARROW;
    const found: Record<string, string> = {};
    for (const [name, id] of [...Object.entries(names), ['flags', FLAGS], ['ip', IP[this.#bits]]]) {
      this.#view().setBigUint64(this.#scratch, 0n, true);
      this.#module.uc.uc_reg_read(this.#handle, Number(id), this.#scratch);
      found[String(name)] = this.#view().getBigUint64(this.#scratch, true).toString(16);
    }
    return found;
  }

  #cpu(): Uint8Array {
    const start = this.#view().getUint32(this.#handle + CPU_POINTER, true) + ENV_OFFSET;
    return this.#module.heap.slice(start, start + ENV_LENGTH);
  }

  #hook(type: number, signature: string, fn: (...args: number[]) => number | undefined): number {
    const index = this.#module.addFunction(fn, signature);
    const { uc } = this.#module;
    this.#check(uc.uc_hook_add(this.#handle, this.#scratch, type, index, 7, 1, 0, 0, 0, 0));
    return index;
  }

  #set(id: number, low: number, high: number): void {
    this.#view().setUint32(this.#scratch, low, true);
    this.#view().setUint32(this.#scratch + 4, high, true);
    this.#module.uc.uc_reg_write(this.#handle, id, this.#scratch);
  }

  #write(address: number, bytes: readonly number[]): number {
    const from = this.#module.malloc(bytes.length);
    this.#module.heap.set(bytes, from);
    const result = this.#module.uc.uc_mem_write(this.#handle, address, 0, from, bytes.length);
    this.#module.free(from);
    return result;
  }

  #view(): DataView {
    return new DataView(this.#module.heap.buffer);
  }

  #check(result: number): void {
    if (result !== 0) throw new Error(`the session could not be set up: UC error ${result}`);
  }
}

/** Halves of floating-point numbers: zeros, ones, infinities, NaNs, denormals. */
const WORDS = [
  0, 0x3f800000, 0x3ff00000, 0x7f800000, 0x7ff00000, 0x7fc00000, 0x80000000, 1, 0x4330,
];

/** A word of random bits, or one of the telling ones with few bits changed. */
function number(random: Random): number {
  if (random.chance(40)) return random.u32();
  return (random.pick(WORDS) ^ (random.chance(50) ? random.u32() & 0x80000fff : 0)) >>> 0;
}

/**
 * The CPU's state as instructions that are carried out here see it: registers and memory, in place. The engine's side
 * of it is unicorn1/carrier.ts; a compiled region may have its own.
 */
import type { MemoryForm } from './encoding.js';
import type { FloatStatus, Rounding } from './softfloat.js';

/** Thrown inside a routine, and caught by who runs it: it is to be called again, or has raised an exception. */
export const LEAVE = Symbol('leave');

export const CF = 1;
export const PF = 4;
export const AF = 0x10;
export const ZF = 0x40;
export const SF = 0x80;
export const OF = 0x800;
export const ARITHMETIC = CF | PF | AF | ZF | SF | OF;

/** Views of the memory that holds the registers; good for one routine's run. */
export interface Views {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly view: DataView;
}

export interface X87Words {
  readonly control: number;
  /** With the top of the stack in bits 11 to 13. */
  readonly status: number;
  readonly tags: number;
}

export interface CarriedCpu extends Views {
  /** Address in the views of general register `index`, 8 bytes. */
  general(index: number): number;
  /** Of the lower or upper 16 bytes of a vector register; a multiple of 16. */
  vector(index: number, half: 0 | 1): number;
  /** Of an MMX register. */
  mmx(index: number): number;
  /** All x87 registers in use, the top of their stack at 0. */
  enterMmx(): void;
  /** MXCSR. */
  mxcsr: number;
  readonly status: MxcsrStatus;
  /** The six arithmetic flags. */
  readFlags(): number;
  writeFlags(flags: number): void;
  /** Control and status word, and a bit for each physical register in use. */
  readX87(): X87Words;
  writeX87(words: X87Words): void;
  /** The next 64 bits of RDRAND. */
  random(): bigint;
  /** EFLAGS.DF. */
  readonly backwards: boolean;
  /** Where to go on; of instructions that are compiled as jumps. */
  jump(lo: number, hi: number): void;
  /** 32 bytes each, for operands and results. */
  readonly operandArea: number;
  readonly resultArea: number;
  /** Finds an operand: sets `lo` and `hi`. `index`: what a vector of indices has, instead of the register. */
  locate(form: MemoryForm, next: number, nextHi: number, index?: bigint): void;
  lo: number;
  hi: number;
  /** Copies bytes at the located address (and `offset`) to `to` in the views. */
  load(length: number, to: number, offset?: number): void;
  /**
   * For an instruction of several accesses, before the first: what it has loaded and stored stays so when it begins again. Its
   * pages may share a slot of the TLB, and then take each other out of it for ever.
   */
  keepLoads(): void;
  /** Asks for the right to store, and changes nothing. */
  prepare(length: number, offset?: number): void;
  store(length: number, from: number, offset?: number): void;
  /** Ends the instruction with an exception. */
  raise(vector: number, errorCode?: number): never;
}

/** What one instruction does; compiled once for each place where it stands. */
export type Routine = (cpu: CarriedCpu) => void;

/** FloatStatus that follows MXCSR. */
export class MxcsrStatus implements FloatStatus {
  rounding: Rounding = 0;
  flushToZero = false;
  denormalsAreZero = false;
  masks = 0x3f;
  inexactKnown = false;
  flags = 0;
  #last = -1;

  follow(mxcsr: number): void {
    this.flags = 0;
    if (mxcsr === this.#last) return;
    this.#last = mxcsr;
    this.inexactKnown = (mxcsr & 0x1020) === 0x1020;
    this.rounding = ((mxcsr >> 13) & 3) as Rounding;
    this.flushToZero = (mxcsr & 0x8000) !== 0;
    this.denormalsAreZero = (mxcsr & 0x40) !== 0;
    this.masks = (mxcsr >> 7) & 0x3f;
  }
}

const VECTOR_XM = 19;
/** IE, DE and ZE are found before anything is computed. */
const BEFORE = 7;

/**
 * After the lanes of a floating-point instruction: its flags go into MXCSR, and where one is not masked the
 * instruction ends with #XM before it has written its result.
 */
export function settle(cpu: CarriedCpu): void {
  const { status } = cpu;
  if (status.flags === 0) return;
  const unmasked = status.flags & ~status.masks;
  if ((unmasked & BEFORE) !== 0) {
    cpu.mxcsr |= status.flags & BEFORE;
    cpu.raise(VECTOR_XM);
  }
  cpu.mxcsr |= status.flags;
  if (unmasked !== 0) cpu.raise(VECTOR_XM);
}

/**
 * The CPU port: a machine with physical frames, registers and a TLB, and nothing else. It knows
 * neither VMAs nor policies nor an operating system. The caller's page tables are the truth; the
 * engine asks `translate` on a TLB miss and forgets what it learned on `flushTlb`, as a CPU does.
 */
import type { Addr, AddrRange, Arch } from '../base/address.js';
import type { Access } from '../base/outcome.js';
import type { CpuProfile, SegmentName, SegmentValue } from './cpu-profile.js';

/** Bits of a translation, in the order of PROT_*. */
export const HW_READ = 1;
export const HW_WRITE = 2;
export const HW_EXEC = 4;

/** Why an access cannot proceed. Negative, so that `translate` answers with one number. */
export const FAULT_UNMAPPED = -1;
export const FAULT_PROTECTION = -2;
export const FAULT_PKEY = -3;
/** The page lies past the end of the object mapped there. */
export const FAULT_BUS = -4;
/** No frame was left for a first touch. */
export const FAULT_NO_MEMORY = -5;
/** The address is outside what this CPU mode can address (non-canonical, or past a segment limit): #GP. */
export const FAULT_GENERAL_PROTECTION = -6;

/** No fault: the caller wants to see this access before it is made, and lets it pass when it is tried again. */
export const FAULT_WATCHED = -7;

export type FaultCause =
  | typeof FAULT_UNMAPPED
  | typeof FAULT_PROTECTION
  | typeof FAULT_PKEY
  | typeof FAULT_BUS
  | typeof FAULT_NO_MEMORY
  | typeof FAULT_GENERAL_PROTECTION
  | typeof FAULT_WATCHED;

/**
 * Looks a page up for one access, and does what a first touch needs (zero page, copy on write).
 * Returns `frame * 8 + HW_* bits` when the access is allowed, else a FaultCause. The engine may keep
 * the answer until `flushTlb`, for every access that the bits allow: leave HW_WRITE out of an answer
 * while the next write needs work (copy on write), and it is asked again.
 * Runs inside the engine: it must not call it, but for `memory`, `flushTlb` and `readRegister`. An error
 * that it throws ends the run and comes out of `run`. When it moves a page to another frame, or takes a
 * right away, it must `flushTlb` that page; code translated from it is dropped at once.
 * `user`, which the engine always says: the access has the rights of privilege level 3; false: the kernel's. A guest at level 0 that
 * goes to level 3 and back is asked anew for each page. `alignmentCheck`: EFLAGS.AC lets the kernel's access pass SMAP.
 */
export type Translate = (
  page: number,
  access: Access,
  user?: boolean,
  alignmentCheck?: boolean,
) => number;

/** Physical memory: 4 KiB frames, numbered from 0. */
export interface PhysicalMemory {
  /** A zeroed frame, or undefined when `maxFrames` are in use. */
  allocate(): number | undefined;
  release(frame: number): void;
  /**
   * The frame's bytes, in place. Valid until the next `allocate` or `run` (the engine's memory may
   * move): take it, use it, drop it. Writing code through it while no run is active is coherent.
   */
  bytes(frame: number): Uint8Array;
  /** The bytes of a frame become those of another one, and what is known of them as code with them. */
  copy(from: number, to: number): void;
  readonly framesInUse: number;
  readonly maxFrames: number;
}

/** What ended a run. `pc` is exact: the instruction that did it, or the next one for a system call or trap. */
export type Stop =
  | { readonly kind: 'syscall'; readonly via: 'syscall' | 'sysenter'; readonly pc: Addr }
  /** `int n`, `int3`, `into`, `icebp`: pc is after the instruction. */
  | { readonly kind: 'interrupt'; readonly vector: number; readonly pc: Addr }
  | {
      readonly kind: 'fault';
      readonly address: Addr;
      readonly access: Access;
      readonly cause: FaultCause;
      readonly pc: Addr;
    }
  /** #UD: `pc` at the instruction. */
  | { readonly kind: 'invalid-opcode'; readonly pc: Addr }
  /**
   * Another CPU exception by vector (0 #DE, 13 #GP, 16 #MF ...), pc at the instruction. The trap after a
   * single step (1 #DB) has it after the instruction.
   */
  | {
      readonly kind: 'exception';
      readonly vector: number;
      readonly errorCode: number;
      readonly pc: Addr;
    }
  /** `hlt` at privilege level 0: pc is after the instruction. */
  | { readonly kind: 'halt'; readonly pc: Addr }
  /** The run's control wanted to: pc at the instruction that has not begun. */
  | { readonly kind: 'paused'; readonly pc: Addr }
  | { readonly kind: 'until'; readonly pc: Addr }
  | { readonly kind: 'budget'; readonly pc: Addr };

/** Somebody who sees every instruction of a run, which costs speed, and may have it pause. May read registers. */
export interface StepControl {
  /** Before an instruction begins, once for each time that it does; true: the run stops, and it has not begun. */
  before(pc: Addr): boolean;
  /** Bytes whose uses by the guest's instructions `touched` is told of. */
  readonly watched: readonly AddrRange[];
  /** The instruction at hand is about to load or store `length` bytes; a fault may still refuse it. */
  touched(address: Addr, length: number, access: 'read' | 'write'): void;
}

export interface RunOptions {
  /** Stops before executing the instruction at this address. */
  readonly until?: Addr;
  /**
   * In place of `until`: addresses where nothing is ever executable, of a power of two of bytes and on a multiple of it. A jump
   * there ends the run as `until` does, or as the fault that it is.
   */
  readonly host?: AddrRange;
  /**
   * What blocks may cost, from 1: the run ends before the first one for which nothing is left. A block ends at a branch, a system call, an instruction that changes how the
   * next ones are read (a segment, `popf`), or a page's end; a round of a repeated string instruction is one.
   * It counts 1, and more when it is long or its accesses are slow (docs/limits.md). An interrupted block that goes on
   * where it was is not counted again.
   */
  readonly blocks: number;
  readonly control?: StepControl;
}

/** All CPU state that a guest can see, without memory: registers, flags, segments, x87, SSE. Opaque. */
export interface CpuState {
  readonly engine: string;
  /** Where a block was interrupted, which going on there continues. */
  readonly continuesAt: Addr | undefined;
}

/** Which code the guest has executed and stored to: what a snapshot of its memory has besides the bytes. Opaque. */
export type RunCode = object;

export interface Engine {
  /** 'unicorn1' (with form) or 'unicorn2'. */
  readonly name: string;
  readonly arch: Arch;
  /** The processor that it opened with. */
  readonly cpu: CpuProfile;
  readonly memory: PhysicalMemory;
  /** Registers by their manual's lower-case name: rax..r15, eax, ax, al, rip, eflags, cs..gs, fs_base, gs_base, xmm0..15, mxcsr, st0..7, fpcw, fpsw, fptag; at privilege level 0 also cr0, cr2, cr3, cr4, efer, gdtr_base, gdtr_limit, idtr_base, idtr_limit, tr, tr_base, tr_limit. */
  readonly registers: readonly string[];
  readRegister(name: string): bigint;
  /** A 32-bit part of a 64-bit register clears the upper half, as the CPU does. */
  writeRegister(name: string, value: bigint): void;
  saveCpu(): CpuState;
  /** Of the same engine and architecture. The page tables and their TLB stay as they are. */
  loadCpu(state: CpuState): void;
  /** What of the memory has been executed and rewritten, as far as it decides what blocks cost. */
  saveCode(): RunCode;
  /** With the memory as it was then: before the next run. */
  loadCode(state: RunCode): void;
  /** Writes a descriptor into the guest's GDT (thread-local segments of i386). Index 12 to 14 as on Linux. */
  setGdtEntry(index: number, descriptor: bigint): void;
  /** At privilege level 0: a segment with what the CPU caches of its descriptor. The DPL of `ss` is the new privilege level. */
  setSegment(name: SegmentName, value: SegmentValue): void;
  /** Replaces the page tables in force; implies a full flush. */
  setTranslate(translate: Translate): void;
  /** Forgets translations of `count` pages from `page`, or all. Allowed inside `translate`. */
  flushTlb(page?: number, count?: number): void;
  /** Runs from the program counter until something happens. Never throws for what the guest does. */
  run(options: RunOptions): Stop;
  /** What the blocks since the engine was opened cost, the same whether and how instructions are watched. */
  readonly blocks: number;
  /** Instructions begun while `countInstructions` was on. Counting costs speed. */
  readonly instructions: number;
  countInstructions(on: boolean): void;
  /** Called before each instruction while set (pc); a test's and a tracer's eye. Costs speed. */
  onInstruction(observer: ((pc: Addr) => void) | undefined): void;
  close(): void;
}

export interface EngineOptions {
  readonly arch: Arch;
  /** Bytes of guest memory at most; a multiple of 4096. */
  readonly memory: number;
  /** The processor; default that of a Linux process of `arch`, whose architecture it must have. */
  readonly cpu?: CpuProfile;
  /** What RDRAND's numbers come of; default 1. */
  readonly seed?: number;
}

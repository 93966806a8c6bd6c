/**
 * Answers TLB misses from the caller's page tables.
 *
 * `miss` runs inside the engine, in place of QEMU's page walk: it fills the TLB entry and returns 0, or
 * notes why not, makes the CPU raise #PF or #GP and returns 1. The note is the truth about a fault;
 * what the CPU was told serves only to end the run at the exact instruction.
 */
import type { Addr, Arch } from '../../base/address.js';
import { InvariantError } from '../../base/errors.js';
import type { Access } from '../../base/outcome.js';
import {
  FAULT_GENERAL_PROTECTION,
  FAULT_PROTECTION,
  type FaultCause,
  HW_EXEC,
  HW_READ,
  HW_WRITE,
  type Translate,
} from '../engine.js';
import { VECTOR_GP, VECTOR_PF } from './api.js';
import type { CodeFrames } from './code-frames.js';
import type { CodeHistory, CodeState } from './code-history.js';
import type { EngineFrames } from './frames.js';
import type { Machine } from './machine.js';
import { MissCharge, type MissTags } from './miss-charge.js';
import { CARRY_ACCESS, CPU, ENV, PORT_ACCESS, RAISE_ACCESS, TLB, UC } from './offsets.js';
import { SoftTlb } from './tlb.js';

/** How QEMU numbers accesses, and the right that each needs. */
const ACCESSES: readonly Access[] = ['read', 'write', 'exec'];
const NEEDED = [HW_READ, HW_WRITE, HW_EXEC];
const WRITE = 1;
const EXEC = 2;

/** Why the CPU was made to raise an exception. `retry`: no fault, the run is to be taken up again. */
export type MmuRefusal =
  | { readonly kind: 'retry'; readonly access: Access }
  | {
      readonly kind: 'fault';
      readonly address: Addr;
      readonly access: Access;
      readonly cause: FaultCause;
    };

export class Mmu {
  readonly #machine: Machine;
  readonly #arch: Arch;
  readonly #frames: EngineFrames;
  readonly #code: CodeFrames;
  readonly #history: CodeHistory;
  readonly #tlb: SoftTlb;
  readonly #misses: MissCharge;
  /** The page that only the CPU's own accesses see; undefined where the guest has its own GDT. */
  readonly #gdtPage: number | undefined;
  translate: Translate | undefined;
  /** Of the present run, undefined when nothing was refused. */
  refusal: MmuRefusal | undefined;
  /** What `translate` threw, if it did: kept away from the engine's frames. */
  hostError: unknown;
  /** Was the last question about an access in user mode, or by the CPU itself? */
  #user = true;
  /** Did EFLAGS.AC let it pass SMAP? */
  #alignmentCheck = false;
  #running = false;
  /**
   * Pages executed from since they were last flushed, and their frames: what the translated code stands for. No page has an
   * entry for code in the TLB, or a block in the cache by program counter, without being here.
   */
  readonly #executed = new Map<number, number>();
  /** The last eight-byte store near a page's end, with what was there before. */
  #pageEnd: { readonly address: Addr; readonly pointer: number; readonly old: bigint } | undefined;
  /** Where `until` lies; code that was translated from there does not stop at it. */
  #untilPage = -1;
  /** The run must end so that it can stop there. */
  reachedUntil = false;
  /** The page tables flushed pages executed from: they may have changed. */
  #flushedCode = false;
  /** Flushed in this run: no longer executed from when it is over. */
  readonly #flushed = new Set<number>();
  /** They have changed: the run must end before the next block. */
  #stale = false;
  /** An exception ends this run: QEMU reads the code again, to find the instruction and its state. */
  #raised = false;
  /** Pages whose entries served that, and may no longer be what the page tables say. */
  readonly #reread = new Set<number>();

  constructor(
    machine: Machine,
    {
      frames,
      code,
      history,
    }: {
      readonly frames: EngineFrames;
      readonly code: CodeFrames;
      readonly history: CodeHistory;
    },
    gdt: Addr | undefined,
  ) {
    this.#machine = machine;
    this.#arch = machine.arch;
    this.#frames = frames;
    this.#code = code;
    this.#history = history;
    this.#tlb = new SoftTlb(machine);
    this.#misses = new MissCharge(machine.heap);
    this.#gdtPage = gdt === undefined ? undefined : Number(gdt >> 12n);
  }

  /** `until`: where the run is to end, if there is such a place. */
  beginRun(until: Addr | undefined): void {
    this.refusal = undefined;
    this.#flushedCode = false;
    this.#stale = false;
    this.#raised = false;
    this.#pageEnd = undefined;
    this.reachedUntil = false;
    this.#untilPage = until === undefined ? -1 : Number(until >> 12n);
    this.#code.settle();
    this.#running = true;
  }

  endRun(): void {
    this.#running = false;
    for (const page of this.#reread) this.#tlb.flushPages(page, 1);
    this.#reread.clear();
    for (const page of this.#flushed) this.#executed.delete(page);
    this.#flushed.clear();
  }

  /** Has code been translated from the page of this address? */
  hasExecuted(address: Addr): boolean {
    return this.#executed.has(Number(address >> 12n));
  }

  flush(page?: number, count = 1): void {
    if (page === undefined) this.#tlb.flushAll();
    else this.#tlb.flushPages(page, count);
    for (const each of this.#executedOf(page, count)) {
      if (this.#running) this.#flushed.add(each);
      else this.#executed.delete(each);
      this.#flushedCode = true;
    }
  }

  #executedOf(page: number | undefined, count: number): number[] {
    if (page === undefined) return [...this.#executed.keys()];
    if (count > this.#executed.size) {
      return [...this.#executed.keys()].filter((each) => each >= page && each < page + count);
    }
    return Array.from({ length: count }, (_, i) => page + i).filter((i) => this.#executed.has(i));
  }

  /** What has been counted of misses, for a CPU that is set aside. */
  saveMisses(): MissTags {
    return this.#misses.save();
  }

  loadMisses(tags: MissTags): void {
    for (const slot of this.#misses.load(tags)) this.#tlb.flushSlot(slot);
  }

  /** What has been counted of code that is rewritten, for a memory that is put back. */
  saveCode(): CodeState {
    return this.#history.save();
  }

  loadCode(state: CodeState): void {
    const { unfetched, stale } = this.#history.load(state);
    for (const [page, frame] of this.#executed) if (unfetched.has(frame)) this.flush(page);
    const { module, handle } = this.#machine;
    for (const frame of stale) {
      const ram = this.#frames.ramAddress(frame);
      if (ram !== undefined) module.uc.invalidate_code(handle, ram, ram + 4096, 0);
    }
  }

  miss(lo: number, hi: number, access: number, mode: number): number {
    try {
      return this.#miss(lo, this.#arch === 'i386' ? 0 : hi, access, mode);
    } catch (error) {
      this.hostError ??= error;
      return this.#raise({ kind: 'retry', access: ACCESSES[access] ?? 'read' }, lo, hi);
    }
  }

  pageEndStore(lo: number, hi: number): void {
    const within = lo & 4095;
    // One that crosses the boundary itself is stored whole or not at all; but it may be the second half.
    if (within > 4096 - 8) {
      const second = Number((this.#pageEnd?.address ?? 0n) & 0xfffn) + 8 === within;
      if (!second) this.#pageEnd = undefined;
      return;
    }
    this.#pageEnd = undefined;
    try {
      const page = pageNumber(lo, this.#arch === 'i386' ? 0 : hi);
      const answer = this.#translate(page, WRITE);
      if (answer < 0) return;
      const pointer = this.#frames.pointer(answer >>> 3) + within;
      const address = BigInt(page) * 4096n + BigInt(within);
      this.#pageEnd = { address, pointer, old: this.#machine.heap.readU64(pointer) };
    } catch (error) {
      this.hostError ??= error;
    }
  }

  /**
   * After a run: a store of `bytes` bytes at `begin`, made as eight and the rest, was refused at `refused`, the
   * start of a page. Puts back what the first part overwrote; what an instruction before it stored there stays.
   */
  undoFirstHalf(refused: Addr, bytes: number, begin: Addr): void {
    const last = this.#pageEnd;
    if (
      last?.address !== begin ||
      last.address + 8n > refused ||
      last.address + BigInt(bytes) <= refused
    )
      return;
    this.#machine.heap.writeU64(last.pointer, last.old);
  }

  /** After a run: up to `count` bytes of the code at `pc`, as far as it may be executed. */
  codeAt(pc: Addr, count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      const address = pc + BigInt(i);
      const answer = this.#translate(Number(BigInt.asUintN(64, address) >> 12n), EXEC);
      if (answer < 0) return bytes.subarray(0, i);
      bytes[i] = this.#frames.content(answer >>> 3)[Number(address & 0xfffn)] ?? 0;
    }
    return bytes;
  }

  /** Inside a run: code at an address from which the engine has fetched, and behind it as far as it has. */
  codeInRun(lo: number, hi: number, count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; ) {
      const at = lo + i;
      const frame = this.#executed.get(this.pageOf(at, hi));
      if (frame === undefined) return bytes.subarray(0, i);
      const from = this.#frames.pointer(frame) + (at & 4095);
      const length = Math.min(count - i, 4096 - (at & 4095));
      bytes.set(this.#machine.heap.bytes.subarray(from, from + length), i);
      i += length;
    }
    return bytes;
  }

  /** Of the address `hi:lo`, whose lower half may have overflowed. */
  pageOf(lo: number, hi: number): number {
    const high = (hi + (lo > 0xffff_ffff ? 1 : 0)) >>> 0;
    return pageNumber(lo >>> 0, this.#arch === 'i386' ? 0 : high);
  }

  isExecuted(page: number): boolean {
    return this.#executed.has(page);
  }

  #miss(lo: number, hi: number, access: number, mode: number): number {
    if (access === PORT_ACCESS) return this.interrupt(VECTOR_GP);
    if (access === RAISE_ACCESS) return this.interrupt(lo);
    // A carried instruction has called `interrupt` itself.
    if (access === CARRY_ACCESS) return 1;
    // Canonical: bits 47 to 63 are all alike.
    const top = (hi | 0) >> 15;
    if (top !== 0 && top !== -1) return this.#refuse(lo, hi, access, FAULT_GENERAL_PROTECTION);
    const page = pageNumber(lo, hi);
    this.#user = mode === TLB.USER;
    this.#alignmentCheck = mode === TLB.KERNEL_WITHOUT_SMAP;
    if (!this.#user && page === this.#gdtPage) {
      const { pointer, ram } = this.#frames.kernelPage;
      this.#tlb.fill(mode, lo, hi, pointer, ram, HW_READ | HW_WRITE);
      return 0;
    }
    if (this.#raised && access === EXEC && this.#fetchAgain(page, lo, hi, mode)) return 0;
    const answer = this.#translate(page, access);
    if (answer < 0) return this.#refuse(lo, hi, access, answer as FaultCause);
    if ((answer & (NEEDED[access] ?? 0)) === 0)
      return this.#refuse(lo, hi, access, FAULT_PROTECTION);
    const frame = answer >>> 3;
    if (!this.#frames.isAllocated(frame))
      throw new InvariantError(`the page tables name frame ${frame}, which is not allocated`);
    const known = this.#executed.get(page);
    if (known !== undefined && known !== frame) this.#stale = true;
    else if (this.#flushedCode) this.#stale ||= this.#codeMoved();
    const ram = this.#frames.ramAddress(frame);
    if (access === EXEC && page === this.#untilPage) this.reachedUntil = true;
    if (ram === undefined || this.#stale || this.reachedUntil) {
      return this.#raise({ kind: 'retry', access: ACCESSES[access] ?? 'read' }, lo, hi);
    }
    if (access === EXEC) {
      this.#executed.set(page, frame);
      this.#history.fetched(frame);
      this.#flushed.delete(page);
    }
    // Not for code too, on an access to data: the first fetch has to be noticed.
    const isCode = this.#executed.has(page) && !this.#flushed.has(page);
    if (access !== EXEC) this.#misses.filled(page, mode);
    const code = isCode ? answer & HW_EXEC : 0;
    // Nor for data, on a fetch: the first access has to be counted.
    const data = this.#misses.has(page, mode) ? answer & (HW_READ | HW_WRITE) : 0;
    this.#tlb.fill(mode, lo, hi, this.#frames.pointer(frame), ram, code | data);
    return 0;
  }

  /**
   * The code as it was translated, whatever the page tables say by now: a second exception, raised while
   * QEMU restores the state for the first, would leave the program counter at the block's start and the
   * registers as they are.
   */
  #fetchAgain(page: number, lo: number, hi: number, mode: number): boolean {
    const frame = this.#executed.get(page);
    const ram = frame === undefined ? undefined : this.#frames.ramAddress(frame);
    if (frame === undefined || ram === undefined) return false;
    this.#tlb.fill(mode, lo, hi, this.#frames.pointer(frame), ram, HW_EXEC);
    this.#reread.add(page);
    return true;
  }

  /** Is code of this run no longer where it was translated from, or no longer executable? */
  #codeMoved(): boolean {
    const moved = [...this.#executed].some(([page, frame]) => {
      const answer = this.#translate(page, EXEC);
      return answer < 0 || answer >>> 3 !== frame;
    });
    this.#flushedCode = false;
    return moved;
  }

  #translate(page: number, access: number): number {
    if (this.translate === undefined) throw new InvariantError('a run without page tables');
    const answer = this.translate(
      page,
      ACCESSES[access] ?? 'read',
      this.#user,
      this.#alignmentCheck,
    );
    // What it wrote may have been code once.
    this.#code.settle();
    return answer;
  }

  #refuse(lo: number, hi: number, access: number, cause: FaultCause): number {
    const { heap, handle } = this.#machine;
    // A store across two pages goes byte by byte from its end; hardware names the first byte refused.
    const split = access === WRITE && heap.readU32(handle + UC.SIZE_RECUR_MEM) !== 0;
    const low = split ? (lo & -4096) >>> 0 : lo;
    const address = (BigInt(hi) << 32n) | BigInt(low);
    const refusal = { kind: 'fault', address, access: ACCESSES[access] ?? 'read', cause } as const;
    return this.#raise(refusal, low, hi);
  }

  #raise(refusal: MmuRefusal, lo: number, hi: number): number {
    const { heap, env } = this.#machine;
    this.refusal = refusal;
    heap.writeU32(env + ENV.CR2, lo);
    heap.writeU32(env + ENV.CR2 + 4, hi);
    const general = refusal.kind === 'fault' && refusal.cause === FAULT_GENERAL_PROTECTION;
    return this.interrupt(general ? VECTOR_GP : VECTOR_PF);
  }

  /** Makes the CPU raise an exception. */
  interrupt(vector: number, errorCode = 0): number {
    const { heap, cpu, env } = this.#machine;
    this.#raised = true;
    heap.writeU32(cpu + CPU.EXCEPTION_INDEX, vector);
    heap.writeU32(env + ENV.ERROR_CODE, errorCode);
    return 1;
  }
}

function pageNumber(lo: number, hi: number): number {
  return hi * 0x10_0000 + (lo >>> 12);
}

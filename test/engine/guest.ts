/** A bare guest for engine tests: page tables as a map, no operating system. */
import { type Addr, type Arch, pageOf } from '../../src/base/address.js';
import type { Access } from '../../src/base/outcome.js';
import type { CpuProfile } from '../../src/engine/cpu-profile.js';
import {
  type Engine,
  FAULT_PROTECTION,
  FAULT_UNMAPPED,
  HW_EXEC,
  HW_READ,
  HW_WRITE,
  type Stop,
  type Translate,
} from '../../src/engine/engine.js';
import { type EngineKind, openEngine } from '../../src/engine/open.js';
import { assemble } from './assembler.js';

export const CODE = 0x10000;
export const DATA = 0x20000;
export const STACK_TOP = 0x40000;

const NEEDED: Readonly<Record<Access, number>> = { read: HW_READ, write: HW_WRITE, exec: HW_EXEC };

export interface GuestOptions {
  readonly arch?: Arch;
  readonly memory?: number;
  readonly cpu?: CpuProfile;
}

export class Guest {
  readonly engine: Engine;
  readonly arch: Arch;
  /** `frame * 8 + rights`, or the negative cause with which every access is refused. */
  readonly pages = new Map<number, number>();
  /** Every question that the engine asked, in order. */
  readonly asked: { page: number; access: Access }[] = [];
  /** Replaces the default page tables while set. */
  translate: Translate | undefined;

  constructor(engine: Engine) {
    this.engine = engine;
    this.arch = engine.arch;
    engine.setTranslate((page, access, user, alignmentCheck) => {
      this.asked.push({ page, access });
      return (this.translate ?? this.lookUp)(page, access, user, alignmentCheck);
    });
  }

  readonly lookUp: Translate = (page, access) => {
    const entry = this.pages.get(page) ?? FAULT_UNMAPPED;
    return entry < 0 || entry & NEEDED[access] ? entry : FAULT_PROTECTION;
  };

  /** Maps a fresh frame, or another name for `frame`. */
  map(address: number | Addr, rights: string, frame = this.frame()): number {
    this.pages.set(pageOf(BigInt(address)), frame * 8 + bits(rights));
    return frame;
  }

  frame(): number {
    const frame = this.engine.memory.allocate();
    if (frame === undefined) throw new Error('the test ran out of frames');
    return frame;
  }

  protect(address: number | Addr, rights: string): void {
    const page = pageOf(BigInt(address));
    const entry = this.pages.get(page);
    if (entry === undefined) throw new Error(`nothing is mapped at ${address}`);
    this.pages.set(page, (entry & ~7) | bits(rights));
    this.engine.flushTlb(page, 1);
  }

  refuse(address: number | Addr, cause: number): void {
    this.pages.set(pageOf(BigInt(address)), cause);
    this.engine.flushTlb(pageOf(BigInt(address)), 1);
  }

  unmap(address: number | Addr): void {
    this.pages.delete(pageOf(BigInt(address)));
    this.engine.flushTlb(pageOf(BigInt(address)), 1);
  }

  /** Puts bytes into guest memory as a kernel does, whatever the rights. */
  poke(address: number | Addr, bytes: ArrayLike<number>): void {
    for (let i = 0; i < bytes.length; i++) {
      const at = BigInt(address) + BigInt(i);
      this.#bytesOf(at)[Number(at & 0xfffn)] = bytes[i]!;
    }
  }

  peek(address: number | Addr, length: number): number[] {
    return Array.from({ length }, (_, i) => {
      const at = BigInt(address) + BigInt(i);
      return this.#bytesOf(at)[Number(at & 0xfffn)]!;
    });
  }

  #bytesOf(address: Addr): Uint8Array {
    const entry = this.pages.get(pageOf(address));
    if (entry === undefined || entry < 0) throw new Error(`nothing is mapped at ${address}`);
    return this.engine.memory.bytes(entry >> 3);
  }

  /** Assembles to `address` and returns how many bytes that took. */
  code(text: string, address: number | Addr = CODE): number {
    const bytes = assemble(this.arch, text, Number(address));
    this.poke(address, bytes);
    return bytes.length;
  }

  /** Runs what `code` put at CODE: mapped for execution, with a data page and a stack. */
  runCode(text: string, options: { blocks?: number; until?: Addr } = {}): Stop {
    if (!this.pages.has(pageOf(BigInt(CODE)))) this.map(CODE, 'rx');
    this.code(text);
    return this.run(CODE, options);
  }

  run(
    pc?: number | Addr,
    { blocks = 1_000_000, until }: { blocks?: number; until?: Addr } = {},
  ): Stop {
    if (pc !== undefined) this.pc = BigInt(pc);
    return this.engine.run(until === undefined ? { blocks } : { blocks, until });
  }

  /** By the manual's 64-bit name on either architecture: `ax` is rax or eax. */
  reg(name: string): bigint {
    return this.engine.readRegister(this.#wide(name));
  }

  setReg(name: string, value: number | bigint): void {
    this.engine.writeRegister(this.#wide(name), BigInt(value));
  }

  #wide(name: string): string {
    return (this.arch === 'x86-64' ? 'r' : 'e') + name;
  }

  set pc(value: Addr) {
    this.setReg('ip', value);
  }
}

export async function openGuest(kind: EngineKind, options: GuestOptions = {}): Promise<Guest> {
  const { engine } = await openEngine(kind, { arch: 'x86-64', memory: 16 << 20, ...options });
  return new Guest(engine);
}

function bits(rights: string): number {
  let result = 0;
  for (const letter of rights)
    result |= letter === 'r' ? HW_READ : letter === 'w' ? HW_WRITE : letter === 'x' ? HW_EXEC : 0;
  return result;
}

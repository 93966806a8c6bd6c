/** Delivers interrupts and exceptions through the guest's IDT in 64-bit mode: Intel SDM volume 3, chapter 7. */
import { Struct } from '../../../base/struct.js';
import type { SegmentValue } from '../../../engine/cpu-profile.js';
import type { Engine } from '../../../engine/engine.js';
import { type LinearFault, type LinearMemory, NOT_CANONICAL } from './linear.js';
import {
  combined,
  hasErrorCode,
  VECTOR_DF,
  VECTOR_GP,
  VECTOR_NP,
  VECTOR_PF,
  VECTOR_SS,
  VECTOR_TS,
} from './vectors.js';

export interface CpuEvent {
  readonly vector: number;
  /**
   * A fault points at its instruction, a trap after it; 'software': `int n`, `int3`, which the gate's DPL is checked for;
   * 'external': an interrupt of a device.
   */
  readonly kind: 'fault' | 'trap' | 'software' | 'external';
  readonly errorCode?: number;
  /** What CR2 is set to: of a page fault. */
  readonly address?: bigint;
  /** Of a software interrupt: its instruction, where a fault of its delivery points. */
  readonly start?: bigint;
}

/** The selector error code's bits. */
const EXT = 1;
const IDT = 2;

const GATE_INTERRUPT = 0xe;
const GATE_TRAP = 0xf;
const DESCRIPTOR_PRESENT = 1 << 15;
const DESCRIPTOR_CODE_OR_DATA = 1 << 12;
const DESCRIPTOR_CODE = 1 << 11;
const DESCRIPTOR_CONFORMING = 1 << 10;
const DESCRIPTOR_LONG = 1 << 21;
const DESCRIPTOR_BIG = 1 << 22;
/** Of a stack segment that is the null selector: what the CPU caches. */
const STACK_FLAGS = 0x00c0_9300;

const TSS_RSP0 = 4;
const TSS_IST1 = 36;

const EFLAGS_TF = 1n << 8n;
const EFLAGS_IF = 1n << 9n;
const EFLAGS_NT = 1n << 14n;
const EFLAGS_RF = 1n << 16n;
const EFLAGS_VM = 1n << 17n;

/** Nothing makes so many exceptions in a row without one that ends it. */
const MOST_SERIAL = 8;

interface Gate {
  readonly offset: bigint;
  readonly selector: number;
  readonly ist: number;
  readonly trap: boolean;
}

interface Code {
  readonly segment: SegmentValue;
  readonly level: number;
}

export class EventDelivery {
  readonly #engine: Engine;
  readonly #memory: LinearMemory;

  constructor(engine: Engine, memory: LinearMemory) {
    this.#engine = engine;
    this.#memory = memory;
  }

  get level(): number {
    return Number(this.#engine.readRegister('cs') & 3n);
  }

  get interruptsEnabled(): boolean {
    return (this.#engine.readRegister('eflags') & EFLAGS_IF) !== 0n;
  }

  /** 'shutdown': a triple fault. Else the handler is entered, or that of what went wrong on the way. */
  deliver(first: CpuEvent): 'entered' | 'shutdown' {
    let event = first;
    for (let n = 0; n < MOST_SERIAL; n++) {
      if (event.address !== undefined) this.#engine.writeRegister('cr2', event.address);
      const failure = this.#enter(event);
      if (failure === undefined) return 'entered';
      if (event.start !== undefined) this.#engine.writeRegister('rip', event.start);
      const then = combined(event.kind === 'external' ? -1 : event.vector, failure.vector);
      if (then === 'shutdown') return 'shutdown';
      if (then === 'double-fault') {
        if (failure.address !== undefined) this.#engine.writeRegister('cr2', failure.address);
        event = { vector: VECTOR_DF, kind: 'fault', errorCode: 0 };
      } else event = failure;
    }
    return 'shutdown';
  }

  /** What went wrong, undefined when the handler's first instruction is next. */
  #enter(event: CpuEvent): CpuEvent | undefined {
    const ext = event.kind === 'software' ? 0 : EXT;
    const gate = this.#gate(event, ext);
    if ('vector' in gate) return gate;
    const code = this.#code(gate.selector, ext);
    if ('vector' in code) return code;
    const stack = this.#stack(gate, code.level, ext);
    if (typeof stack !== 'bigint') return stack;
    const frame = this.#frame(event);
    const top = (stack & ~0xfn) - BigInt(frame.length);
    const fault = this.#memory.write(top, frame, { user: false, alignmentCheck: false });
    if (fault !== undefined) return asEvent(fault, VECTOR_SS, ext);
    this.#jump(gate, code, top);
    return undefined;
  }

  #gate({ vector, kind }: CpuEvent, ext: number): Gate | CpuEvent {
    const errorCode = vector * 8 + IDT + ext;
    const limit = Number(this.#engine.readRegister('idtr_limit'));
    if (vector * 16 + 15 > limit) return { vector: VECTOR_GP, kind: 'fault', errorCode };
    const base = this.#engine.readRegister('idtr_base');
    const bytes = this.#memory.read(BigInt.asUintN(64, base + BigInt(vector * 16)), 16);
    if ('errorCode' in bytes) return asEvent(bytes, VECTOR_GP, ext);
    const entry = new Struct(bytes);
    const type = entry.u8(5) & 0x1f;
    const level = (entry.u8(5) >> 5) & 3;
    if (
      (type !== GATE_INTERRUPT && type !== GATE_TRAP) ||
      (kind === 'software' && level < this.level)
    )
      return { vector: VECTOR_GP, kind: 'fault', errorCode };
    if ((entry.u8(5) & 0x80) === 0) return { vector: VECTOR_NP, kind: 'fault', errorCode };
    const offset = BigInt(entry.u16(0)) | (BigInt(entry.u16(6)) << 16n);
    return {
      offset: offset | (BigInt(entry.u32(8)) << 32n),
      selector: entry.u16(2),
      ist: entry.u8(4) & 7,
      trap: type === GATE_TRAP,
    };
  }

  #code(selector: number, ext: number): Code | CpuEvent {
    const errorCode = (selector & ~3) + ext;
    const refused = { vector: VECTOR_GP, kind: 'fault', errorCode } as const;
    if ((selector & ~3) === 0) return { ...refused, errorCode: ext };
    const limit = Number(this.#engine.readRegister('gdtr_limit'));
    // There is no LDT.
    if (selector & 4 || (selector | 7) > limit) return refused;
    const base = this.#engine.readRegister('gdtr_base');
    const bytes = this.#memory.read(BigInt.asUintN(64, base + BigInt(selector & ~7)), 8);
    if ('errorCode' in bytes) return asEvent(bytes, VECTOR_GP, ext);
    const flags = new Struct(bytes).u32(4);
    const level = (flags >> 13) & 3;
    const isCode = DESCRIPTOR_CODE_OR_DATA | DESCRIPTOR_CODE;
    const is64Bit = (flags & (DESCRIPTOR_LONG | DESCRIPTOR_BIG)) === DESCRIPTOR_LONG;
    if ((flags & isCode) !== isCode || !is64Bit || level > this.level) return refused;
    if ((flags & DESCRIPTOR_PRESENT) === 0) return { ...refused, vector: VECTOR_NP };
    const newLevel = flags & DESCRIPTOR_CONFORMING ? this.level : level;
    const cached = { base: 0n, limit: 0xffff_ffff, flags: flags & 0x00f0_ff00 };
    return { segment: { selector: (selector & ~3) | newLevel, ...cached }, level: newLevel };
  }

  #stack({ ist }: Gate, level: number, ext: number): bigint | CpuEvent {
    if (ist === 0 && level === this.level) return this.#engine.readRegister('rsp');
    const offset = ist === 0 ? TSS_RSP0 + 8 * level : TSS_IST1 + 8 * (ist - 1);
    const selector = Number(this.#engine.readRegister('tr')) & ~3;
    if (offset + 7 > Number(this.#engine.readRegister('tr_limit')))
      return { vector: VECTOR_TS, kind: 'fault', errorCode: selector + ext };
    const base = this.#engine.readRegister('tr_base');
    const bytes = this.#memory.read(BigInt.asUintN(64, base + BigInt(offset)), 8);
    return 'errorCode' in bytes ? asEvent(bytes, VECTOR_TS, ext) : new Struct(bytes).u64(0);
  }

  /** RIP, CS, RFLAGS, RSP, SS, and before them the error code. */
  #frame({ vector, kind, errorCode }: CpuEvent): Uint8Array {
    const read = (name: string): bigint => this.#engine.readRegister(name);
    const resume = kind === 'fault' ? EFLAGS_RF : 0n;
    const words = [read('rip'), read('cs'), read('rflags') | resume, read('rsp'), read('ss')];
    if (kind === 'fault' && hasErrorCode(vector)) words.unshift(BigInt(errorCode ?? 0));
    const frame = new Struct(8 * words.length);
    words.forEach((word, index) => {
      frame.setWord(8 * index, 8, word);
    });
    return frame.bytes;
  }

  #jump({ offset, trap }: Gate, { segment, level }: Code, top: bigint): void {
    const engine = this.#engine;
    const cleared = EFLAGS_TF | EFLAGS_NT | EFLAGS_RF | EFLAGS_VM | (trap ? 0n : EFLAGS_IF);
    engine.writeRegister('eflags', engine.readRegister('eflags') & ~cleared);
    if (level !== this.level) {
      const flags = STACK_FLAGS | (level << 13);
      engine.setSegment('ss', { selector: level, base: 0n, limit: 0xffff_ffff, flags });
    }
    engine.setSegment('cs', segment);
    engine.writeRegister('rsp', top);
    engine.writeRegister('rip', offset);
  }
}

function asEvent({ address, errorCode }: LinearFault, other: number, ext: number): CpuEvent {
  return errorCode === NOT_CANONICAL
    ? { vector: other, kind: 'fault', errorCode: ext }
    : { vector: VECTOR_PF, kind: 'fault', errorCode, address };
}

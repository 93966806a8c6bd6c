/**
 * Carries out the privileged instructions that the engine leaves to the owner of page tables and ports: it stops with #GP
 * at them. Intel SDM volume 2: MOV to control registers, INVLPG, IN, OUT, INS, OUTS.
 */
import type { Outcome } from '../../../base/outcome.js';
import { Struct } from '../../../base/struct.js';
import type { Engine } from '../../../engine/engine.js';
import { effectiveAddress, generalRegister, segmentBase } from '../../../x86/effective-address.js';
import { decode, type Opcode, regOf } from '../../../x86/instruction.js';
import type { Ports } from '../devices/ports.js';
import type { GuestMmu } from '../paging/mmu.js';
import type { AccessRights } from '../paging/walk.js';
import { WRITE_CONTROL } from './control-registers.js';
import type { CpuEvent } from './delivery.js';
import { type LinearFault, type LinearMemory, NOT_CANONICAL } from './linear.js';
import { VECTOR_GP, VECTOR_PF } from './vectors.js';

/** Done, with the program counter where it goes on; an exception of its own; or the end of the machine. */
export type Carried = 'done' | CpuEvent | Outcome;

const LONGEST = 15;
/** Rounds of a repeated instruction before the machine looks at its timer and limits again. */
const MOST_ROUNDS = 1024;
const EFLAGS_DF = 1n << 10n;
const EFLAGS_AC = 1n << 18n;
const GENERAL_PROTECTION: CpuEvent = { vector: VECTOR_GP, kind: 'fault', errorCode: 0 };

export interface PrivilegedParts {
  readonly engine: Engine;
  readonly mmu: GuestMmu;
  readonly memory: LinearMemory;
  readonly ports: Ports;
}

export class Privileged {
  readonly #parts: PrivilegedParts;

  constructor(parts: PrivilegedParts) {
    this.#parts = parts;
  }

  /** Undefined for any other instruction, whose #GP is its own. */
  carryOut(pc: bigint): Carried | undefined {
    const bytes = this.#parts.memory.fetch(pc, LONGEST);
    const code = decode(bytes, true);
    if (code.map === 0) return this.#portInstruction(code, bytes, pc);
    if (code.map !== 1) return undefined;
    if (code.opcode === 0x22) return this.#moveToControl(code, pc);
    if (code.opcode === 0x01 && regOf(code) === 7 && code.modrm >> 6 !== 3)
      return this.#invalidate(code, bytes, pc);
    return undefined;
  }

  #read = (name: string): bigint => this.#parts.engine.readRegister(name);

  #goOn(pc: bigint): 'done' {
    this.#parts.engine.writeRegister('rip', BigInt.asUintN(64, pc));
    return 'done';
  }

  #moveToControl(code: Opcode, pc: bigint): Carried | undefined {
    const { engine, mmu } = this.#parts;
    const write = WRITE_CONTROL[regOf(code) | ((code.rex & 4) << 1)];
    if (write === undefined) return undefined;
    const source = generalRegister((code.modrm & 7) | ((code.rex & 1) << 3), true);
    if (!write(engine, mmu, this.#read(source))) return GENERAL_PROTECTION;
    return this.#goOn(pc + BigInt(code.at + 1));
  }

  #invalidate(code: Opcode, bytes: Uint8Array, pc: bigint): Carried {
    const next = pc + BigInt(lengthOf(code));
    const address = effectiveAddress(code, bytes, next, this.#read);
    this.#parts.mmu.invalidatePage(Number(address >> 12n));
    return this.#goOn(next);
  }

  #portInstruction(code: Opcode, bytes: Uint8Array, pc: bigint): Carried | undefined {
    const { opcode } = code;
    // Odd opcodes move 4 bytes, or 2 with an operand-size prefix.
    const size = (opcode & 1) === 0 ? 1 : code.operandSize ? 2 : 4;
    if (opcode >= 0x6c && opcode <= 0x6f) return this.#strings(code, size, pc);
    const immediate = opcode >= 0xe4 && opcode <= 0xe7;
    if (!immediate && !(opcode >= 0xec && opcode <= 0xef)) return undefined;
    const port = immediate ? (bytes[code.at] ?? 0) : Number(this.#read('dx'));
    const next = pc + BigInt(code.at + (immediate ? 1 : 0));
    const accumulator = ['al', 'ax', '', 'eax'][size - 1]!;
    const { engine, ports } = this.#parts;
    if ((opcode & 2) === 0) {
      engine.writeRegister(accumulator, BigInt(ports.read(port, size)));
      return this.#goOn(next);
    }
    this.#goOn(next);
    return ports.write(port, size, Number(this.#read(accumulator))) ?? 'done';
  }

  /** INS and OUTS, with REP as many rounds as are left, or some of them. */
  #strings(code: Opcode, size: number, pc: bigint): Carried {
    const repeated = code.repeat !== 0;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const left = counter(this.#read('rcx'), code);
      if (repeated && left === 0n) return this.#goOn(pc + BigInt(code.at));
      const end = this.#oneString(code, size);
      if (end !== undefined) return end;
      if (!repeated) return this.#goOn(pc + BigInt(code.at));
      this.#step('rcx', -1n, code);
    }
    return 'done';
  }

  #oneString(code: Opcode, size: number): CpuEvent | Outcome | undefined {
    const { memory, ports } = this.#parts;
    const port = Number(this.#read('dx'));
    const out = (code.opcode & 2) !== 0;
    const index = out ? 'rsi' : 'rdi';
    const base = out ? segmentBase(code, this.#read) : 0n;
    const address = BigInt.asUintN(64, base + counter(this.#read(index), code));
    const word = new Struct(4);
    if (out) {
      const bytes = memory.read(address, size, this.#rights);
      if ('errorCode' in bytes) return asFault(bytes);
      word.bytes.set(bytes);
    } else word.setWord(0, 4, BigInt(ports.read(port, size)));
    const fault = out ? undefined : memory.write(address, word.bytes.slice(0, size), this.#rights);
    if (fault !== undefined) return asFault(fault);
    const outcome = out ? ports.write(port, size, word.u32(0)) : undefined;
    const down = (this.#read('eflags') & EFLAGS_DF) !== 0n;
    this.#step(index, BigInt(down ? -size : size), code);
    return outcome;
  }

  get #rights(): AccessRights {
    return { user: false, alignmentCheck: (this.#read('eflags') & EFLAGS_AC) !== 0n };
  }

  #step(register: string, by: bigint, { addressSize }: Opcode): void {
    const bits = addressSize ? 32 : 64;
    this.#parts.engine.writeRegister(register, BigInt.asUintN(bits, this.#read(register) + by));
  }
}

/** RCX, RSI or RDI as far as the address size takes it. */
function counter(value: bigint, { addressSize }: Opcode): bigint {
  return BigInt.asUintN(addressSize ? 32 : 64, value);
}

function asFault({ address, errorCode }: LinearFault): CpuEvent {
  return errorCode === NOT_CANONICAL
    ? GENERAL_PROTECTION
    : { vector: VECTOR_PF, kind: 'fault', errorCode, address };
}

/** With a memory operand and nothing behind it. */
function lengthOf({ modrm, sib, at }: Opcode): number {
  const mode = modrm >> 6;
  const hasSib = (modrm & 7) === 4;
  const plain = mode === 0 && ((modrm & 7) === 5 || (hasSib && (sib & 7) === 5));
  const displacement = mode === 1 ? 1 : mode === 2 || plain ? 4 : 0;
  return at + 1 + (hasSib ? 1 : 0) + displacement;
}

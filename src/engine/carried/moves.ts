/** VEX forms of the instructions that move vectors, parts of them, and general registers (Intel SDM volume 2). */
import type { CarriedCpu } from './cpu.js';
import type { Encoding } from './encoding.js';
import type { Kernel } from './integer-lanes.js';
import { clear16, copy16, halfOf, type Maker, sourceOf, writeResult } from './operands.js';
import { copy8 } from './shuffles.js';

const VECTOR_GP = 13;

/** From ModRM.rm into ModRM.reg. */
export function load(e: Encoding, aligned: boolean): Maker {
  const halves = e.l ? 2 : 1;
  const source = sourceOf(e, 16 * halves, aligned);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    copy16(cpu, cpu.resultArea, half(cpu, 0));
    if (halves === 2) copy16(cpu, cpu.resultArea + 16, half(cpu, 1));
    writeResult(cpu, e, e.reg);
  };
}

/** From ModRM.reg into ModRM.rm. */
export function store(e: Encoding, aligned: boolean): Maker {
  const bytes = e.l ? 32 : 16;
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    copy16(cpu, cpu.resultArea, cpu.vector(e.reg, 0));
    if (e.l) copy16(cpu, cpu.resultArea + 16, cpu.vector(e.reg, 1));
    if (memory === undefined) {
      writeResult(cpu, e, e.rm);
      return;
    }
    cpu.locate(memory, next, nextHi);
    if (aligned && (cpu.lo & (bytes - 1)) !== 0) cpu.raise(VECTOR_GP);
    cpu.store(bytes, cpu.resultArea);
  };
}

/** `bytes` at `from` (of the register ModRM.reg) into memory. */
export function storePart(e: Encoding, bytes: number, from = 0): Maker {
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    cpu.locate(memory!, next, nextHi);
    copy16(cpu, cpu.resultArea, cpu.vector(e.reg, 0));
    cpu.store(bytes, cpu.resultArea + from);
  };
}

/** MOVSS, MOVSD: a load clears the rest; between registers the rest is VEX.vvvv's. */
export function loadScalar(e: Encoding, bytes: 4 | 8): Maker {
  const source = sourceOf(e, bytes, false);
  const half = halfOf(e);
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    if (memory === undefined) copy16(cpu, cpu.resultArea, cpu.vector(e.v, 0));
    else clear16(cpu, cpu.resultArea);
    part(cpu, cpu.resultArea, half(cpu, 0), bytes);
    writeResult(cpu, e, e.reg);
  };
}

/** Between registers by the store's opcode: into ModRM.rm. */
export function moveScalar(e: Encoding, bytes: 4 | 8): Maker {
  return () => (cpu) => {
    copy16(cpu, cpu.resultArea, cpu.vector(e.v, 0));
    part(cpu, cpu.resultArea, cpu.vector(e.reg, 0), bytes);
    writeResult(cpu, e, e.rm);
  };
}

/** MOVLPS and its kin: one half from VEX.vvvv, the other one from memory or from one half of a register. */
export function loadHalf(e: Encoding, into: 0 | 8, fromRegister: 0 | 8): Maker {
  const source = sourceOf(e, 8, false);
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    copy16(cpu, cpu.resultArea, cpu.vector(e.v, 0));
    const from = memory === undefined ? cpu.vector(e.rm, 0) + fromRegister : cpu.operandArea;
    copy8(cpu, cpu.resultArea + into, from);
    writeResult(cpu, e, e.reg);
  };
}

/** MOVSLDUP (`first` 0), MOVSHDUP (1). */
export function duplicateSingles(e: Encoding, first: 0 | 1): Maker {
  const halves = e.l ? 2 : 1;
  const source = sourceOf(e, 16 * halves, !e.vex);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    for (let h: 0 | 1 = 0; ; h = 1) {
      const from = half(cpu, h) >>> 2;
      for (let i = 0; i < 4; i++)
        cpu.words[((cpu.resultArea + 16 * h) >>> 2) + i] = cpu.words[from + (i & 2) + first]!;
      if (h + 1 >= halves) break;
    }
    writeResult(cpu, e, e.reg);
  };
}

/** MOVDDUP: 8 bytes of memory at 128 bits. */
export function duplicateDoubles(e: Encoding): Maker {
  const source = sourceOf(e, e.l ? 32 : 8, false);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    for (let h: 0 | 1 = 0; h < (e.l ? 2 : 1); h = 1) {
      copy8(cpu, cpu.resultArea + 16 * h, half(cpu, h));
      copy8(cpu, cpu.resultArea + 16 * h + 8, half(cpu, h));
      if (h === 1) break;
    }
    writeResult(cpu, e, e.reg);
  };
}

/** MOVMSKPS, MOVMSKPD, PMOVMSKB: the highest bit of each element. */
export function signMask(e: Encoding, width: number): Maker {
  const halves = e.l ? 2 : 1;
  return () => (cpu) => {
    let mask = 0;
    let bit = 0;
    for (let h: 0 | 1 = 0; ; h = 1) {
      const at = cpu.vector(e.rm, h);
      for (let i = width - 1; i < 16; i += width) mask |= (cpu.bytes[at + i]! >> 7) << bit++;
      if (h + 1 >= halves) break;
    }
    setGeneral(cpu, e.reg, mask >>> 0);
  };
}

/** A doubleword, which clears the upper half. */
export function setGeneral(cpu: CarriedCpu, register: number, value: number): void {
  const at = cpu.general(register) >>> 2;
  cpu.words[at] = value;
  cpu.words[at + 1] = 0;
}

/** MOVD and MOVQ from a general register or memory, MOVQ from a vector (`vector`): the rest is cleared. */
export function loadQuad(e: Encoding, bytes: 4 | 8, vector: boolean): Maker {
  const source = sourceOf(e, bytes, false);
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    const register = vector ? cpu.vector(e.rm, 0) : cpu.general(e.rm);
    clear16(cpu, cpu.resultArea);
    part(cpu, cpu.resultArea, memory === undefined ? register : cpu.operandArea, bytes);
    writeResult(cpu, e, e.reg);
  };
}

/** MOVD and MOVQ into a general register or memory; MOVQ into a vector. */
export function storeQuad(e: Encoding, bytes: 4 | 8, vector: boolean): Maker {
  if (e.memory !== undefined) return storePart(e, bytes);
  return () => (cpu) => {
    clear16(cpu, cpu.resultArea);
    part(cpu, cpu.resultArea, cpu.vector(e.reg, 0), bytes);
    if (vector) writeResult(cpu, e, e.rm);
    else copy8(cpu, cpu.general(e.rm), cpu.resultArea);
  };
}

/** PEXTRB to PEXTRQ, EXTRACTPS, PEXTRW: `bytes` from place `at`. */
export function extract(e: Encoding, bytes: number, at: number, register = e.rm): Maker {
  const { memory } = e;
  const from = memory === undefined && register === e.reg ? e.rm : e.reg;
  return (next, nextHi) => (cpu) => {
    clear16(cpu, cpu.resultArea);
    const source = cpu.vector(from, 0) + at;
    for (let i = 0; i < bytes; i++) cpu.bytes[cpu.resultArea + i] = cpu.bytes[source + i]!;
    if (memory === undefined) {
      copy8(cpu, cpu.general(register), cpu.resultArea);
      return;
    }
    cpu.locate(memory, next, nextHi);
    cpu.store(bytes, cpu.resultArea);
  };
}

/** PINSRB to PINSRQ: `bytes` into place `at`. */
export function insert(e: Encoding, bytes: number, at: number): Maker {
  const source = sourceOf(e, bytes, false);
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    const from = memory === undefined ? cpu.general(e.rm) : cpu.operandArea;
    copy16(cpu, cpu.resultArea, cpu.vector(e.vex ? e.v : e.reg, 0));
    for (let i = 0; i < bytes; i++) cpu.bytes[cpu.resultArea + at + i] = cpu.bytes[from + i]!;
    writeResult(cpu, e, e.reg);
  };
}

/** MASKMOVDQU and MASKMOVQ: bytes whose mask has its highest bit, at rdi. */
export function maskedBytes(e: Encoding, address: NonNullable<Encoding['memory']>): Maker {
  const isMmx = !e.vex && e.pp === 0;
  const bytes = isMmx ? 8 : 16;
  return (next, nextHi) => (cpu) => {
    const at = (register: number): number =>
      isMmx ? cpu.mmx(register & 7) : cpu.vector(register, 0);
    copy8(cpu, cpu.resultArea, at(e.reg));
    copy8(cpu, cpu.operandArea, at(e.rm));
    if (!isMmx) {
      copy16(cpu, cpu.resultArea, at(e.reg));
      copy16(cpu, cpu.operandArea, at(e.rm));
    }
    cpu.locate(address, next, nextHi);
    const chosen = Array.from({ length: bytes }, (_, i) => i).filter(
      (i) => cpu.bytes[cpu.operandArea + i]! & 0x80,
    );
    for (const i of chosen) cpu.prepare(1, i);
    for (const i of chosen) cpu.store(1, cpu.resultArea + i, i);
    if (isMmx) cpu.enterMmx();
  };
}

/** VZEROUPPER, and with VEX.L VZEROALL. */
export function zeroUpper(e: Encoding): Maker {
  const count = e.wide ? 16 : 8;
  return () => (cpu) => {
    for (let i = 0; i < count; i++) {
      clear16(cpu, cpu.vector(i, 1));
      if (e.l) clear16(cpu, cpu.vector(i, 0));
    }
  };
}

/** LDMXCSR and STMXCSR. */
export function mxcsr(e: Encoding, loads: boolean): Maker {
  const { memory } = e;
  return (next, nextHi) => (cpu) => {
    cpu.locate(memory!, next, nextHi);
    if (!loads) {
      cpu.words[cpu.resultArea >>> 2] = cpu.mxcsr;
      cpu.store(4, cpu.resultArea);
      return;
    }
    cpu.load(4, cpu.operandArea);
    const value = cpu.words[cpu.operandArea >>> 2]!;
    // Bits that there are not.
    if (value > 0xffff) cpu.raise(VECTOR_GP);
    cpu.mxcsr = value;
  };
}

function part({ words }: CarriedCpu, to: number, from: number, bytes: 4 | 8): void {
  words[to >>> 2] = words[from >>> 2]!;
  if (bytes === 8) words[(to >>> 2) + 1] = words[(from >>> 2) + 1]!;
}

/** INSERTPS: `kernel` on the operands, the second of which is 4 bytes in memory. */
export function insertVector(e: Encoding, kernel: Kernel): Maker {
  const source = sourceOf(e, 4, false);
  const half = halfOf(e);
  return (next, nextHi) => (cpu) => {
    source(cpu, next, nextHi);
    kernel(cpu, cpu.resultArea, cpu.vector(e.vex ? e.v : e.reg, 0), half(cpu, 0), 16);
    writeResult(cpu, e, e.reg);
  };
}

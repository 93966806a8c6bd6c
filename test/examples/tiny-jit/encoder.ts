/**
 * The x86-64 encodings that the compiler needs: one form, prefix REX opcode ModRM SIB displacement immediate,
 * filled in by thin methods. Source: Intel's Software Developer's Manual, volume 2, chapter 2 and the instructions' pages.
 */

/** General registers by their number in encodings. */
export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;
export const R8 = 8;
export const R9 = 9;
export const R10 = 10;
export const R11 = 11;
export const R12 = 12;
export const R13 = 13;
export const R14 = 14;
export const R15 = 15;

export interface Memory {
  readonly base: number;
  readonly index?: number;
  readonly scale?: 1 | 2 | 4 | 8;
  readonly displacement?: number;
}

/** A register by number, or memory. */
export type Place = number | Memory;

/** Sums and logic with two operands, by the number that group 1 gives them. */
export const ALU = { add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 } as const;
export type Alu = keyof typeof ALU;
export const SHIFT = { shl: 4, shr: 5, sar: 7 } as const;
export type Shift = keyof typeof SHIFT;

/** Conditions of signed comparisons, as in the opcodes of jcc and setcc. */
export const CONDITION = { '==': 4, '!=': 5, '<': 12, '>=': 13, '<=': 14, '>': 15 } as const;
export type Condition = keyof typeof CONDITION;

/** What an array element is: its length in bytes, and how a register of 64 bits is filled from it. */
export const ELEMENT = {
  i8: { bytes: 1, load: [0x0f, 0xbe] },
  u8: { bytes: 1, load: [0x0f, 0xb6] },
  i16: { bytes: 2, load: [0x0f, 0xbf] },
  u16: { bytes: 2, load: [0x0f, 0xb7] },
  i32: { bytes: 4, load: [0x63] },
  u32: { bytes: 4, load: [0x8b] },
  i64: { bytes: 8, load: [0x8b] },
} as const;
export type Element = keyof typeof ELEMENT;

interface Form {
  /** REX.W: operands of 64 bits. */
  readonly wide?: boolean;
  /** 0x66: operands of 16 bits. */
  readonly short?: boolean;
  /** `field` names a register of 8 bits: spl to dil want a REX prefix. */
  readonly byte?: boolean;
}

export class Encoder {
  readonly #bytes: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #jumps: { readonly at: number; readonly label: string; readonly off: number }[] = [];

  get position(): number {
    return this.#bytes.length;
  }

  get labels(): ReadonlyMap<string, number> {
    return this.#labels;
  }

  /** The code, every jump to a label of its own filled in. */
  finish(): Uint8Array {
    for (const { at, label, off } of this.#jumps) {
      const target = this.#labels.get(label);
      if (target === undefined) throw new Error(`no label ${label}`);
      const distance = target - (at + 4) + off;
      for (let byte = 0; byte < 4; byte++) this.#bytes[at + byte] = (distance >> (8 * byte)) & 0xff;
    }
    return Uint8Array.from(this.#bytes);
  }

  label(name: string): void {
    this.#labels.set(name, this.position);
  }

  /** No-operations until `ahead` bytes further on is a multiple of `unit`. */
  align(unit: number, ahead: number): void {
    while ((this.position + ahead) % unit !== 0) this.#bytes.push(0x90);
  }

  move(to: number, from: Place, wide = true): void {
    this.#form([0x8b], to, from, { wide });
  }

  store(to: Memory, from: number, wide = true): void {
    this.#form([0x89], from, to, { wide });
  }

  /** In the shortest form that leaves the flags alone. */
  constant(to: number, value: bigint): void {
    if (value >= 0n && value < 1n << 32n) {
      if (to >= 8) this.#bytes.push(0x41);
      this.#bytes.push(0xb8 + (to & 7));
      this.#immediate(value, 4);
    } else if (fits32(value)) {
      this.#form([0xc7], 0, to, { wide: true });
      this.#immediate(value, 4);
    } else this.constant64(to, value);
  }

  /** With an immediate of eight bytes, whatever the value. Returns where those lie. */
  constant64(to: number, value: bigint): number {
    this.#bytes.push(to >= 8 ? 0x49 : 0x48, 0xb8 + (to & 7));
    this.#immediate(value, 8);
    return this.position - 8;
  }

  alu(kind: Alu, to: number, from: Place, wide: boolean): void {
    this.#form([ALU[kind] * 8 + 3], to, from, { wide });
  }

  aluConstant(kind: Alu, to: Place, value: bigint, wide: boolean): void {
    const small = value >= -128n && value < 128n;
    this.#form([small ? 0x83 : 0x81], ALU[kind], to, { wide });
    this.#immediate(value, small ? 1 : 4);
  }

  multiply(to: number, from: Place, wide: boolean): void {
    this.#form([0x0f, 0xaf], to, from, { wide });
  }

  /** Of rdx:rax, after spreading the sign of rax. */
  divide(by: Place, wide: boolean): void {
    if (wide) this.#bytes.push(0x48);
    this.#bytes.push(0x99);
    this.#form([0xf7], 7, by, { wide });
  }

  shiftByCl(kind: Shift, to: number, wide: boolean): void {
    this.#form([0xd3], SHIFT[kind], to, { wide });
  }

  shift(kind: Shift, to: number, count: number, wide: boolean): void {
    this.#form([0xc1], SHIFT[kind], to, { wide });
    this.#immediate(BigInt(count), 1);
  }

  /** The whole register becomes 0 or 1; only an al whose upper bits do not matter may be given. */
  setWhen(condition: Condition, to: number): void {
    this.#form([0x0f, 0x90 + CONDITION[condition]], 0, to, { byte: true });
    this.#form([0x0f, 0xb6], to, to, { byte: true });
  }

  /** Fills 64 bits (u32: its own 32, the rest becomes zero). */
  loadElement(element: Element, to: number, from: Memory): void {
    this.#form([...ELEMENT[element].load], to, from, { wide: element !== 'u32' });
  }

  storeElement(bytes: number, to: Memory, from: number): void {
    const form = { wide: bytes === 8, short: bytes === 2, byte: bytes === 1 };
    this.#form([bytes === 1 ? 0x88 : 0x89], from, to, form);
  }

  signExtend(to: number, from: Place): void {
    this.#form([0x63], to, from, { wide: true });
  }

  /** to = the address of memory; flags stay. */
  address(to: number, of: Memory): void {
    this.#form([0x8d], to, of, { wide: true });
  }

  jump(label: string): void {
    this.#bytes.push(0xe9);
    this.#distance(label);
  }

  /** `off` bytes beside the label: for those who want it wrong. */
  jumpWhen(condition: Condition, label: string, off = 0): void {
    this.#bytes.push(0x0f, 0x80 + CONDITION[condition]);
    this.#distance(label, off);
  }

  /** To a label of this code. */
  call(label: string): void {
    this.#bytes.push(0xe8);
    this.#distance(label);
  }

  /** To elsewhere: returns where the distance lies, aligned so that one store changes it. */
  callElsewhere(): number {
    this.align(4, 1);
    this.#bytes.push(0xe8);
    this.#immediate(0n, 4);
    return this.position - 4;
  }

  callRegister(to: number): void {
    this.#form([0xff], 2, to);
  }

  push(register: number): void {
    if (register >= 8) this.#bytes.push(0x41);
    this.#bytes.push(0x50 + (register & 7));
  }

  pop(register: number): void {
    if (register >= 8) this.#bytes.push(0x41);
    this.#bytes.push(0x58 + (register & 7));
  }

  ret(): void {
    this.#bytes.push(0xc3);
  }

  /** An integer of 64 bits onto the x87 stack. */
  x87Load(from: Memory): void {
    this.#form([0xdf], 5, from);
  }

  /** Of its absolute value. */
  x87Root(): void {
    this.#bytes.push(0xd9, 0xe1, 0xd9, 0xfa);
  }

  /** Truncated, off the x87 stack. */
  x87StoreAndPop(to: Memory): void {
    this.#form([0xdd], 1, to);
  }

  /** fld st(0) */
  x87Duplicate(): void {
    this.#bytes.push(0xd9, 0xc0);
  }

  #distance(label: string, off = 0): void {
    this.#jumps.push({ at: this.position, label, off });
    this.#immediate(0n, 4);
  }

  #immediate(value: bigint, bytes: number): void {
    for (let byte = 0n; byte < bytes; byte++) {
      this.#bytes.push(Number((value >> (8n * byte)) & 0xffn));
    }
  }

  #form(opcode: readonly number[], field: number, place: Place, form: Form = {}): void {
    const memory = typeof place === 'number' ? undefined : place;
    const [base, index] = memory ? [memory.base, memory.index ?? 0] : [place as number, 0];
    if (form.short) this.#bytes.push(0x66);
    const high = (register: number, bit: number): number => (register >= 8 ? bit : 0);
    const rex = (form.wide ? 8 : 0) | high(field, 4) | high(index, 2) | high(base, 1);
    const named = memory ? field : Math.max(field, base);
    if (rex !== 0 || (form.byte && named >= 4)) this.#bytes.push(0x40 | rex);
    this.#bytes.push(...opcode);
    if (memory === undefined) this.#bytes.push(0xc0 | ((field & 7) << 3) | (base & 7));
    else this.#memory(field & 7, memory);
  }

  #memory(field: number, { base, index, scale = 1, displacement = 0 }: Memory): void {
    // rsp and r12 as a base want a SIB byte, rbp and r13 a displacement.
    const mode =
      displacement === 0 && (base & 7) !== RBP
        ? 0
        : displacement >= -128 && displacement < 128
          ? 1
          : 2;
    const sib = index !== undefined || (base & 7) === RSP;
    this.#bytes.push((mode << 6) | (field << 3) | (sib ? 4 : base & 7));
    if (sib) this.#bytes.push((Math.log2(scale) << 6) | (((index ?? RSP) & 7) << 3) | (base & 7));
    if (mode !== 0) this.#immediate(BigInt(displacement), mode === 1 ? 1 : 4);
  }
}

/** As a signed immediate of 32 bits. */
export function fits32(value: bigint): boolean {
  return BigInt.asIntN(32, value) === value;
}

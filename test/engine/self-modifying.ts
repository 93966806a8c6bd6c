/**
 * Random programs that rewrite themselves, yet always consist of valid instructions and always end.
 *
 * A program is a loop over slots of 16 bytes, of three kinds. A plain slot holds arithmetic whose
 * immediates may become anything: stores of every kind and size aim at them. A slot of the second kind
 * stores, calls or jumps, and is only replaced as a whole, by an entry of the pool behind the code. A slot
 * of the third kind is not replaced: it replaces others, or the immediate of its own next instruction.
 *
 * In: bp = bx = where the program lies (bx may be another name of the same memory: stores go through it),
 * si and di likewise, ax = cx = dx = 0, and 4 KiB to load from and store to at bp + FAR.
 */
import type { Arch } from '../../src/base/address.js';
import type { Random } from '../build/unicorn-wasm/random.js';

const SLOT = 16;
const SLOTS = 24;
const SUBROUTINES = 4;
const ENTRIES = 12;
/** As many pages as the TLB has entries: what lies there takes the place of the program's entries. */
export const FAR = 256 * 4096;

/** Where things lie: a push of the count; the slots, two more for a jump's sake; the loop's end. */
const FIRST = SLOT;
const TAIL = FIRST + (SLOTS + 2) * SLOT;
const SUBROUTINE = TAIL + SLOT;
const POOL = SUBROUTINE + SUBROUTINES * SLOT;
const LENGTH = POOL + ENTRIES * SLOT;
const ENTRY = FIRST - 2;

/** add, or, adc, sbb, and, sub, xor with eax and an immediate. */
const ARITHMETIC = [0x05, 0x0d, 0x15, 0x1d, 0x25, 0x2d, 0x35];
const NOP = 0x90;
const RET = 0xc3;

type Kind = 'plain' | 'other' | 'fixed';

export interface SelfModifying {
  readonly bytes: Uint8Array;
  /** The program is called here, and returns. */
  readonly entry: number;
}

export function selfModifying(arch: Arch, random: Random): SelfModifying {
  return { bytes: new Generator(arch === 'x86-64', random).program(), entry: ENTRY };
}

class Generator {
  readonly wide: boolean;
  readonly random: Random;
  readonly #slots: readonly Kind[];
  readonly #pool: readonly Kind[];

  constructor(wide: boolean, random: Random) {
    this.wide = wide;
    this.random = random;
    const kinds = ['plain', 'plain', 'other', 'other', 'fixed'] as const;
    this.#slots = Array.from({ length: SLOTS }, (_, i) => kinds[i] ?? random.pick(kinds));
    this.#pool = Array.from({ length: ENTRIES }, () => (random.chance(40) ? 'plain' : 'other'));
  }

  program(): Uint8Array {
    const bytes = new Uint8Array(LENGTH).fill(NOP);
    bytes.set([0x6a, 2 + this.random.below(12)], ENTRY); // push: how many rounds
    for (const [i, kind] of this.#slots.entries()) bytes.set(this.#make(kind, slot(i)), slot(i));
    const drop = this.full([0x8d, 0x64, 0x24, this.wide ? 8 : 4]); // lea sp, [sp + n]
    // dec [sp]; jnz to the first slot
    bytes.set([0xff, 0x0c, 0x24, 0x0f, 0x85, ...word(FIRST - (TAIL + 9)), ...drop, RET], TAIL);
    for (let at = SUBROUTINE; at < POOL; at += SLOT)
      bytes.set([...this.#operation(), 0x31, 0xc8, RET], at); // xor eax, ecx
    for (const [i, kind] of this.#pool.entries())
      bytes.set(this.#make(kind, POOL + i * SLOT), POOL + i * SLOT);
    return bytes;
  }

  #make(kind: Kind, at: number): number[] {
    const made =
      kind === 'plain' ? this.#arithmetic() : this.random.pick(this.#templates(kind))(this, at);
    return [...made, ...Array<number>(SLOT - made.length).fill(NOP)];
  }

  #templates(kind: Kind): readonly Template[] {
    if (kind === 'fixed') return FIXED;
    return this.wide ? [...OTHER, ...OTHER_WIDE] : OTHER;
  }

  #operation(): number[] {
    return [this.random.pick(ARITHMETIC), ...this.random.bytes(4)];
  }

  /** Immediates at 1 and, of eight bytes, at 7; in 32 bits at 1, 6 and 12. */
  #arithmetic(): number[] {
    const { random } = this;
    return this.wide
      ? [...this.#operation(), 0x48, 0xb9, ...random.bytes(8)] // mov rcx, imm64
      : [...this.#operation(), 0xb9, ...random.bytes(4), 0x81, 0xf2, ...random.bytes(4)]; // mov; xor edx
  }

  /** A store by `opcode` to `size` bytes of an immediate of a plain slot or a subroutine. */
  store(opcode: readonly number[], size: number, immediate = 0): number[] {
    return [...opcode, ...word(this.#immediate(size)), ...this.random.bytes(immediate)];
  }

  #immediate(size: number): number {
    const { random } = this;
    if (size <= 4 && random.chance(20))
      return SUBROUTINE + random.below(SUBROUTINES) * SLOT + 1 + random.below(5 - size);
    const fields = this.wide
      ? ([
          [1, 4],
          [7, 8],
        ] as const)
      : ([
          [1, 4],
          [6, 4],
          [12, 4],
        ] as const);
    const [start, length] = random.pick(fields.filter(([, room]) => room >= size));
    return random.pick(this.#slotsOf('plain')) + start + random.below(length - size + 1);
  }

  #slotsOf(...kinds: Kind[]): number[] {
    return this.#slots.flatMap((kind, i) => (kinds.includes(kind) ? [slot(i)] : []));
  }

  /** An entry of the pool, and a slot that it may replace. */
  pair(): { from: number[]; to: number[] } {
    const entry = this.random.below(ENTRIES);
    const slots =
      this.#pool[entry] === 'plain' ? this.#slotsOf('plain', 'other') : this.#slotsOf('other');
    return { from: word(POOL + entry * SLOT), to: word(this.random.pick(slots)) };
  }

  /** Replaces an opcode by another: mov byte, imm. */
  opcode(): number[] {
    const at = this.random.pick([SUBROUTINE, ...this.#slotsOf('plain')]);
    return [0xc6, 0x83, ...word(at), this.random.pick(ARITHMETIC)];
  }

  /** setcc byte */
  condition(): number[] {
    return this.store([0x0f, 0x90 + this.random.below(16), 0x83], 1);
  }

  /** With 64-bit operands where there are any. */
  full(bytes: readonly number[]): number[] {
    return this.wide ? [0x48, ...bytes] : [...bytes];
  }

  far(): number[] {
    return word(FAR + this.random.below(256) * 4);
  }
}

type Template = (g: Generator, at: number) => number[];

/** Each at most 16 bytes, and the same at any place. */
const OTHER: readonly Template[] = [
  (g) => g.store([0xc7, 0x83], 4, 4), // mov dword, imm
  (g) => g.store([0x66, 0xc7, 0x83], 2, 2),
  (g) => [...g.store([0xc6, 0x83], 1, 1), ...g.opcode()],
  (g) => g.store([0x81, 0xb3], 4, 4), // xor dword, imm
  (g) => [...g.store([0x01, 0x83], 4), ...g.store([0x66, 0x01, 0x8b], 2)], // add dword, eax; word, cx
  (g) => [...g.store([0x87, 0x83], 4), ...g.store([0xff, 0x83], 4)], // xchg eax; inc dword
  (g) => [...g.store([0xff, 0x8b], 4), ...g.condition()], // dec dword
  (g) => [...g.store([0xd1, 0x93], 4), ...g.store([0xd1, 0x9b], 4)], // rcl; rcr dword
  (g) => [...g.store([0xd1, 0xa3], 4), ...g.condition()], // shl dword
  (g) => [...g.store([0xf7, 0x9b], 4), ...g.condition()], // neg dword
  (g) => [...g.store([0x0f, 0xb1, 0x8b], 4), ...g.condition()], // cmpxchg dword, ecx
  (g) => g.store([0xf0, 0x0f, 0xc1, 0x83], 4), // lock xadd dword, eax
  (g) => [
    ...g.full([0x8d, 0x95]), // lea dx, [subroutine]; call dx
    ...word(SUBROUTINE + g.random.below(SUBROUTINES) * SLOT),
    ...[0xff, 0xd2],
  ],
  (g) => [0xa9, ...g.random.bytes(2), 0, 0, 0x75, 2 * SLOT - 7], // test eax; jnz over the next slot
  (g) => [0x03, 0x95, ...g.far(), 0x89, 0x85, ...g.far()], // add edx, [far]; mov [far], eax
  (g) => [0x50, 0x83, 0x04, 0x24, g.random.byte() >> 1, 0x59], // push ax; add dword [sp], n; pop cx
  (g) => [0x50, 0x03, 0x95, ...g.far(), ...g.store([0x30, 0x8b], 1), 0x59], // push; load; xor byte, cl; pop
];

/** Stores of eight bytes. */
const OTHER_WIDE: readonly Template[] = [
  (g) => g.store([0x48, 0x89, 0x83], 8), // mov qword, rax
  (g) => g.store([0x48, 0x31, 0x83], 8), // xor qword, rax
  (g) => [0x66, 0x48, 0x0f, 0x6e, 0xc0, ...g.store([0x66, 0x0f, 0xd6, 0x83], 8)], // movq by xmm0
];

const FIXED: readonly Template[] = [
  (g) => {
    const { from, to } = g.pair(); // movups xmm0, [entry]; movups [slot], xmm0
    return [0x0f, 0x10, 0x83, ...from, 0x0f, 0x11, 0x83, ...to];
  },
  (g) => {
    const { from, to } = g.pair(); // lea si; lea di
    return [...g.full([0x8d, 0xb3]), ...from, ...g.full([0x8d, 0xbb]), ...to];
  },
  () => [0x56, 0x57, 0xb9, SLOT, 0, 0, 0, 0xf3, 0xa4, 0x5f, 0x5e], // rep movsb, si and di kept
  () => [0x56, 0x57, 0xb9, SLOT / 4, 0, 0, 0, 0xf3, 0xa5, 0x5f, 0x5e], // rep movsd
  (g, at) => [0xc7, 0x83, ...word(at + 11), ...g.random.bytes(4), 0xb9, 0, 0, 0, 0], // mov the next's imm
  (_, at) => [0x31, 0x83, ...word(at + 7), 0xb9, 0, 0, 0, 0], // xor it with eax
  (_, at) => [0x88, 0x83, ...word(at + 9), 0xb9, 0, 0, 0, 0], // mov a byte of it
];

function slot(index: number): number {
  return FIRST + index * SLOT;
}

function word(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
}

/**
 * Where each argument and the result of a call lie: registers, stack, or memory behind a pointer.
 * One plan serves both directions: the host that calls the guest writes it, a callback reads it.
 */
import { byReferenceWin64, classifySysV, returnsInMemory } from './classify.js';
import type { Convention } from './convention.js';
import { roundUp, type ValueType } from './value-type.js';

/** Bytes [offset, offset + bytes) of a value. `at` on the stack counts from above the return address. */
export type Piece =
  | {
      readonly where: 'register';
      readonly name: string;
      readonly offset: number;
      readonly bytes: number;
    }
  | {
      readonly where: 'stack';
      readonly at: number;
      readonly offset: number;
      readonly bytes: number;
    }
  | { readonly where: 'x87'; readonly offset: number; readonly bytes: number };

export interface Location {
  readonly type: ValueType;
  /** The pieces hold the address of the value. */
  readonly indirect: boolean;
  readonly pieces: readonly Piece[];
}

export interface CallPlan {
  readonly convention: Convention;
  readonly args: readonly Location[];
  /** The pointer to the result's memory. */
  readonly hidden: Location | undefined;
  readonly result: Location;
  /** Of arguments above the return address, shadow space included. */
  readonly stackBytes: number;
  /** What the callee takes off the stack besides the return address. */
  readonly popped: number;
  /** Vector registers in use, for a variadic callee. */
  readonly vectors: number;
}

export interface PlanRequest {
  readonly convention: Convention;
  readonly result: ValueType;
  readonly args: readonly ValueType[];
  /** Index of the first argument that the callee does not name. */
  readonly variadicFrom?: number;
}

export function planCall({ convention, result, args, variadicFrom }: PlanRequest): CallPlan {
  const allocator = new Allocator(convention, variadicFrom ?? args.length);
  const inMemory = returnsInMemory(result, convention.name);
  const hidden = inMemory ? allocator.pointer() : undefined;
  const located = args.map((type) => allocator.place(type));
  const stackBytes = allocator.stackBytes;
  const popsHidden = convention.name === 'cdecl' && inMemory ? 4 : 0;
  return {
    convention,
    args: located,
    hidden,
    result: { type: result, indirect: inMemory, pieces: resultPieces(result, convention) },
    stackBytes,
    popped: convention.calleeCleans ? stackBytes : popsHidden,
    vectors: allocator.vectors,
  };
}

class Allocator {
  readonly #convention: Convention;
  readonly #variadicFrom: number;
  #index = 0;
  #integers = 0;
  #floats = 0;
  #stack: number;

  constructor(convention: Convention, variadicFrom: number) {
    this.#convention = convention;
    this.#variadicFrom = variadicFrom;
    this.#stack = convention.shadow;
  }

  get stackBytes(): number {
    return roundUp(this.#stack, this.#convention.word);
  }

  get vectors(): number {
    return this.#convention.sharedSlots ? 0 : this.#floats;
  }

  /** The hidden pointer is a first argument that the signature does not have. */
  pointer(): Location {
    const { word } = this.#convention;
    const location = this.place({ kind: 'pointer', size: word, align: word, name: 'ptr' });
    this.#index = 0;
    return location;
  }

  place(type: ValueType): Location {
    const variadic = this.#index++ >= this.#variadicFrom;
    switch (this.#convention.name) {
      case 'sysv':
        return { type, indirect: false, pieces: this.#sysv(type) };
      case 'win64':
        return {
          type,
          indirect: byReferenceWin64(type),
          pieces: this.#win64(type, variadic),
        };
      default:
        return { type, indirect: false, pieces: this.#i386(type, variadic) };
    }
  }

  #sysv(type: ValueType): Piece[] {
    const { integers, floats } = this.#convention;
    const classes = classifySysV(type);
    if (classes === 'memory') return this.#onStack(type);
    const wanted = (kind: string): number => classes.filter((each) => each === kind).length;
    // All of a value goes to registers, or all of it to the stack.
    if (this.#integers + wanted('integer') > integers.length) return this.#onStack(type);
    if (this.#floats + wanted('sse') > floats.length) return this.#onStack(type);
    return registerPieces(type, classes, {
      integer: () => integers[this.#integers++]!,
      sse: () => floats[this.#floats++]!,
    });
  }

  #win64(type: ValueType, variadic: boolean): Piece[] {
    const { integers, floats } = this.#convention;
    const slot = this.#integers++;
    const bytes = byReferenceWin64(type) ? 8 : type.size;
    const integer = integers[slot];
    const float = floats[slot];
    if (integer === undefined || float === undefined) {
      const at = this.#stack;
      this.#stack += 8;
      return [{ where: 'stack', at, offset: 0, bytes }];
    }
    const inFloat: Piece = { where: 'register', name: float, offset: 0, bytes };
    const inInteger: Piece = { where: 'register', name: integer, offset: 0, bytes };
    if (type.kind !== 'float') return [inInteger];
    // A variadic callee looks for it in the integer register.
    return variadic ? [inFloat, inInteger] : [inFloat];
  }

  #i386(type: ValueType, variadic: boolean): Piece[] {
    const { integers } = this.#convention;
    const small = (type.kind === 'int' || type.kind === 'pointer') && type.size <= 4;
    const name = small ? integers[this.#integers] : undefined;
    if (name !== undefined) {
      this.#integers++;
      return [{ where: 'register', name, offset: 0, bytes: type.size }];
    }
    if (type.kind === 'vector' && !variadic && this.#floats < 3) {
      return [{ where: 'register', name: `xmm${this.#floats++}`, offset: 0, bytes: 16 }];
    }
    return this.#onStack(type);
  }

  #onStack(type: ValueType): Piece[] {
    const { word } = this.#convention;
    const at = roundUp(this.#stack, Math.max(word, type.align === 16 ? 16 : word));
    this.#stack = at + roundUp(type.size, word);
    return [{ where: 'stack', at, offset: 0, bytes: type.size }];
  }
}

interface Supply {
  integer(): string;
  sse(): string;
}

function registerPieces(type: ValueType, classes: readonly string[], next: Supply): Piece[] {
  if (classes.includes('sseup')) {
    return [{ where: 'register', name: next.sse(), offset: 0, bytes: 16 }];
  }
  return classes.map((each, index) => ({
    where: 'register',
    name: each === 'sse' ? next.sse() : next.integer(),
    offset: 8 * index,
    bytes: Math.min(8, type.size - 8 * index),
  }));
}

function resultPieces(type: ValueType, { name: abi, arch, word }: Convention): Piece[] {
  if (type.kind === 'void') return [];
  const first = arch === 'x86-64' ? 'rax' : 'eax';
  if (returnsInMemory(type, abi)) return [register(first, 0, word)];
  if (type.kind === 'vector') return [register('xmm0', 0, 16)];
  if (abi === 'sysv') {
    const integers = ['rax', 'rdx'];
    const floats = ['xmm0', 'xmm1'];
    return registerPieces(type, classifySysV(type) as readonly string[], {
      integer: () => integers.shift()!,
      sse: () => floats.shift()!,
    });
  }
  if (abi === 'win64') return [register(type.kind === 'float' ? 'xmm0' : 'rax', 0, type.size)];
  if (type.kind === 'float') return [{ where: 'x87', offset: 0, bytes: type.size }];
  if (type.size <= 4) return [register('eax', 0, type.size)];
  return [register('eax', 0, 4), register('edx', 4, type.size - 4)];
}

function register(name: string, offset: number, bytes: number): Piece {
  return { where: 'register', name, offset, bytes };
}

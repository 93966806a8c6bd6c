/**
 * Stream: a FILE of msvcrt, in the program's own memory and laid out as the real one. stdout gathers characters in a
 * buffer there; everything else goes out at once, after what is in the buffer.
 */
import { Struct } from '../../base/struct.js';
import { joined } from '../process/memory-io.js';
import type { Win32Process } from '../process/process.js';
import { readDescriptor, seekDescriptor, writeDescriptor } from './io.js';

/** Streams that msvcrt's table holds: stdin, stdout and stderr. */
export const STREAMS = 3;
export const IOREAD = 1;
export const IOWRT = 2;
export const IOEOF = 0x10;
export const IOERR = 0x20;
export const IORW = 0x80;
/** The buffer of stdout may be used. */
const UNBUFFERED = 4;
export const BUFFER_BYTES = 4096;
export const EOF = -1;
const PUSHED = 0x100;

interface Shape {
  readonly base: number;
  readonly flag: number;
  readonly number: number;
  /** _charbuf: the character that ungetc gave back, with PUSHED. */
  readonly pushed: number;
  readonly size: number;
}

const SHAPES: Readonly<Record<4 | 8, Shape>> = {
  4: { base: 8, flag: 12, number: 16, pushed: 20, size: 32 },
  8: { base: 16, flag: 24, number: 28, pushed: 32, size: 48 },
};

export function streamSize(word: 4 | 8): number {
  return SHAPES[word].size;
}

/** _iob: stdin, stdout and stderr. */
export function standardStreams(word: 4 | 8): Uint8Array {
  const { size, flag, number } = SHAPES[word];
  const out = new Struct(STREAMS * size);
  for (let index = 0; index < STREAMS; index++) {
    out.setU32(index * size + flag, index === 0 ? IOREAD : IOWRT);
    out.setU32(index * size + number, index);
  }
  return out.bytes;
}

export class Stream {
  readonly address: bigint;
  readonly #process: Win32Process;
  readonly #shape: Shape;

  constructor(process: Win32Process, address: bigint) {
    this.#process = process;
    this.address = address;
    this.#shape = SHAPES[process.word];
  }

  /** Fills in a FILE of the program's. */
  static make(process: Win32Process, address: bigint, descriptor: number, flags: number): Stream {
    const { size, flag, number } = SHAPES[process.word];
    process.memory.write(
      address,
      new Struct(size).setU32(flag, flags).setU32(number, descriptor).bytes,
    );
    return new Stream(process, address);
  }

  get descriptor(): number {
    return this.#field(this.#shape.number);
  }

  get flags(): number {
    return this.#field(this.#shape.flag);
  }

  set flags(value: number) {
    this.#set(this.#shape.flag, value);
  }

  mark(bit: number): void {
    this.flags |= bit;
  }

  /** setvbuf(_IONBF). */
  unbuffer(): void {
    this.mark(UNBUFFERED);
  }

  /** Writes what the buffer holds. `_cnt` is 0 afterwards: the next character asks for room. */
  flush(): void {
    const { word, memory } = this.#process;
    const fields = memory.tryRead(this.address, this.#shape.size);
    if (fields === undefined) return;
    const file = new Struct(fields);
    const [next, base] = [file.word(0, word), file.word(this.#shape.base, word)];
    if (base === 0n || next <= base || next - base > BigInt(BUFFER_BYTES)) return;
    const bytes = memory.tryRead(base, Number(next - base));
    file.setWord(0, word, base).setU32(word, 0);
    memory.tryWrite(this.address, file.bytes.subarray(0, word + 4));
    if (bytes !== undefined) writeDescriptor(this.#process, file.u32(this.#shape.number), bytes);
  }

  /** Bytes taken. */
  write(bytes: Uint8Array): number {
    this.flush();
    const written = writeDescriptor(this.#process, this.descriptor, bytes);
    if (written === undefined || written < bytes.length) this.mark(IOERR);
    return written ?? 0;
  }

  /** A character for which the buffer had no room: stdout gets a buffer, others are written at once. */
  put(character: number): number {
    const { word, memory } = this.#process;
    this.flush();
    const buffered = this.descriptor === 1 && !(this.flags & UNBUFFERED);
    if (!buffered) {
      memory.setU32(this.address + BigInt(word), 0);
      return this.write(Uint8Array.of(character)) === 1 ? character : EOF;
    }
    const base = this.#process.datum(`buffer ${this.address}`, () => new Uint8Array(BUFFER_BYTES));
    const file = new Struct(word + 4).setWord(0, word, base + 1n).setU32(word, BUFFER_BYTES - 1);
    memory.write(this.address, file.bytes);
    memory.setWord(this.address + BigInt(this.#shape.base), base);
    memory.write(base, Uint8Array.of(character));
    return character;
  }

  /** The next byte, or EOF. */
  get(): number {
    const pushed = this.#field(this.#shape.pushed);
    if (pushed & PUSHED) {
      this.#set(this.#shape.pushed, 0);
      return pushed & 0xff;
    }
    const byte = this.read(1)[0];
    return byte ?? EOF;
  }

  /** Fewer bytes than asked for at the end, or after an error. */
  read(length: number): Uint8Array {
    if (length === 0) return new Uint8Array();
    this.flush();
    const parts: Uint8Array[] = [];
    let count = 0;
    const pushed = this.#field(this.#shape.pushed);
    if (pushed & PUSHED) {
      this.#set(this.#shape.pushed, 0);
      parts.push(Uint8Array.of(pushed & 0xff));
      count++;
    }
    while (count < length) {
      const bytes = readDescriptor(this.#process, this.descriptor, length - count);
      if (bytes === undefined || bytes.length === 0) {
        this.mark(bytes === undefined ? IOERR : IOEOF);
        break;
      }
      parts.push(bytes);
      count += bytes.length;
    }
    return joined(parts, count);
  }

  unget(character: number): number {
    if (character === EOF) return EOF;
    this.#set(this.#shape.pushed, PUSHED | (character & 0xff));
    this.flags &= ~IOEOF;
    return character & 0xff;
  }

  /** The position as the program sees it; undefined: it has none. */
  tell(): bigint | undefined {
    this.flush();
    const at = seekDescriptor(this.#process, this.descriptor, 0n, 1);
    const isPushed = (this.#field(this.#shape.pushed) & PUSHED) !== 0;
    return at === undefined || !isPushed ? at : at - 1n;
  }

  seek(offset: bigint, origin: number): boolean {
    const pushed = origin === 1 && this.#field(this.#shape.pushed) & PUSHED ? 1n : 0n;
    this.flush();
    this.#set(this.#shape.pushed, 0);
    this.flags &= ~IOEOF;
    return seekDescriptor(this.#process, this.descriptor, offset - pushed, origin) !== undefined;
  }

  #field(at: number): number {
    return this.#process.memory.u32(this.address + BigInt(at));
  }

  #set(at: number, value: number): void {
    this.#process.memory.setU32(this.address + BigInt(at), value);
  }
}

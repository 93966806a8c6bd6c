/**
 * Where compiled functions live in a process, and how they change there. Three ways to get bytes into executable
 * pages: `flip` (rw-, then mprotect to r-x), `dual` (two views of a memfd, one to write and one to run) and `rwx`.
 * The process is a sandbox: its system calls and its stores, refused by whatever policy it has.
 */
import type { Sandbox } from '../../../src/vitest/index.js'; // for you: 'mayexec'
import type { Bug } from './bugs.js';
import type { CompiledFunction } from './compiler.js';

export const STRATEGIES = ['flip', 'dual', 'rwx'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** A system call that failed: what a JIT reports when it has to fall back on its interpreter. */
export class RefusedError extends Error {}

const PAGE = 4096n;
/** Address space set aside, so that the code never moves. */
const RESERVED = 16n * PAGE;
const [READ, WRITE, EXEC] = [1, 2, 4];
const [SHARED, PRIVATE, FIXED, ANONYMOUS] = [1, 2, 0x10, 0x20];
const UNIT = 16;

interface Placed {
  readonly address: bigint;
  readonly code: CompiledFunction;
  /** The writable view when it was put in. */
  readonly view: bigint;
}

export class CodeCache {
  readonly #sandbox: Sandbox;
  readonly #strategy: Strategy;
  readonly #bugs: readonly Bug[];
  readonly #functions = new Map<string, Placed>();
  /** Where code runs. */
  readonly #start: bigint;
  #length = PAGE;
  #used = 0n;
  /** Where the same bytes can be written. */
  #writable: bigint;

  /** @throws RefusedError when the policy does not let such a cache come about. */
  constructor(sandbox: Sandbox, strategy: Strategy, bugs: readonly Bug[] = []) {
    this.#sandbox = sandbox;
    this.#strategy = strategy;
    this.#bugs = bugs;
    this.#start = this.#call('mmap', 0, RESERVED, 0, PRIVATE | ANONYMOUS, -1, 0);
    this.#writable = this.#map(this.#start, PAGE);
  }

  /** Puts a function in, its calls bound to functions that are there; answers its address. */
  add(name: string, code: CompiledFunction): bigint {
    const size = BigInt(Math.ceil(code.bytes.length / UNIT) * UNIT);
    while (this.#used + size > this.#length) this.#grow();
    const address = this.#start + this.#used;
    this.#used += size;
    this.#functions.set(name, { address, code, view: this.#writable });
    const bytes = code.bytes.slice();
    for (const { offset, symbol } of code.callSites) {
      bytes.set(this.#distance(address + BigInt(offset), symbol), offset);
    }
    this.#write(address, bytes);
    return address;
  }

  addressOf(name: string): bigint {
    return this.#placed(name).address;
  }

  /** Patches a constant in the code: `@name` of the function's source. */
  setConstant(name: string, cell: string, value: bigint): void {
    const placed = this.#placed(name);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, BigInt.asIntN(64, value), true);
    for (const offset of placed.code.cells[cell] ?? []) this.#patch(placed, offset, bytes);
  }

  /** Patches the calls of `symbol` in a function: they reach another one from now on. */
  redirect(name: string, symbol: string, target: string): void {
    const placed = this.#placed(name);
    for (const site of placed.code.callSites.filter((each) => each.symbol === symbol)) {
      const at = placed.address + BigInt(site.offset);
      this.#patch(placed, site.offset, this.#distance(at, target));
    }
  }

  #patch({ address, view }: Placed, offset: number, bytes: Uint8Array): void {
    // A pointer into a view that is kept for later writes to bytes that nobody runs any more.
    const stale = this.#bugs.includes('stale-patch');
    this.#write(address + BigInt(offset), bytes, stale ? view : this.#writable);
  }

  #placed(name: string): Placed {
    const found = this.#functions.get(name);
    if (found === undefined) throw new ReferenceError(`no function '${name}' in the cache`);
    return found;
  }

  /** Four bytes: from behind the field to a function. */
  #distance(field: bigint, target: string): Uint8Array {
    const bytes = new Uint8Array(4);
    const distance = Number(this.addressOf(target) - (field + 4n));
    new DataView(bytes.buffer).setInt32(0, distance, true);
    return bytes;
  }

  #write(address: bigint, bytes: Uint8Array, view = this.#writable): void {
    const flips = this.#strategy === 'flip';
    if (flips) this.#protect(READ | WRITE);
    const fault = this.#sandbox.store(address - this.#start + view, bytes);
    if (fault !== null) throw new RefusedError(`store to 0x${fault.address.toString(16)}`);
    if (flips) {
      const left = this.#bugs.includes('writable-and-executable') ? WRITE : 0;
      this.#protect(READ | EXEC | left);
    }
  }

  #protect(rights: number): void {
    this.#call('mprotect', this.#start, this.#length, rights);
  }

  /** Twice the pages. Two views cannot grow: both are made anew, of another memfd. */
  #grow(): void {
    const length = 2n * this.#length;
    if (length > RESERVED) throw new RefusedError('the cache is full');
    if (this.#strategy !== 'dual') {
      this.#map(this.#start + this.#length, this.#length);
      if (this.#strategy === 'flip') this.#protect(READ | EXEC);
    } else {
      const old = { at: this.#writable, length: this.#length };
      const content = this.#sandbox.load(old.at, Number(old.length));
      const writable = this.#map(this.#start, length);
      if (content instanceof Uint8Array) this.#sandbox.store(writable, content);
      this.#writable = writable;
      if (!this.#bugs.includes('stale-patch')) this.#call('munmap', old.at, old.length);
    }
    this.#length = length;
  }

  /** Memory for code at that address; answers where it is written. */
  #map(at: bigint, length: bigint): bigint {
    if (this.#strategy !== 'dual') {
      const rights = this.#strategy === 'rwx' ? READ | WRITE | EXEC : READ | WRITE;
      this.#call('mmap', at, length, rights, PRIVATE | ANONYMOUS | FIXED, -1, 0);
      return at;
    }
    const name = this.#call('mmap', 0, PAGE, READ, PRIVATE | ANONYMOUS, -1, 0);
    const file = this.#call('memfd_create', name, 0);
    this.#call('ftruncate', file, length);
    const writable = this.#call('mmap', 0, length, READ | WRITE, SHARED, file, 0);
    this.#call('mmap', at, length, READ | EXEC, SHARED | FIXED, file, 0);
    this.#call('close', file);
    return writable;
  }

  #call(name: string, ...args: readonly (number | bigint)[]): bigint {
    const { value, errno } = this.#sandbox.syscall(name, ...args);
    if (errno !== undefined) throw new RefusedError(`${name}: ${errno}`);
    return value;
  }
}

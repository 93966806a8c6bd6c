/** What an instruction touches, by pages: as predicted from its bytes, and as the engine asks for it. */
import type { Arch } from '../../src/base/address.js';
import { type Engine, HW_EXEC, HW_READ, HW_WRITE } from '../../src/engine/engine.js';
import { openEngine } from '../../src/engine/open.js';
import { accessesOf, decodeInstruction } from '../../src/x86/memory-access.js';

const PAGE = 4096n;
const CODE = 0x10_0000n;
const INT3 = 0xcc;
/** Each of these points to a page boundary of its own, less the distance of the case. */
const POINTERS = ['bx', 'si', 'di', 'sp', 'bp'] as const;

const BOUNDARY: Readonly<Record<(typeof POINTERS)[number], bigint>> = {
  bx: 0x20_0000n,
  si: 0x30_0000n,
  di: 0x40_0000n,
  sp: 0x50_0000n,
  bp: 0x60_0000n,
};

export interface Judged {
  readonly predicted: readonly string[];
  /** Undefined when the instruction raised an exception that has nothing to do with memory. */
  readonly asked: readonly string[] | undefined;
}

/** A CPU with memory at every address, that notes which pages are asked for, and for what. */
export class Judge implements Disposable {
  readonly #arch: Arch;
  readonly #engine: Engine;
  readonly #frames = new Map<number, number>();
  #asked = new Set<string>();

  private constructor(arch: Arch, engine: Engine) {
    this.#arch = arch;
    this.#engine = engine;
    engine.setTranslate((page, access) => {
      if (access === 'exec') return this.#frame(page) * 8 + HW_EXEC;
      this.#asked.add(`${access} 0x${page.toString(16)}`);
      return this.#frame(page) * 8 + (access === 'read' ? HW_READ : HW_WRITE);
    });
  }

  static async open(arch: Arch): Promise<Judge> {
    const { engine } = await openEngine('auto', { arch, memory: 8 << 20 });
    return new Judge(arch, engine);
  }

  /** Runs one instruction with every pointer `before` bytes below a page boundary; int3 is behind it. */
  run(bytes: Uint8Array, before: number, registers: Readonly<Record<string, bigint>> = {}): Judged {
    const engine = this.#engine;
    const wide = this.#arch === 'x86-64';
    const full = (name: string): string => `${wide ? 'r' : 'e'}${name}`;
    for (const name of ['ax', 'cx', 'dx']) engine.writeRegister(full(name), 1n);
    for (const name of POINTERS) {
      engine.writeRegister(full(name), BOUNDARY[name] - BigInt(before));
    }
    for (const [name, value] of Object.entries(registers)) engine.writeRegister(name, value);
    const frame = this.#frame(Number(CODE / PAGE));
    engine.memory.bytes(frame).fill(INT3).set(bytes);
    engine.flushTlb();
    engine.writeRegister(full('ip'), CODE);
    const decoded = decodeInstruction({ address: CODE, bytes }, this.#arch);
    const predicted = pagesOf(accessesOf(decoded, (name) => engine.readRegister(name)));
    this.#asked = new Set();
    const stop = engine.run({ blocks: 1 });
    const raised =
      stop.kind === 'invalid-opcode' ||
      stop.kind === 'fault' ||
      (stop.kind === 'exception' && stop.vector !== 0);
    return { predicted, asked: raised ? undefined : [...this.#asked].sort() };
  }

  [Symbol.dispose](): void {
    this.#engine.close();
  }

  #frame(page: number): number {
    const known = this.#frames.get(page);
    if (known !== undefined) return known;
    const frame = this.#engine.memory.allocate();
    if (frame === undefined) throw new Error('no frame is left');
    this.#frames.set(page, frame);
    return frame;
  }
}

function pagesOf(accesses: ReturnType<typeof accessesOf>): string[] {
  const pages = new Set<string>();
  for (const { address, length, read, write } of accesses) {
    const last = (address + BigInt(length) - 1n) / PAGE;
    for (let page = address / PAGE; page <= last; page++) {
      if (read) pages.add(`read 0x${page.toString(16)}`);
      if (write) pages.add(`write 0x${page.toString(16)}`);
    }
  }
  return [...pages].sort();
}

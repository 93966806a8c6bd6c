/** Names of addresses, as kallsyms has them: `store+0x5/0x10 [module]`. */
import type { ReportMemory } from './memory.js';

/** Fields of a module in asm/lib/kernel.inc: next, name, then four parts of where it was linked, where it is, bytes. */
const MODULE_NAME = 8n;
const MODULE_PARTS = 16n;
const PART_BYTES = 24n;
const PARTS = 4n;
const MOST_MODULES = 64;

export interface KernelModule {
  readonly name: string;
  readonly parts: readonly ModulePart[];
}

interface ModulePart {
  readonly linked: bigint;
  readonly loaded: bigint;
  readonly bytes: bigint;
}

export class SymbolNames {
  readonly #sorted: readonly (readonly [name: string, address: bigint])[];
  readonly #end: bigint;

  constructor(symbols: ReadonlyMap<string, bigint>, end: bigint) {
    this.#sorted = [...symbols]
      .filter(([, address]) => address >> 63n === 1n)
      .sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#end = end;
  }

  /** `name+0xOFF/0xSIZE`, with ` [module]`; undefined where nothing has a name. */
  text(address: bigint, modules: readonly KernelModule[]): string | undefined {
    for (const { name, parts } of modules) {
      const part = parts.find(({ loaded, bytes }) => address >= loaded && address < loaded + bytes);
      if (part === undefined) continue;
      const linked = this.#named(address - part.loaded + part.linked);
      return linked === undefined ? undefined : `${linked} [${name}]`;
    }
    return this.#named(address);
  }

  #named(address: bigint): string | undefined {
    if (address >= this.#end) return undefined;
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sorted[middle]![1] <= address) low = middle + 1;
      else high = middle;
    }
    const found = this.#sorted[low - 1];
    if (found === undefined) return undefined;
    // Of several names the first that was given.
    const [name] = this.#sorted.find(([, start]) => start === found[1])!;
    const size = (this.#sorted[low]?.[1] ?? this.#end) - found[1];
    return `${name}+0x${(address - found[1]).toString(16)}/0x${size.toString(16)}`;
  }
}

/** The list of modules that begins at the word at `head`. */
export function loadedModules(memory: ReportMemory, head: bigint): KernelModule[] {
  const modules: KernelModule[] = [];
  for (
    let at = memory.word(head);
    at !== 0n && modules.length < MOST_MODULES;
    at = memory.word(at)
  ) {
    const parts: ModulePart[] = [];
    for (let part = 0n; part < PARTS; part++) {
      const start = at + MODULE_PARTS + part * PART_BYTES;
      const [linked, loaded, bytes] = [0n, 8n, 16n].map((field) => memory.word(start + field));
      if (bytes !== 0n) parts.push({ linked: linked!, loaded: loaded!, bytes: bytes! });
    }
    modules.push({ name: memory.text(memory.word(at + MODULE_NAME), 55), parts });
  }
  return modules;
}

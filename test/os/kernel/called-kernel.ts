/** A kernel of asm/lib that has started, whose functions a test or a measurement calls one by one. */
import type { Sandbox } from '../../../src/sandbox/sandbox.js';
import { bootKernel, kernelElf } from './runtime.js';

/** A program that includes kernel-pools.inc and does nothing by itself; see kernelElf. */
export function poolsKernel(before = '', library?: URL): Promise<Uint8Array> {
  const source = '.include "kernel-pools.inc"\nkernel_init:\nkernel_main:\n  ret\n';
  return kernelElf(source, before, library);
}

/** What a piece of work took. */
export interface Spent {
  readonly instructions: number;
  readonly pageTableChanges: number;
  readonly tlbFlushes: number;
}

export class CalledKernel implements Disposable {
  readonly sandbox: Sandbox;

  private constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  /** @throws Error where the kernel does not come to its end. */
  static async boot(elf: Uint8Array, words: readonly string[] = []): Promise<CalledKernel> {
    const sandbox = await bootKernel(elf, words);
    const { kind } = sandbox.run();
    if (kind !== 'halt') throw new Error(`the kernel did not halt: ${kind}`);
    return new CalledKernel(sandbox);
  }

  /** A pointer, or another unsigned value of 64 bits, that it returns. */
  call(name: string, ...args: bigint[]): bigint {
    const outcome = this.sandbox.call(this.address(name), ...args);
    if (outcome.kind !== 'return') throw new Error(`${name}: ${outcome.kind}`);
    return BigInt.asUintN(64, outcome.value);
  }

  /** An int that it returns. */
  status(name: string, ...args: bigint[]): bigint {
    return BigInt.asIntN(32, this.call(name, ...args));
  }

  address(symbol: string): bigint {
    const address = this.sandbox.symbols.get(symbol);
    if (address === undefined) throw new Error(`no symbol ${symbol}`);
    return address;
  }

  word(address: bigint): bigint {
    return new DataView(this.sandbox.peek(address, 8).slice().buffer).getBigUint64(0, true);
  }

  /** The variable of that name. */
  variable(symbol: string): bigint {
    return this.word(this.address(symbol));
  }

  /** Why a store there is refused; undefined where it is not. */
  refused(address: bigint): string | undefined {
    return this.sandbox.store(address, Uint8Array.of(1))?.code;
  }

  /** The address of the same byte in the linear map. */
  alias(address: bigint): bigint {
    return 0xffff_8880_0000_0000n + this.call('virt_to_phys', address);
  }

  spent(work: () => void): Spent {
    this.sandbox.countInstructions(true);
    const before = this.#counters();
    work();
    const after = this.#counters();
    this.sandbox.countInstructions(false);
    return {
      instructions: after.instructions - before.instructions,
      pageTableChanges: after.pageTableChanges - before.pageTableChanges,
      tlbFlushes: after.tlbFlushes - before.tlbFlushes,
    };
  }

  #counters(): Spent {
    return {
      instructions: this.sandbox.instructions,
      pageTableChanges: Number(this.variable('page_table_changes')),
      tlbFlushes: Number(this.variable('tlb_flushes')),
    };
  }

  [Symbol.dispose](): void {
    this.sandbox.close();
  }
}

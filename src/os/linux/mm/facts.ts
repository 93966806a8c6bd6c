/**
 * What policies are told of an address space: read when a policy reads it, since the stack pointer is the CPU's. A
 * class, since an object with getters of its own lives until the next full collection of garbage, with all that it knows.
 */
import type { Addr, Arch } from '../../../base/address.js';
import type { MmFacts, TaskFacts } from './hooks.js';

/** Of the address space. */
interface Space {
  readonly arch: Arch;
  readonly nx: boolean;
  readonly personality: number;
  readonly startBrk: Addr;
  readonly brkEnd: Addr;
  readonly startStack: Addr;
  readonly restrictedWx: boolean;
  readonly mdwe: number;
  readonly options: { readonly stackPointer: () => Addr };
}

export class SpaceFacts implements MmFacts {
  readonly #space: Space;
  readonly #task: () => TaskFacts | undefined;

  /** `task`: who asks. */
  constructor(space: Space, task: () => TaskFacts | undefined) {
    this.#space = space;
    this.#task = task;
  }

  get arch(): Arch {
    return this.#space.arch;
  }

  get nx(): boolean {
    return this.#space.nx;
  }

  get personality(): number {
    return this.#space.personality;
  }

  get startBrk(): Addr {
    return this.#space.startBrk;
  }

  get brk(): Addr {
    return this.#space.brkEnd;
  }

  get startStack(): Addr {
    return this.#space.startStack;
  }

  get stackPointer(): Addr {
    return this.#space.options.stackPointer();
  }

  get restrictedWx(): boolean {
    return this.#space.restrictedWx;
  }

  get mdwe(): number {
    return this.#space.mdwe;
  }

  get task(): TaskFacts | undefined {
    return this.#task();
  }
}

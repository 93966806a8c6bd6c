/** Modules: the images of a process, by name and address, and what they export. */
import type { Addr } from '../../base/address.js';
import type { PeContent } from '../../formats/pe/content.js';
import type { PeExports } from '../../formats/pe/directories.js';
import type { HostTask } from '../calls/task.js';
import { baseName } from '../files.js';

/** What a gate stands for: the name of the function, and what happens there. */
export interface Gate {
  readonly name: string;
  /** A task when the guest has to run before it is done. */
  readonly enter: () => HostTask<void> | undefined;
}

export interface Module {
  readonly path: string;
  readonly base: Addr;
  readonly content: PeContent;
  readonly exports: PeExports;
  /** Of a DLL of the system, which is the host's: its gates by the address behind their instruction. */
  readonly builtin: boolean;
  references: number;
}

export class Modules {
  #modules: Module[] = [];
  readonly #gates = new Map<Addr, Gate>();

  get all(): readonly Module[] {
    return this.#modules;
  }

  get main(): Module {
    return this.#modules[0]!;
  }

  add(module: Module): void {
    this.#modules.push(module);
  }

  remove(module: Module): void {
    this.#modules = this.#modules.filter((other) => other !== module);
  }

  /** `name` with or without folder and '.dll'; without case. */
  find(name: string): Module | undefined {
    const wanted = moduleName(name);
    return this.#modules.find(({ path }) => moduleName(path) === wanted);
  }

  at(address: Addr): Module | undefined {
    return this.#modules.find(
      ({ base, content }) => address >= base && address < base + BigInt(content.image.size),
    );
  }

  withBase(base: Addr): Module | undefined {
    return this.#modules.find((module) => module.base === base);
  }

  /** `address`: behind the instruction that leaves the guest. */
  addGate(address: Addr, gate: Gate): void {
    this.#gates.set(address, gate);
  }

  gateAt(address: Addr): Gate | undefined {
    return this.#gates.get(address);
  }

  save(): () => void {
    const modules = this.#modules.map((module) => ({ ...module }));
    return () => {
      this.#modules = modules.map((module) => ({ ...module }));
    };
  }
}

export function moduleName(path: string): string {
  const name = baseName(path).toLowerCase();
  return name.includes('.') ? name : `${name}.dll`;
}

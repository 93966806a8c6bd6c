/**
 * TestBed: one sandbox in which all cases of one architecture under one policy run, one after the
 * other. Before each case a snapshot is restored that has the code in place, so that nothing a case
 * does is there for the next. Snapshots are kept for the latest codes.
 */
import { PROT_READ, PROT_WRITE } from '../../abi/linux/mman.js';
import { type Addr, type Arch, PAGE_SIZE } from '../../base/address.js';
import { threadBlock } from '../../object/thread-block.js';
import type { PolicyChoice, SandboxOptions } from '../../sandbox/options.js';
import { Sandbox, type SandboxSnapshot } from '../../sandbox/sandbox.js';
import type { TraceEvent } from '../../trace/events.js';
import { fillRegisters } from '../abi/garbage.js';
import { type RegisterValues, readState } from '../abi/machine-state.js';
import { mapBuffers, type PlannedBuffer, shapeOf } from './buffers.js';
import { type Code, pagesOf } from './code.js';
import { CODE_FILE, mapAnonymous, placePages } from './placement.js';
import type { Placement, RefusedPlacement } from './placing.js';
import { setThreadPointer, THREAD_POINTER } from './thread.js';

/** Code in place, ready to be called any number of times. */
export interface Prepared {
  readonly refused: RefusedPlacement | undefined;
  /** What the placement did. */
  readonly events: readonly TraceEvent[];
}

interface Kept extends Prepared {
  snapshot?: SandboxSnapshot;
}

const KEPT = 32;

/** Where calls are run. */
export interface Bed {
  readonly sandbox: Sandbox;
  /** Of the caller of the code. */
  readonly stackPointer: Addr;
  /** When a case begins. */
  readonly registers: RegisterValues;
  /** Restores memory and registers as they are before a case with this code and these buffers. */
  begin(code: Code, placement: Placement, buffers: readonly PlannedBuffer[]): Prepared;
  /** After a case. */
  end(): void;
}

export class TestBed implements Bed, Disposable {
  readonly sandbox: Sandbox;
  /** Of the caller of the code: 16-byte aligned, with room above it. */
  readonly stackPointer: Addr;
  /** When a case begins. */
  readonly registers: RegisterValues;
  readonly #base: SandboxSnapshot;
  readonly #path: Addr;
  readonly #prepared = new WeakMap<Code, Map<string, Kept>>();
  /** Oldest first. */
  readonly #kept: { readonly code: Code; readonly key: string }[] = [];

  private constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
    const name = sandbox.arch === 'x86-64' ? 'rsp' : 'esp';
    const top = (sandbox.regs[name] ?? 0n) & ~15n;
    this.#path = top - 64n;
    this.stackPointer = top - 1024n;
    sandbox.poke(this.#path, new TextEncoder().encode(`${CODE_FILE}\0`));
    // A process of Windows has its TEB.
    if (sandbox.os === 'linux') {
      mapAnonymous(sandbox, THREAD_POINTER, PAGE_SIZE, PROT_READ | PROT_WRITE);
      sandbox.poke(THREAD_POINTER, threadBlock(sandbox.arch, THREAD_POINTER));
      setThreadPointer(sandbox, THREAD_POINTER);
    }
    fillRegisters(sandbox);
    sandbox.regs[name] = this.stackPointer;
    this.registers = readState(sandbox);
    this.#base = sandbox.snapshot();
  }

  /** An engine has been loaded. */
  static open(
    arch: Arch,
    policy: PolicyChoice | undefined,
    options: Omit<SandboxOptions, 'arch' | 'policy'> = {},
  ): TestBed {
    return new TestBed(Sandbox.createLoaded({ seed: 0, ...options, arch, policy }));
  }

  begin(code: Code, placement: Placement, buffers: readonly PlannedBuffer[]): Prepared {
    const key = `${placement} ${shapeOf(buffers)}`;
    const known = this.#prepared.get(code)?.get(key);
    if (known?.snapshot !== undefined) {
      this.sandbox.restore(known.snapshot);
      return known;
    }
    const prepared = this.#prepare(code, placement, buffers);
    // Much code is called once and never again: only the second call makes a snapshot.
    if (known === undefined) this.#keep(code, key, prepared);
    else known.snapshot = this.sandbox.snapshot();
    return prepared;
  }

  /** The next case restores what it needs. */
  end(): void {}

  [Symbol.dispose](): void {
    this.sandbox.close();
  }

  #prepare(code: Code, placement: Placement, buffers: readonly PlannedBuffer[]): Prepared {
    const { sandbox } = this;
    sandbox.restore(this.#base);
    const from = sandbox.trace.length;
    const refused = placePages({ sandbox, path: this.#path }, pagesOf(code), placement);
    const events = sandbox.trace.slice(from);
    mapBuffers(sandbox, buffers);
    if (code.threadPointer !== undefined && sandbox.os === 'linux') {
      setThreadPointer(sandbox, code.threadPointer);
    }
    return { refused, events };
  }

  #keep(code: Code, key: string, prepared: Kept): void {
    const own = this.#prepared.get(code) ?? new Map<string, Kept>();
    this.#prepared.set(code, own.set(key, prepared));
    this.#kept.push({ code, key });
    if (this.#kept.length <= KEPT) return;
    const oldest = this.#kept.shift()!;
    const snapshot = this.#prepared.get(oldest.code)?.get(oldest.key)?.snapshot;
    if (snapshot !== undefined) this.sandbox.discard(snapshot);
    this.#prepared.get(oldest.code)?.delete(oldest.key);
  }
}

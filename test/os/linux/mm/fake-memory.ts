/** Physical memory without an engine: frames are plain arrays. And spaces over it, for unit tests. */

import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE } from '../../../../src/abi/linux/mman.js';
import type { Arch } from '../../../../src/base/address.js';
import { InvariantError } from '../../../../src/base/errors.js';
import type { HookFunctions } from '../../../../src/base/hook.js';
import { allow, type Verdict } from '../../../../src/base/verdict.js';
import type { PhysicalMemory } from '../../../../src/engine/engine.js';
import { Frames } from '../../../../src/memory/frames.js';
import type { MemoryObject } from '../../../../src/memory/object.js';
import {
  AddressSpace,
  type MappedFile,
  type MmEvent,
} from '../../../../src/os/linux/mm/address-space.js';
import {
  type MM_HOOKS,
  type MmEffects,
  type MmPolicies,
  noPolicies,
} from '../../../../src/os/linux/mm/hooks.js';
import type { MmOptions } from '../../../../src/os/linux/mm/mm.js';
import { createLayout } from '../../../../src/os/linux/mm/placement/layout.js';

export class FakeMemory implements PhysicalMemory {
  readonly maxFrames: number;
  #next = 0;
  readonly #free: number[] = [];
  readonly #used = new Map<number, Uint8Array>();

  constructor(maxFrames = 4096) {
    this.maxFrames = maxFrames;
  }

  get framesInUse(): number {
    return this.#used.size;
  }

  allocate(): number | undefined {
    if (this.#used.size >= this.maxFrames) return undefined;
    const frame = this.#free.pop() ?? this.#next++;
    this.#used.set(frame, new Uint8Array(4096));
    return frame;
  }

  release(frame: number): void {
    if (!this.#used.delete(frame)) throw new InvariantError(`frame ${frame} is released twice`);
    this.#free.push(frame);
  }

  copy(from: number, to: number): void {
    this.bytes(to).set(this.bytes(from));
  }

  bytes(frame: number): Uint8Array {
    const bytes = this.#used.get(frame);
    if (bytes === undefined) throw new InvariantError(`frame ${frame} is not in use`);
    return bytes;
  }
}

/** The hooks of one policy; it may change them afterwards. */
export type MmHooks = {
  -readonly [K in keyof typeof MM_HOOKS]?: HookFunctions<typeof MM_HOOKS>[K];
};

export function policiesOf(hooks: MmHooks, effects: MmEffects = {}): MmPolicies {
  const byName = hooks as Readonly<
    Record<string, ((...args: readonly unknown[]) => Verdict) | undefined>
  >;
  return { effects, ask: (hook, ...args) => byName[hook]?.(...args) ?? allow };
}

export interface TestSpace {
  readonly mm: AddressSpace;
  readonly memory: FakeMemory;
  readonly frames: Frames;
  readonly events: MmEvent[];
  /** Pages flushed since the start: [page, count], or 'all'. */
  readonly flushes: (readonly [page: number, count: number] | 'all')[];
}

export interface TestOptions extends Partial<Omit<MmOptions, 'layout'>> {
  readonly arch?: Arch;
  readonly layout?: string;
  readonly maxFrames?: number;
}

export function makeSpace(options: TestOptions = {}): TestSpace {
  const { arch = 'x86-64', layout, maxFrames, ...rest } = options;
  const memory = new FakeMemory(maxFrames);
  const frames = new Frames(memory);
  const events: MmEvent[] = [];
  const flushes: TestSpace['flushes'] = [];
  const mm = new AddressSpace({
    frames,
    nx: true,
    policies: noPolicies,
    report: (event) => events.push(event),
    flushTlb: (page, count = 1) => flushes.push(page === undefined ? 'all' : [page, count]),
    stackPointer: () => 0n,
    ...rest,
    arch,
    layout: createLayout(layout, arch, undefined),
  });
  return { mm, memory, frames, events, flushes };
}

/** An address far from everything that the layout places. */
export const BASE = 0x1000_0000n;
export const PAGE = 4096n;

/** Anonymous private memory at a fixed address, by default rw- at BASE. */
export function mapAt(
  mm: AddressSpace,
  addr: bigint = BASE,
  pages = 1,
  prot = 3,
  flags: number = MAP_PRIVATE | MAP_ANONYMOUS,
): bigint {
  const length = BigInt(pages) * PAGE;
  const result = mm.mmap({
    addr,
    length,
    prot,
    flags: flags | MAP_FIXED,
    file: undefined,
    pageOffset: 0n,
  });
  if (!result.ok) throw new Error(`mmap at ${addr.toString(16)}: ${result.errno}`);
  return result.value;
}

/** An open read-write description of an object. */
export function openFile(object: MemoryObject, changes: Partial<MappedFile> = {}): MappedFile {
  return {
    object,
    readable: true,
    writable: true,
    appendOnly: false,
    noexecMount: false,
    mappable: true,
    description: {},
    ...changes,
  };
}

/** The VMAs as `start+pages perms`, relative to `base`: '0+1 rw-p'. */
export function shape(mm: AddressSpace, base: bigint = BASE): string[] {
  return mm
    .mapsText()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [start = '', end = ''] = line.split(' ')[0]!.split('-');
      const from = (BigInt(`0x${start}`) - base) / PAGE;
      const pages = (BigInt(`0x${end}`) - BigInt(`0x${start}`)) / PAGE;
      return `${from}+${pages} ${line.split(' ')[1]}`;
    });
}

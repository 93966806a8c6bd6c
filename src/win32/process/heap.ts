/**
 * Heaps: HeapCreate and what is allocated in them. A heap is a reservation of which the first 64 KiB are committed,
 * more as it is needed; large blocks are allocations of their own. What lies between the blocks is the host's to know.
 */
import {
  MEM_COMMIT,
  MEM_RELEASE,
  MEM_RESERVE,
  PAGE_EXECUTE_READWRITE,
  PAGE_READWRITE,
} from '../../abi/windows/memory.js';
import { done, type NtResult, refused, STATUS } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { allocate } from '../../os/windows/memory/allocate.js';
import { free } from '../../os/windows/memory/free.js';
import type { VirtualMemory } from '../../os/windows/memory/virtual-memory.js';

export const HEAP_GENERATE_EXCEPTIONS = 0x4;
export const HEAP_ZERO_MEMORY = 0x8;
export const HEAP_CREATE_ENABLE_EXECUTE = 0x40000;

/** Bytes reserved for a growing heap, and committed at first. */
const RESERVED = { 4: 0x20_0000n, 8: 0x40_0000n } as const;
const COMMITTED = 0x1_0000n;
/** Blocks from this size on are allocations of their own. */
const LARGE = 0x7f000n;
/** The heap's own data come first. */
const HEADER = 0x800n;
/** Before each block, as the real ones have it. */
const BLOCK_HEADER = { 4: 8n, 8: 16n } as const;

interface Area {
  readonly base: Addr;
  readonly end: Addr;
  committedEnd: Addr;
  /** Where the part begins that was never allocated. */
  next: Addr;
}

interface Block {
  /** As it was asked for. */
  readonly size: bigint;
  /** Of its place. */
  readonly room: bigint;
  readonly large: boolean;
}

interface Heap {
  readonly protect: number;
  readonly flags: number;
  /** Bytes at most; 0: grows. */
  readonly maximum: bigint;
  readonly areas: Area[];
  readonly blocks: Map<Addr, Block>;
  /** Places of freed blocks by their room. */
  readonly free: Map<bigint, Addr[]>;
}

export class Heaps {
  readonly #vm: VirtualMemory;
  readonly #word: 4 | 8;
  #heaps = new Map<Addr, Heap>();
  /** Handle of the process heap. */
  process: Addr = 0n;

  constructor(vm: VirtualMemory, word: 4 | 8) {
    this.#vm = vm;
    this.#word = word;
  }

  get handles(): readonly Addr[] {
    return [...this.#heaps.keys()];
  }

  create(flags: number, initial: bigint, maximum: bigint): NtResult<Addr> {
    const protect = flags & HEAP_CREATE_ENABLE_EXECUTE ? PAGE_EXECUTE_READWRITE : PAGE_READWRITE;
    const room = maximum === 0n ? RESERVED[this.#word] : roundUp(maximum, 0x1_0000n);
    const first = initial < COMMITTED ? COMMITTED : roundUp(initial, 0x1000n);
    const wanted = initial > room ? roundUp(initial, 0x1_0000n) : room;
    const area = this.#addArea(protect, wanted, first > wanted ? wanted : first);
    if (!area.ok) return area;
    const heap: Heap = {
      protect,
      flags,
      maximum,
      areas: [area.value],
      blocks: new Map(),
      free: new Map(),
    };
    area.value.next = area.value.base + HEADER;
    this.#heaps.set(area.value.base, heap);
    return done(area.value.base);
  }

  /** False for what is no heap, and for the process heap. */
  destroy(handle: Addr): boolean {
    const heap = this.#heaps.get(handle);
    if (heap === undefined || handle === this.process) return false;
    for (const [address, block] of heap.blocks) {
      if (block.large) free(this.#vm, address - BLOCK_HEADER[this.#word], 0n, MEM_RELEASE);
    }
    for (const { base } of heap.areas) free(this.#vm, base, 0n, MEM_RELEASE);
    this.#heaps.delete(handle);
    return true;
  }

  has(handle: Addr): boolean {
    return this.#heaps.has(handle);
  }

  flags(handle: Addr): number {
    return this.#heaps.get(handle)?.flags ?? 0;
  }

  /** Undefined: no room, or no such heap. */
  allocate(handle: Addr, size: bigint): Addr | undefined {
    const heap = this.#heaps.get(handle);
    if (heap === undefined || size > 1n << 46n) return undefined;
    const header = BLOCK_HEADER[this.#word];
    // All blocks lie at the same distance from a multiple of 16.
    const room = roundUp((size === 0n ? 1n : size) + header, 16n);
    if (room >= LARGE) return heap.maximum === 0n ? this.#large(heap, size, room) : undefined;
    const reused = heap.free.get(room)?.pop();
    const address = reused ?? this.#carve(heap, room);
    if (address !== undefined) heap.blocks.set(address, { size, room, large: false });
    return address;
  }

  /** False when it is no block of the heap. */
  release(handle: Addr, address: Addr): boolean {
    const heap = this.#heaps.get(handle);
    const block = heap?.blocks.get(address);
    if (heap === undefined || block === undefined) return false;
    heap.blocks.delete(address);
    if (block.large) {
      free(this.#vm, address - BLOCK_HEADER[this.#word], 0n, MEM_RELEASE);
      return true;
    }
    const list = heap.free.get(block.room) ?? [];
    list.push(address);
    heap.free.set(block.room, list);
    return true;
  }

  /** Is the memory of the block new, and so nothing but zeros? */
  isNew(handle: Addr, address: Addr): boolean {
    return this.#heaps.get(handle)?.blocks.get(address)?.large ?? false;
  }

  sizeOf(handle: Addr, address: Addr): bigint | undefined {
    return this.#heaps.get(handle)?.blocks.get(address)?.size;
  }

  /** Another size where the block is; false when it has to move. */
  resize(handle: Addr, address: Addr, size: bigint): boolean {
    const heap = this.#heaps.get(handle);
    const block = heap?.blocks.get(address);
    if (heap === undefined || block === undefined) return false;
    if (size + BLOCK_HEADER[this.#word] > block.room) return false;
    heap.blocks.set(address, { ...block, size });
    return true;
  }

  save(): () => void {
    const copy = (heaps: Map<Addr, Heap>): Map<Addr, Heap> =>
      new Map(
        [...heaps].map(([key, heap]) => [
          key,
          {
            ...heap,
            areas: heap.areas.map((area) => ({ ...area })),
            blocks: new Map(heap.blocks),
            free: new Map([...heap.free].map(([room, list]) => [room, [...list]])),
          },
        ]),
      );
    const heaps = copy(this.#heaps);
    return () => {
      this.#heaps = copy(heaps);
    };
  }

  #large(heap: Heap, size: bigint, room: bigint): Addr | undefined {
    const made = allocate(this.#vm, {
      base: 0n,
      size: room,
      type: MEM_RESERVE | MEM_COMMIT,
      protect: heap.protect,
      name: 'heap',
    });
    if (!made.ok) return undefined;
    const address = made.value.base + BLOCK_HEADER[this.#word];
    heap.blocks.set(address, { size, room: made.value.size, large: true });
    return address;
  }

  #carve(heap: Heap, room: bigint): Addr | undefined {
    let area = heap.areas.at(-1)!;
    if (area.next + room > area.end) {
      if (heap.maximum !== 0n) return undefined;
      const added = this.#addArea(heap.protect, RESERVED[this.#word], COMMITTED);
      if (!added.ok) return undefined;
      area = added.value;
      heap.areas.push(area);
    }
    const end = area.next + room;
    if (end > area.committedEnd && !this.#commit(heap, area, end)) return undefined;
    const address = area.next + BLOCK_HEADER[this.#word];
    area.next = end;
    return address;
  }

  #commit(heap: Heap, area: Area, end: Addr): boolean {
    const upTo = roundUp(end, COMMITTED);
    const target = upTo > area.end ? area.end : upTo;
    const made = allocate(this.#vm, {
      base: area.committedEnd,
      size: target - area.committedEnd,
      type: MEM_COMMIT,
      protect: heap.protect,
    });
    if (made.ok) area.committedEnd = target;
    return made.ok;
  }

  /** Reserved, then committed in part: two calls, of which the second meets a policy that refuses the rights. */
  #addArea(protect: number, size: bigint, first: bigint): NtResult<Area> {
    const reserved = allocate(this.#vm, {
      base: 0n,
      size,
      type: MEM_RESERVE,
      protect,
      name: 'heap',
    });
    if (!reserved.ok) return refused(reserved.status);
    const { base } = reserved.value;
    const made = allocate(this.#vm, { base, size: first, type: MEM_COMMIT, protect });
    if (!made.ok) {
      free(this.#vm, base, 0n, MEM_RELEASE);
      return refused(made.status === STATUS.SUCCESS ? STATUS.NO_MEMORY : made.status);
    }
    return done({ base, end: base + size, committedEnd: base + first, next: base });
  }
}

function roundUp(value: bigint, unit: bigint): bigint {
  return ((value + unit - 1n) / unit) * unit;
}

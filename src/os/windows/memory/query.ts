/** NtQueryVirtualMemory(MemoryBasicInformation). */
import { MEM_COMMIT, MEM_FREE, MEM_RESERVE, PAGE_NOACCESS } from '../../../abi/windows/memory.js';
import { type Addr, PAGE_SIZE, pageDown } from '../../../base/address.js';
import { TYPE_OF } from './vad.js';
import type { VirtualMemory } from './virtual-memory.js';

const PAGE = BigInt(PAGE_SIZE);

export interface MemoryBasicInformation {
  readonly baseAddress: Addr;
  /** 0 for free memory. */
  readonly allocationBase: Addr;
  readonly allocationProtect: number;
  readonly regionSize: bigint;
  readonly state: number;
  readonly protect: number;
  readonly type: number;
}

/** Undefined above what a program can address. */
export function query(vm: VirtualMemory, address: Addr): MemoryBasicInformation | undefined {
  const baseAddress = pageDown(address);
  const number = baseAddress / PAGE;
  if (number >= BigInt(vm.top)) return undefined;
  const page = Number(number);
  const vad = vm.vads.find(page);
  if (vad === undefined) {
    const hole = vm.vads.hole(page, 0, vm.top);
    return {
      baseAddress,
      allocationBase: 0n,
      allocationProtect: 0,
      regionSize: BigInt(hole.end - page) * PAGE,
      state: MEM_FREE,
      protect: PAGE_NOACCESS,
      type: 0,
    };
  }
  const run = vad.runAt(page);
  return {
    baseAddress,
    allocationBase: BigInt(vad.start) * PAGE,
    allocationProtect: vad.protect,
    regionSize: BigInt(run.end - page) * PAGE,
    state: run.protect === 0 ? MEM_RESERVE : MEM_COMMIT,
    protect: run.protect,
    type: TYPE_OF[vad.kind],
  };
}

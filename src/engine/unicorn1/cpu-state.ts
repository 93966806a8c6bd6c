/**
 * A CPU set aside: the part of QEMU's CPU state that a guest can see (registers, lazy flags, x87, SSE,
 * segments), the descriptor table, the time stamp counter, and which misses of the TLB have been counted. No pointer is among it, so that it may be
 * loaded into another engine of the same architecture.
 */
import type { Arch } from '../../base/address.js';
import { MayexecError } from '../../base/errors.js';
import { GDT_ENTRIES } from '../cpu-profile.js';
import type { CpuState } from '../engine.js';
import type { Machine } from './machine.js';
import type { MissTags } from './miss-charge.js';
import { ENV, TICKS } from './offsets.js';

interface SavedCpu {
  readonly engine: 'unicorn1';
  readonly arch: Arch;
  readonly env: Uint8Array;
  readonly gdt: Uint8Array;
  readonly ticks: bigint;
  readonly misses: MissTags;
}

/** `gdt` is where the GDT lies in the module's memory. */
export function saveCpu({ heap, env, arch }: Machine, gdt: number, misses: MissTags): SavedCpu {
  return {
    engine: 'unicorn1',
    arch,
    env: heap.bytes.slice(env, env + ENV.GUEST_END),
    gdt: heap.bytes.slice(gdt, gdt + 8 * GDT_ENTRIES),
    ticks: heap.readU64(TICKS),
    misses,
  };
}

export function loadCpu({ heap, env, arch }: Machine, gdt: number, state: CpuState): SavedCpu {
  if (!isSavedCpu(state) || state.arch !== arch)
    throw new MayexecError(`this CPU state was not saved by a unicorn1 engine for ${arch}`);
  heap.bytes.set(state.env, env);
  heap.bytes.set(state.gdt, gdt);
  heap.writeU64(TICKS, state.ticks);
  return state;
}

function isSavedCpu(state: CpuState): state is CpuState & SavedCpu {
  return state.engine === 'unicorn1' && 'env' in state && 'gdt' in state && 'misses' in state;
}

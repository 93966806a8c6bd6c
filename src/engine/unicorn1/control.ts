/** Control registers, with the hidden flags that QEMU derives from them (HF_* of target-i386/cpu.h). */
import type { Machine } from './machine.js';
import { ENV, HF } from './offsets.js';

const CR0_PE = 1n << 0n;
const CR0_MP = 1n << 1n;
const CR0_EM = 1n << 2n;
const CR0_TS = 1n << 3n;
const CR4_OSFXSR = 1n << 9n;
const CR4_SMAP = 1n << 21n;

const DERIVED = HF.PE | HF.MP | HF.EM | HF.TS | HF.OSFXSR | HF.SMAP;

/** The hidden flags that stand for CR0 and CR4. */
export function controlFlags(cr0: bigint, cr4: bigint): number {
  const when = (bit: bigint, flag: number): number => (bit === 0n ? 0 : flag);
  return (
    when(cr0 & CR0_PE, HF.PE) |
    when(cr0 & CR0_MP, HF.MP) |
    when(cr0 & CR0_EM, HF.EM) |
    when(cr0 & CR0_TS, HF.TS) |
    when(cr4 & CR4_OSFXSR, HF.OSFXSR) |
    when(cr4 & CR4_SMAP, HF.SMAP)
  );
}

/** After a write of CR0 or CR4 from outside. */
export function deriveControlFlags({ heap, env }: Machine): void {
  const flags = controlFlags(heap.readU64(env + ENV.CR0), heap.readU64(env + ENV.CR4));
  heap.writeU32(env + ENV.HFLAGS, (heap.readU32(env + ENV.HFLAGS) & ~DERIVED) | flags);
}

/** What a `mov` to CR0, CR3 or CR4 does: Intel SDM volume 3, sections 2.5 and 5.10.4.1. */
import type { Engine } from '../../../engine/engine.js';
import {
  CR0_PG,
  CR4_PAE,
  CR4_PGE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  PHYSICAL_BITS,
} from '../paging/entry.js';
import type { GuestMmu } from '../paging/mmu.js';

const CR0_PE = 1n << 0n;
const CR0_ET = 1n << 4n;
const CR0_NW = 1n << 29n;
const CR0_CD = 1n << 30n;
/** PE MP EM TS NE WP AM NW CD PG; others stay 0. */
const CR0_KNOWN = 0xe005_002fn;
/** VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT. */
const CR4_KNOWN = 0x7ffn;

/** False: #GP, and nothing has changed. */
export type WriteControl = (engine: Engine, mmu: GuestMmu, value: bigint) => boolean;

export const WRITE_CONTROL: Readonly<Record<number, WriteControl>> = {
  0: (engine, mmu, value) => {
    const caching = (value & CR0_NW) !== 0n && (value & CR0_CD) === 0n;
    // Paging cannot be left from 64-bit code.
    const paging = (value & CR0_PG) !== 0n && (value & CR0_PE) !== 0n;
    if (value >> 32n !== 0n || caching || !paging) return false;
    engine.writeRegister('cr0', (value & CR0_KNOWN) | CR0_ET);
    mmu.modeChanged();
    return true;
  },
  3: (engine, mmu, value) => {
    if (value >> BigInt(PHYSICAL_BITS) !== 0n) return false;
    engine.writeRegister('cr3', value);
    mmu.modeChanged();
    mmu.invalidateNonGlobal();
    return true;
  },
  4: (engine, mmu, value) => {
    const before = engine.readRegister('cr4');
    const changed = before ^ value;
    if ((value & ~knownBits(engine)) !== 0n || (value & CR4_PAE) === 0n) return false;
    engine.writeRegister('cr4', value);
    mmu.modeChanged();
    const smepOn = (changed & value & CR4_SMEP) !== 0n;
    if ((changed & (CR4_PGE | CR4_PSE)) !== 0n || smepOn) mmu.invalidateAll();
    return true;
  },
};

/** SMEP and SMAP can be turned off and on where the processor has them, which the profile turns on. */
function knownBits(engine: Engine): bigint {
  return CR4_KNOWN | (engine.cpu.features.leaf7Ebx & (1 << 7) ? CR4_SMEP | CR4_SMAP : 0n);
}

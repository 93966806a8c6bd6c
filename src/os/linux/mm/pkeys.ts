/** Protection keys (arch/x86/mm/pkeys.c, arch/x86/include/asm/pkeys.h): allocation, and what PKRU forbids. */
import { fail, ok, type Result } from '../../../base/result.js';
import type { Mm } from './mm.js';
import type { MappedVma } from './vmas/mapped-vma.js';
import { VM_ACCESS, VM_EXEC } from './vmas/vma.js';

const KEYS = 16;
const DISABLE_ACCESS = 1;
const DISABLE_WRITE = 2;

/** pkey_alloc: the CPU's lack of keys counts as having none left (EINVAL as measured on 6.18). */
export function pkeyAlloc(mm: Mm, flags: bigint, rights: bigint): Result<number> {
  if (flags !== 0n || rights & ~3n) return fail('EINVAL');
  if (!mm.tuning.pku) return fail('EINVAL');
  const key = freeKey(mm);
  if (key === undefined) return fail('ENOSPC');
  setRights(mm, key, Number(rights));
  return ok(key);
}

/** pkey_free: VMAs keep the number. */
export function pkeyFree(mm: Mm, key: number): Result<0> {
  if (!isAllocated(mm, key)) return fail('EINVAL');
  mm.pkeyMap &= ~(1 << key);
  return ok(0);
}

/** mm_pkey_is_allocated: the execute-only key does not belong to the program. */
export function isAllocated(mm: Mm, key: number): boolean {
  if (key < 0 || key >= (mm.tuning.pku ? KEYS : 1)) return false;
  return key !== mm.executeOnlyPkey && (mm.pkeyMap & (1 << key)) !== 0;
}

/** execute_only_pkey: the key of PROT_EXEC-only memory, made at first use; undefined where there are none. */
export function executeOnlyKey(mm: Mm): number | undefined {
  if (!mm.tuning.pku) return undefined;
  if (mm.executeOnlyPkey >= 0 && readDenied(mm, mm.executeOnlyPkey)) return mm.executeOnlyPkey;
  const key = mm.executeOnlyPkey >= 0 ? mm.executeOnlyPkey : freeKey(mm);
  if (key === undefined) return undefined;
  setRights(mm, key, DISABLE_ACCESS);
  mm.executeOnlyPkey = key;
  return key;
}

/** arch_override_mprotect_pkey: the key that [part of] a VMA has after mprotect. */
export function keyAfterProtect(
  mm: Mm,
  vma: MappedVma,
  prot: number,
  pkey: number | undefined,
): number {
  if (!mm.tuning.pku) return 0;
  if (pkey !== undefined) return pkey;
  if ((prot & VM_ACCESS) === VM_EXEC) {
    const key = executeOnlyKey(mm);
    if (key !== undefined) return key;
  } else if ((vma.flags & VM_ACCESS) === VM_EXEC && vma.pkey === mm.executeOnlyPkey) {
    return 0;
  }
  return vma.pkey;
}

export function readDenied(mm: Mm, key: number): boolean {
  return mm.tuning.pku && ((mm.pkru >>> (2 * key)) & DISABLE_ACCESS) !== 0;
}

/** Access-disable forbids writing as well. */
export function writeDenied(mm: Mm, key: number): boolean {
  const both = DISABLE_ACCESS | DISABLE_WRITE;
  return mm.tuning.pku && ((mm.pkru >>> (2 * key)) & both) !== 0;
}

function freeKey(mm: Mm): number | undefined {
  for (let key = 0; key < KEYS; key++) {
    if (mm.pkeyMap & (1 << key)) continue;
    mm.pkeyMap |= 1 << key;
    return key;
  }
  return undefined;
}

function setRights(mm: Mm, key: number, rights: number): void {
  mm.pkru = ((mm.pkru & ~(3 << (2 * key))) | (rights << (2 * key))) >>> 0;
}

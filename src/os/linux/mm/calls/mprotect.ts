/** mprotect and pkey_mprotect (mm/mprotect.c: do_mprotect_pkey, mprotect_fixup), steps P2 to P16. */

import {
  PROT_EXEC,
  PROT_GROWSDOWN,
  PROT_GROWSUP,
  PROT_READ,
  PROT_SEM,
  PROT_WRITE,
  READ_IMPLIES_EXEC,
} from '../../../../abi/linux/mman.js';
import type { Addr } from '../../../../base/address.js';
import { fail, ok, type Result } from '../../../../base/result.js';
import type { Ruling } from '../../../../base/verdict.js';
import { addHistory, whoTookMay } from '../../../../memory/history.js';
import { populate } from '../fault.js';
import { enoughMemory, mayExpand } from '../limits.js';
import type { Mm } from '../mm.js';
import { isAllocated, keyAfterProtect } from '../pkeys.js';
import { changed, type MappedVma, part } from '../vmas/mapped-vma.js';
import { modifyRange } from '../vmas/merge.js';
import {
  VM_ACCESS,
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_NORESERVE,
  VM_SHARED,
  VM_WRITE,
  type VmFlags,
} from '../vmas/vma.js';
import { alignLength } from './munmap.js';
import { together } from './request.js';

const GROWS = BigInt(PROT_GROWSDOWN | PROT_GROWSUP);
const PROT_KNOWN = PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM;

/**
 * Changes protection over [addr, addr + length), one VMA at a time, low to high. Not atomic: when a
 * later VMA is refused, earlier ones keep their new flags. `pkey` undefined: plain mprotect (-1).
 */
export function mprotect(
  mm: Mm,
  addr: Addr,
  length: bigint,
  protRegister: bigint,
  pkey?: number,
): Result<0> {
  const grows = protRegister & GROWS;
  const prot64 = protRegister & ~GROWS;
  if (grows === GROWS) return fail('EINVAL');
  if (addr & 0xfffn) return fail('EINVAL');
  if (length === 0n) return ok(0);
  const wrap = mm.wordPages;
  const start = Number(addr >> 12n);
  const end = (start + Number(alignLength(mm, length) >> 12n)) % wrap;
  if (end <= start) return fail('ENOMEM');
  const accepted = BigInt(PROT_KNOWN | (mm.policies.effects?.acceptedProt ?? 0));
  if (prot64 & ~accepted) return fail('EINVAL');
  if (pkey !== undefined && !isAllocated(mm, pkey)) return fail('EINVAL');
  const prot = Number(prot64);
  const range = { start: addr, end: BigInt(end) << 12n };
  const refused = mm.refusal(mm.policies.ask('mprotectArguments', prot, range, mm.facts));
  if (refused !== undefined) return refused;
  const first = firstPage(mm, start, end, Number(grows));
  if (!first.ok) return first;
  return protectVmas(mm, first.value.start, first.value.end, prot, pkey);
}

/** P8 and P9: where the range begins once PROT_GROWSDOWN has moved it to the start of a stack. */
function firstPage(
  mm: Mm,
  start: number,
  end: number,
  grows: number,
): Result<{ start: number; end: number }> {
  const vma = mm.list.at(mm.list.indexFrom(start));
  if (vma === undefined || vma.startPage >= end) return fail('ENOMEM');
  if (grows === PROT_GROWSDOWN) {
    return vma.flags & VM_GROWSDOWN ? ok({ start: vma.startPage, end }) : fail('EINVAL');
  }
  if (vma.startPage > start) return fail('ENOMEM');
  // No VMA grows up on x86.
  return grows === PROT_GROWSUP ? fail('EINVAL') : ok({ start, end });
}

function protectVmas(
  mm: Mm,
  start: number,
  end: number,
  prot: number,
  pkey: number | undefined,
): Result<0> {
  let next = start;
  while (next < end) {
    const vma = mm.list.find(next);
    if (vma === undefined) return fail('ENOMEM');
    const stop = Math.min(vma.endPage, end);
    const done = protectOne(mm, vma, next, stop, prot, pkey);
    if (!done.ok) return done;
    next = stop;
  }
  return ok(0);
}

/** P10 to P15 for the part [start, end) of one VMA. */
function protectOne(
  mm: Mm,
  vma: MappedVma,
  start: number,
  end: number,
  asked: number,
  pkey: number | undefined,
): Result<0> {
  const implied = asked & PROT_READ && mm.personality & READ_IMPLIES_EXEC && vma.flags & VM_MAYEXEC;
  const prot = implied ? asked | PROT_EXEC : asked;
  const key = keyAfterProtect(mm, vma, prot, pkey);
  let flags = (vma.flags & ~VM_ACCESS) | (prot & VM_ACCESS);
  const range = { start: BigInt(start) << 12n, end: BigInt(end) << 12n };
  let narrowed: Ruling | undefined;

  for (const hook of ['mprotectRights', 'mprotect'] as const) {
    const ruling = mm.policies.ask(hook, vma, { range, prot: asked, flags }, mm.facts);
    const refused = mm.refusal(ruling);
    if (refused !== undefined) return refused;
    if (ruling.kind === 'narrow') {
      flags &= ruling.flags;
      narrowed = together(narrowed, ruling);
    }
    // VM_MAYx is VM_x << 4; MDWE's answer comes before it, the security module's after.
    const missing = flags & ~(flags >> 4) & VM_ACCESS;
    if (hook === 'mprotectRights' && missing) {
      return fail('EACCES', whoTookMay(vma.history, start, missing << 4));
    }
  }
  if (vma.sealed) return fail('EPERM');
  return fixup(mm, vma, start, end, flags, key, narrowed);
}

/** mprotect_fixup. */
function fixup(
  mm: Mm,
  vma: MappedVma,
  start: number,
  end: number,
  wanted: VmFlags,
  pkey: number,
  ruling: Ruling | undefined,
): Result<0> {
  if (wanted === vma.flags && pkey === vma.pkey) return ok(0);
  const flags = accountChange(mm, vma, end - start, wanted);
  if (flags === undefined) return fail('ENOMEM');
  const before = part(vma, start, end);
  const entry = mm.historyEntry({ startPage: start, endPage: end }, vma.flags, flags, ruling);
  const change = { flags, pkey, history: addHistory(vma.history, entry) };
  const modified = modifyRange(mm.list, vma, start, end, change, mm.maxMapCount);
  if (!modified.ok) return modified;
  mm.flushPages(start, end);
  mm.emit('change', before, changed(before, change), ruling);
  // Locked private memory that becomes writable is copied at once, not at its first write.
  const lockedOnly = (vma.flags & (VM_WRITE | VM_SHARED | VM_LOCKED)) === VM_LOCKED;
  if (lockedOnly && flags & VM_WRITE) populate(mm, start, end);
  return ok(0);
}

/** A private mapping that becomes writable is accounted from then on; one that never was written stops being so. */
function accountChange(mm: Mm, vma: MappedVma, pages: number, flags: VmFlags): VmFlags | undefined {
  if (flags & VM_WRITE) {
    if (!mayExpand(mm, flags, pages) && mayExpand(mm, vma.flags, pages)) return undefined;
    const uncounted = VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE;
    if (vma.flags & uncounted) return flags;
    return enoughMemory(mm, pages) ? flags | VM_ACCOUNT : undefined;
  }
  const untouched = vma.anon === undefined && (vma.object === undefined || vma.object.readsAsZero);
  return vma.flags & VM_ACCOUNT && untouched ? flags & ~VM_ACCOUNT : flags;
}

/**
 * Splitting and merging of VMAs, as mm/vma.c does it (vma_merge_new_range, vma_merge_existing_range
 * and vma_modify of Linux 6.18). Neighbours are joined only at the moment when one of them changes,
 * and only when everything about them agrees, so a list may hold mergeable neighbours: the guest can
 * see which, in /proc/self/maps.
 */
import { HUGE_PAGE_SIZE, PAGE_SIZE } from '../../../../base/address.js';
import { fail, ok, type Result } from '../../../../base/result.js';
import { joinHistory } from '../../../../memory/history.js';
import {
  type AnonVma,
  changed,
  type MappedVma,
  pageCount,
  part,
  type VmaInit,
} from './mapped-vma.js';
import { VM_MAYBE_GUARD, VM_SPECIAL } from './vma.js';
import type { VmaList } from './vma-list.js';

const HUGE_PAGES = HUGE_PAGE_SIZE / PAGE_SIZE;

/** can_merge_remove_vma: VMAs whose vm_ops have a close hook are not swallowed by a neighbour. */
function removable(vma: MappedVma): boolean {
  return vma.object?.kind !== 'hugetlb' && vma.object?.kind !== 'sysv-shm';
}

/** vm_ops->may_split: a huge page is not cut in two. */
export function splittable(vma: MappedVma, page: number): boolean {
  return vma.object?.kind !== 'hugetlb' || page % HUGE_PAGES === 0;
}

/** is_mergeable_vma with the offsets: `low` ends where `high` starts and all else agrees. */
function joinable(low: MappedVma, high: MappedVma): boolean {
  return (
    low.endPage === high.startPage &&
    ((low.flags ^ high.flags) & ~VM_MAYBE_GUARD) === 0 &&
    low.object === high.object &&
    low.description === high.description &&
    low.name === high.name &&
    low.pkey === high.pkey &&
    low.sealed === high.sealed &&
    low.pageOffset + pageCount(low) === high.pageOffset
  );
}

/** is_mergeable_anon_vma: may `source` become part of `target`? */
function anonJoinable(source: AnonVma | undefined, target: AnonVma | undefined): boolean {
  if (source === target) return true;
  if (source !== undefined && target !== undefined) return false;
  return !(source ?? target)!.forked;
}

function canJoin(low: MappedVma, high: MappedVma): boolean {
  return joinable(low, high) && anonJoinable(low.anon, high.anon);
}

/** Both neighbours agree with the middle; they must also agree with each other (can_vma_merge_right). */
function sidesAgree(left: MappedVma, right: MappedVma): boolean {
  return left.anon === undefined || right.anon === undefined || left.anon === right.anon;
}

function join(low: MappedVma, high: MappedVma): MappedVma {
  return changed(low, {
    endPage: high.endPage,
    flags: low.flags | high.flags,
    anon: low.anon ?? high.anon,
    history: joinHistory(low.history, high.history, low.endPage),
  });
}

/**
 * Whose pages a new VMA is for: the heap's join the lower neighbour only (do_brk_flags); those by which
 * mremap grows a VMA in place have its anon_vma, of which vma_merge_extend does not ask whether it came
 * through fork.
 */
export type Occasion = 'mapping' | 'heap' | 'growth';

function canJoinRight(vma: MappedVma, right: MappedVma, occasion: Occasion): boolean {
  const taken = occasion === 'growth' && right.anon === undefined;
  return joinable(vma, right) && (taken || anonJoinable(vma.anon, right.anon));
}

/**
 * Adds a VMA where nothing is mapped, joined with its neighbours where that is possible. Returns the VMA
 * that holds it.
 */
export function insertMerged(
  list: VmaList,
  vma: MappedVma,
  occasion: Occasion = 'mapping',
): MappedVma {
  const index = list.indexFrom(vma.startPage);
  const left = list.at(index - 1);
  const right = occasion === 'heap' ? undefined : list.at(index);
  const special = (vma.flags & VM_SPECIAL) !== 0;
  const joinLeft = !special && left !== undefined && canJoin(left, vma);
  const joinRight =
    !special &&
    right !== undefined &&
    canJoinRight(vma, right, occasion) &&
    (!joinLeft || (sidesAgree(left, right) && removable(right)));
  let result = joinLeft ? join(left, vma) : vma;
  if (joinRight) result = join(result, right);
  list.splice(index - (joinLeft ? 1 : 0), (joinLeft ? 1 : 0) + (joinRight ? 1 : 0), [result]);
  return result;
}

/**
 * vma_modify: changes [start, end) of one VMA, merging with neighbours that agree afterwards, else
 * splitting. As in the kernel a split that was made stays made when the second one fails.
 */
export function modifyRange(
  list: VmaList,
  vma: MappedVma,
  start: number,
  end: number,
  change: Partial<VmaInit>,
  maxMapCount: number,
): Result<MappedVma> {
  const wanted = changed(part(vma, start, end), change);
  const merged = mergeExisting(list, vma, wanted);
  if (merged !== undefined) return ok(merged);
  let rest = vma;
  if (rest.startPage < start) {
    const split = splitAt(list, rest, start, maxMapCount);
    if (!split.ok) return split;
    rest = split.value;
  }
  if (rest.endPage > end) {
    const split = splitAt(list, rest, end, maxMapCount);
    if (!split.ok) return split;
    rest = list.at(list.indexFrom(start))!;
  }
  list.replace(rest, wanted);
  return ok(wanted);
}

/** vma_merge_existing_range: undefined when no neighbour agrees. */
function mergeExisting(list: VmaList, vma: MappedVma, wanted: MappedVma): MappedVma | undefined {
  const atLeft = wanted.startPage === vma.startPage;
  const atRight = wanted.endPage === vma.endPage;
  if (wanted.flags & VM_SPECIAL || (!atLeft && !atRight)) return undefined;
  const index = list.indexFrom(vma.startPage);
  const left = atLeft ? list.at(index - 1) : undefined;
  const right = atRight ? list.at(index + 1) : undefined;
  const joinLeft = left !== undefined && canJoin(left, wanted);
  let joinRight =
    right !== undefined && canJoin(wanted, right) && (!joinLeft || sidesAgree(left, right));
  if (!joinLeft && !joinRight) return undefined;
  if (atLeft && atRight && !removable(vma)) return undefined;
  if (joinLeft && joinRight && !removable(right!)) joinRight = false;
  let result = joinLeft ? join(left, wanted) : wanted;
  if (joinRight) result = join(result, right!);
  const vmas = [result];
  if (!atLeft) vmas.unshift(part(vma, vma.startPage, wanted.startPage));
  if (!atRight) vmas.push(part(vma, wanted.endPage, vma.endPage));
  list.splice(index - (joinLeft ? 1 : 0), 1 + (joinLeft ? 1 : 0) + (joinRight ? 1 : 0), vmas);
  return result;
}

/** split_vma: two VMAs instead of one; returns the upper. */
export function splitAt(
  list: VmaList,
  vma: MappedVma,
  page: number,
  maxMapCount: number,
): Result<MappedVma> {
  if (list.length >= maxMapCount) return fail('ENOMEM');
  if (!splittable(vma, page)) return fail('EINVAL');
  const upper = part(vma, page, vma.endPage);
  list.replace(vma, part(vma, vma.startPage, page), upper);
  return ok(upper);
}

/**
 * The hooks that the memory manager calls. PolicyStack (src/policy) satisfies this interface; mm
 * itself knows no policy. Where each hook sits among the checks is part of the guest-visible order.
 */
import type { Addr, AddrRange } from '../../../base/address.js';
import type { Access } from '../../../base/outcome.js';
import type { ExecutablePlacement } from '../../../policy/effects.js';
import type {
  MapRequest,
  MmFacts,
  ProtectRequest,
  RemapRequest,
  Verdict,
} from '../../../policy/policy.js';
import type { Vma } from './vma.js';

/** What policies need of the memory manager beyond verdicts; PolicyEffects has these fields. */
export interface MmEffects {
  /** PROT_* bits beyond R, W, X and PROT_SEM that mprotect accepts (restricted-wx: PROT_FINAL). */
  readonly acceptedProt?: number;
  /** mmap hints without MAP_FIXED that are ignored (PaX RANDMMAP). */
  readonly ignoreHints?: 'all' | 'files';
  /** Fetches are judged by a limit at the end of the highest executable VMA, not by pages (exec-shield). */
  readonly fetchLimit?: 'highest-exec';
  /** Chooses the address of an executable mapping that names none (ASCII armor). */
  readonly placeExecutable?: ExecutablePlacement;
  /** MAP_JIT memory is writable or executable, by a switch of the thread (hardened-runtime). */
  readonly mapJit?: boolean;
  /** mremap knows MAP_REMAPDUP (netbsd-mprotect). */
  readonly remapDuplicate?: boolean;
}

export interface MmPolicies {
  readonly effects?: MmEffects;
  mmapFile(request: MapRequest, facts: MmFacts): Verdict;
  mmapFlags(request: MapRequest, facts: MmFacts): Verdict;
  mmapRegion(request: MapRequest, facts: MmFacts): Verdict;
  mmapRegionPost(request: MapRequest, facts: MmFacts): Verdict;
  mprotectArguments(prot: number, range: AddrRange, facts: MmFacts): Verdict;
  mprotectRights(vma: Vma, request: ProtectRequest, facts: MmFacts): Verdict;
  mprotect(vma: Vma, request: ProtectRequest, facts: MmFacts): Verdict;
  mremap(vma: Vma, request: RemapRequest, facts: MmFacts): Verdict;
  implicit(request: MapRequest, facts: MmFacts): Verdict;
  fault(vma: Vma | undefined, address: Addr, access: Access, facts: MmFacts): Verdict;
}

const allowing = (): Verdict => ({ kind: 'allow' });

/** No policy at all. */
export const noPolicies: MmPolicies = {
  mmapFile: allowing,
  mmapFlags: allowing,
  mmapRegion: allowing,
  mmapRegionPost: allowing,
  mprotectArguments: allowing,
  mprotectRights: allowing,
  mprotect: allowing,
  mremap: allowing,
  implicit: allowing,
  fault: allowing,
};

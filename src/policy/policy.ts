/**
 * Policies: pure functions from a request and the state of a VMA to a verdict, at the places where
 * the kernel has its hooks (the step names M.. and P.. are those of the mmap and mprotect pipelines
 * in src/mm). A policy reads only its arguments and can only take away.
 */
import type { Addr, AddrRange } from '../abi/address.js';
import type { Errno } from '../abi/errno.js';
import type { Access } from '../abi/outcome.js';
import type { MemoryObject } from '../mm/object.js';
import type { Vma, VmFlags } from '../mm/vma.js';

/** `rule` is `policy/reason` in kebab case and public API; `reason` is one sentence for people. */
export type Verdict =
  | { readonly kind: 'allow' }
  | {
      readonly kind: 'narrow';
      readonly flags: VmFlags;
      readonly rule: string;
      readonly reason: string;
    }
  | { readonly kind: 'deny'; readonly errno: Errno; readonly rule: string; readonly reason: string }
  /** The task is killed (PaX, OpenBSD wxabort). */
  | {
      readonly kind: 'kill';
      readonly signal: string;
      readonly rule: string;
      readonly reason: string;
    };

export const allow: Verdict = { kind: 'allow' };

export function deny(errno: Errno, rule: string, reason: string): Verdict {
  return { kind: 'deny', errno, rule, reason };
}

/** Lets the call go on with `flags` instead of those asked for. Only bits may be missing, never added. */
export function narrow(flags: VmFlags, rule: string, reason: string): Verdict {
  return { kind: 'narrow', flags, rule, reason };
}

/** State of the process that a policy may read. */
export interface MmFacts {
  readonly arch: 'i386' | 'x86-64';
  readonly nx: boolean;
  readonly personality: number;
  readonly startBrk: Addr;
  readonly brk: Addr;
  readonly startStack: Addr;
  readonly stackPointer: Addr;
  /** Set by prctl, or from the start when the policy's spec names it. */
  readonly restrictedWx: boolean;
  readonly mdwe: number;
}

/** A new mapping; brk, mremap, shmat and the loaders arrive as one too. */
export interface MapRequest {
  readonly range: AddrRange;
  /** The caller's own PROT_*, before READ_IMPLIES_EXEC. */
  readonly prot: number;
  /** MAP_* as given. */
  readonly mapFlags: number;
  /** VM_* that the mapping would have, may bits included. */
  readonly flags: VmFlags;
  readonly object: MemoryObject | undefined;
  readonly origin: 'mmap' | 'brk' | 'stack' | 'shmat' | 'exec';
}

export interface ProtectRequest {
  /** The part of the VMA that changes. */
  readonly range: AddrRange;
  readonly prot: number;
  /** VM_* that the VMA would have. */
  readonly flags: VmFlags;
}

export interface Policy {
  readonly name: string;
  /** The whole call, before any check (seccomp). */
  syscall?(name: string, args: readonly bigint[], facts: MmFacts): Verdict;
  /** security_mmap_file, before address and length are looked at (M5). */
  mmapFile?(request: MapRequest, facts: MmFacts): Verdict;
  /** When the VM_* flags are known (M15b: PaX). */
  mmapFlags?(request: MapRequest, facts: MmFacts): Verdict;
  /** Just before the overlapped range is unmapped (M24: MDWE since 6.12, restricted-wx). */
  mmapRegion?(request: MapRequest, facts: MmFacts): Verdict;
  /** mprotect's own arguments, before any VMA is looked up (after P7). */
  mprotectArguments?(prot: number, range: AddrRange, facts: MmFacts): Verdict;
  /** Per VMA, before the may bits (P12: MDWE). */
  mprotectRights?(vma: Vma, request: ProtectRequest, facts: MmFacts): Verdict;
  /** Per VMA, after the may bits (P14: security_file_mprotect). */
  mprotect?(vma: Vma, request: ProtectRequest, facts: MmFacts): Verdict;
  /** Pages that appear without mmap: brk and the stack at exec. Narrowing only. */
  implicit?(request: MapRequest, facts: MmFacts): Verdict;
  /** Names the rule behind a fault, or kills instead of a signal. It cannot permit. */
  fault?(vma: Vma | undefined, address: Addr, access: Access, facts: MmFacts): Verdict;
}

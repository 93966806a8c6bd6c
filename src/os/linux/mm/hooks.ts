/**
 * The hooks of the memory manager: where it asks the policies, and what it shows them (the step names
 * M.. and P.. are those of the pipelines in mmap.ts and mprotect.ts). PolicyStack (src/policy) satisfies
 * MmPolicies; mm itself knows no policy. Where each hook sits among the checks is part of the
 * guest-visible order.
 */
import type { Addr, AddrRange, Arch } from '../../../base/address.js';
import { type HookArguments, hook, narrowingHook } from '../../../base/hook.js';
import type { Access } from '../../../base/outcome.js';
import { allow, type Ruling } from '../../../base/verdict.js';
import type { MemoryObject } from '../../../memory/object.js';
import type { Vma, VmFlags } from './vmas/vma.js';

/** Who makes the call: only log lines depend on it. */
export interface TaskFacts {
  readonly pid: number;
  readonly comm: string;
  /** Path of the program. */
  readonly exe: string;
  readonly uid: number;
  readonly euid: number;
  readonly gid: number;
  readonly egid: number;
  readonly parent: { readonly pid: number; readonly comm: string; readonly exe: string };
  readonly now: { readonly seconds: number; readonly milliseconds: number };
  /** Serial number of the next audit record. */
  readonly auditSerial: number;
}

/** State of the process that a policy may read. */
export interface MmFacts {
  readonly arch: Arch;
  readonly nx: boolean;
  readonly personality: number;
  readonly startBrk: Addr;
  readonly brk: Addr;
  readonly startStack: Addr;
  readonly stackPointer: Addr;
  /** Set by prctl, or from the start when the policy's spec names it. */
  readonly restrictedWx: boolean;
  readonly mdwe: number;
  /** Absent where nobody told it. */
  readonly task?: TaskFacts | undefined;
}

/** A new mapping; brk, shmat and the loaders arrive as one too. */
export interface MapRequest {
  /** At mmapFile: `length` as given and no address chosen yet. */
  readonly range: AddrRange;
  /** The caller's own PROT_*, before READ_IMPLIES_EXEC. */
  readonly prot: number;
  /** MAP_* as given. */
  readonly mapFlags: number;
  /**
   * VM_* that the mapping would have, may bits included. At mmapFile only the VM_READ, VM_WRITE and
   * VM_EXEC bits are known: `prot` with what READ_IMPLIES_EXEC adds.
   */
  readonly flags: VmFlags;
  /** The file given. Undefined for anonymous memory, at mmapFile for shared anonymous memory too. */
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

export interface RemapRequest {
  readonly oldRange: AddrRange;
  readonly newLength: bigint;
  /** MREMAP_* as given. */
  readonly flags: number;
  /** With MREMAP_FIXED. */
  readonly newAddress: Addr | undefined;
}

/** What surrounds a fault; policies that kill print it. */
export interface FaultContext {
  readonly pc: Addr;
  readonly stackPointer: Addr;
  /** One byte of guest memory as a debugger reads it, undefined where nothing is mapped. */
  byteAt(address: Addr): number | undefined;
}

export const MM_HOOKS = {
  /** security_mmap_file, before address and length are looked at (M5). */
  mmapFile: hook<[request: MapRequest, facts: MmFacts]>(),
  /** When the VM_* flags are known (M15b: PaX). */
  mmapFlags: narrowingHook<[request: MapRequest, facts: MmFacts]>(0),
  /** Just before the overlapped range is unmapped (M24: MDWE since 6.12, restricted-wx). */
  mmapRegion: narrowingHook<[request: MapRequest, facts: MmFacts]>(0),
  /** After the overlapped range was unmapped (M26: MDWE 6.3 to 6.11): a refusal leaves a hole. */
  mmapRegionPost: narrowingHook<[request: MapRequest, facts: MmFacts]>(0),
  /** mprotect's own arguments, before any VMA is looked up (after P7). */
  mprotectArguments: hook<[prot: number, range: AddrRange, facts: MmFacts]>(),
  /** Per VMA, before the may bits (P12: MDWE). */
  mprotectRights: narrowingHook<[vma: Vma, request: ProtectRequest, facts: MmFacts]>(1),
  /** Per VMA, after the may bits (P14: security_file_mprotect). */
  mprotect: narrowingHook<[vma: Vma, request: ProtectRequest, facts: MmFacts]>(1),
  /** The VMA at the old address was found and the arguments are valid. No released Linux has a hook here. */
  mremap: hook<[vma: Vma, request: RemapRequest, facts: MmFacts]>(),
  /** Pages that appear without mmap: brk and the stack at exec. Narrowing only. */
  implicit: narrowingHook<[request: MapRequest, facts: MmFacts]>(0),
  /**
   * The MMU refused an access. Never 'narrow'; 'allow' with a rule or 'deny' names the rule behind the
   * fault, 'kill' replaces its signal. It cannot permit.
   */
  fault:
    hook<
      [vma: Vma | undefined, address: Addr, access: Access, facts: MmFacts, context?: FaultContext]
    >(),
};

export type MmHookArguments = HookArguments<typeof MM_HOOKS>;

export interface PlacementFacts {
  readonly length: bigint;
  readonly startBrk: Addr;
  readonly brk: Addr;
  /** Mappings in the way, ascending. */
  readonly occupied: readonly AddrRange[];
  /** A number from 0 to n - 1; undefined: nothing is randomised. */
  readonly random: ((n: number) => number) | undefined;
}

export type ExecutablePlacement = (facts: PlacementFacts) => Addr | undefined;

/** What a fetch is judged by. */
export type FetchedVma = Pick<Vma, 'flags' | 'object'>;

/** What a policy needs of the memory manager and cannot do with verdicts. Absent: as Linux has it. */
export interface MmEffects {
  /** PROT_* bits beyond R, W, X and PROT_SEM that mprotect accepts (else EINVAL at P6). Or-ed together. */
  readonly acceptedProt?: number;
  /** mmap hints without MAP_FIXED: 'all' are ignored, or only those for 'files' (PaX RANDMMAP). */
  readonly ignoreHints?: 'all' | 'files';
  /**
   * A fetch is judged by a segment limit: it is refused (as #GP: SIGSEGV, SI_KERNEL, si_addr 0) at or above
   * `execLimit(vmas)` of exec-shield.ts and allowed below, whatever the VMA says. Ignored when `nx` is true.
   */
  readonly fetchLimit?: 'highest-exec';
  /** Chooses the address of a mapping with PROT_EXEC, neither MAP_FIXED nor hint; undefined: as usual. */
  readonly placeExecutable?: ExecutablePlacement;
  /** Memory mapped with MAP_JIT (0x800) is known as such; 'by-thread': either writable or executable, by a switch of each. */
  readonly mapJit?: 'by-thread' | 'for-all';
  /** Asked where the rights allow a fetch: false refuses it all the same. Of several all must agree. */
  readonly mayFetch?: (vma: FetchedVma) => boolean;
  /** Memory that may be executed and not read cannot be read (protection keys); else executing implies reading. */
  readonly executeOnly?: boolean;
  /** mremap with flag 4 (MAP_REMAPDUP) duplicates a mapping of any kind, may bits included (NetBSD). */
  readonly remapDuplicate?: boolean;
}

export interface MmPolicies {
  readonly effects?: MmEffects;
  ask<K extends keyof MmHookArguments>(hook: K, ...args: MmHookArguments[K]): Ruling;
}

/** No policy at all. */
export const noPolicies: MmPolicies = { ask: () => allow };

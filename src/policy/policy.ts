/**
 * Policies: pure functions from a request and the state of a VMA to a verdict, at the places where
 * the kernel has its hooks (the step names M.. and P.. are those of the mmap and mprotect pipelines
 * in src/os/linux/mm). A policy reads only its arguments and can only take away.
 */

import type { Errno } from '../abi/linux/errno.js';
import type { Addr, AddrRange, Arch } from '../base/address.js';
import type { Access } from '../base/outcome.js';
import type { MemoryObject } from '../memory/object.js';
import type { Vma, VmFlags } from '../os/linux/mm/vma.js';
import type { PolicyEffects } from './effects.js';

/**
 * `rule` is `policy/reason` in kebab case and public API; `reason` is one sentence for people; `log`
 * are the lines that the real kernel would print for this decision.
 */
export type Verdict =
  /** With a rule: allowed, but worth a note (a permissive mode). */
  | {
      readonly kind: 'allow';
      readonly rule?: string;
      readonly reason?: string;
      readonly log?: readonly string[];
    }
  | {
      readonly kind: 'narrow';
      readonly flags: VmFlags;
      readonly rule: string;
      readonly reason: string;
      readonly log?: readonly string[];
    }
  | {
      readonly kind: 'deny';
      readonly errno: Errno;
      /** NTSTATUS, where a Windows guest is refused. */
      readonly status?: number;
      readonly rule: string;
      readonly reason: string;
      readonly log?: readonly string[];
    }
  /** The task is killed (PaX, OpenBSD wxabort). No handler runs. */
  | {
      readonly kind: 'kill';
      readonly signal: string;
      readonly rule: string;
      readonly reason: string;
      readonly log?: readonly string[];
    };

export const allow: Verdict = { kind: 'allow' };

export function deny(errno: Errno, rule: string, reason: string, log?: readonly string[]): Verdict {
  return { kind: 'deny', errno, rule, reason, ...logged(log) };
}

/** Lets the call go on with `flags` instead of those asked for. Only bits may be missing, never added. */
export function narrow(
  flags: VmFlags,
  rule: string,
  reason: string,
  log?: readonly string[],
): Verdict {
  return { kind: 'narrow', flags, rule, reason, ...logged(log) };
}

export function kill(
  signal: string,
  rule: string,
  reason: string,
  log?: readonly string[],
): Verdict {
  return { kind: 'kill', signal, rule, reason, ...logged(log) };
}

/** Lets it pass, but leaves a note in the trace and the log: what a permissive mode does. */
export function allowNoted(rule: string, reason: string, log?: readonly string[]): Verdict {
  return { kind: 'allow', rule, reason, ...logged(log) };
}

function logged(log: readonly string[] | undefined): { readonly log?: readonly string[] } {
  return log === undefined || log.length === 0 ? {} : { log };
}

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
  /** Filled in by PolicyStack; absent where nobody told it. */
  readonly task?: TaskFacts;
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

/** What a program's file says, for policies that read marks. */
export interface ImageFacts {
  readonly path: string;
  readonly arch: Arch;
  readonly type: 'ET_EXEC' | 'ET_DYN';
  /** e_ident, 16 bytes. */
  readonly ident: Uint8Array;
  readonly programHeaders: readonly {
    readonly type: number;
    readonly flags: number;
  }[];
  /** DllCharacteristics of a PE image. */
  readonly dllCharacteristics?: number;
  /** Extended attributes of the file. */
  readonly xattrs?: ReadonlyMap<string, string>;
  /** ELF notes: owner, type, descriptor. */
  readonly notes?: readonly {
    readonly owner: string;
    readonly type: number;
    readonly bytes: Uint8Array;
  }[];
  /** Options of the mount that holds the file, for instance 'wxallowed'. */
  readonly mountOptions?: ReadonlySet<string>;
}

/** What surrounds a fault; policies that kill print it. */
export interface FaultContext {
  readonly pc: Addr;
  readonly stackPointer: Addr;
  /** One byte of guest memory as a debugger reads it, undefined where nothing is mapped. */
  byteAt(address: Addr): number | undefined;
}

export interface Policy {
  readonly name: string;
  /** Canonical spec text, for instance 'pax:mprotect=off'; the name when absent. */
  readonly spec?: string;
  /** What the machine, the memory manager and the loader must do differently. */
  readonly effects?: PolicyEffects;
  /** The policy as the marks in a program's file shape it; called at exec. Absent: the file has no say. */
  forProgram?(image: ImageFacts): Policy;
  /** execve, when the program's headers are known and nothing is mapped yet. */
  exec?(image: ImageFacts, facts: MmFacts): Verdict;
  /** The whole call, before any check (seccomp). */
  syscall?(name: string, args: readonly bigint[], facts: MmFacts): Verdict;
  /** security_mmap_file, before address and length are looked at (M5). */
  mmapFile?(request: MapRequest, facts: MmFacts): Verdict;
  /** When the VM_* flags are known (M15b: PaX). */
  mmapFlags?(request: MapRequest, facts: MmFacts): Verdict;
  /** Just before the overlapped range is unmapped (M24: MDWE since 6.12, restricted-wx). */
  mmapRegion?(request: MapRequest, facts: MmFacts): Verdict;
  /** After the overlapped range was unmapped (M26: MDWE 6.3 to 6.11): a refusal leaves a hole. */
  mmapRegionPost?(request: MapRequest, facts: MmFacts): Verdict;
  /** mprotect's own arguments, before any VMA is looked up (after P7). */
  mprotectArguments?(prot: number, range: AddrRange, facts: MmFacts): Verdict;
  /** Per VMA, before the may bits (P12: MDWE). */
  mprotectRights?(vma: Vma, request: ProtectRequest, facts: MmFacts): Verdict;
  /** Per VMA, after the may bits (P14: security_file_mprotect). */
  mprotect?(vma: Vma, request: ProtectRequest, facts: MmFacts): Verdict;
  /** The VMA at the old address was found and the arguments are valid. No released Linux has a hook here. */
  mremap?(vma: Vma, request: RemapRequest, facts: MmFacts): Verdict;
  /** Pages that appear without mmap: brk and the stack at exec. Narrowing only. */
  implicit?(request: MapRequest, facts: MmFacts): Verdict;
  /** Names the rule behind a fault, or kills instead of a signal. It cannot permit. */
  fault?(
    vma: Vma | undefined,
    address: Addr,
    access: Access,
    facts: MmFacts,
    context?: FaultContext,
  ): Verdict;
}

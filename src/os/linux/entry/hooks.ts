/** The hooks at the entry of a system call, before anything of it is looked at. */
import type { Addr } from '../../../base/address.js';
import { type HookArguments, hook } from '../../../base/hook.js';
import type { MmFacts } from '../mm/hooks.js';
import type { Vma } from '../mm/vmas/vma.js';

export const ENTRY_HOOKS = {
  /** The guest's stack pointer at a call, and what is mapped there; 'kill' sends the signal, which can be handled. */
  entryStack: hook<[vma: Vma | undefined, stackPointer: Addr, facts: MmFacts]>(),
  /** The whole call, before any check (seccomp). */
  syscall: hook<[name: string, args: readonly bigint[], facts: MmFacts]>(),
};

export type EntryHookArguments = HookArguments<typeof ENTRY_HOOKS>;

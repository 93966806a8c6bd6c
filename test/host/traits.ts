/** What tests that judge by this host rely on, and where this host does otherwise. */
import type { Arch } from '../../src/base/address.js';

export type Trait =
  /** The kernel runs programs of the architecture. */
  | Arch
  /** A read of fresh memory shows the shared page of zeros; some kernels allocate a page at once. */
  | 'zero-page'
  | 'mdwe'
  | 'mseal'
  /** Calls that ask for protection keys fail, as on the sandbox's CPU by default. */
  | 'no-protection-keys'
  | 'four-level-paging'
  /** vm.overcommit_memory is 0, Linux' default. */
  | 'overcommit-guess'
  /** Containers have one as a rule: /proc/self/status tells, and it may refuse calls. */
  | 'no-seccomp-filter'
  /** Where vendors differ, the sandbox's CPU is the one that its CPUID names. */
  | 'amd-cpu';

export const TRAITS: readonly Trait[] = [
  'x86-64',
  'i386',
  'zero-page',
  'mdwe',
  'mseal',
  'no-protection-keys',
  'four-level-paging',
  'overcommit-guess',
  'no-seccomp-filter',
  'amd-cpu',
];

export interface Host {
  /** The kernel's release, such as '6.18.44'. */
  readonly kernel: string;
  /** A sentence for each trait that this host does not have. */
  readonly missing: Readonly<Partial<Record<Trait, string>>>;
}

declare module 'vitest' {
  interface ProvidedContext {
    host: Host;
  }
}

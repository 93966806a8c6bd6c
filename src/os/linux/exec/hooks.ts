/** The hook of execve, and what a program's file says to the policies that are asked there. */
import type { Arch } from '../../../base/address.js';
import { type HookArguments, hook } from '../../../base/hook.js';
import type { MmFacts } from '../mm/hooks.js';

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

export const EXEC_HOOKS = {
  /** execve, when the program's headers are known and nothing is mapped yet. */
  exec: hook<[image: ImageFacts, facts: MmFacts]>(),
};

export type ExecHookArguments = HookArguments<typeof EXEC_HOOKS>;

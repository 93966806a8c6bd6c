/** A process as /proc tells of it. */
import type { AddressSpace } from '../mm/address-space.js';
import type { Directory } from './inode.js';
import type { DescriptorTable } from './open-file.js';

/** What /proc tells of a process. */
export interface ProcessView {
  readonly pid: number;
  /** Of the thread. */
  readonly tid: number;
  readonly parentPid: number;
  readonly comm: string;
  readonly umask: number;
  readonly mm: AddressSpace;
  readonly files: DescriptorTable;
  readonly cwd: Directory;
  /** Threads of the process, in the order of their numbers. */
  readonly threads: readonly ProcessView[];
  readonly program: {
    readonly path: string;
    readonly argv: readonly string[];
    readonly envp: readonly string[];
  };
  readonly signals: {
    readonly blocked: bigint;
    /** Pending for the thread, and for its process. */
    readonly ownMask: bigint;
    readonly sharedMask: bigint;
    readonly actions: { readonly ignoredMask: bigint; readonly caughtMask: bigint };
  };
}

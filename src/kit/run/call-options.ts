/** What a call takes besides code and arguments. */

import type { AbiName } from '../abi/convention.js';
import type { BufferInit } from '../bed/buffers.js';
import type { Placement } from '../bed/placement.js';
import type { SignatureOptions } from './arguments.js';

export interface CallOptions extends SignatureOptions {
  /** sysv, win64 (x86-64); cdecl, stdcall, fastcall (i386). Default: sysv or cdecl. */
  readonly abi?: AbiName | undefined;
  /** Label to call; default the code's entry. */
  readonly entry?: string | undefined;
  /** How the code gets into its pages; default 'image', which every policy allows. */
  readonly placement?: Placement | undefined;
  /** Memory with a name, for pointers (`pointerTo`). */
  readonly buffers?: Readonly<Record<string, BufferInit>> | undefined;
  /** Registers to set besides the arguments'. */
  readonly registers?: Readonly<Record<string, number | bigint>> | undefined;
  /** Flags at entry that are not clear: { CF: true }. */
  readonly flags?: Readonly<Record<string, boolean>> | undefined;
  readonly limits?: {
    /** Translated blocks at most; default 1,000,000. */
    readonly blocks?: number | undefined;
  };
}

/** Names of the options. */
export const CALL_OPTIONS: readonly string[] = [
  ...['abi', 'entry', 'placement', 'buffers', 'registers', 'flags', 'limits'],
  ...['signature', 'returns'],
];

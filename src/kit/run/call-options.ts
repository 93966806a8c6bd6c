/** What a call takes besides code and arguments. */

import { checkRecord } from '../../base/arguments.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import { integer } from '../../sandbox/options.js';
import type { AbiName } from '../abi/convention.js';
import type { BufferInit } from '../bed/buffers.js';
import type { Placement } from '../bed/placing.js';
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
  readonly limits?:
    | {
        /** Translated blocks at most; default 1,000,000. */
        readonly blocks?: number | undefined;
      }
    | undefined;
}

export const CALL_OPTIONS: OptionNames<CallOptions> = {
  signature: true,
  returns: true,
  abi: true,
  entry: true,
  placement: true,
  buffers: true,
  registers: true,
  flags: true,
  limits: true,
};
const LIMITS: OptionNames<NonNullable<CallOptions['limits']>> = { blocks: true };

/** @throws MayexecError for an option that there is not. */
export function checkCallOptions(options: CallOptions): void {
  checkOptionNames('call', options, CALL_OPTIONS);
  checkOptionNames('limits of call', options.limits, LIMITS);
  const { buffers, registers, flags, limits } = options;
  if (limits?.blocks !== undefined) integer('limits.blocks', limits.blocks, 1, 2 ** 52);
  if (buffers !== undefined) checkRecord('buffers', buffers, 'an object of names and contents');
  if (registers !== undefined) checkRecord('registers', registers, 'an object of names and values');
  if (flags !== undefined) checkRecord('flags', flags, 'an object of names and booleans');
}

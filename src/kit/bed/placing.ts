/** Placement: how code gets into executable pages, in whichever world; and what refuses it. */
import type { Addr } from '../../base/address.js';
import type { Errno } from '../../base/errno.js';
import type { Sandbox } from '../../sandbox/sandbox.js';

export const PLACEMENTS = ['image', 'rwx', 'flip', 'dual'] as const;
/**
 * image: a private mapping of a file, as a loader makes it. rwx: one mapping with all rights. flip: written
 * as rw-, then mprotect to r-x. dual: a memfd with a writable view and, where the code runs, an executable one.
 * Of Windows: a DLL that is loaded; VirtualAlloc; VirtualAlloc and VirtualProtect; a section with two views.
 */
export type Placement = (typeof PLACEMENTS)[number];

/** The call of the placement that the policy refused. */
export interface RefusedPlacement {
  readonly call: string;
  /** Of Linux. */
  readonly errno?: Errno;
  /** Of Windows and Wine: the Win32 error by name. */
  readonly error?: string;
}

export interface PlaceTools {
  readonly sandbox: Sandbox;
  /** Of a NUL-terminated text in the guest's memory: the name of the file that holds the code. */
  readonly path: Addr;
}

/** Writable views of 'dual' lie this far above the executable ones. */
export const DUAL_DISTANCE = 0x4000_0000n;

export class RefusedCall extends Error {
  readonly refused: RefusedPlacement;

  constructor(refused: RefusedPlacement) {
    super(refused.call);
    this.refused = refused;
  }
}

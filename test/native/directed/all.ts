/**
 * Sequences written by hand, one for each rule of the reference that a plain kernel can be asked about.
 * They say what is done, not what comes of it: that is the kernel's to say.
 */
import type { Arch } from '../../../src/base/address.js';
import type { Op } from '../operation.js';
import { baseline, moving } from './mappings.js';
import { heapAndStack, limits, oddArguments } from './regions.js';
import { mdwe, readImpliesExec } from './rights.js';
import { memfds, sealing } from './seals.js';
import { forking, sharing } from './sharing.js';
import { Maker, smaps } from './words.js';

export interface Directed {
  readonly name: string;
  readonly ops: readonly Op[];
}

export function directed(arch: Arch): Directed[] {
  const maker = new Maker(arch);
  const groups = [
    limits(arch),
    baseline,
    moving,
    readImpliesExec,
    mdwe,
    sealing,
    memfds,
    sharing,
    forking,
    heapAndStack,
    oddArguments,
  ];
  return groups.flatMap((group) =>
    Object.entries(group(maker)).map(([name, ops]) => ({ name, ops: [...ops, smaps] })),
  );
}

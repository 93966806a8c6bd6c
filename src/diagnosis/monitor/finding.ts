/** What a monitor found: one of the classic mistakes of programs that make code, with the instruction that made it. */

import type { Addr } from '../../base/address.js';
import type { Errno } from '../../base/errno.js';
import { aBigint, checkShape, objectOf, optional } from '../../base/shape.js';

/**
 * - writable-and-executable: a page has both rights at once, as its mapping says (not the hardware: without
 *   NX every page can be executed)
 * - executed-after-write: a page was executed after a store, through whatever alias, without a change of
 *   rights in between
 * - unchecked-result: a call failed, and its result was used all the same
 * - alias-left-behind: memory that is executable in one mapping can still be written through another
 */
export const FINDING_KINDS = [
  'writable-and-executable',
  'executed-after-write',
  'unchecked-result',
  'alias-left-behind',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/** The call or store that a finding goes back to. */
export interface Beginning {
  /** A system call's name, `store`, or `exec` for what the loader made. */
  readonly by: string;
  /** The instruction; undefined for the loader. */
  readonly pc: Addr | undefined;
  readonly errno?: Errno;
  /** Of a function of Windows: its error or status by name. */
  readonly error?: string;
}

export interface Finding {
  readonly kind: FindingKind;
  readonly pid: number;
  /** The pages, page-aligned and half-open. */
  readonly start: Addr;
  readonly end: Addr;
  /** The instruction that made it: of a page that was executed its first one. Undefined for the loader. */
  readonly pc: Addr | undefined;
  readonly begun: Beginning;
  /** One sentence, in which addresses are hexadecimal numbers. */
  readonly sentence: string;
  /** How often the same instruction made it; pages are those of the first time. */
  readonly count: number;
}

export type NewFinding = Omit<Finding, 'count'>;

/**
 * The instruction that made a call, of the program counter in the call's event, which is behind it:
 * `syscall`, `int 0x80` and `sysenter` have two bytes.
 */
export function callPc(pc: Addr): Addr {
  checkShape('callPc: the program counter', pc, aBigint);
  return pc - 2n;
}

const PLACED = objectOf({ pc: aBigint, site: optional(aBigint) }, 'an event');

/** As callPc, where the event itself knows no better. */
export function siteOf(event: { readonly pc: Addr; readonly site?: Addr }): Addr {
  checkShape('siteOf: the event', event, PLACED);
  const { pc, site } = event;
  return site ?? callPc(pc);
}

export function hex(value: Addr): string {
  return `0x${value.toString(16)}`;
}

/** Findings of one instruction are one, in the order of the first. */
export function counted(findings: readonly NewFinding[]): Finding[] {
  const result = new Map<string, Finding>();
  for (const finding of findings) {
    const { kind, pid, pc, begun } = finding;
    const key = [kind, pid, pc, begun.by, begun.pc].join(' ');
    const count = (result.get(key)?.count ?? 0) + 1;
    result.set(key, { ...(result.get(key) ?? finding), count });
  }
  return [...result.values()];
}

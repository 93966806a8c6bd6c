/** Which protection refused an access, in a sentence: what an explanation and the trace say. */
import type { Access } from '../../../base/outcome.js';
import type { Cause } from '../../../base/verdict.js';
import { type PagingMode, PF_PROT, PF_RSVD } from './entry.js';

const POLICY = 'page-tables';

const REASONS = {
  reserved: 'an entry of the page tables on the way has a bit set that must be clear',
  'read-only': 'an entry on the way to the page has no R/W, and CR0.WP holds the kernel to it',
  nx: 'an entry on the way to the page has NX',
  smep: 'it is memory of user mode, which SMEP keeps the kernel from executing',
  smap: 'it is memory of user mode, which SMAP keeps the kernel from using while EFLAGS.AC is clear',
  supervisor: 'it is memory of the kernel, and the access has the rights of user mode',
} as const;

/** Names that a cause may have. */
export const PAGE_TABLE_RULES: readonly string[] = Object.keys(REASONS).map(
  (rule) => `${POLICY}/${rule}`,
);

export interface RefusedPage {
  readonly errorCode: number;
  readonly access: Access;
  /** The access has the rights of level 3. */
  readonly byUser: boolean;
  /** Of all entries on the way together. */
  readonly user: boolean;
  readonly write: boolean;
  readonly execute: boolean;
}

/** Undefined where nothing is mapped. */
export function refusalCause(refused: RefusedPage, mode: PagingMode): Cause | undefined {
  const { errorCode } = refused;
  if ((errorCode & PF_PROT) === 0) return undefined;
  const rule = (errorCode & PF_RSVD) !== 0 ? 'reserved' : ruleOf(refused, mode);
  return { kind: 'noted', policy: POLICY, rule: `${POLICY}/${rule}`, reason: REASONS[rule] };
}

function ruleOf(refused: RefusedPage, mode: PagingMode): keyof typeof REASONS {
  const { access, byUser, user, execute, write } = refused;
  if (byUser && !user) return 'supervisor';
  if (access === 'exec') return execute ? 'smep' : 'nx';
  if (!byUser && user && mode.smap) return 'smap';
  return write ? 'supervisor' : 'read-only';
}

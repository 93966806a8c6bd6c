/** How a call ended, and the words for it. */
import type { Addr } from '../../base/address.js';
import type { Outcome } from '../../base/outcome.js';
import type { GuestValue } from '../abi/value-bytes.js';
import type { RefusedPlacement } from '../bed/placing.js';

export type CallOutcome =
  | { readonly kind: 'return'; readonly value: GuestValue }
  | Exclude<Outcome, { readonly kind: 'return' }>
  /** The policy refused to make the code executable. */
  | ({ readonly kind: 'refused' } & RefusedPlacement)
  /** It jumped to an address of the host that stands for nothing. */
  | { readonly kind: 'stray'; readonly address: Addr; readonly reason: string };

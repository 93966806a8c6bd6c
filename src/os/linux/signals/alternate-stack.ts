/** sigaltstack(2). Compare kernel/signal.c:do_sigaltstack(). */

import { MINSIGSTKSZ, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK } from '../../../abi/linux/signal.js';
import type { Addr } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { onAlternateStack } from './frame.js';
import type { SignalState } from './signal-state.js';

export interface StackRequest {
  readonly start: Addr;
  readonly flags: number;
  readonly size: bigint;
}

export function setAlternateStack(
  signals: SignalState,
  { start, flags, size }: StackRequest,
  sp: Addr,
): Result<0> {
  const current = signals.alternateStack;
  if (onAlternateStack(current, sp)) return fail('EPERM');
  const mode = (flags & ~SS_AUTODISARM) >>> 0;
  if (mode !== SS_DISABLE && mode !== SS_ONSTACK && mode !== 0) return fail('EINVAL');
  if (mode === SS_DISABLE) {
    signals.alternateStack = { start: 0n, size: 0n, flags: flags >>> 0 };
    return ok(0);
  }
  if (size < BigInt(MINSIGSTKSZ)) return fail('ENOMEM');
  signals.alternateStack = { start, size, flags: flags >>> 0 };
  return ok(0);
}

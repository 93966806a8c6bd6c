/** kernel32: IsBadReadPtr and its relations: they try, and say whether it faults. */
import { type Addr, PAGE_SIZE_N, pageDown } from '../../base/address.js';
import { useUpGuard } from '../../os/windows/memory/guard.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { GuestFault } from '../process/memory-io.js';

/** Longest string that is looked at. */
const MAX_STRING = 1 << 20;

function isBad(call: ApiCall, address: Addr, length: bigint, access: 'read' | 'write'): boolean {
  if (length === 0n) return false;
  const top = call.process.wide ? 1n << 64n : 1n << 32n;
  if (address === 0n || address + length > top) return true;
  if (length > 1n << 47n) return true;
  const refusal = call.memory.refusal(address, Number(length), access);
  if (refusal === undefined) return false;
  return touched(call, refusal, access);
}

/** A guard page is used up by the look; under Wine its exception escapes to the program. */
function touched({ process, memory }: ApiCall, address: Addr, access: 'read' | 'write'): true {
  if (!memory.isGuarded(address)) return true;
  if (process.system.traits.os === 'wine') throw new GuestFault(address, access);
  useUpGuard(process.space.vm, Number(pageDown(address) / PAGE_SIZE_N));
  return true;
}

function isBadString(call: ApiCall, unit: 1 | 2): boolean {
  const [address, most] = [call.word(0), Math.min(Number(call.word(1)), MAX_STRING)];
  if (most === 0) return false;
  if (address === 0n) return true;
  for (let at = 0; at < most; at += unit) {
    const here = address + BigInt(at);
    const bytes = call.memory.tryRead(here, unit);
    if (bytes === undefined) return touched(call, here, 'read');
    if (bytes.every((byte) => byte === 0)) return false;
  }
  return false;
}

export const pointersApi: ApiSet = {
  IsBadReadPtr: api('ptr lp, size ucb', (call) => isBad(call, call.word(0), call.word(1), 'read')),
  IsBadHugeReadPtr: api('ptr lp, size ucb', (call) =>
    isBad(call, call.word(0), call.word(1), 'read'),
  ),
  IsBadWritePtr: api('ptr lp, size ucb', (call) =>
    isBad(call, call.word(0), call.word(1), 'write'),
  ),
  IsBadHugeWritePtr: api('ptr lp, size ucb', (call) =>
    isBad(call, call.word(0), call.word(1), 'write'),
  ),
  IsBadCodePtr: api('ptr lpfn', (call) => isBad(call, call.word(0), 1n, 'read')),
  IsBadStringPtrA: api('ptr lpsz, size ucchMax', (call) => isBadString(call, 1)),
  IsBadStringPtrW: api('ptr lpsz, size ucchMax', (call) => isBadString(call, 2)),
};

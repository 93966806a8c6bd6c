/** kernel32: TLS and FLS. */
import { ERROR } from '../../abi/windows/status.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { TLS_SLOTS } from '../process/thread-storage.js';

function tlsSlot({ process }: ApiCall, index: number): bigint {
  const at = process.wide ? 0x1480n : 0xe10n;
  return process.teb + at + BigInt(index * process.word);
}

export const storageApi: ApiSet = {
  TlsAlloc: api('', (call) => call.process.storage.allocate()),
  TlsFree: api('dword dwTlsIndex', (call) =>
    call.process.storage.free(call.dword(0)) ? 1n : call.fail(ERROR.INVALID_PARAMETER),
  ),
  TlsGetValue: api('dword dwTlsIndex', (call) => {
    if (call.dword(0) >= TLS_SLOTS) return call.fail(ERROR.INVALID_PARAMETER);
    call.process.lastError = ERROR.SUCCESS;
    return call.memory.word(tlsSlot(call, call.dword(0)));
  }),
  TlsSetValue: api('dword dwTlsIndex, ptr lpTlsValue', (call) => {
    if (call.dword(0) >= TLS_SLOTS) return call.fail(ERROR.INVALID_PARAMETER);
    call.memory.setWord(tlsSlot(call, call.dword(0)), call.word(1));
    return 1n;
  }),
  FlsAlloc: api('ptr lpCallback', (call) => call.process.storage.allocateFiber()),
  FlsFree: api('dword dwFlsIndex', (call) =>
    call.process.storage.freeFiber(call.dword(0)) ? 1n : call.fail(ERROR.INVALID_PARAMETER),
  ),
  FlsGetValue: api('dword dwFlsIndex', (call) => {
    const { storage, thread } = call.process;
    if (!storage.isFiber(call.dword(0))) return call.fail(ERROR.INVALID_PARAMETER);
    return thread.fiberValues.get(call.dword(0)) ?? 0n;
  }),
  FlsSetValue: api('dword dwFlsIndex, ptr lpFlsData', (call) => {
    const { storage, thread } = call.process;
    if (!storage.isFiber(call.dword(0))) return call.fail(ERROR.INVALID_PARAMETER);
    thread.fiberValues.set(call.dword(0), call.word(1));
    return 1n;
  }),
};

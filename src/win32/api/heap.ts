/** kernel32: heaps. */
import { ERROR, STATUS, win32Error } from '../../abi/windows/status.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { HostTask } from '../calls/task.js';
import { raise } from '../exceptions/dispatch.js';
import { HEAP_GENERATE_EXCEPTIONS, HEAP_ZERO_MEMORY } from '../process/heap.js';
import { allocateBlock, resizeBlock } from '../process/heap-blocks.js';

function noMemory(call: ApiCall, flags: number): bigint | HostTask<never> {
  if ((flags | call.process.heaps.flags(call.word(0))) & HEAP_GENERATE_EXCEPTIONS) {
    return raise(call.process, { code: STATUS.NO_MEMORY, address: call.process.pc });
  }
  return call.fail(ERROR.NOT_ENOUGH_MEMORY);
}

function heapAlloc(call: ApiCall): bigint | HostTask<never> {
  const flags = call.dword(1);
  const isZero = (flags & HEAP_ZERO_MEMORY) !== 0;
  const address = allocateBlock(call.process, call.word(0), call.word(2), isZero);
  return address ?? noMemory(call, flags);
}

function heapReAlloc(call: ApiCall): bigint | HostTask<never> {
  const { heaps } = call.process;
  const [heap, old, size] = [call.word(0), call.word(2), call.word(3)];
  if (heaps.sizeOf(heap, old) === undefined) return call.fail(ERROR.INVALID_PARAMETER);
  const flags = call.dword(1);
  const isZero = (flags & HEAP_ZERO_MEMORY) !== 0;
  return resizeBlock(call.process, heap, old, size, isZero) ?? noMemory(call, flags);
}

export const heapApi: ApiSet = {
  GetProcessHeap: api('', (call) => call.process.heaps.process),
  HeapCreate: api('flags flOptions, size dwInitialSize, size dwMaximumSize', (call) => {
    const made = call.process.heaps.create(call.dword(0), call.word(1), call.word(2));
    if (made.ok) return made.value;
    // What the second step was refused, the caller hears as a lack of memory; ACG's own error comes through.
    const own = made.status === STATUS.DYNAMIC_CODE_BLOCKED;
    return call.fail(own ? win32Error(made.status) : ERROR.NOT_ENOUGH_MEMORY);
  }),
  HeapDestroy: api('handle hHeap', (call) =>
    call.process.heaps.destroy(call.word(0)) ? 1n : call.fail(ERROR.INVALID_HANDLE),
  ),
  HeapAlloc: api('handle hHeap, flags dwFlags, size dwBytes', heapAlloc),
  HeapReAlloc: api('handle hHeap, flags dwFlags, ptr lpMem, size dwBytes', heapReAlloc),
  HeapFree: api('handle hHeap, flags dwFlags, ptr lpMem', (call) => {
    if (call.word(2) === 0n) return 1n;
    const freed = call.process.heaps.release(call.word(0), call.word(2));
    return freed ? 1n : call.fail(ERROR.INVALID_PARAMETER);
  }),
  HeapSize: api('handle hHeap, flags dwFlags, ptr lpMem', (call) => {
    const size = call.process.heaps.sizeOf(call.word(0), call.word(2));
    return size ?? -1n;
  }),
  HeapValidate: api('handle hHeap, flags dwFlags, ptr lpMem', (call) => {
    const { heaps } = call.process;
    if (call.word(2) === 0n) return heaps.has(call.word(0));
    return heaps.sizeOf(call.word(0), call.word(2)) !== undefined;
  }),
  HeapSetInformation: api('handle hHeap, dword Class, ptr Information, size Length', () => 1n),
  GetProcessHeaps: api('dword NumberOfHeaps, out ProcessHeaps', (call) => {
    const { heaps, word } = call.process;
    const { handles } = heaps;
    for (const [index, handle] of handles.slice(0, call.dword(0)).entries()) {
      call.memory.setWord(call.word(1) + BigInt(index * word), handle);
    }
    return handles.length;
  }),
  LocalAlloc: api('flags uFlags, size uBytes', (call) => plainAlloc(call)),
  GlobalAlloc: api('flags uFlags, size dwBytes', (call) => plainAlloc(call)),
  LocalFree: api('handle hMem', (call) => plainFree(call)),
  GlobalFree: api('handle hMem', (call) => plainFree(call)),
};

const LMEM_ZEROINIT = 0x40;

/** A block of the process heap: a handle is its address, moveable or not. */
function plainAlloc(call: ApiCall): bigint {
  const isZero = (call.dword(0) & LMEM_ZEROINIT) !== 0;
  const address = allocateBlock(call.process, call.process.heaps.process, call.word(1), isZero);
  return address ?? call.fail(ERROR.NOT_ENOUGH_MEMORY);
}

function plainFree(call: ApiCall): bigint {
  const { heaps } = call.process;
  if (call.word(0) === 0n || heaps.release(heaps.process, call.word(0))) return 0n;
  call.setError(ERROR.INVALID_HANDLE);
  return call.word(0);
}

/** kernel32: heaps. */
import { ERROR, STATUS, win32Error } from '../../abi/windows/status.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { HostTask } from '../calls/task.js';
import { raise } from '../exceptions/dispatch.js';
import { HEAP_GENERATE_EXCEPTIONS, HEAP_ZERO_MEMORY } from '../process/heap.js';

function noMemory(call: ApiCall, flags: number): bigint | HostTask<never> {
  if ((flags | call.process.heaps.flags(call.word(0))) & HEAP_GENERATE_EXCEPTIONS) {
    return raise(call.process, { code: STATUS.NO_MEMORY, address: call.process.pc });
  }
  return call.fail(ERROR.NOT_ENOUGH_MEMORY);
}

function heapAlloc(call: ApiCall): bigint | HostTask<never> {
  const { heaps, space } = call.process;
  const flags = call.dword(1);
  const size = call.word(2);
  const address = heaps.allocate(call.word(0), size);
  if (address === undefined) return noMemory(call, flags);
  if (flags & HEAP_ZERO_MEMORY) space.vm.pages.poke(address, new Uint8Array(Number(size)));
  return address;
}

function heapReAlloc(call: ApiCall): bigint | HostTask<never> {
  const { heaps, space } = call.process;
  const [heap, old, size] = [call.word(0), call.word(2), call.word(3)];
  const before = heaps.sizeOf(heap, old);
  if (before === undefined) return call.fail(ERROR.INVALID_PARAMETER);
  const flags = call.dword(1);
  let address = old;
  if (!heaps.resize(heap, old, size)) {
    const moved = heaps.allocate(heap, size);
    if (moved === undefined) return noMemory(call, flags);
    const bytes = space.vm.pages.peek(old, Number(before < size ? before : size));
    if (bytes !== undefined) space.vm.pages.poke(moved, bytes);
    heaps.release(heap, old);
    address = moved;
  }
  if (flags & HEAP_ZERO_MEMORY && size > before) {
    space.vm.pages.poke(address + before, new Uint8Array(Number(size - before)));
  }
  return address;
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
  const { heaps, space } = call.process;
  const size = call.word(1);
  const address = heaps.allocate(heaps.process, size);
  if (address === undefined) return call.fail(ERROR.NOT_ENOUGH_MEMORY);
  if (call.dword(0) & LMEM_ZEROINIT) space.vm.pages.poke(address, new Uint8Array(Number(size)));
  return address;
}

function plainFree(call: ApiCall): bigint {
  const { heaps } = call.process;
  if (call.word(0) === 0n || heaps.release(heaps.process, call.word(0))) return 0n;
  call.setError(ERROR.INVALID_HANDLE);
  return call.word(0);
}

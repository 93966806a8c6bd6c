/** What functions of the API ask of the memory, read from their arguments before anybody has decided anything. */
import {
  FILE_MAP_COPY,
  FILE_MAP_EXECUTE,
  FILE_MAP_WRITE,
  MEM_COMMIT,
  MEM_RESERVE,
} from '../../abi/windows/memory.js';
import type { Addr } from '../../base/address.js';
import { ownEntry } from '../../base/own-entry.js';
import { Struct } from '../../base/struct.js';
import { RIGHT_EXEC, RIGHT_READ, RIGHT_WRITE } from '../../memory/mapping.js';
import type { MemoryRequest } from '../../memory/request.js';
import { rightsOf } from '../../os/windows/memory/protection.js';
import { HEAP_CREATE_ENABLE_EXECUTE } from '../process/heap.js';
import type { ApiCall } from './call.js';

type Reader = (call: ApiCall) => MemoryRequest | undefined;

function about(
  kind: MemoryRequest['kind'],
  start: Addr,
  length: bigint,
  rights = 0,
): MemoryRequest {
  return { kind, start, length, rights };
}

function allocation(start: Addr, length: bigint, type: number, protect: number): MemoryRequest {
  const gives = (type & (MEM_COMMIT | MEM_RESERVE)) !== 0;
  return gives ? about('map', start, length, rightsOf(protect)) : about('use', start, length);
}

const virtualAlloc =
  (first: number): Reader =>
  (call) =>
    allocation(
      call.word(first),
      call.word(first + 1),
      call.dword(first + 2),
      call.dword(first + 3),
    );

const protection =
  (first: number): Reader =>
  (call) =>
    about('protect', call.word(first), call.word(first + 1), rightsOf(call.dword(first + 2)));

const range =
  (kind: MemoryRequest['kind'], first: number): Reader =>
  (call) =>
    about(kind, call.word(first), call.word(first + 1));

const view =
  (base?: number): Reader =>
  (call) => {
    const access = call.dword(1);
    const write = access & (FILE_MAP_WRITE | FILE_MAP_COPY) ? RIGHT_WRITE : 0;
    const exec = access & FILE_MAP_EXECUTE ? RIGHT_EXEC : 0;
    const start = base === undefined ? 0n : call.word(base);
    return about('map', start, call.word(4), RIGHT_READ | write | exec);
  };

/** Of Nt functions base and size are in memory. */
function pointed(call: ApiCall, index: number): bigint | undefined {
  const { word } = call.process;
  const bytes = call.memory.tryRead(call.word(index), word);
  return bytes && new Struct(bytes).word(0, word);
}

const atPointers =
  (
    base: number,
    size: number,
    make: (start: Addr, length: bigint, call: ApiCall) => MemoryRequest,
  ): Reader =>
  (call) => {
    const [start, length] = [pointed(call, base), pointed(call, size)];
    return start === undefined || length === undefined ? undefined : make(start, length, call);
  };

const heapCreate: Reader = (call) => {
  const exec = call.dword(0) & HEAP_CREATE_ENABLE_EXECUTE ? RIGHT_EXEC : 0;
  return about('map', 0n, call.word(1), RIGHT_READ | RIGHT_WRITE | exec);
};

const READERS: Readonly<Record<string, Reader>> = {
  VirtualAlloc: virtualAlloc(0),
  VirtualAllocEx: virtualAlloc(1),
  VirtualAlloc2: virtualAlloc(1),
  VirtualProtect: protection(0),
  VirtualProtectEx: protection(1),
  VirtualFree: range('unmap', 0),
  VirtualFreeEx: range('unmap', 1),
  VirtualLock: range('use', 0),
  VirtualUnlock: range('use', 0),
  MapViewOfFile: view(),
  MapViewOfFileEx: view(5),
  UnmapViewOfFile: (call) => about('unmap', call.word(0), 0n),
  HeapCreate: heapCreate,
  HeapAlloc: (call) => about('heap', 0n, call.word(2)),
  HeapReAlloc: (call) => about('heap', call.word(2), call.word(3)),
  LocalAlloc: (call) => about('heap', 0n, call.word(1)),
  malloc: (call) => about('heap', 0n, call.word(0)),
  calloc: (call) => about('heap', 0n, call.word(0) * call.word(1)),
  realloc: (call) => about('heap', call.word(0), call.word(1)),
  NtAllocateVirtualMemory: atPointers(1, 3, (start, length, call) =>
    allocation(start, length, call.dword(4), call.dword(5)),
  ),
  NtProtectVirtualMemory: atPointers(1, 2, (start, length, call) =>
    about('protect', start, length, rightsOf(call.dword(3))),
  ),
  NtFreeVirtualMemory: atPointers(1, 2, (start, length) => about('unmap', start, length)),
  NtMapViewOfSection: atPointers(2, 6, (start, length, call) =>
    about('map', start, length, rightsOf(call.dword(9))),
  ),
  NtUnmapViewOfSection: (call) => about('unmap', call.word(1), 0n),
};

/** Functions that are about memory, by name. */
export const MEMORY_FUNCTIONS: ReadonlySet<string> = new Set(Object.keys(READERS));

/** Undefined of a function that is not about memory. */
export function memoryRequestOf(name: string, call: ApiCall): MemoryRequest | undefined {
  return ownEntry(READERS, name)?.(call);
}

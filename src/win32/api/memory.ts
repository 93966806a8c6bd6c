/** kernel32: VirtualAlloc and its relations. */
import {
  MEM_COALESCE_PLACEHOLDERS,
  MEM_DECOMMIT,
  MEM_PRESERVE_PLACEHOLDER,
  MEM_RELEASE,
  MEM_REPLACE_PLACEHOLDER,
  MEM_RESERVE,
  MEM_RESERVE_PLACEHOLDER,
  PAGE_ANY_EXECUTE,
  PAGE_NOACCESS,
} from '../../abi/windows/memory.js';
import { ERROR, type NtResult, STATUS, win32Error } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { allocate } from '../../os/windows/memory/allocate.js';
import { free } from '../../os/windows/memory/free.js';
import { lock, unlock } from '../../os/windows/memory/lock.js';
import { coalescePlaceholders, preservePlaceholder } from '../../os/windows/memory/placeholder.js';
import { protect } from '../../os/windows/memory/protect.js';
import { type MemoryBasicInformation, query } from '../../os/windows/memory/query.js';
import { getWriteWatch, resetWriteWatch } from '../../os/windows/memory/write-watch.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { Win32Process } from '../process/process.js';
import { isSelf } from './self.js';

const LOWEST = 0x10000n;

/** The address, or NULL with the error. */
function address(call: ApiCall, result: NtResult<{ readonly base: Addr }>): bigint {
  return result.ok ? result.value.base : call.fail(win32Error(result.status));
}

function virtualAlloc(
  call: ApiCall,
  first: number,
  highest: Addr,
  alignment: number,
  extended = 0,
): bigint {
  const base = call.word(first);
  if (base !== 0n && base < LOWEST) return call.fail(ERROR.INVALID_PARAMETER);
  const result = allocate(call.process.space.vm, {
    base,
    size: call.word(first + 1),
    type: call.dword(first + 2) & ~extended,
    protect: call.dword(first + 3),
    highest,
    alignment,
    ...(extended === 0
      ? {}
      : { placeholder: extended === MEM_RESERVE_PLACEHOLDER ? 'reserve' : 'replace' }),
  });
  return address(call, result);
}

function virtualFree(call: ApiCall, first: number): bigint {
  const type = call.dword(first + 2);
  const size = call.word(first + 1);
  const { vm } = call.process.space;
  if (vm.rules.placeholders && type === (MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER)) {
    return call.status(preservePlaceholder(vm, call.word(first), size));
  }
  if (vm.rules.placeholders && type === (MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS)) {
    return call.status(coalescePlaceholders(vm, call.word(first), size));
  }
  // MEM_RELEASE frees an allocation as a whole.
  if (type === MEM_RELEASE && size !== 0n) return call.fail(ERROR.INVALID_PARAMETER);
  if (type !== MEM_RELEASE && type !== MEM_DECOMMIT) return call.fail(ERROR.INVALID_PARAMETER);
  const result = free(vm, call.word(first), size, type);
  return result.ok ? 1n : call.fail(win32Error(result.status));
}

function virtualProtect(call: ApiCall, first: number): bigint {
  const old = call.word(first + 3);
  if (old === 0n) return call.fail(ERROR.NOACCESS);
  const result = protect(
    call.process.space.vm,
    call.word(first),
    call.word(first + 1),
    call.dword(first + 2),
  );
  if (!result.ok) return call.fail(win32Error(result.status));
  if (!call.memory.tryWrite(old, dword(result.value.old))) return call.fail(ERROR.NOACCESS);
  return 1n;
}

export function dword(value: number): Uint8Array {
  return new Struct(4).setU32(0, value).bytes;
}

export function basicInformationSize({ wide }: Win32Process): number {
  return wide ? 48 : 28;
}

export function encodeBasicInformation(
  process: Win32Process,
  info: MemoryBasicInformation,
): Uint8Array {
  const { wide, word } = process;
  const out = new Struct(basicInformationSize(process))
    .setWord(0, word, info.baseAddress)
    .setWord(word, word, info.allocationBase)
    .setU32(2 * word, info.allocationProtect);
  const size = wide ? 24 : 12;
  return out
    .setWord(size, word, info.regionSize)
    .setU32(size + word, info.state)
    .setU32(size + word + 4, info.protect)
    .setU32(size + word + 8, info.type).bytes;
}

function virtualQuery(call: ApiCall, first: number): bigint {
  const { process } = call;
  const size = basicInformationSize(process);
  if (call.word(first + 2) < BigInt(size)) return call.fail(ERROR.BAD_LENGTH);
  const info = query(process.space.vm, call.word(first));
  if (info === undefined) return call.fail(ERROR.INVALID_PARAMETER);
  if (!call.memory.tryWrite(call.word(first + 1), encodeBasicInformation(process, info))) {
    return call.fail(ERROR.NOACCESS);
  }
  return BigInt(size);
}

/** MEM_EXTENDED_PARAMETER of VirtualAlloc2: type 1 is MEM_ADDRESS_REQUIREMENTS. Undefined: not valid. */
function addressRequirements(
  call: ApiCall,
  at: Addr,
  count: number,
): { highest: Addr; alignment: number } | undefined {
  const { word } = call.process;
  let [highest, alignment] = [0n, 0];
  for (let index = 0; index < count; index++) {
    const parameter = call.memory.struct(at + BigInt(index * 16), 16);
    if (parameter.u64(0) !== 1n) return undefined;
    const wanted = call.memory.struct(parameter.u64(8), 3 * word);
    highest = wanted.word(word, word);
    const unit = wanted.word(2 * word, word);
    if (unit !== 0n && (unit < 0x10000n || (unit & (unit - 1n)) !== 0n)) return undefined;
    alignment = Number(unit);
  }
  return { highest, alignment };
}

/** A placeholder is reserved without access; what replaces one says where, and reserves. */
function placeholderAllowed(call: ApiCall, extended: number): boolean {
  if (!call.process.space.vm.rules.placeholders) return false;
  const reserves = (call.dword(3) & MEM_RESERVE) !== 0;
  if (extended === MEM_REPLACE_PLACEHOLDER) return reserves && call.word(1) !== 0n;
  const plain = call.dword(3) === (MEM_RESERVE | MEM_RESERVE_PLACEHOLDER);
  return plain && call.dword(4) === PAGE_NOACCESS;
}

/** A process may only work on itself here: others have ended before anybody can ask. */
function onSelf(call: ApiCall, run: () => bigint): bigint {
  return isSelf(call, 0) ? run() : call.fail(ERROR.INVALID_HANDLE);
}

export const memoryApi: ApiSet = {
  VirtualAlloc: api('ptr lpAddress, size dwSize, alloc flAllocationType, prot flProtect', (call) =>
    virtualAlloc(call, 0, 0n, 0),
  ),
  VirtualAllocEx: api(
    'handle hProcess, ptr lpAddress, size dwSize, alloc flAllocationType, prot flProtect',
    (call) => onSelf(call, () => virtualAlloc(call, 1, 0n, 0)),
  ),
  VirtualAlloc2: api(
    'handle Process, ptr BaseAddress, size Size, alloc AllocationType, prot PageProtection, ptr ExtendedParameters, dword ParameterCount',
    (call) => {
      if (call.word(0) !== 0n && !isSelf(call, 0)) return call.fail(ERROR.INVALID_HANDLE);
      const extended = call.dword(3) & (MEM_RESERVE_PLACEHOLDER | MEM_REPLACE_PLACEHOLDER);
      if (extended !== 0 && !placeholderAllowed(call, extended)) {
        return call.fail(ERROR.INVALID_PARAMETER);
      }
      const wanted = addressRequirements(call, call.word(5), Math.min(call.dword(6), 16));
      if (wanted === undefined) return call.fail(ERROR.INVALID_PARAMETER);
      return virtualAlloc(call, 1, wanted.highest, wanted.alignment, extended);
    },
  ),
  VirtualFree: api('ptr lpAddress, size dwSize, alloc dwFreeType', (call) => virtualFree(call, 0)),
  VirtualFreeEx: api('handle hProcess, ptr lpAddress, size dwSize, alloc dwFreeType', (call) =>
    onSelf(call, () => virtualFree(call, 1)),
  ),
  VirtualProtect: api('ptr lpAddress, size dwSize, prot flNewProtect, out lpflOldProtect', (call) =>
    virtualProtect(call, 0),
  ),
  VirtualProtectEx: api(
    'handle hProcess, ptr lpAddress, size dwSize, prot flNewProtect, out lpflOldProtect',
    (call) => onSelf(call, () => virtualProtect(call, 1)),
  ),
  VirtualQuery: api('ptr lpAddress, out lpBuffer, size dwLength', (call) => virtualQuery(call, 0)),
  VirtualQueryEx: api('handle hProcess, ptr lpAddress, out lpBuffer, size dwLength', (call) =>
    onSelf(call, () => virtualQuery(call, 1)),
  ),
  VirtualLock: api('ptr lpAddress, size dwSize', (call) =>
    call.status(lock(call.process.space.vm, call.word(0), call.word(1))),
  ),
  VirtualUnlock: api('ptr lpAddress, size dwSize', (call) =>
    call.status(unlock(call.process.space.vm, call.word(0), call.word(1))),
  ),
  GetWriteWatch: api(
    'flags dwFlags, ptr lpBaseAddress, size dwRegionSize, out lpAddresses, out lpdwCount, out lpdwGranularity',
    (call) => writeWatch(call),
  ),
  ResetWriteWatch: api('ptr lpBaseAddress, size dwRegionSize', (call) => {
    const status = resetWriteWatch(call.process.space.vm, call.word(0), call.word(1));
    if (status === STATUS.SUCCESS) return 0n;
    call.setError(win32Error(status));
    return 0xffff_ffffn;
  }),
  FlushInstructionCache: api('handle hProcess, ptr lpBaseAddress, size dwSize', (call) => {
    const strict = call.process.system.traits.os === 'windows';
    return strict && !isSelf(call, 0) ? call.fail(ERROR.INVALID_HANDLE) : 1n;
  }),
  ReadProcessMemory: api(
    'handle hProcess, ptr lpBaseAddress, out lpBuffer, size nSize, out lpNumberOfBytesRead',
    (call) => onSelf(call, () => readProcessMemory(call)),
  ),
  WriteProcessMemory: api(
    'handle hProcess, ptr lpBaseAddress, ptr lpBuffer, size nSize, out lpNumberOfBytesWritten',
    (call) => onSelf(call, () => writeProcessMemory(call)),
  ),
};

function writeWatch(call: ApiCall): bigint {
  const { word, space } = call.process;
  const fails = (error: number): bigint => {
    call.setError(error);
    return 0xffff_ffffn;
  };
  const count = call.memory.tryRead(call.word(4), word);
  if (count === undefined || call.word(3) === 0n || call.word(5) === 0n) {
    return fails(ERROR.NOACCESS);
  }
  const room = Number(new Struct(count).word(0, word));
  const result = getWriteWatch(space.vm, call.dword(0), call.word(1), call.word(2), room);
  if (!result.ok) return fails(win32Error(result.status));
  const list = new Struct(result.value.length * word);
  for (const [index, page] of result.value.entries()) list.setWord(index * word, word, page);
  call.memory.write(call.word(3), list.bytes);
  call.memory.setWord(call.word(4), BigInt(result.value.length));
  call.memory.setU32(call.word(5), 0x1000);
  return 0n;
}

/** Wine looks past protections; Windows copies what can be read. */
function readProcessMemory(call: ApiCall): bigint {
  const { process, memory } = call;
  const [from, to, count] = [call.word(1), call.word(2), Number(call.word(3))];
  const told = (done: number): void => {
    if (call.word(4) !== 0n) memory.setWord(call.word(4), BigInt(done));
  };
  const lenient = process.system.traits.os === 'wine';
  const bytes =
    count > 1 << 30
      ? undefined
      : lenient
        ? (process.space.vm.pages.peek(from, count) ?? new Uint8Array(0))
        : memory.tryRead(from, count);
  if (bytes === undefined) {
    told(0);
    return call.fail(ERROR.PARTIAL_COPY);
  }
  memory.write(to, bytes);
  told(count);
  return 1n;
}

/** Code pages may be written: their protection is changed for it and put back. */
function writeProcessMemory(call: ApiCall): bigint {
  const { process, memory } = call;
  const [to, from, count] = [call.word(1), call.word(2), Number(call.word(3))];
  const bytes = count > 1 << 30 ? undefined : memory.tryRead(from, count);
  if (bytes === undefined) return call.fail(ERROR.NOACCESS);
  const info = query(process.space.vm, to);
  const executable = info !== undefined && (info.protect & PAGE_ANY_EXECUTE) !== 0;
  const allowed =
    process.system.traits.os === 'wine' ||
    executable ||
    memory.refusal(to, count, 'write') === undefined;
  if (!allowed || !process.space.vm.pages.poke(to, bytes)) return call.fail(ERROR.NOACCESS);
  if (call.word(4) !== 0n) memory.setWord(call.word(4), BigInt(count));
  return 1n;
}

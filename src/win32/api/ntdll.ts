/** ntdll: the Nt* calls below the Win32 ones, with their statuses, and a few of Rtl's. */
import { done, type NtResult, type NtStatus, refused, STATUS } from '../../abi/windows/status.js';
import { Struct } from '../../base/struct.js';
import { allocate } from '../../os/windows/memory/allocate.js';
import { flush } from '../../os/windows/memory/flush.js';
import { free } from '../../os/windows/memory/free.js';
import { protect } from '../../os/windows/memory/protect.js';
import { query } from '../../os/windows/memory/query.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { setExecuteFlags } from '../dep/execute-flags.js';
import { resumeAt } from '../exceptions/pending.js';
import { exitThread } from '../loader/threads.js';
import { exitProcess } from '../process/exit-process.js';
import { latinBytes } from '../process/memory-io.js';
import type { Win32System } from '../system.js';
import { exceptionsApi } from './exceptions.js';
import { exceptions64Api } from './exceptions-x64.js';
import { basicInformationSize, encodeBasicInformation } from './memory.js';
import { ntSectionApi } from './nt-section.js';
import { extendSectionApi, querySectionApi } from './query-section.js';
import { isSelf } from './self.js';

interface InOut {
  readonly base: bigint;
  readonly size: bigint;
}

/** PVOID *BaseAddress and PSIZE_T RegionSize. Undefined: they cannot be read. */
function inOut(call: ApiCall, baseAt: number, sizeAt: number): InOut | undefined {
  const { word } = call.process;
  const base = call.memory.tryRead(call.word(baseAt), word);
  const size = call.memory.tryRead(call.word(sizeAt), word);
  if (base === undefined || size === undefined) return undefined;
  return { base: new Struct(base).word(0, word), size: new Struct(size).word(0, word) };
}

/** Both words are written only when the call succeeds. */
function answer(call: ApiCall, baseAt: number, sizeAt: number, result: NtResult<InOut>): NtStatus {
  if (!result.ok) return result.status;
  const { memory } = call;
  memory.setWord(call.word(baseAt), result.value.base);
  memory.setWord(call.word(sizeAt), result.value.size);
  return STATUS.SUCCESS;
}

/** ZeroBits: high bits of the address that must be zero; on 64 bits also a mask. Undefined: not valid. */
function highestOf({ process }: ApiCall, zeroBits: bigint): NtResult<bigint> {
  if (zeroBits === 0n) return done(0n);
  if (zeroBits > 21n && zeroBits < 32n) return refused(STATUS.INVALID_PARAMETER_3);
  if (zeroBits >= 32n) {
    if (!process.wide) return refused(STATUS.INVALID_PARAMETER_3);
    const bits = zeroBits.toString(2).length;
    return done((1n << BigInt(bits)) - 1n);
  }
  return done((1n << (32n - zeroBits)) - 1n);
}

function allocateVirtualMemory(call: ApiCall): NtStatus {
  if (!isSelf(call, 0)) return STATUS.INVALID_HANDLE;
  const wanted = inOut(call, 1, 3);
  if (wanted === undefined) return STATUS.ACCESS_VIOLATION;
  const highest = highestOf(call, call.word(2));
  if (!highest.ok) return highest.status;
  const result = allocate(call.process.space.vm, {
    ...wanted,
    type: call.dword(4),
    protect: call.dword(5),
    highest: highest.value,
  });
  return answer(call, 1, 3, result);
}

function protectVirtualMemory(call: ApiCall): NtStatus {
  if (!isSelf(call, 0)) return STATUS.INVALID_HANDLE;
  const wanted = inOut(call, 1, 2);
  if (wanted === undefined || call.word(4) === 0n) return STATUS.ACCESS_VIOLATION;
  const result = protect(call.process.space.vm, wanted.base, wanted.size, call.dword(3));
  if (!result.ok) return result.status;
  const status = answer(call, 1, 2, result);
  return call.memory.tryWrite(call.word(4), new Struct(4).setU32(0, result.value.old).bytes)
    ? status
    : STATUS.ACCESS_VIOLATION;
}

const PROCESS_EXECUTE_FLAGS = 0x22;

const COMMON: ApiSet = {
  NtAllocateVirtualMemory: api(
    'handle ProcessHandle, ptr BaseAddress, ptr ZeroBits, ptr RegionSize, alloc AllocationType, prot Protect',
    allocateVirtualMemory,
  ),
  NtFreeVirtualMemory: api(
    'handle ProcessHandle, ptr BaseAddress, ptr RegionSize, alloc FreeType',
    (call) => {
      if (!isSelf(call, 0)) return STATUS.INVALID_HANDLE;
      const wanted = inOut(call, 1, 2);
      if (wanted === undefined) return STATUS.ACCESS_VIOLATION;
      const { vm } = call.process.space;
      return answer(call, 1, 2, free(vm, wanted.base, wanted.size, call.dword(3)));
    },
  ),
  NtProtectVirtualMemory: api(
    'handle ProcessHandle, ptr BaseAddress, ptr RegionSize, prot NewProtect, out OldProtect',
    protectVirtualMemory,
  ),
  NtFlushVirtualMemory: api(
    'handle ProcessHandle, ptr BaseAddress, ptr RegionSize, out IoStatus',
    (call) => {
      if (!isSelf(call, 0)) return STATUS.INVALID_HANDLE;
      const wanted = inOut(call, 1, 2);
      if (wanted === undefined) return STATUS.ACCESS_VIOLATION;
      return answer(call, 1, 2, flush(call.process.space.vm, wanted.base, wanted.size));
    },
  ),
  NtQueryVirtualMemory: api(
    'handle ProcessHandle, ptr BaseAddress, dword MemoryInformationClass, out MemoryInformation, size MemoryInformationLength, out ReturnLength',
    (call) => {
      const { process, memory } = call;
      if (!isSelf(call, 0)) return STATUS.INVALID_HANDLE;
      if (call.dword(2) !== 0) return STATUS.INVALID_INFO_CLASS;
      const size = basicInformationSize(process);
      if (call.word(4) < BigInt(size)) return STATUS.INFO_LENGTH_MISMATCH;
      const info = query(process.space.vm, call.word(1));
      if (info === undefined) return STATUS.INVALID_PARAMETER;
      if (!memory.tryWrite(call.word(3), encodeBasicInformation(process, info))) {
        return STATUS.ACCESS_VIOLATION;
      }
      if (call.word(5) !== 0n) memory.setWord(call.word(5), BigInt(size));
      return STATUS.SUCCESS;
    },
  ),
  NtSetInformationProcess: api(
    'handle ProcessHandle, dword ProcessInformationClass, ptr ProcessInformation, dword ProcessInformationLength',
    (call) => {
      if (!isSelf(call, 0)) return STATUS.INVALID_HANDLE;
      if (call.dword(1) !== PROCESS_EXECUTE_FLAGS) return STATUS.INVALID_INFO_CLASS;
      if (call.dword(3) !== 4) return STATUS.INVALID_PARAMETER;
      return setExecuteFlags(call.process, call.memory.u32(call.word(2)));
    },
  ),
  NtQueryInformationProcess: api(
    'handle ProcessHandle, dword ProcessInformationClass, out ProcessInformation, dword ProcessInformationLength, out ReturnLength',
    (call) => {
      const { process, memory } = call;
      if (!isSelf(call, 0)) return STATUS.INVALID_HANDLE;
      if (call.dword(1) !== PROCESS_EXECUTE_FLAGS) return STATUS.INVALID_INFO_CLASS;
      if (call.dword(3) !== 4) return STATUS.INFO_LENGTH_MISMATCH;
      memory.setU32(call.word(2), process.space.mitigations.executeFlags);
      if (call.word(4) !== 0n) memory.setU32(call.word(4), 4);
      return STATUS.SUCCESS;
    },
  ),
  NtContinue: api('ptr ContextRecord, bool RaiseAlert', (call) =>
    resumeAt(call.process, call.word(0)),
  ),
  NtTerminateProcess: api('handle ProcessHandle, dword ExitStatus', (call) =>
    exitProcess(call.dword(1)),
  ),
  RtlExitUserThread: api('dword Status', function* (call) {
    // The first function of a thread has returned: its result is the exit code.
    const { engine, wide } = call.process;
    const code = Number(engine.readRegister(wide ? 'rax' : 'eax') & 0xffff_ffffn);
    return yield* exitThread(call.process, code);
  }),
  RtlGetNtVersionNumbers: api('out Major, out Minor, out Build', (call) => {
    for (const [index, value] of call.process.system.traits.version.entries()) {
      if (call.word(index) !== 0n) call.memory.setU32(call.word(index), value);
    }
    return 0n;
  }),
  RtlAddVectoredExceptionHandler: exceptionsApi.AddVectoredExceptionHandler!,
  RtlUnwind: exceptionsApi.RtlUnwind!,
};

const wineVersion: ApiSet = {
  wine_get_version: {
    ...api('', (call) =>
      call.process.datum('wine version', () =>
        latinBytes(call.process.system.traits.wineVersion ?? ''),
      ),
    ),
    cdecl: true,
  },
};

export function ntdllApi({ arch, traits }: Pick<Win32System, 'arch' | 'traits'>): ApiSet {
  return {
    ...COMMON,
    ...ntSectionApi,
    ...querySectionApi,
    // A stub without a body in Wine 8.0.
    ...(traits.os === 'windows' ? extendSectionApi : {}),
    ...(arch === 'x86-64' ? exceptions64Api : {}),
    ...(traits.wineVersion === undefined ? {} : wineVersion),
  };
}

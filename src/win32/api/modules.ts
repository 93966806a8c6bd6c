/** kernel32: modules and their functions. */
import { ERROR } from '../../abi/windows/status.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { HostTask } from '../calls/task.js';
import { baseName } from '../files.js';
import { freeLibrary, loadLibrary, procAddress } from '../loader/libraries.js';
import { latinBytes, wideBytes } from '../process/memory-io.js';

function getModuleHandle(call: ApiCall, wide: boolean): bigint {
  const { modules } = call.process;
  if (call.word(0) === 0n) return modules.main.base;
  const name = call.text(0, wide);
  if (name === undefined) return 0n;
  return modules.find(name)?.base ?? call.fail(ERROR.MOD_NOT_FOUND);
}

function* load(call: ApiCall, wide: boolean): HostTask<bigint> {
  const name = call.text(0, wide);
  if (name === undefined) return 0n;
  const module = yield* loadLibrary(call.process, name);
  return typeof module === 'number' ? call.fail(module) : module.base;
}

function* getProcAddress(call: ApiCall): HostTask<bigint> {
  const { modules } = call.process;
  const module = modules.withBase(call.word(0)) ?? (call.word(0) === 0n ? modules.main : undefined);
  if (module === undefined) return call.fail(ERROR.INVALID_HANDLE);
  const name = call.word(1) < 0x10000n ? Number(call.word(1)) : call.text(1);
  if (name === undefined) return 0n;
  const found = yield* procAddress(call.process, module, name);
  return typeof found === 'number' ? call.fail(found) : found;
}

/** Characters written, without the terminator. A buffer that is too small is filled and ended. */
function fileName(call: ApiCall, wide: boolean): number | bigint {
  const { process, memory } = call;
  const module =
    call.word(0) === 0n ? process.modules.main : process.modules.withBase(call.word(0));
  if (module === undefined) return call.fail(ERROR.MOD_NOT_FOUND);
  const room = call.dword(2);
  if (room === 0) return call.fail(ERROR.INSUFFICIENT_BUFFER);
  const cut = module.path.slice(0, room - 1);
  memory.write(call.word(1), wide ? wideBytes(cut) : latinBytes(cut));
  if (cut.length === module.path.length) return cut.length;
  call.setError(ERROR.INSUFFICIENT_BUFFER);
  return room;
}

export const modulesApi: ApiSet = {
  GetModuleHandleA: api('str lpModuleName', (call) => getModuleHandle(call, false)),
  GetModuleHandleW: api('wstr lpModuleName', (call) => getModuleHandle(call, true)),
  GetModuleHandleExA: api('flags dwFlags, str lpModuleName, out phModule', (call) =>
    moduleHandleEx(call, false),
  ),
  GetModuleHandleExW: api('flags dwFlags, wstr lpModuleName, out phModule', (call) =>
    moduleHandleEx(call, true),
  ),
  LoadLibraryA: api('str lpLibFileName', (call) => load(call, false)),
  LoadLibraryW: api('wstr lpLibFileName', (call) => load(call, true)),
  LoadLibraryExA: api('str lpLibFileName, handle hFile, flags dwFlags', (call) =>
    load(call, false),
  ),
  LoadLibraryExW: api('wstr lpLibFileName, handle hFile, flags dwFlags', (call) =>
    load(call, true),
  ),
  FreeLibrary: api('handle hLibModule', function* (call) {
    const module = call.process.modules.withBase(call.word(0));
    if (module === undefined) return call.fail(ERROR.MOD_NOT_FOUND);
    yield* freeLibrary(call.process, module);
    return 1n;
  }),
  GetProcAddress: api('handle hModule, str lpProcName', getProcAddress),
  GetModuleFileNameA: api('handle hModule, out lpFilename, dword nSize', (call) =>
    fileName(call, false),
  ),
  GetModuleFileNameW: api('handle hModule, out lpFilename, dword nSize', (call) =>
    fileName(call, true),
  ),
};

const FROM_ADDRESS = 4;

function moduleHandleEx(call: ApiCall, wide: boolean): bigint {
  const { modules } = call.process;
  const byAddress = (call.dword(0) & FROM_ADDRESS) !== 0;
  const name = byAddress || call.word(1) === 0n ? undefined : call.text(1, wide);
  const module = byAddress
    ? modules.at(call.word(1))
    : call.word(1) === 0n
      ? modules.main
      : modules.find(baseName(name ?? ''));
  call.memory.setWord(call.word(2), module?.base ?? 0n);
  return module === undefined ? call.fail(ERROR.MOD_NOT_FOUND) : 1n;
}

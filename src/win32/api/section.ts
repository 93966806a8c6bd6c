/** kernel32: CreateFileMapping and views. */
import {
  FILE_MAP_COPY,
  FILE_MAP_EXECUTE,
  FILE_MAP_READ,
  FILE_MAP_WRITE,
  PAGE_EXECUTE,
  PAGE_EXECUTE_READ,
  PAGE_EXECUTE_READWRITE,
  PAGE_EXECUTE_WRITECOPY,
  PAGE_NOACCESS,
  PAGE_READONLY,
  PAGE_READWRITE,
  PAGE_WRITECOPY,
  SEC_COMMIT,
  SEC_IMAGE,
  SEC_NOCACHE,
  SEC_RESERVE,
} from '../../abi/windows/memory.js';
import { ERROR, STATUS, win32Error } from '../../abi/windows/status.js';
import type { Section } from '../../os/windows/memory/section.js';
import { mapView, unmapView } from '../../os/windows/memory/view.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { HandleObject } from '../process/handles.js';

const PROTECTIONS: readonly number[] = [
  PAGE_READONLY,
  PAGE_READWRITE,
  PAGE_WRITECOPY,
  PAGE_EXECUTE_READ,
  PAGE_EXECUTE_READWRITE,
  PAGE_EXECUTE_WRITECOPY,
];
const GENERIC_READ = 0x8000_0000;
const GENERIC_WRITE = 0x4000_0000;
const SEC_KNOWN = SEC_IMAGE | SEC_RESERVE | SEC_COMMIT | SEC_NOCACHE;

function createFileMapping(call: ApiCall, wide: boolean): bigint {
  const name = call.word(5) === 0n ? '' : call.text(5, wide);
  if (name === undefined) return 0n;
  const known = name === '' ? undefined : call.process.handles.named(name);
  if (known !== undefined) {
    if (known.kind !== 'section') return call.fail(ERROR.INVALID_HANDLE);
    call.setError(ERROR.ALREADY_EXISTS);
    return BigInt(call.process.handles.add(known) ?? 0);
  }
  const flags = call.dword(2);
  const protect = flags & 0xffff;
  const attributes = flags & ~0xffff;
  const size = (BigInt(call.dword(3)) << 32n) | BigInt(call.dword(4));
  if (!PROTECTIONS.includes(protect) || protect === PAGE_EXECUTE) {
    return call.fail(ERROR.INVALID_PARAMETER);
  }
  const pagefile = call.word(0) === (call.process.wide ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn);
  const wrong = wrongAttributes(attributes, pagefile);
  if (wrong !== undefined) return call.fail(wrong);
  if (attributes & SEC_IMAGE) {
    call.process.system.note('CreateFileMapping: SEC_IMAGE is not among what mayexec has');
    return call.fail(ERROR.NOT_SUPPORTED);
  }
  const file = pagefile ? undefined : call.process.handles.get(Number(call.word(0) & 0xffff_ffffn));
  if (!pagefile && file?.kind !== 'file') return call.fail(ERROR.INVALID_HANDLE);
  if (file?.kind === 'file') {
    const refusal = fileRefusal(file, protect, size);
    if (refusal !== undefined) return call.fail(refusal);
  } else if (size === 0n) {
    return call.fail(ERROR.INVALID_PARAMETER);
  }
  const bytes = file?.kind === 'file' && size === 0n ? BigInt(file.file.length) : size;
  const section = sectionOf(call, bytes, protect, attributes, file);
  if (section === undefined) return call.fail(ERROR.COMMITMENT_LIMIT);
  const handle = call.process.handles.add({ kind: 'section', section, name });
  return handle === undefined ? call.fail(ERROR.NOT_ENOUGH_MEMORY) : BigInt(handle);
}

function wrongAttributes(attributes: number, pagefile: boolean): number | undefined {
  if ((attributes & ~SEC_KNOWN) !== 0) return ERROR.INVALID_PARAMETER;
  if (attributes & SEC_IMAGE && pagefile) return ERROR.BAD_EXE_FORMAT;
  const kinds = attributes & (SEC_COMMIT | SEC_RESERVE);
  if (kinds === (SEC_COMMIT | SEC_RESERVE)) return ERROR.INVALID_PARAMETER;
  return attributes & SEC_NOCACHE && kinds === 0 ? ERROR.INVALID_PARAMETER : undefined;
}

function fileRefusal(
  file: HandleObject & { kind: 'file' },
  protect: number,
  size: bigint,
): number | undefined {
  const writes = protect === PAGE_READWRITE || protect === PAGE_EXECUTE_READWRITE;
  const has = (right: number): boolean => (file.access & right) !== 0;
  if (!has(GENERIC_READ) || (writes && !has(GENERIC_WRITE))) return ERROR.ACCESS_DENIED;
  if (size > BigInt(file.file.length)) {
    if (!writes) return ERROR.NOT_ENOUGH_MEMORY;
    if (!file.file.resize(Number(size))) return ERROR.NOT_ENOUGH_MEMORY;
  }
  return undefined;
}

function sectionOf(
  { process }: ApiCall,
  size: bigint,
  protect: number,
  attributes: number,
  file: HandleObject | undefined,
): Section | undefined {
  if (size > 1n << 40n) return undefined;
  return process.space.createSection({
    size: Number(size),
    protect,
    reserves: (attributes & SEC_RESERVE) !== 0,
    noCache: (attributes & SEC_NOCACHE) !== 0,
    ...(file?.kind === 'file' ? { file: file.file } : {}),
  });
}

/** PAGE_* of a view's FILE_MAP_*. */
function viewProtection(access: number): number {
  const exec = (access & FILE_MAP_EXECUTE) !== 0;
  if (access & FILE_MAP_WRITE) return exec ? PAGE_EXECUTE_READWRITE : PAGE_READWRITE;
  if (access & FILE_MAP_READ) return exec ? PAGE_EXECUTE_READ : PAGE_READONLY;
  if (access & FILE_MAP_COPY) return exec ? PAGE_EXECUTE_WRITECOPY : PAGE_WRITECOPY;
  return PAGE_NOACCESS;
}

function mapViewOfFile(call: ApiCall, base: bigint): bigint {
  const object = call.process.handles.get(Number(call.word(0) & 0xffff_ffffn));
  if (object?.kind !== 'section') return call.fail(ERROR.INVALID_HANDLE);
  const offset = (BigInt(call.dword(2)) << 32n) | BigInt(call.dword(3));
  const mapped = mapView(call.process.space.vm, object.section, {
    base,
    offset,
    size: call.word(4),
    protect: viewProtection(call.dword(1)),
  });
  return mapped.ok ? mapped.value.base : call.fail(win32Error(mapped.status));
}

export const sectionApi: ApiSet = {
  CreateFileMappingA: api(
    'handle hFile, ptr lpAttributes, flags flProtect, dword dwMaximumSizeHigh, dword dwMaximumSizeLow, str lpName',
    (call) => createFileMapping(call, false),
  ),
  CreateFileMappingW: api(
    'handle hFile, ptr lpAttributes, flags flProtect, dword dwMaximumSizeHigh, dword dwMaximumSizeLow, wstr lpName',
    (call) => createFileMapping(call, false),
  ),
  MapViewOfFile: api(
    'handle hFileMappingObject, flags dwDesiredAccess, dword dwFileOffsetHigh, dword dwFileOffsetLow, size dwNumberOfBytesToMap',
    (call) => mapViewOfFile(call, 0n),
  ),
  MapViewOfFileEx: api(
    'handle hFileMappingObject, flags dwDesiredAccess, dword dwFileOffsetHigh, dword dwFileOffsetLow, size dwNumberOfBytesToMap, ptr lpBaseAddress',
    (call) => mapViewOfFile(call, call.word(5)),
  ),
  UnmapViewOfFile: api('ptr lpBaseAddress', (call) => {
    const status = unmapView(call.process.space.vm, call.word(0));
    return status === STATUS.SUCCESS ? 1n : call.fail(win32Error(status));
  }),
};

/** kernel32: CreateFileMapping and views. */
import {
  FILE_MAP_COPY,
  FILE_MAP_EXECUTE,
  FILE_MAP_READ,
  FILE_MAP_WRITE,
  MEM_PRESERVE_PLACEHOLDER,
  MEM_REPLACE_PLACEHOLDER,
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
import { flush } from '../../os/windows/memory/flush.js';
import type { Section } from '../../os/windows/memory/section.js';
import { mapImageView, mapView, unmapView } from '../../os/windows/memory/view.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { GuestFileData } from '../file-data.js';
import type { HandleObject } from '../process/handles.js';
import { imageSection } from './image-section.js';
import { isSelf } from './self.js';
import { asksToInherit, namedObject } from './shared-objects.js';

export const SECTION_PROTECTIONS: readonly number[] = [
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
  const known = name === '' ? undefined : namedObject(call.process, name);
  if (known !== undefined) {
    if (known.kind !== 'section') return call.fail(ERROR.INVALID_HANDLE);
    call.setError(ERROR.ALREADY_EXISTS);
    return BigInt(call.process.handles.add(known, asksToInherit(call, 1)) ?? 0);
  }
  const flags = call.dword(2);
  const protect = flags & 0xffff;
  const attributes = flags & ~0xffff;
  const size = (BigInt(call.dword(3)) << 32n) | BigInt(call.dword(4));
  if (!SECTION_PROTECTIONS.includes(protect) || protect === PAGE_EXECUTE) {
    return call.fail(ERROR.INVALID_PARAMETER);
  }
  const pagefile = call.word(0) === (call.process.wide ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn);
  const wrong = wrongAttributes(attributes, pagefile);
  if (wrong !== undefined) return call.fail(wrong);
  const file = pagefile ? undefined : call.process.handles.get(Number(call.word(0) & 0xffff_ffffn));
  if (!pagefile && file?.kind !== 'file') return call.fail(ERROR.INVALID_HANDLE);
  if (file?.kind === 'file') {
    if (attributes & SEC_IMAGE) return createImageMapping(call, file.file, protect, name);
    if (size === 0n && file.file.length === 0) return call.fail(ERROR.FILE_INVALID);
    const refusal = fileRefusal(file, protect, size);
    if (refusal !== undefined) {
      return call.fail(refusal === 'access' ? ERROR.ACCESS_DENIED : ERROR.NOT_ENOUGH_MEMORY);
    }
  } else if (size === 0n) {
    return call.fail(ERROR.INVALID_PARAMETER);
  }
  const bytes = file?.kind === 'file' && size === 0n ? BigInt(file.file.length) : size;
  const section = sectionOf(call, bytes, protect, attributes, file);
  if (section === undefined) return call.fail(ERROR.COMMITMENT_LIMIT);
  const inherits = asksToInherit(call, 1);
  const handle = call.process.handles.add({ kind: 'section', section, name }, inherits);
  return handle === undefined ? call.fail(ERROR.NOT_ENOUGH_MEMORY) : BigInt(handle);
}

function createImageMapping(
  call: ApiCall,
  file: GuestFileData,
  protect: number,
  name: string,
): bigint {
  const section = imageSection(call.process, file, protect);
  if (typeof section === 'number') return call.fail(win32Error(section));
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

/** The file's handle has not the rights, or the file is not as large and cannot be made so. */
export function fileRefusal(
  file: HandleObject & { kind: 'file' },
  protect: number,
  size: bigint,
): 'access' | 'size' | undefined {
  const writes = protect === PAGE_READWRITE || protect === PAGE_EXECUTE_READWRITE;
  const has = (right: number): boolean => (file.access & right) !== 0;
  if (!has(GENERIC_READ) || (writes && !has(GENERIC_WRITE))) return 'access';
  if (size > BigInt(file.file.length)) {
    if (!writes) return 'size';
    if (!file.file.resize(Number(size))) return 'size';
  }
  return undefined;
}

/** Undefined: no memory. */
export function sectionOf(
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
  if (object.section.kind === 'image') {
    const image = mapImageView(call.process.space.vm, object.section, base);
    return image.ok ? image.value.base : call.fail(win32Error(image.status));
  }
  const mapped = mapView(call.process.space.vm, object.section, {
    base,
    offset,
    size: call.word(4),
    protect: viewProtection(call.dword(1)),
  });
  return mapped.ok ? mapped.value.base : call.fail(win32Error(mapped.status));
}

/** With MEM_REPLACE_PLACEHOLDER in the place of a placeholder; offset and base are then whole pages. */
function mapViewOfFile3(call: ApiCall): bigint {
  const { process } = call;
  if (call.word(1) !== 0n && !isSelf(call, 1)) return call.fail(ERROR.INVALID_HANDLE);
  const object = process.handles.get(Number(call.word(0) & 0xffff_ffffn));
  if (object?.kind !== 'section') return call.fail(ERROR.INVALID_HANDLE);
  const { vm } = process.space;
  const type = call.dword(5);
  const replaces = vm.rules.placeholders && type === MEM_REPLACE_PLACEHOLDER;
  if ((type !== 0 && !replaces) || call.dword(8) !== 0 || object.section.kind === 'image') {
    return call.fail(ERROR.INVALID_PARAMETER);
  }
  const [base, size] = [call.word(2), call.word(4)];
  if (replaces && base === 0n) return call.fail(ERROR.INVALID_PARAMETER);
  const request = { base, offset: call.u64(3), size, protect: call.dword(6), replaces };
  const mapped = mapView(vm, object.section, request);
  return mapped.ok ? mapped.value.base : call.fail(win32Error(mapped.status));
}

export const sectionApi: ApiSet = {
  CreateFileMappingA: api(
    'handle hFile, ptr lpAttributes, flags flProtect, dword dwMaximumSizeHigh, dword dwMaximumSizeLow, str lpName',
    (call) => createFileMapping(call, false),
  ),
  CreateFileMappingW: api(
    'handle hFile, ptr lpAttributes, flags flProtect, dword dwMaximumSizeHigh, dword dwMaximumSizeLow, wstr lpName',
    (call) => createFileMapping(call, true),
  ),
  MapViewOfFile: api(
    'handle hFileMappingObject, flags dwDesiredAccess, dword dwFileOffsetHigh, dword dwFileOffsetLow, size dwNumberOfBytesToMap',
    (call) => mapViewOfFile(call, 0n),
  ),
  MapViewOfFileEx: api(
    'handle hFileMappingObject, flags dwDesiredAccess, dword dwFileOffsetHigh, dword dwFileOffsetLow, size dwNumberOfBytesToMap, ptr lpBaseAddress',
    (call) => mapViewOfFile(call, call.word(5)),
  ),
  MapViewOfFile3: api(
    'handle FileMapping, handle Process, ptr BaseAddress, u64 Offset, size ViewSize, alloc AllocationType, prot PageProtection, ptr ExtendedParameters, dword ParameterCount',
    mapViewOfFile3,
  ),
  UnmapViewOfFile2: api('handle Process, ptr BaseAddress, flags UnmapFlags', (call) => {
    if (!isSelf(call, 0)) return call.fail(ERROR.INVALID_HANDLE);
    const flags = call.dword(2);
    const { vm } = call.process.space;
    const known = vm.rules.placeholders ? MEM_PRESERVE_PLACEHOLDER : 0;
    if (flags & ~known) return call.fail(ERROR.INVALID_PARAMETER);
    return call.status(unmapView(vm, call.word(1), flags !== 0));
  }),
  FlushViewOfFile: api('ptr lpBaseAddress, size dwNumberOfBytesToFlush', (call) => {
    const flushed = flush(call.process.space.vm, call.word(0), call.word(1));
    return flushed.ok ? 1n : call.fail(win32Error(flushed.status));
  }),
  UnmapViewOfFile: api('ptr lpBaseAddress', (call) => {
    const status = unmapView(call.process.space.vm, call.word(0));
    return status === STATUS.SUCCESS ? 1n : call.fail(win32Error(status));
  }),
};

/** ntdll: sections and their views. */
import {
  MEM_RESERVE,
  MEM_TOP_DOWN,
  SEC_COMMIT,
  SEC_IMAGE,
  SEC_NOCACHE,
  SEC_RESERVE,
} from '../../abi/windows/memory.js';
import { type NtStatus, STATUS } from '../../abi/windows/status.js';
import { Struct } from '../../base/struct.js';
import type { Section } from '../../os/windows/memory/section.js';
import { mapImageView, mapView, unmapView } from '../../os/windows/memory/view.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { imageSection } from './image-section.js';
import { fileRefusal, SECTION_PROTECTIONS, sectionOf } from './section.js';
import { isSelf } from './self.js';

const SEC_KNOWN = SEC_IMAGE | SEC_RESERVE | SEC_COMMIT | SEC_NOCACHE;
const VIEW_SHARE = 1;
const VIEW_UNMAP = 2;

function handleAt(call: ApiCall, index: number): number {
  return Number(call.word(index) & 0xffff_ffffn);
}

function createSection(call: ApiCall): NtStatus {
  const { process, memory } = call;
  const [protect, attributes] = [call.dword(4), call.dword(5)];
  if (!SECTION_PROTECTIONS.includes(protect)) return STATUS.INVALID_PAGE_PROTECTION;
  const kinds = attributes & (SEC_COMMIT | SEC_RESERVE | SEC_IMAGE);
  // Exactly one of them.
  const isOne = kinds !== 0 && (kinds & (kinds - 1)) === 0;
  if ((attributes & ~SEC_KNOWN) !== 0 || !isOne) return STATUS.INVALID_PARAMETER_6;
  const size = call.word(3) === 0n ? 0n : memory.struct(call.word(3), 8).u64(0);
  const made = makeSection(call, { protect, attributes, size, file: handleAt(call, 6) });
  if (typeof made === 'number') return made;
  const handle = process.handles.add({ kind: 'section', section: made, name: '' });
  if (handle === undefined) return STATUS.NO_MEMORY;
  memory.setWord(call.word(0), BigInt(handle));
  return STATUS.SUCCESS;
}

interface SectionWish {
  readonly protect: number;
  readonly attributes: number;
  readonly size: bigint;
  /** Handle; 0: of the page file. */
  readonly file: number;
}

function makeSection(call: ApiCall, wish: SectionWish): Section | NtStatus {
  const { protect, attributes, size } = wish;
  const { process } = call;
  if (wish.file === 0) {
    if (attributes & SEC_IMAGE) return STATUS.INVALID_FILE_FOR_SECTION;
    if (size === 0n) return STATUS.INVALID_PARAMETER_4;
    return sectionOf(call, size, protect, attributes, undefined) ?? STATUS.COMMITMENT_LIMIT;
  }
  const file = process.handles.get(wish.file);
  if (file === undefined) return STATUS.INVALID_HANDLE;
  if (file.kind !== 'file') return STATUS.OBJECT_TYPE_MISMATCH;
  if (attributes & SEC_IMAGE) return imageSection(process, file.file, protect);
  if (size === 0n && file.file.length === 0) return STATUS.MAPPED_FILE_SIZE_ZERO;
  const refusal = fileRefusal(file, protect, size);
  if (refusal !== undefined) {
    return refusal === 'access' ? STATUS.ACCESS_DENIED : STATUS.SECTION_TOO_BIG;
  }
  const bytes = size === 0n ? BigInt(file.file.length) : size;
  return sectionOf(call, bytes, protect, attributes, file) ?? STATUS.COMMITMENT_LIMIT;
}

function mapViewOfSection(call: ApiCall): NtStatus {
  const { process, memory } = call;
  if (!isSelf(call, 1)) return STATUS.INVALID_HANDLE;
  const object = process.handles.get(handleAt(call, 0));
  if (object === undefined) return STATUS.INVALID_HANDLE;
  if (object.kind !== 'section') return STATUS.OBJECT_TYPE_MISMATCH;
  const { word } = process;
  const base = memory.tryRead(call.word(2), word);
  const size = memory.tryRead(call.word(6), word);
  if (base === undefined || size === undefined) return STATUS.ACCESS_VIOLATION;
  const inherit = call.dword(7);
  if (inherit !== VIEW_SHARE && inherit !== VIEW_UNMAP) return STATUS.INVALID_PARAMETER_8;
  if (call.dword(8) & ~(MEM_RESERVE | MEM_TOP_DOWN)) return STATUS.INVALID_PARAMETER_9;
  const offset = call.word(5) === 0n ? 0n : memory.struct(call.word(5), 8).u64(0);
  const wanted = new Struct(base).word(0, word);
  const { vm } = process.space;
  const mapped =
    object.section.kind === 'image'
      ? mapImageView(vm, object.section, wanted)
      : mapView(vm, object.section, {
          base: wanted,
          offset,
          size: new Struct(size).word(0, word),
          protect: call.dword(9),
          topDown: (call.dword(8) & MEM_TOP_DOWN) !== 0,
        });
  if (!mapped.ok) return mapped.status;
  memory.setWord(call.word(2), mapped.value.base);
  memory.setWord(call.word(6), mapped.value.size);
  const moved =
    object.section.image !== undefined && mapped.value.base !== object.section.image.image.base;
  return moved ? STATUS.IMAGE_NOT_AT_BASE : STATUS.SUCCESS;
}

export const ntSectionApi: ApiSet = {
  NtCreateSection: api(
    'out SectionHandle, flags DesiredAccess, ptr ObjectAttributes, ptr MaximumSize, prot SectionPageProtection, flags AllocationAttributes, handle FileHandle',
    createSection,
  ),
  NtMapViewOfSection: api(
    'handle SectionHandle, handle ProcessHandle, ptr BaseAddress, ptr ZeroBits, size CommitSize, ptr SectionOffset, ptr ViewSize, dword InheritDisposition, flags AllocationType, prot Win32Protect',
    mapViewOfSection,
  ),
  NtUnmapViewOfSection: api('handle ProcessHandle, ptr BaseAddress', (call) =>
    isSelf(call, 0) ? unmapView(call.process.space.vm, call.word(1)) : STATUS.INVALID_HANDLE,
  ),
  NtClose: api('handle Handle', (call) =>
    call.process.handles.close(handleAt(call, 0)) === undefined
      ? STATUS.INVALID_HANDLE
      : STATUS.SUCCESS,
  ),
};

/** ntdll: what a section is (NtQuerySection), and how it becomes larger. */
import {
  SEC_COMMIT,
  SEC_FILE,
  SEC_IMAGE,
  SEC_NOCACHE,
  SEC_RESERVE,
} from '../../abi/windows/memory.js';
import { type NtStatus, STATUS } from '../../abi/windows/status.js';
import { PAGE_SIZE } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import type { PeContent } from '../../formats/pe/content.js';
import { DLL_DYNAMIC_BASE, SCN_EXECUTE } from '../../formats/pe/image.js';
import type { Section } from '../../os/windows/memory/section.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import type { HandleObject } from '../process/handles.js';
import { handleOf } from './files.js';

const SECTION_BASIC_INFORMATION = 0;
const SECTION_IMAGE_INFORMATION = 1;
/** Bytes of each kind. */
const INFORMATION_LENGTH = { 4: [16, 48], 8: [24, 64] } as const;
/** ImageFlags of SECTION_IMAGE_INFORMATION: the image can be moved. */
const DYNAMICALLY_RELOCATED = 4;
/** Where the DOS header has the place of the PE header, and what lies between that and its optional part. */
const PE_HEADER = 60;
const OPTIONAL_HEADER = 24;

/** As the system keeps it: of the page file in whole pages. */
function sizeOf({ kind, size }: Section): number {
  return kind === 'file' ? size : Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
}

function attributesOf(section: Section): number {
  if (section.kind === 'image') return SEC_IMAGE | SEC_FILE;
  const pages = section.kind === 'file' ? SEC_FILE : section.reserves ? SEC_RESERVE : SEC_COMMIT;
  return pages | (section.noCache ? SEC_NOCACHE : 0);
}

/** SECTION_BASIC_INFORMATION: base address (of none), attributes, size. */
function basicInformation(info: Struct, section: Section, word: 4 | 8): void {
  info.setU32(word, attributesOf(section)).setU64(word === 8 ? 16 : 8, BigInt(sizeOf(section)));
}

/** SECTION_IMAGE_INFORMATION. */
function imageInformation(info: Struct, content: PeContent, word: 4 | 8, fileSize: number): void {
  const { image } = content;
  const { stack, sections, subsystemVersion } = image;
  const header = (content.u32(PE_HEADER) ?? 0) + OPTIONAL_HEADER;
  const wide = word === 8;
  const runs = sections.some(({ characteristics }) => characteristics & SCN_EXECUTE);
  info
    .setWord(0, word, image.base + BigInt(image.entry))
    .setWord(2 * word, word, stack.reserve)
    .setWord(3 * word, word, stack.commit);
  const rest = 4 * word;
  info
    .setU32(rest, image.subsystem)
    .setU16(rest + 4, subsystemVersion[1])
    .setU16(rest + 6, subsystemVersion[0])
    .setU32(rest + 8, content.u32(header + 40) ?? 0)
    .setU16(rest + 12, image.characteristics)
    .setU16(rest + 14, image.dllCharacteristics)
    .setU16(rest + 16, wide ? 0x8664 : 0x14c)
    .setU8(rest + 18, runs ? 1 : 0)
    .setU8(rest + 19, image.dllCharacteristics & DLL_DYNAMIC_BASE ? DYNAMICALLY_RELOCATED : 0)
    .setU32(rest + 24, fileSize)
    .setU32(rest + 28, content.u32(header + 64) ?? 0);
}

function sectionAt(call: ApiCall): (HandleObject & { kind: 'section' }) | NtStatus {
  const object = call.process.handles.get(handleOf(call, 0));
  if (object === undefined) return STATUS.INVALID_HANDLE;
  return object.kind === 'section' ? object : STATUS.OBJECT_TYPE_MISMATCH;
}

function querySection(call: ApiCall): NtStatus {
  const { process, memory } = call;
  const kind = call.dword(1);
  if (kind > SECTION_IMAGE_INFORMATION) return STATUS.NOT_IMPLEMENTED;
  const object = sectionAt(call);
  if (typeof object === 'number') return object;
  const { section } = object;
  const { word } = process;
  const length = INFORMATION_LENGTH[word][kind]!;
  if (call.word(3) < BigInt(length)) return STATUS.INFO_LENGTH_MISMATCH;
  const { image } = section;
  if (kind === SECTION_IMAGE_INFORMATION && image === undefined) return STATUS.SECTION_NOT_IMAGE;
  const info = new Struct(length);
  if (kind === SECTION_BASIC_INFORMATION) basicInformation(info, section, word);
  else if (image !== undefined) imageInformation(info, image, word, section.file?.length ?? 0);
  const { bytes } = info;
  if (!memory.tryWrite(call.word(2), bytes)) return STATUS.ACCESS_VIOLATION;
  if (call.word(4) !== 0n) memory.setWord(call.word(4), BigInt(bytes.length));
  return STATUS.SUCCESS;
}

/** Only of a file, which grows with it; a smaller size changes nothing, and the caller hears what it is. */
function extendSection(call: ApiCall): NtStatus {
  const object = sectionAt(call);
  if (typeof object === 'number') return object;
  const { section } = object;
  const wanted = call.memory.tryRead(call.word(1), 8);
  if (wanted === undefined) return STATUS.ACCESS_VIOLATION;
  if (section.kind !== 'file') return STATUS.SECTION_NOT_EXTENDED;
  const size = new Struct(wanted).u64(0);
  if (size <= BigInt(section.size)) {
    call.memory.setU64(call.word(1), BigInt(section.size));
    return STATUS.SUCCESS;
  }
  const { file } = section;
  const grown = size <= BigInt(file?.length ?? 0) || (file?.resize(Number(size)) ?? false);
  if (!grown) return STATUS.SECTION_NOT_EXTENDED;
  object.section = { ...section, size: Number(size) };
  return STATUS.SUCCESS;
}

export const querySectionApi: ApiSet = {
  NtQuerySection: api(
    'handle SectionHandle, dword SectionInformationClass, out SectionInformation, size Length, out ResultLength',
    querySection,
  ),
};

export const extendSectionApi: ApiSet = {
  NtExtendSection: api('handle SectionHandle, ptr NewSectionSize', extendSection),
};

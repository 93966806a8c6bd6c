/**
 * Maps the segments of an ELF file. The mappings are those of mmap(2) and go through the same policies,
 * with origin 'exec'. Compare fs/binfmt_elf.c: load_elf_binary(), load_elf_interp(), elf_load().
 */

import {
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_PRIVATE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../../../abi/linux/mman.js';
import { type Addr, pageDown, pageUp } from '../../../base/address.js';
import { type Failure, fail, ok, type Result } from '../../../base/result.js';
import type { ElfImage } from '../../../formats/elf/image.js';
import { PF_R, PF_W, PF_X, type ProgramHeader, PT_LOAD } from '../../../formats/elf/structures.js';
import type { AddressSpace, MappedFile } from '../mm/address-space.js';

/** Where the parts of a program came to lie. */
export interface LoadedElf {
  /** Added to the addresses of the file. */
  readonly bias: Addr;
  readonly entry: Addr;
  /** AT_PHDR; 0 when no segment holds the headers. */
  readonly headers: Addr;
  readonly startCode: Addr;
  readonly endCode: Addr;
  readonly startData: Addr;
  readonly endData: Addr;
  /** End of the highest segment, bss included. */
  readonly end: Addr;
}

const PAGE_MASK = 0xfffn;

function pageOffset(address: Addr): bigint {
  return address & PAGE_MASK;
}

function protOf({ flags }: ProgramHeader): number {
  return (
    (flags & PF_R ? PROT_READ : 0) |
    (flags & PF_W ? PROT_WRITE : 0) |
    (flags & PF_X ? PROT_EXEC : 0)
  );
}

/** From the first page of the lowest segment to the end of the highest. */
function totalSize(loads: readonly ProgramHeader[]): bigint {
  const start = loads.reduce((low, { address }) => (address < low ? address : low), 1n << 64n);
  const end = loads.reduce(
    (high, { address, memorySize }) => (address + memorySize > high ? address + memorySize : high),
    0n,
  );
  return end - pageDown(start);
}

/** A step that failed, in words that follow the name of the file. */
export interface ElfLoadFailure extends Failure {
  readonly what: string;
}

export type LoadResult<T> = { readonly ok: true; readonly value: T } | ElfLoadFailure;

function failed(what: string, { errno, cause }: Failure): ElfLoadFailure {
  return { ...fail(errno, cause), what };
}

function partText(loads: readonly ProgramHeader[], header: ProgramHeader): string {
  const { flags, address } = header;
  const rights = `${flags & PF_R ? 'r' : '-'}${flags & PF_W ? 'w' : '-'}${flags & PF_X ? 'x' : '-'}`;
  const number = `${loads.indexOf(header) + 1} of ${loads.length}`;
  return `its segment ${number} (${rights} at 0x${address.toString(16)})`;
}

/** Where an ET_DYN file is to begin. */
export interface ElfPlace {
  /** 0: wherever mmap puts it. */
  readonly base: Addr;
  /** A power of two, in bytes. */
  readonly alignment: bigint;
}

const PAGE = 4096n;
/** As interpreters are mapped (load_elf_interp). */
export const ANYWHERE: ElfPlace = { base: 0n, alignment: PAGE };

/** maximum_alignment(): of the segments; a p_align that is no power of two counts for nothing. */
export function maximumAlignment({ headers }: ElfImage): bigint {
  return headers.reduce(
    (most, { type, align }) =>
      type === PT_LOAD && align > most && (align & (align - 1n)) === 0n ? align : most,
    PAGE,
  );
}

/** Lower than wanted, or than where mmap would put the whole of it. */
function alignedBase(
  mm: AddressSpace,
  file: MappedFile,
  first: ProgramHeader,
  size: bigint,
  { base, alignment }: ElfPlace,
): Mapped {
  if (base !== 0n || alignment === PAGE) return ok(base - (base % alignment));
  const tried = mapSegment(mm, file, first, { address: 0n, flags: 0, totalSize: size });
  if (!tried.ok) return tried;
  mm.munmap(tried.value, pageUp(size));
  return ok(tried.value - (tried.value % alignment));
}

export function loadElf(
  mm: AddressSpace,
  file: MappedFile,
  image: ElfImage,
  place: ElfPlace,
): LoadResult<LoadedElf> {
  const loads = image.headers.filter(({ type }) => type === PT_LOAD);
  const first = loads[0];
  if (first === undefined) return failed('it has no segment to load', fail('ENOEXEC'));
  const whole = image.type === 'ET_DYN' ? totalSize(loads) : 0n;
  const found: Mapped =
    image.type === 'ET_DYN' ? alignedBase(mm, file, first, whole, place) : ok(0n);
  if (!found.ok) {
    return failed(`${partText(loads, first)} cannot be mapped${found.why ?? ''}`, found);
  }
  const base = found.value;
  const fixed = image.type === 'ET_EXEC' || base !== 0n;
  let bias = image.type === 'ET_EXEC' || base === 0n ? 0n : base - pageDown(first.address);
  for (const header of loads) {
    const isFirst = header === first;
    const flags = isFirst ? (fixed ? MAP_FIXED_NOREPLACE : 0) : MAP_FIXED;
    const wanted = isFirst && !fixed ? 0n : bias + header.address;
    const size = isFirst ? whole : 0n;
    const mapped = mapSegment(mm, file, header, { address: wanted, flags, totalSize: size });
    if (!mapped.ok) {
      return failed(`${partText(loads, header)} cannot be mapped${mapped.why ?? ''}`, mapped);
    }
    if (isFirst && image.type === 'ET_DYN') bias = mapped.value - pageDown(header.address);
    const { memorySize, fileSize } = header;
    const { taskSize } = mm.layout;
    const place = bias + header.address;
    if (place >= taskSize || fileSize > memorySize || memorySize > taskSize - place) {
      const why =
        fileSize > memorySize
          ? 'has more bytes in the file than in memory'
          : 'does not fit the address space';
      return failed(`${partText(loads, header)} ${why}`, fail('EINVAL'));
    }
  }
  return { ok: true, value: describe(image, loads, BigInt.asUintN(64, bias)) };
}

interface SegmentPlace {
  readonly address: Addr;
  readonly flags: number;
  /** Of the first segment of an ET_DYN file: room for all of them is taken at once. */
  readonly totalSize: bigint;
}

/** Of a failure that its errno does not explain, why. */
type Mapped = Result<Addr> & { readonly why?: string };

/** elf_load(): the file's part, zeros behind it, anonymous pages for the rest. The first page mapped. */
function mapSegment(
  mm: AddressSpace,
  file: MappedFile,
  header: ProgramHeader,
  place: SegmentPlace,
): Mapped {
  const { fileSize, memorySize } = header;
  const inPage = pageOffset(header.address);
  let start = pageDown(place.address);
  let zeroStart = start;
  if (fileSize > 0n) {
    const mapped = mapFile(mm, file, header, place);
    if (!mapped.ok) return mapped;
    start = mapped.value;
    zeroStart = start + inPage + fileSize;
    if (memorySize > fileSize && !clearPage(mm, zeroStart) && header.flags & PF_W) {
      return { ...fail('EFAULT'), why: ': the rest of its last page cannot be cleared' };
    }
  }
  if (memorySize <= fileSize) return ok(start);
  const from = pageUp(zeroStart);
  const to = pageUp(start + inPage + memorySize);
  const bss = mm.brkRegion(from, to - from, (header.flags & PF_X) !== 0);
  return bss.ok ? ok(start) : bss;
}

/** elf_map(): a mapping as large as the whole program, cut to the segment, keeps the others' place free. */
function mapFile(
  mm: AddressSpace,
  file: MappedFile,
  header: ProgramHeader,
  { address, flags, totalSize: total }: SegmentPlace,
): Mapped {
  const inPage = pageOffset(header.address);
  const size = pageUp(header.fileSize + inPage);
  // A file offset that does not fit its address cannot be mapped.
  if (header.offset < inPage || pageOffset(header.offset) !== inPage) {
    return { ...fail('EINVAL'), why: ': its offset in the file does not fit its address' };
  }
  const length = total === 0n ? size : pageUp(total);
  const mapped = mm.mmap({
    addr: pageDown(address),
    length,
    prot: protOf(header),
    flags: MAP_PRIVATE | flags,
    file,
    pageOffset: (header.offset - inPage) >> 12n,
    origin: 'exec',
  });
  if (mapped.ok && length > size) mm.munmap(mapped.value + size, length - size);
  return mapped;
}

/** padzero(): false when the page cannot be written. */
function clearPage(mm: AddressSpace, from: Addr): boolean {
  const length = Number(pageUp(from) - from);
  return length === 0 || mm.copyOut(from, new Uint8Array(length)).ok;
}

function describe(image: ElfImage, loads: readonly ProgramHeader[], bias: Addr): LoadedElf {
  const address = (header: ProgramHeader): Addr => BigInt.asUintN(64, header.address + bias);
  const ends = (pick: (header: ProgramHeader) => boolean, size: 'fileSize' | 'memorySize'): Addr =>
    loads.filter(pick).reduce((high, header) => {
      const end = address(header) + header[size];
      return end > high ? end : high;
    }, 0n);
  const all = (): boolean => true;
  const starts = loads.map(address);
  const holder = loads.find(
    ({ offset, fileSize }) => offset <= image.phoff && image.phoff < offset + fileSize,
  );
  return {
    bias,
    entry: BigInt.asUintN(64, image.entry + bias),
    headers: holder === undefined ? 0n : address(holder) + image.phoff - holder.offset,
    startCode: starts.reduce((low, start) => (start < low ? start : low)),
    endCode: ends(({ flags }) => (flags & PF_X) !== 0, 'fileSize'),
    startData: starts.reduce((high, start) => (start > high ? start : high)),
    endData: ends(all, 'fileSize'),
    end: ends(all, 'memorySize'),
  };
}

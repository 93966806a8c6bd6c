/**
 * How Wine maps an image: the whole of it writable and executable first, the headers and sections over that, and only
 * then each section's own rights: where memory may not be both, no program starts.
 */
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_PRIVATE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../../abi/linux/mman.js';
import { type NtStatus, STATUS } from '../../abi/windows/status.js';
import { type Addr, PAGE_SIZE, PAGE_SIZE_N } from '../../base/address.js';
import type { PeContent } from '../../formats/pe/content.js';
import { roundUp } from '../../formats/pe/image.js';
import type { Vad } from '../../os/windows/memory/vad.js';
import type { WineHost } from './host.js';

const ALL = PROT_READ | PROT_WRITE | PROT_EXEC;

export function mapImagePages(
  host: WineHost,
  vad: Vad,
  reserved: boolean,
  protOf: (protect: number) => number,
): NtStatus {
  const content = vad.section!.image!;
  const base = BigInt(vad.start) * PAGE_SIZE_N;
  const size = BigInt(content.image.size);
  const fixed = reserved ? MAP_FIXED : MAP_FIXED_NOREPLACE;
  const whole = host.mmap(base, size, ALL, MAP_PRIVATE | MAP_ANONYMOUS | fixed);
  if (!whole.ok) {
    // Once more, anywhere: what is refused there as well cannot be had.
    const elsewhere = host.mmap(0n, size, ALL, MAP_PRIVATE | MAP_ANONYMOUS);
    if (elsewhere.ok) host.munmap(elsewhere.value, size);
    return elsewhere.ok ? STATUS.CONFLICTING_ADDRESSES : STATUS.INVALID_PARAMETER;
  }
  const file = host.open(vad.section!.name);
  const fd = file.ok ? file.value : -1n;
  mapHeaders(host, content, base, fd);
  for (const section of content.image.sections) mapSection(host, base, section, fd);
  if (file.ok) host.close(file.value);
  fill(host, content, base);
  for (const run of vad.runs) {
    const [start, length] = [
      BigInt(run.start) * PAGE_SIZE_N,
      BigInt(run.end - run.start) * PAGE_SIZE_N,
    ];
    const answer = host.mprotect(start, length, protOf(run.protect));
    if (!answer.ok) {
      host.munmap(base, size);
      return STATUS.ACCESS_DENIED;
    }
  }
  return STATUS.SUCCESS;
}

function mapHeaders(host: WineHost, { image }: PeContent, base: Addr, fd: bigint): void {
  const length = BigInt(roundUp(image.headerSize, PAGE_SIZE));
  host.mmap(base, length, ALL, MAP_PRIVATE | MAP_FIXED, fd);
}

/** From the file where the offset allows it, else memory of its own that the bytes are read into. */
function mapSection(
  host: WineHost,
  base: Addr,
  { rva, virtualSize, fileOffset, fileSize }: PeContent['image']['sections'][number],
  fd: bigint,
): void {
  const at = base + BigInt(rva);
  const length = BigInt(roundUp(virtualSize || fileSize, PAGE_SIZE));
  const aligned = fileSize > 0 && fileOffset % PAGE_SIZE === 0;
  const rights = PROT_READ | PROT_WRITE;
  if (aligned) host.mmap(at, length, rights, MAP_PRIVATE | MAP_FIXED, fd, BigInt(fileOffset));
  else host.mmap(at, length, rights, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS);
}

/** What was read into memory, and what relocation and binding changed. */
function fill(host: WineHost, content: PeContent, base: Addr): void {
  for (let index = 0; index * PAGE_SIZE < content.image.size; index++) {
    const page = content.page(index);
    const at = base + BigInt(index * PAGE_SIZE);
    if (page === undefined || same(host.process.memory.peek(at, PAGE_SIZE), page)) continue;
    host.process.memory.poke(at, page);
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, index) => byte === b[index]);
}

/** Small ELF files made by hand, right or wrong in one place. */
import type { Arch } from '../../../src/base/address.js';
import { Struct } from '../../../src/base/struct.js';

export interface Segment {
  readonly type?: number;
  readonly flags?: number;
  readonly address?: bigint;
  readonly bytes?: Uint8Array;
  readonly memorySize?: bigint;
  /** Overrides where the bytes really are. */
  readonly offset?: bigint;
  readonly fileSize?: bigint;
  /** p_align; by default a page. */
  readonly align?: bigint;
}

export interface ElfPlan {
  readonly arch: Arch;
  readonly type?: 'ET_EXEC' | 'ET_DYN';
  readonly entry: bigint;
  readonly segments: readonly Segment[];
}

const PAGE = 4096;

/** Each segment's bytes begin on a page of the file. */
export function elfFile({ arch, type = 'ET_EXEC', entry, segments }: ElfPlan): Uint8Array {
  const wide = arch === 'x86-64';
  const word = wide ? 8 : 4;
  const header = wide ? 64 : 52;
  const phentsize = wide ? 56 : 32;
  const bodies = segments.map(({ bytes }) => bytes ?? new Uint8Array());
  const offsets = bodies.map((_, index) =>
    bodies.slice(0, index).reduce((sum, body) => sum + pages(body.length), PAGE),
  );
  const file = new Struct(bodies.reduce((sum, body) => sum + pages(body.length), PAGE));
  file.set(0, Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1));
  file.setU16(16, type === 'ET_EXEC' ? 2 : 3).setU16(18, wide ? 62 : 3);
  file
    .setU32(20, 1)
    .setWord(24, word, entry)
    .setWord(24 + word, word, BigInt(header));
  const sizes = wide ? 52 : 40;
  file
    .setU16(sizes, header)
    .setU16(sizes + 2, phentsize)
    .setU16(sizes + 4, segments.length);
  for (const [index, segment] of segments.entries()) {
    const at = header + index * phentsize;
    const size = BigInt(bodies[index]!.length);
    const offset = segment.offset ?? BigInt(offsets[index]!);
    const fileSize = segment.fileSize ?? size;
    const memorySize = segment.memorySize ?? fileSize;
    const address = segment.address ?? 0n;
    const flags = segment.flags ?? 0;
    file.setU32(at, segment.type ?? 1);
    if (wide) {
      file
        .setU32(at + 4, flags)
        .setU64(at + 8, offset)
        .setU64(at + 16, address);
      file
        .setU64(at + 32, fileSize)
        .setU64(at + 40, memorySize)
        .setU64(at + 48, segment.align ?? BigInt(PAGE));
    } else {
      file
        .setWord(at + 4, 4, offset)
        .setWord(at + 8, 4, address)
        .setWord(at + 16, 4, fileSize);
      file
        .setWord(at + 20, 4, memorySize)
        .setU32(at + 24, flags)
        .setU32(at + 28, PAGE);
    }
    file.set(offsets[index]!, bodies[index]!);
  }
  return file.bytes;
}

function pages(length: number): number {
  return Math.ceil(length / PAGE) * PAGE;
}

export const PT_GNU_STACK = 0x6474e551;
export const PF_RX = 5;
export const PF_RW = 6;
export const PF_RWX = 7;

/** Where `program` puts its code. */
export const CODE = 0x400000n;

/** One segment of code, and what else is wanted. */
export function program(
  arch: Arch,
  code: Uint8Array,
  more: readonly Segment[] = [{ type: PT_GNU_STACK, flags: PF_RW }],
): Uint8Array {
  const text = { flags: PF_RX, address: CODE, bytes: code };
  return elfFile({ arch, entry: CODE, segments: [text, ...more] });
}

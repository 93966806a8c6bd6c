/** The layouts that stat calls fill in. Compare arch/x86/include/uapi/asm/stat.h and include/uapi/linux/stat.h. */
import { fail, ok, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import { BOOT_NANOSECONDS, instant } from '../../../kernel/clock.js';
import type { Inode, Mount } from './inode.js';

const BLOCK_SIZE = 4096;
const SECTOR = 512;

/** new_encode_dev(). */
function device({ major, minor }: { readonly major: number; readonly minor: number }): number {
  return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
}

/** st_blksize: how much to read at a time. */
function blockSize({ mount }: Inode): number {
  return mount.type === 'proc' ? 1024 : BLOCK_SIZE;
}

function sectors({ size }: Inode): number {
  return Math.ceil(size / BLOCK_SIZE) * (BLOCK_SIZE / SECTOR);
}

/** All three times are that of the last change. */
function time({ modified }: Inode): { readonly seconds: bigint; readonly nanoseconds: number } {
  return instant(BOOT_NANOSECONDS + modified);
}

/** struct stat of x86-64. */
export function encodeStat(inode: Inode): Result<Uint8Array> {
  const struct = new Struct(144)
    .setU64(0, BigInt(device(inode.mount)))
    .setU64(8, BigInt(inode.number))
    .setU64(16, BigInt(inode.links))
    .setU32(24, inode.mode)
    .setU32(28, inode.uid)
    .setU32(32, inode.gid)
    .setU64(40, BigInt(device(inode.rdev)))
    .setU64(48, BigInt(inode.size))
    .setU64(56, BigInt(blockSize(inode)))
    .setU64(64, BigInt(sectors(inode)));
  const { seconds, nanoseconds } = time(inode);
  for (const at of [72, 88, 104]) struct.setU64(at, seconds).setU64(at + 8, BigInt(nanoseconds));
  return ok(struct.bytes);
}

/** struct stat of i386. EOVERFLOW for a file that it cannot describe. */
export function encodeStat32(inode: Inode): Result<Uint8Array> {
  if (inode.size > 0x7fffffff) return fail('EOVERFLOW');
  const struct = new Struct(64)
    .setU32(0, device(inode.mount))
    .setU32(4, inode.number)
    .setU16(8, inode.mode)
    .setU16(10, inode.links)
    .setU16(12, inode.uid)
    .setU16(14, inode.gid)
    .setU32(16, device(inode.rdev))
    .setU32(20, inode.size)
    .setU32(24, blockSize(inode))
    .setU32(28, sectors(inode));
  return ok(times32(struct, inode, [32, 40, 48]));
}

/** struct stat64 of i386. */
export function encodeStat64OfI386(inode: Inode): Result<Uint8Array> {
  const struct = new Struct(96)
    .setU64(0, BigInt(device(inode.mount)))
    .setU32(12, inode.number)
    .setU32(16, inode.mode)
    .setU32(20, inode.links)
    .setU32(24, inode.uid)
    .setU32(28, inode.gid)
    .setU64(32, BigInt(device(inode.rdev)))
    .setU64(44, BigInt(inode.size))
    .setU32(52, blockSize(inode))
    .setU64(56, BigInt(sectors(inode)))
    .setU64(88, BigInt(inode.number));
  return ok(times32(struct, inode, [64, 72, 80]));
}

function times32(struct: Struct, inode: Inode, offsets: readonly number[]): Uint8Array {
  const { seconds, nanoseconds } = time(inode);
  for (const at of offsets) struct.setU32(at, Number(seconds)).setU32(at + 4, nanoseconds);
  return struct.bytes;
}

/** STATX_BASIC_STATS: what is filled in. */
const STATX_BASIC_STATS = 0x7ff;

/** struct statx. */
export function encodeStatx(inode: Inode): Result<Uint8Array> {
  const struct = new Struct(256)
    .setU32(0, STATX_BASIC_STATS)
    .setU32(4, blockSize(inode))
    .setU32(16, inode.links)
    .setU32(20, inode.uid)
    .setU32(24, inode.gid)
    .setU16(28, inode.mode)
    .setU64(32, BigInt(inode.number))
    .setU64(40, BigInt(inode.size))
    .setU64(48, BigInt(sectors(inode)));
  const { seconds, nanoseconds } = time(inode);
  for (const at of [64, 96, 112]) struct.setU64(at, seconds).setU32(at + 8, nanoseconds);
  numbers(struct, 128, inode.rdev);
  numbers(struct, 136, inode.mount);
  return ok(struct.bytes);
}

function numbers(
  struct: Struct,
  at: number,
  { major, minor }: Pick<Mount, 'major' | 'minor'>,
): void {
  struct.setU32(at, major).setU32(at + 4, minor);
}

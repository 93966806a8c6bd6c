/** statfs and fstatfs. Compare fs/statfs.c. */
import type { Addr } from '../../../base/address.js';
import { fail, type Result } from '../../../base/result.js';
import { Struct } from '../../../base/struct.js';
import type { SyscallResult } from '../../../kernel/syscall.js';
import type { Abi } from '../abi.js';
import type { Inode, Mount } from '../fs/inode.js';
import type { Task } from '../process/task.js';
import type { HandlerTable, SyscallHandler } from './handler.js';
import { inodeAtDescriptor, inodeAtPath } from './lookup.js';

const BLOCK = 4096n;
/** include/uapi/linux/magic.h. */
const MAGIC: Readonly<Record<string, number>> = {
  ext4: 0xef53,
  tmpfs: 0x0102_1994,
  devtmpfs: 0x0102_1994,
  proc: 0x9fa0,
  pipefs: 0x5049_5045,
};
const ST_RDONLY = 1n;
const ST_NOEXEC = 8n;
const ST_VALID = 0x20n;
const ST_RELATIME = 0x1000n;

interface FileSystemFacts {
  readonly magic: number;
  readonly blocks: bigint;
  readonly free: bigint;
  readonly flags: bigint;
  readonly id: number;
}

/** Room is the memory that the sandbox may use; virtual file systems have none. */
function factsOf(task: Task, mount: Mount): FileSystemFacts {
  const { memory } = task.kernel.engine;
  const real = mount.type === 'ext4' || mount.type.endsWith('tmpfs');
  const blocks = real ? BigInt(memory.maxFrames) : 0n;
  const free = real ? BigInt(Math.floor(task.kernel.frames.free / 4096)) : 0n;
  const flags =
    ST_VALID | ST_RELATIME | (mount.readOnly ? ST_RDONLY : 0n) | (mount.noexec ? ST_NOEXEC : 0n);
  return {
    magic: MAGIC[mount.type] ?? 0,
    blocks,
    free,
    flags,
    id: (mount.major << 20) | mount.minor,
  };
}

/** struct statfs: twelve words of the ABI, two 32-bit numbers (f_fsid) among them. */
function encodeStatfs(
  { magic, blocks, free, flags, id }: FileSystemFacts,
  word: 4 | 8,
): Uint8Array {
  const struct = new Struct(7 * word + 8 + 7 * word);
  const words = [BigInt(magic), BLOCK, blocks, free, free, blocks, free];
  for (const [index, value] of words.entries()) struct.setWord(index * word, word, value);
  const after = 7 * word;
  struct.setU32(after, id);
  for (const [index, value] of [255n, BLOCK, flags].entries()) {
    struct.setWord(after + 8 + index * word, word, value);
  }
  return struct.bytes;
}

/** struct statfs64 of i386, packed: 84 bytes. */
function encodeStatfs64({ magic, blocks, free, flags, id }: FileSystemFacts): Uint8Array {
  const struct = new Struct(84).setU32(0, magic).setU32(4, Number(BLOCK));
  for (const [index, value] of [blocks, free, free, blocks, free].entries()) {
    struct.setU64(8 + 8 * index, value);
  }
  return struct.setU32(48, id).setU32(56, 255).setU32(60, Number(BLOCK)).setU32(64, Number(flags))
    .bytes;
}

function statfs(
  task: Task,
  found: Result<Inode>,
  buffer: Addr,
  encode: (facts: FileSystemFacts) => Uint8Array,
): SyscallResult {
  if (!found.ok) return found;
  return task.mm.copyOut(buffer, encode(factsOf(task, found.value.mount)));
}

const plain =
  ({ word }: Abi) =>
  (facts: FileSystemFacts): Uint8Array =>
    encodeStatfs(facts, word);

/** The size of the buffer is checked, and has to be that of the structure. */
const statfs64 =
  (find: (task: Task, what: bigint) => Result<Inode>): SyscallHandler =>
  (task, [what, size, buffer]) =>
    size === 84n || size === 88n
      ? statfs(task, find(task, what), buffer, encodeStatfs64)
      : fail('EINVAL');

export const statfsCalls: HandlerTable = {
  statfs: (task, [path, buffer], abi) => statfs(task, inodeAtPath(task, path), buffer, plain(abi)),
  fstatfs: (task, [fd, buffer], abi) =>
    statfs(task, inodeAtDescriptor(task, fd), buffer, plain(abi)),
  statfs64: statfs64((task, path) => inodeAtPath(task, path)),
  fstatfs64: statfs64((task, fd) => inodeAtDescriptor(task, fd)),
};

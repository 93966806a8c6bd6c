/** Memory of a thread: its stack, and its copy of each module's thread-local data. */
import { MEM_COMMIT, MEM_RESERVE, PAGE_GUARD, PAGE_READWRITE } from '../../abi/windows/memory.js';
import { STATUS } from '../../abi/windows/status.js';
import { Struct } from '../../base/struct.js';
import type { PeTls } from '../../formats/pe/directories.js';
import { allocate } from '../../os/windows/memory/allocate.js';
import type { Module } from '../process/modules.js';
import type { Win32Process } from '../process/process.js';
import { LoadFailure } from './load-failure.js';

/** Bytes of static TLS slots: one word each. */
export const TLS_ARRAY = 0x1000;

/** The stack of the current thread. @throws LoadFailure */
export function makeStack(process: Win32Process, reserve: bigint, commit: bigint): void {
  const { vm } = process.space;
  const page = 0x1000n;
  const size = roundUp(
    reserve < 0x10000n ? 0x10000n : reserve > 1n << 30n ? 1n << 30n : reserve,
    0x10000n,
  );
  const wanted = roundUp(commit < page ? page : commit, page);
  const committed = wanted > size - 4n * page ? size - 4n * page : wanted;
  const reserved = allocate(vm, {
    base: 0n,
    size,
    type: MEM_RESERVE,
    protect: PAGE_READWRITE,
    name: 'stack',
  });
  if (!reserved.ok) throw new LoadFailure(reserved.status, 'no room for the stack', true);
  const { base } = reserved.value;
  const top = base + size;
  const limit = process.space.commitsWholeStack ? base + 2n * page : top - committed;
  const made = [
    allocate(vm, { base: limit, size: top - limit, type: MEM_COMMIT, protect: PAGE_READWRITE }),
    allocate(vm, {
      base: limit - page,
      size: page,
      type: MEM_COMMIT,
      protect: PAGE_READWRITE | PAGE_GUARD,
    }),
  ];
  const failed = made.find(({ ok }) => !ok);
  if (failed !== undefined && !failed.ok)
    throw new LoadFailure(failed.status, 'no memory for the stack', true);
  process.stack = { bottom: base, limit, base: top };
}

function roundUp(value: bigint, unit: bigint): bigint {
  return ((value + unit - 1n) / unit) * unit;
}

/** The current thread gets a copy of a module's data, in slot `index`. @throws LoadFailure */
export function copyTls(process: Win32Process, module: Module, tls: PeTls, index: number): void {
  const { pages } = process.space.vm;
  const block = process.allocate(tls.dataLength + tls.zeroFill + 16);
  if (block === undefined) {
    throw new LoadFailure(STATUS.NO_MEMORY, `${module.path}: no memory for TLS`);
  }
  const data = module.content.read(tls.dataRva, tls.dataLength) ?? new Uint8Array();
  pages.poke(block, new Uint8Array(tls.dataLength + tls.zeroFill));
  pages.poke(block, data);
  const { word } = process;
  pages.poke(
    process.tlsArray + BigInt(index * word),
    new Struct(word).setWord(0, word, block).bytes,
  );
}

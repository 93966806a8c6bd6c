/** A heap that brk seems to extend and that lies in a mapping: what an allocator that only knows brk would get from mmap. */
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../abi/linux/mman.js';
import type { SyscallInterceptor } from '../../kernel/intercept.js';

const ARENA_BYTES = 4n << 20n;

export function heapFromMmap(): SyscallInterceptor {
  let start: bigint | undefined;
  let end = 0n;
  return ({ name, args, perform }) => {
    if (name !== 'brk') return undefined;
    if (start === undefined) {
      const prot = BigInt(PROT_READ | PROT_WRITE);
      const flags = BigInt(MAP_PRIVATE | MAP_ANONYMOUS);
      const arena = perform('mmap', 0n, ARENA_BYTES, prot, flags, -1n, 0n);
      if (arena === 'no-return' || !arena.ok) return undefined;
      start = BigInt.asUintN(64, arena.value);
      end = start;
    }
    const [wanted = 0n] = args;
    if (wanted >= start && wanted <= start + ARENA_BYTES) end = wanted;
    return { kind: 'answer', value: end };
  };
}

/** Pools of asm/lib/kernel-pools.inc: what they hand out, when they are sealed, and what becomes of wrong calls. */
import { beforeAll, describe, expect, it } from 'vitest';
import { CalledKernel, poolsKernel } from './called-kernel.js';

const MODE_RO = 0n;
const MODE_WR = 1n;
const MODE_AUTO_RO = 2n;
const FINAL = 16n;
const PAGE = 4096n;
const EINVAL = -22n;
const EALREADY = -114n;
const EPERM = -1n;

let elf: Uint8Array;
beforeAll(async () => {
  elf = await poolsKernel();
});

describe('a pool', () => {
  it('gives objects of mixed sizes that share pages, and none of another pool', async () => {
    using kernel = await CalledKernel.boot(elf);
    const first = kernel.call('pmalloc_create_pool', MODE_RO);
    const second = kernel.call('pmalloc_create_pool', MODE_RO);
    const sizes = [16n, 24n, 1n, 200n];
    const [a, b] = [first, second].map((pool) =>
      sizes.map((size) => kernel.call('pmalloc', pool, size)),
    );
    const page = (address: bigint): bigint => address / PAGE;
    expect(new Set(a!.map(page)).size).toBe(1);
    expect(new Set(b!.map(page)).size).toBe(1);
    expect(page(a![0]!)).not.toBe(page(b![0]!));
    const ranges = a!.map((start, index) => [start, start + sizes[index]!] as const);
    for (const [start] of ranges) expect(start % 8n).toBe(0n);
    for (const [one, [start, end]] of ranges.entries())
      for (const [other, [from, to]] of ranges.entries())
        if (one !== other) expect(end <= from || to <= start).toBe(true);
    expect(kernel.call('pmalloc_waste', first)).toBe(PAGE - 241n);
    expect(kernel.call('is_pmalloc_object', a![1]!, 24n)).toBe(first);
    expect(kernel.call('is_pmalloc_object', b![1]!, 24n)).toBe(second);
    expect(kernel.call('is_pmalloc_object', a![0]!, 17n)).toBe(0n);
    expect(kernel.call('is_pmalloc_object', kernel.call('kmalloc', 24n), 24n)).toBe(0n);
  });

  it('is sealed as a whole, with its addresses in the linear map, and no other', async () => {
    using kernel = await CalledKernel.boot(elf);
    const sealed = kernel.call('pmalloc_create_pool', MODE_RO);
    const open = kernel.call('pmalloc_create_pool', MODE_RO);
    const objects = [100n, 5000n, 100n].map((size) => kernel.call('pmalloc', sealed, size));
    const other = kernel.call('pmalloc', open, 100n);
    const heap = kernel.call('kmalloc', 100n);
    expect(kernel.status('pmalloc_protect_pool', sealed)).toBe(0n);
    for (const object of objects) {
      expect(kernel.refused(object)).toBe('SEGV_ACCERR');
      expect(kernel.refused(kernel.alias(object))).toBe('SEGV_ACCERR');
    }
    for (const object of [other, kernel.alias(other), heap])
      expect(kernel.refused(object)).toBe(undefined);
  });

  it('goes on with new pages after that, and its last objects are sealed the next time', async () => {
    using kernel = await CalledKernel.boot(elf);
    const pool = kernel.call('pmalloc_create_pool', MODE_RO);
    const early = kernel.call('pmalloc', pool, 16n);
    kernel.call('pmalloc_protect_pool', pool);
    const late = kernel.call('pmalloc', pool, 16n);
    expect(late / PAGE).not.toBe(early / PAGE);
    expect([early, late].map((each) => kernel.refused(each))).toEqual(['SEGV_ACCERR', undefined]);
    expect(kernel.status('pmalloc_protect_pool', pool)).toBe(0n);
    expect(kernel.refused(late)).toBe('SEGV_ACCERR');
  });

  it('protects an area as soon as it is full in the mode AUTO', async () => {
    using kernel = await CalledKernel.boot(elf);
    const pool = kernel.call('pmalloc_create_pool', MODE_AUTO_RO);
    const first = kernel.call('pmalloc', pool, 4000n);
    expect(kernel.refused(first)).toBe(undefined);
    const second = kernel.call('pmalloc', pool, 4000n);
    expect([first, second].map((each) => kernel.refused(each))).toEqual(['SEGV_ACCERR', undefined]);
  });

  it('is destroyed as a whole: nothing is mapped there, and its pages can be used again', async () => {
    using kernel = await CalledKernel.boot(elf);
    const pool = kernel.call('pmalloc_create_pool', MODE_RO);
    const object = kernel.call('pmalloc', pool, 64n);
    const alias = kernel.alias(object);
    kernel.call('pmalloc_protect_pool', pool);
    expect(kernel.status('pmalloc_destroy_pool', pool)).toBe(0n);
    expect(kernel.refused(object)).toBe('SEGV_MAPERR');
    expect(kernel.refused(alias)).toBe(undefined);
    expect(kernel.call('alloc_pages', 1n)).toBe(alias & -PAGE);
    expect(kernel.call('is_pmalloc_object', object, 1n)).toBe(0n);
  });

  it('of a coarser grain wastes more, by as much as its areas are larger', async () => {
    using kernel = await CalledKernel.boot(elf);
    for (const grain of [4n, 16n, 64n]) {
      const pool = kernel.call('pmalloc_create_custom_pool', MODE_RO, grain * 1024n, 8n);
      kernel.call('pmalloc', pool, 32n);
      expect(kernel.call('pmalloc_waste', pool)).toBe(grain * 1024n - 32n);
    }
  });
});

describe('write rare', () => {
  it('changes a protected object, over the end of a page too, and leaves no way to write', async () => {
    using kernel = await CalledKernel.boot(elf);
    const pool = kernel.call('pmalloc_create_pool', MODE_WR);
    const object = kernel.call('pmalloc', pool, 6000n);
    const source = kernel.call('kmalloc', 4000n);
    kernel.sandbox.poke(
      source,
      Uint8Array.from({ length: 4000 }, (_, index) => index % 251),
    );
    kernel.call('pmalloc_protect_pool', pool);
    expect(kernel.status('wr_memcpy', object + 100n, source, 4000n)).toBe(0n);
    expect(kernel.sandbox.peek(object + 100n, 4000)).toEqual(kernel.sandbox.peek(source, 4000));
    expect(kernel.sandbox.peek(object + 99n, 1)).toEqual(Uint8Array.of(0));
    expect(kernel.sandbox.peek(object + 4100n, 1)).toEqual(Uint8Array.of(0));
    expect(kernel.status('wr_memset', object, 0x5an, 3n)).toBe(0n);
    expect(kernel.sandbox.peek(object, 4)).toEqual(Uint8Array.of(0x5a, 0x5a, 0x5a, 0));
    expect(kernel.refused(object)).toBe('SEGV_ACCERR');
    expect(kernel.refused(kernel.variable('wr_window'))).toBe('SEGV_MAPERR');
  });

  it('refuses a pool that is not for it, half an object, and memory of no pool', async () => {
    using kernel = await CalledKernel.boot(elf);
    const plain = kernel.call('pmalloc', kernel.call('pmalloc_create_pool', MODE_RO), 16n);
    const object = kernel.call('pmalloc', kernel.call('pmalloc_create_pool', MODE_WR), 16n);
    const heap = kernel.call('kmalloc', 16n);
    const banner = kernel.address('linux_banner');
    for (const [to, bytes] of [
      [plain, 8n],
      [object, 17n],
      [object, 2n ** 64n - 1n],
      [heap, 8n],
      [banner, 8n],
    ] as const)
      expect(kernel.status('wr_memset', to, 0n, bytes)).toBe(EPERM);
  });
});

describe('a wrong call', () => {
  it('to seal twice says so and changes nothing; an empty pool too', async () => {
    using kernel = await CalledKernel.boot(elf);
    const pool = kernel.call('pmalloc_create_pool', MODE_RO);
    expect(kernel.status('pmalloc_protect_pool', pool)).toBe(EALREADY);
    kernel.call('pmalloc', pool, 16n);
    expect(kernel.status('pmalloc_protect_pool', pool)).toBe(0n);
    const changes = kernel.variable('page_table_changes');
    expect(kernel.status('pmalloc_protect_pool', pool)).toBe(EALREADY);
    expect(kernel.variable('page_table_changes')).toBe(changes);
  });

  it('for an object of a pool that is final and sealed gets none', async () => {
    using kernel = await CalledKernel.boot(elf);
    const pool = kernel.call('pmalloc_create_pool', MODE_RO | FINAL);
    expect(kernel.call('pmalloc', pool, 16n)).not.toBe(0n);
    kernel.call('pmalloc_protect_pool', pool);
    expect(kernel.call('pmalloc', pool, 16n)).toBe(0n);
  });

  it.each([0n, 0x2000_0001n, 2n ** 63n, 2n ** 64n - 1n])(
    'for %d bytes gets none',
    async (bytes) => {
      using kernel = await CalledKernel.boot(elf);
      const pool = kernel.call('pmalloc_create_pool', MODE_RO);
      expect(kernel.call('pmalloc', pool, bytes)).toBe(0n);
      expect(kernel.call('pmalloc_waste', pool)).toBe(0n);
    },
  );

  it.each([
    [4n, 4096n, 8n],
    [32n, 4096n, 8n],
    [0n, 0n, 8n],
    [0n, 2n ** 40n, 8n],
    [0n, 4096n, 0n],
    [0n, 4096n, 24n],
    [0n, 4096n, 8192n],
  ])('for a pool of mode %d, areas of %d bytes and alignment %d gets none', async (...args) => {
    using kernel = await CalledKernel.boot(elf);
    expect(kernel.call('pmalloc_create_custom_pool', ...args)).toBe(0n);
  });

  it('to free one object is a warning: the object stays as it is', async () => {
    using kernel = await CalledKernel.boot(elf);
    const pool = kernel.call('pmalloc_create_pool', MODE_RO);
    const object = kernel.call('pmalloc', pool, 64n);
    kernel.sandbox.poke(object, Uint8Array.of(9));
    kernel.call('pmalloc_protect_pool', pool);
    kernel.call('kfree', object);
    expect(kernel.sandbox.kernelLog).toContain('kfree: not an object of kmalloc');
    expect(kernel.sandbox.peek(object, 1)).toEqual(Uint8Array.of(9));
    expect(kernel.call('kmalloc', 64n)).not.toBe(object);
  });

  it('to destroy a pool twice, or what is none, is -EINVAL', async () => {
    using kernel = await CalledKernel.boot(elf);
    const pool = kernel.call('pmalloc_create_pool', MODE_RO);
    expect(kernel.status('pmalloc_destroy_pool', pool)).toBe(0n);
    expect(kernel.status('pmalloc_destroy_pool', pool)).toBe(EINVAL);
    expect(kernel.status('pmalloc_destroy_pool', kernel.call('kmalloc', 64n))).toBe(EINVAL);
  });

  it('when memory runs out gets nothing, and what was there goes on', async () => {
    using kernel = await CalledKernel.boot(elf);
    const pool = kernel.call('pmalloc_create_pool', MODE_RO);
    const object = kernel.call('pmalloc', pool, 16n);
    kernel.sandbox.poke(object, Uint8Array.of(7));
    // All but three pages of what the machine has.
    const last = new Uint8Array(BigUint64Array.of(0x2000_0000n - 3n * PAGE).buffer);
    kernel.sandbox.poke(kernel.address('next_page'), last);
    expect(kernel.call('pmalloc', pool, 64n * 1024n)).toBe(0n);
    expect(kernel.sandbox.peek(object, 1)).toEqual(Uint8Array.of(7));
    // What it had got came back: the pages still suffice for one object.
    const small = kernel.call('pmalloc', pool, 5000n);
    expect(small).not.toBe(0n);
    expect(kernel.refused(small)).toBe(undefined);
    // Splitting a page of the linear map takes one more, which there is not: an error, and the pool stays as it was.
    while (kernel.call('alloc_pages', 1n) !== 0n);
    expect(kernel.status('pmalloc_protect_pool', pool)).toBe(-12n);
  });
});

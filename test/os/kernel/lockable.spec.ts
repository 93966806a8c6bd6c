/** GFP_LOCKABLE: nothing at all while the feature is off; a bit and a pool when it is on. */
import { describe, expect, it } from 'vitest';
import { CalledKernel, poolsKernel } from './called-kernel.js';
import { kernelElf } from './runtime.js';

const GFP_KERNEL = 0xcc0n;
const LOCKABLE_BIT = 0x1000_0000n;

/** Allocates with the flag as the assembler knows it. */
const CALLER = `
.include "kernel-pools.inc"
kernel_init:
kernel_main:
  ret
plain_object:
  mov esi, GFP_KERNEL
  jmp kmalloc
lockable_object:
  mov esi, GFP_LOCKABLE
  jmp kmalloc
`;

/** Addresses and costs of objects of these sizes. */
function objects(kernel: CalledKernel, name: string): unknown[] {
  return [24n, 24n, 200n, 4096n, 9000n].map((size) => {
    let address = 0n;
    const spent = kernel.spent(() => {
      address = kernel.call(name, size);
    });
    return { address, ...spent };
  });
}

describe('GFP_LOCKABLE', () => {
  it('off: the same addresses, instructions, page-table changes and flushes as GFP_KERNEL', async () => {
    const elf = await kernelElf(CALLER);
    using plain = await CalledKernel.boot(elf);
    using lockable = await CalledKernel.boot(elf);
    const expected = objects(plain, 'plain_object');
    expect(objects(lockable, 'lockable_object')).toEqual(expected);
    expect(expected).toHaveLength(5);
    // And the code of kmalloc is the same, byte by byte, as in a kernel that does not know pools.
    const without = await kernelElf('kernel_init:\nkernel_main:\n ret\n');
    using bare = await CalledKernel.boot(without);
    const code = (kernel: CalledKernel): Uint8Array => {
      const bytes = Number(kernel.address('kfree') - kernel.address('kmalloc'));
      return kernel.sandbox.peek(kernel.address('kmalloc'), bytes).slice();
    };
    expect(code(plain).length).toBe(code(bare).length);
    expect(plain.status('lockable_protect')).toBe(0n);
  });

  it('on: its objects lie in a pool that is sealed, and those of GFP_KERNEL do not', async () => {
    const elf = await kernelElf(CALLER, '.set CONFIG_LOCKABLE, 1');
    using kernel = await CalledKernel.boot(elf);
    const sealed = [24n, 5000n].map((size) => kernel.call('lockable_object', size));
    const plain = kernel.call('plain_object', 24n);
    const pool = kernel.variable('lockable_pool');
    for (const object of sealed) expect(kernel.call('is_pmalloc_object', object, 24n)).toBe(pool);
    expect(kernel.status('lockable_protect')).toBe(0n);
    expect(sealed.map((object) => kernel.refused(object))).toEqual(['SEGV_ACCERR', 'SEGV_ACCERR']);
    expect(kernel.refused(plain)).toBe(undefined);
    expect(kernel.call('lockable_object', 0n)).toBe(0n);
  });

  it('on: everybody else pays two instructions', async () => {
    const off = await poolsKernel();
    const on = await poolsKernel('.set CONFIG_LOCKABLE, 1');
    const costs: number[] = [];
    for (const elf of [off, on]) {
      using kernel = await CalledKernel.boot(elf);
      costs.push(kernel.spent(() => kernel.call('kmalloc', 64n, GFP_KERNEL)).instructions);
    }
    expect(costs[1]! - costs[0]!).toBe(2);
  });

  it('on: without a pool for it, as when memory has run out, it gives nothing', async () => {
    const elf = await kernelElf(CALLER, '.set CONFIG_LOCKABLE, 1');
    using kernel = await CalledKernel.boot(elf);
    const end = new Uint8Array(BigUint64Array.of(0x2000_0000n).buffer);
    kernel.sandbox.poke(kernel.address('next_page'), end);
    expect(kernel.call('kmalloc', 64n, GFP_KERNEL | LOCKABLE_BIT)).toBe(0n);
    expect(kernel.status('lockable_protect')).toBe(0n);
  });
});

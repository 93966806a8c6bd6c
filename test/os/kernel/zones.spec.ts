/** The models of memory zones and of granules that lessons configure. */
import { beforeAll, describe, expect, it } from 'vitest';
import { CalledKernel } from './called-kernel.js';
import { kernelElf } from './runtime.js';

/** Of five zones those with a 1 are on; each has three pages. */
function zones(name: string, enabled: readonly number[]): string {
  const entries = enabled.map((on) => `  zone_entry ${on}, 3\n`).join('');
  return `.data\n${name}:\n${entries}  zone_end\n`;
}

const KERNEL = `
.include "kernel-zones.inc"
.include "kernel-grains.inc"
kernel_init:
kernel_main:
  ret
${zones('all', [1, 1, 1, 1, 1])}
${zones('first_and_last', [1, 0, 0, 0, 1])}
${zones('none', [])}
  .data
too_large:
  zone_entry 1, 200000
  zone_end
`;
const FIXED = 0n;
const SHARED = 1n;

let elf: Uint8Array;
beforeAll(async () => {
  elf = await kernelElf(KERNEL);
});

async function withZones(name: string, kind: bigint) {
  const kernel = await CalledKernel.boot(elf);
  const without = kernel.status('zones_init', kernel.address(name), kind);
  const bits = [0n, 1n, 2n, 3n, 4n].map((zone) => Number(kernel.call('zone_bit', zone)));
  return { kernel, without, bits };
}

describe('zones chosen by a mask', () => {
  it.each([
    ['all', FIXED, 1n, [1, 2, 4, 8, 0]],
    ['all', SHARED, 1n, [1, 2, 4, 8, 0]],
    ['first_and_last', FIXED, 1n, [1, 0, 0, 0, 0]],
    ['first_and_last', SHARED, 0n, [1, 0, 0, 0, 2]],
    ['none', SHARED, 0n, [0, 0, 0, 0, 0]],
  ] as const)('%s, kind %d: %d without a bit', async (name, kind, missing, expected) => {
    const { kernel, without, bits } = await withZones(name, kind);
    using _closed = kernel;
    expect([without, bits]).toEqual([missing, expected]);
  });

  it('gives pages of the zone while it has some, then and without a bit ordinary memory', async () => {
    const { kernel } = await withZones('first_and_last', SHARED);
    using _closed = kernel;
    const pages = (bit: bigint): bigint => kernel.call('zone_alloc', 2n, bit);
    const before = kernel.variable('next_page');
    const first = pages(2n);
    expect(kernel.variable('next_page')).toBe(before);
    // One page is left, and two are wanted.
    const second = pages(2n);
    expect(kernel.variable('next_page')).toBe(before + 2n * 4096n);
    expect(second).not.toBe(first + 2n * 4096n);
    expect(kernel.call('zone_alloc', 1n, 2n)).toBe(first + 2n * 4096n);
    for (const unknown of [0n, 4n, 3n, 0x100n]) {
      const next = kernel.variable('next_page');
      expect(kernel.call('zone_alloc', 1n, unknown)).toBe(0xffff_8880_0000_0000n + next);
    }
  });

  it('seals what was handed out of one zone, and nothing of the others', async () => {
    const { kernel } = await withZones('first_and_last', SHARED);
    using _closed = kernel;
    const [one, other] = [1n, 2n].map((bit) => kernel.call('zone_alloc', 1n, bit));
    expect(kernel.status('zone_protect', 4n)).toBe(0n);
    expect([one!, other!].map((page) => kernel.refused(page))).toEqual([undefined, 'SEGV_ACCERR']);
    // What fell back is not sealed with it.
    const late = kernel.call('zone_alloc', 3n, 2n);
    expect(kernel.refused(late)).toBe(undefined);
  });

  it('-EINVAL for a zone of which nothing was handed out, or that there is not', async () => {
    const { kernel } = await withZones('all', FIXED);
    using _closed = kernel;
    for (const zone of [0n, 4n, 5n, 1000n]) expect(kernel.status('zone_protect', zone)).toBe(-22n);
  });

  it('-ENOMEM for a zone that is larger than memory', async () => {
    using kernel = await CalledKernel.boot(elf);
    expect(kernel.status('zones_init', kernel.address('too_large'), SHARED)).toBe(-12n);
  });
});

const BLOCKS = 0n;
const SMALL = 1n;
const SPLIT = 2n;

describe('a machine with granules', () => {
  it.each([4n, 16n, 64n])('of %d KiB changes whole granules of an area', async (kib) => {
    using kernel = await CalledKernel.boot(elf);
    const bytes = kib * 1024n;
    expect(kernel.status('grain_init', bytes, SPLIT)).toBe(0n);
    const area = kernel.call('grain_vmalloc', 2n * bytes);
    expect(area % bytes).toBe(0n);
    expect(kernel.status('grain_set_memory_ro', area, 1n)).toBe(0n);
    const rights = [0n, bytes - 1n, bytes].map((at) => kernel.refused(area + at));
    expect(rights).toEqual(['SEGV_ACCERR', 'SEGV_ACCERR', undefined]);
    expect(kernel.refused(kernel.alias(area))).toBe('SEGV_ACCERR');
    // Between two granules (or two bytes), beyond the area, and in none.
    const heap = kernel.call('alloc_pages', 64n);
    for (const [address, count] of [
      [area + bytes / 2n, 1n],
      [area, 3n],
      [(heap / bytes) * bytes, 1n],
      [2n ** 64n - bytes, 1n],
    ] as const)
      expect(kernel.status('grain_set_memory_ro', address, count)).toBe(-22n);
  });

  it.each([
    [BLOCKS, undefined, -22n],
    [SMALL, 'SEGV_ACCERR', 0n],
    [SPLIT, 'SEGV_ACCERR', 0n],
  ] as const)('whose linear map is of kind %d', async (kind, alias, linear) => {
    using kernel = await CalledKernel.boot(elf);
    expect(kernel.status('grain_init', 4096n, kind)).toBe(0n);
    const area = kernel.call('grain_vmalloc', 4096n);
    expect(kernel.status('grain_set_memory_ro', area, 1n)).toBe(0n);
    expect(kernel.refused(area)).toBe('SEGV_ACCERR');
    expect(kernel.refused(kernel.alias(area))).toBe(alias);
    const page = kernel.call('alloc_pages', 1n);
    expect(kernel.status('grain_linear_ro', page, 1n)).toBe(linear);
    expect(kernel.refused(page)).toBe(linear === 0n ? 'SEGV_ACCERR' : undefined);
    expect(kernel.refused(page + 4096n)).toBe(undefined);
    expect(kernel.status('grain_linear_ro', page + 8n, 1n)).toBe(-22n);
  });

  it.each([
    [0n, SPLIT],
    [4095n, SPLIT],
    [8192n, SPLIT],
    [32768n, SPLIT],
    [4096n, 3n],
  ])('has no granule of %d bytes with a linear map of kind %d', async (bytes, kind) => {
    using kernel = await CalledKernel.boot(elf);
    expect(kernel.status('grain_init', bytes, kind)).toBe(-22n);
    expect(kernel.variable('grain_bytes')).toBe(4096n);
  });

  it('cannot split without memory for a table', async () => {
    using kernel = await CalledKernel.boot(elf);
    const page = kernel.call('alloc_pages', 1n);
    kernel.status('grain_init', 4096n, SPLIT);
    const end = new Uint8Array(BigUint64Array.of(0x2000_0000n).buffer);
    kernel.sandbox.poke(kernel.address('next_page'), end);
    expect(kernel.status('grain_linear_ro', page, 1n)).toBe(-12n);
    expect(kernel.refused(page)).toBe(undefined);
    expect(kernel.status('grain_init', 4096n, SMALL)).toBe(-12n);
  });
});

/**
 * What sealing a kernel's data costs (asm/lib/kernel-pools.inc): instructions, page-table changes, TLB flushes and memory, against
 * plain allocation. Counted, not timed: the same at each run.
 */
import { CalledKernel, poolsKernel } from '../os/kernel/called-kernel.js';
import { ROOT } from './bare.js';
import type { Row, Table } from './table.js';

const OBJECTS = 64;
const SIZES = [16, 64, 200, 1024, 3000];
const GRAINS = [4, 16, 64].map((kib) => kib * 1024);
const GFP_KERNEL = 0xcc0n;
const GFP_LOCKABLE_ON = GFP_KERNEL | 0x1000_0000n;
const MODE_RO = 0n;
const MODE_WR = 1n;
const MODE_AUTO_RO = 2n;

export async function sealedTables(): Promise<Table[]> {
  const library = new URL('asm/lib/', ROOT);
  const plain = await poolsKernel('', library);
  const lockable = await poolsKernel('.set CONFIG_LOCKABLE, 1', library);
  return [
    await allocationTable(plain),
    await sealingTable(plain),
    await wasteTable(plain, 10),
    await wasteTable(plain, 1000),
    await flagTable(plain, lockable),
    await rareTable(plain),
  ];
}

function allocate(kernel: CalledKernel, pool: bigint, size: number): void {
  for (let i = 0; i < OBJECTS; i++) kernel.call('pmalloc', pool, BigInt(size));
}

async function allocationTable(elf: Uint8Array): Promise<Table> {
  const rows: Row[] = [];
  for (const size of SIZES) {
    using kernel = await CalledKernel.boot(elf);
    const heap = kernel.spent(() => {
      for (let i = 0; i < OBJECTS; i++) kernel.call('kmalloc', BigInt(size), GFP_KERNEL);
    });
    const pool = kernel.call('pmalloc_create_pool', MODE_RO);
    const pooled = kernel.spent(() => allocate(kernel, pool, size));
    const sealed = kernel.spent(() => kernel.call('pmalloc_protect_pool', pool));
    rows.push({
      what: `${size} bytes`,
      values: [
        heap.instructions / OBJECTS,
        pooled.instructions / OBJECTS,
        sealed.instructions / OBJECTS,
        (pooled.instructions + sealed.instructions) / heap.instructions,
      ],
    });
  }
  const title = `sealed: ${OBJECTS} objects, instructions for each`;
  return { title, columns: ['kmalloc', 'pmalloc', 'to seal', 'sealed/plain'], rows };
}

async function sealingTable(elf: Uint8Array): Promise<Table> {
  const size = 64;
  const ways: readonly [string, (kernel: CalledKernel) => void][] = [
    [
      'kmalloc, not sealed',
      (kernel) => {
        for (let i = 0; i < OBJECTS; i++) kernel.call('kmalloc', BigInt(size), GFP_KERNEL);
      },
    ],
    [
      'a pool, sealed once',
      (kernel) => {
        const pool = kernel.call('pmalloc_create_pool', MODE_RO);
        allocate(kernel, pool, size);
        kernel.call('pmalloc_protect_pool', pool);
      },
    ],
    [
      'a pool that seals each area when it is full',
      (kernel) => {
        const pool = kernel.call('pmalloc_create_pool', MODE_AUTO_RO);
        allocate(kernel, pool, size);
        kernel.call('pmalloc_protect_pool', pool);
      },
    ],
    [
      'a pool, sealed after each object',
      (kernel) => {
        const pool = kernel.call('pmalloc_create_pool', MODE_RO);
        for (let i = 0; i < OBJECTS; i++) {
          kernel.call('pmalloc', pool, BigInt(size));
          kernel.call('pmalloc_protect_pool', pool);
        }
      },
    ],
    [
      'a page of the linear map each, set_memory_ro',
      (kernel) => {
        for (let i = 0; i < OBJECTS; i++)
          kernel.call('set_memory_ro', kernel.call('alloc_pages', 1n), 1n);
      },
    ],
  ];
  const rows: Row[] = [];
  for (const [what, work] of ways) {
    using kernel = await CalledKernel.boot(elf);
    const before = kernel.variable('next_page');
    const { instructions, pageTableChanges, tlbFlushes } = kernel.spent(() => work(kernel));
    const pages = Number(kernel.variable('next_page') - before) / 4096;
    rows.push({ what, values: [instructions, pageTableChanges, tlbFlushes, pages] });
  }
  const title = `sealed: ${OBJECTS} objects of ${size} bytes`;
  return { title, columns: ['instructions', 'entries changed', 'TLB flushes', 'pages'], rows };
}

/** Of the pages of a pool, the share that nobody asked for. */
async function wasteTable(elf: Uint8Array, objects: number): Promise<Table> {
  const rows: Row[] = [];
  for (const size of SIZES) {
    const values: number[] = [];
    for (const grain of GRAINS) {
      using kernel = await CalledKernel.boot(elf);
      const pool = kernel.call('pmalloc_create_custom_pool', MODE_RO, BigInt(grain), 8n);
      let made = 0;
      while (made < objects && kernel.call('pmalloc', pool, BigInt(size)) !== 0n) made++;
      const waste = Number(kernel.call('pmalloc_waste', pool));
      values.push((100 * waste) / (waste + made * size));
    }
    rows.push({ what: `${size} bytes`, values });
  }
  const title = `sealed: % wasted by a pool of ${objects} objects`;
  return { title, columns: GRAINS.map((bytes) => `areas of ${bytes / 1024} KiB`), rows };
}

/** GFP_LOCKABLE: off it is GFP_KERNEL; on, each kmalloc tests a bit. */
async function flagTable(plain: Uint8Array, lockable: Uint8Array): Promise<Table> {
  const rows: Row[] = [];
  for (const [what, elf, flags] of [
    ['feature off, GFP_KERNEL', plain, GFP_KERNEL],
    ['feature off, GFP_LOCKABLE', plain, GFP_KERNEL],
    ['feature on, GFP_KERNEL', lockable, GFP_KERNEL],
    ['feature on, GFP_LOCKABLE', lockable, GFP_LOCKABLE_ON],
  ] as const) {
    using kernel = await CalledKernel.boot(elf);
    kernel.call('kmalloc', 64n, flags); // the page is there
    const { instructions } = kernel.spent(() => kernel.call('kmalloc', 64n, flags));
    rows.push({ what, values: [instructions] });
  }
  return { title: 'sealed: kmalloc of 64 bytes', columns: ['instructions'], rows };
}

async function rareTable(elf: Uint8Array): Promise<Table> {
  const rows: Row[] = [];
  for (const size of [8, 64, 4096, 8192]) {
    using kernel = await CalledKernel.boot(elf);
    const pool = kernel.call('pmalloc_create_pool', MODE_WR);
    const object = kernel.call('pmalloc', pool, BigInt(size));
    kernel.call('pmalloc_protect_pool', pool);
    kernel.call('wr_memset', object, 0n, BigInt(size)); // the window is there
    const spent = kernel.spent(() => kernel.call('wr_memset', object, 1n, BigInt(size)));
    const { instructions, pageTableChanges, tlbFlushes } = spent;
    rows.push({ what: `${size} bytes`, values: [instructions, pageTableChanges, tlbFlushes] });
  }
  const title = 'sealed: one rare write (wr_memset)';
  return { title, columns: ['instructions', 'entries changed', 'TLB flushes'], rows };
}

/** Kernel settings that a host chooses: what each makes of the same calls. */
import { describe, expect, it } from 'vitest';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_HUGETLB,
  MAP_PRIVATE,
  PROT_READ,
  PROT_WRITE,
} from '../../../src/abi/linux/mman.js';
import { Sandbox } from '../../../src/sandbox/sandbox.js';

const RW = PROT_READ | PROT_WRITE;
const ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS;
const GIB = 1n << 30n;

const open = (sysctl: Record<string, number>): Promise<Sandbox> => Sandbox.create({ sysctl });

/** The errno, or 'ok'. */
function map(
  sb: Sandbox,
  at: bigint,
  length: bigint,
  flags: number = ANONYMOUS,
  prot = RW,
): string {
  return sb.syscall('mmap', at, length, prot, flags, -1, 0).errno ?? 'ok';
}

describe('sysctls', () => {
  it('vm.max_map_count bounds the mappings of a process', async () => {
    using sb = await open({ 'vm.max_map_count': 6 });
    const answers = Array.from({ length: 8 }, (_, index) =>
      map(sb, 0x1000_0000n + BigInt(index) * 0x2000n, 4096n),
    );
    expect(answers.indexOf('ENOMEM')).toBeGreaterThan(0);
    expect(answers.at(-1)).toBe('ENOMEM');
  });

  it.each([
    [0, ['ok', 'ENOMEM']],
    [1, ['ok', 'ok']],
    [2, ['ENOMEM', 'ENOMEM']],
  ])('vm.overcommit_memory=%i: 12 GiB and 20 GiB of 16 are %s', async (mode, answers) => {
    using sb = await open({ 'vm.overcommit_memory': mode });
    expect([map(sb, 0n, 12n * GIB), map(sb, 0n, 20n * GIB)]).toEqual(answers);
  });

  it('vm.mmap_min_addr=0 gives page 0 away: calling a null pointer runs what lies there', async () => {
    using sb = await open({ 'vm.mmap_min_addr': 0 });
    expect(map(sb, 0n, 4096n, ANONYMOUS | MAP_FIXED, RW | 4)).toBe('ok');
    sb.poke(0, Uint8Array.of(0xb8, 7, 0, 0, 0, 0xc3));
    expect(sb.call(0)).toEqual({ kind: 'return', value: 7n });
    using usual = await open({});
    expect(map(usual, 0n, 4096n, ANONYMOUS | MAP_FIXED)).toBe('EPERM');
  });

  it('vm.nr_hugepages fills the pool, and a snapshot brings it back', async () => {
    using sb = await open({ 'vm.nr_hugepages': 1 });
    const huge = (): string => map(sb, 0x4000_0000n, 2n << 20n, ANONYMOUS | MAP_HUGETLB);
    const before = sb.snapshot();
    expect(huge()).toBe('ok');
    expect(sb.maps().find(({ start }) => start === 0x4000_0000n)?.vmFlags).toContain('ht');
    expect(map(sb, 0n, 2n << 20n, ANONYMOUS | MAP_HUGETLB)).toBe('ENOMEM');
    sb.restore(before);
    expect(huge()).toBe('ok');
    sb.syscall('munmap', 0x4000_0000n, 2n << 20n);
    expect(huge()).toBe('ok');
  });

  it('are in /proc/sys', async () => {
    using sb = await open({ 'vm.overcommit_memory': 2, 'vm.mmap_min_addr': 4096 });
    const { value: page } = sb.syscall('mmap', 0, 4096, RW, ANONYMOUS, -1, 0);
    const read = (path: string): string => {
      sb.poke(page, new TextEncoder().encode(`${path}\0`));
      const { value: fd } = sb.syscall('open', page, 0);
      const { value: length } = sb.syscall('read', fd, page, 100);
      return new TextDecoder().decode(sb.peek(page, Number(length)));
    };
    expect(read('/proc/sys/vm/overcommit_memory')).toBe('2\n');
    expect(read('/proc/sys/vm/mmap_min_addr')).toBe('4096\n');
    expect(read('/proc/sys/vm/max_map_count')).toBe('65530\n');
  });

  it('refuse what is none of them, and what is out of range', async () => {
    await expect(open({ 'vm.overcomit_memory': 1 })).rejects.toThrow(
      "unknown sysctl 'vm.overcomit_memory'",
    );
    await expect(open({ 'vm.overcommit_memory': 3 })).rejects.toThrow(
      'vm.overcommit_memory is 3: expected an integer from 0 to 2',
    );
  });
});

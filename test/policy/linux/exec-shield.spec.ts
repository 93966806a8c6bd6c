/** Modes, limit and placement of policies.md section 2. */
import { describe, expect, it } from 'vitest';
import type { Vma } from '../../../src/os/linux/mm/vmas/vma.js';
import { execLimit, placeInArmor } from '../../../src/policy/linux/exec-shield.js';
import { parsePolicy } from '../../../src/policy/registry.js';
import { image } from '../elf-fixture.js';
import { facts, text, vma } from '../support.js';

const parse = (options = '', arch: 'i386' | 'x86-64' = 'i386') =>
  parsePolicy(options === '' ? 'exec-shield' : `exec-shield:${options}`, { arch, os: 'linux' });

const stackMark = (flags: number) => image({ programHeaders: [{ type: 0x6474e551, flags }] });

describe('exec-shield: modes', () => {
  it.each([
    ['', 'RW', true, false],
    ['', 'RWX', false, false],
    ['', 'missing', false, false],
    ['mode=0', 'RW', false, false],
    ['mode=2', 'RW', true, true],
    ['mode=2', 'RWX', true, true],
    ['mode=2', 'missing', true, true],
    ['mode=3', 'missing', true, true],
  ])('%j, PT_GNU_STACK %s: limit %s, stack mark ignored %s', (options, mark, limit, ignores) => {
    const program = mark === 'missing' ? image() : stackMark(mark === 'RWX' ? 7 : 6);
    const effects = parse(options).policies[0]?.forProgram?.(program).effects;
    expect(effects?.nx).toBe(false);
    expect(effects?.fetchLimit).toBe(limit ? 'highest-exec' : undefined);
    expect(effects?.ignoreGnuStack ?? false).toBe(ignores);
  });

  it('shields a sandbox without a program', () => {
    expect(parse().effects).toMatchObject({ nx: false, fetchLimit: 'highest-exec' });
  });

  it.each([
    ['', 'x86-64'],
    ['cpu=nx', 'i386'],
  ] as const)('%j on %s leaves it to the NX bit', (options, arch) => {
    expect(parse(options, arch).effects.nx).toBe(true);
    expect(parse(options, arch).effects.fetchLimit).toBeUndefined();
  });

  it('refuses no call', () => {
    const { mmapFile, mmapFlags, mmapRegion, mprotect, mprotectRights, implicit, syscall } =
      parse().policies[0]!;
    const hooks = [mmapFile, mmapFlags, mmapRegion, mprotect, mprotectRights, implicit, syscall];
    expect(hooks.every((hook) => hook === undefined)).toBe(true);
  });

  it('names the limit as the cause of a refused fetch', () => {
    const policy = parse().policies[0]!;
    expect(text(policy.fault?.(vma('rw RWX'), 0n, 'exec', facts()))).toBe('note exec-shield/limit');
    expect(text(policy.fault?.(vma('r RWX'), 0n, 'write', facts()))).toBe('ok');
  });
});

describe('exec-shield: the limit', () => {
  const at = (start: bigint, flags: string) => vma(flags, { start, end: start + 0x1000n });

  it('is the end of the highest executable mapping, 0 without one', () => {
    expect(execLimit([])).toBe(0n);
    expect(execLimit([at(0x0900_0000n, 'rw RWX')])).toBe(0n);
    const text_ = at(0x0804_8000n, 'rx RWX');
    expect(execLimit([text_, at(0x0900_0000n, 'rw RWX')])).toBe(0x0804_9000n);
  });

  it('a to e: data above text faults, an executable mapping above it lets it run', () => {
    const text_ = at(0x0809_f000n, 'rx RWX');
    const heap = at(0x0900_0000n, 'rw RWX');
    const high = at(0x4000_0000n, 'rx RWX');
    const stack = at(0xbfff_f000n, 'rwx RWX');
    const runs = (...vmas: Vma[]): boolean => heap.start < execLimit(vmas);
    expect(runs(text_, heap)).toBe(false);
    expect(runs(text_, heap, high)).toBe(true);
    expect(runs(text_, heap, stack)).toBe(true);
    expect(execLimit([text_, heap, stack])).toBe(0xc000_0000n);
    expect(runs(text_, heap, at(0xbfff_f000n, 'rw RWX'))).toBe(false);
  });
});

describe('exec-shield: ASCII armor', () => {
  const place = (overrides: Partial<Parameters<typeof placeInArmor>[0]> = {}) =>
    placeInArmor({
      length: 0x2000n,
      startBrk: 0x0900_0000n,
      brk: 0x0902_1000n,
      occupied: [],
      random: undefined,
      ...overrides,
    });

  it('begins at 0x110000 without randomisation and goes up', () => {
    expect(place()).toBe(0x0011_0000n);
    expect(place({ occupied: [{ start: 0x0011_0000n, end: 0x0011_4000n }] })).toBe(0x0011_4000n);
    expect(
      place({
        occupied: [
          { start: 0x0010_0000n, end: 0x0011_1000n },
          { start: 0x0011_2000n, end: 0x0012_0000n },
        ],
      }),
    ).toBe(0x0012_0000n);
  });

  it('stays below 16 MiB at random', () => {
    for (const pick of [0, 1, 1000, 1e9]) {
      const address = place({ random: (n) => Math.min(pick, n - 1) })!;
      expect(address).toBeGreaterThanOrEqual(0x0011_0000n);
      expect(address + 0x2000n).toBeLessThanOrEqual(0x0100_0000n);
      expect(address % 0x1000n).toBe(0n);
    }
  });

  it('searches upwards when the random place is taken', () => {
    const occupied = [{ start: 0x0011_0000n, end: 0x0020_0000n }];
    expect(place({ occupied, random: () => 0 })).toBe(0x0020_0000n);
  });

  it('draws again once past 16 MiB, and keeps out of the heap', () => {
    const occupied = [{ start: 0x0011_0000n, end: 0x0100_0000n }];
    expect(place({ occupied, random: () => 7 })).toBe(0x0100_7000n);
    expect(place({ occupied })).toBe(0x0100_0000n);
    expect(place({ occupied: [{ start: 0x0011_0000n, end: 0x0902_1000n }] })).toBeUndefined();
    expect(place({ length: 0x2000_0000n })).toBeUndefined();
  });

  it('draws nothing when randomisation is off', () => {
    const { placeExecutable } = parse('randomize=off').effects;
    const drawn = (): number => {
      throw new Error('a number was drawn');
    };
    const common = { startBrk: 0x0900_0000n, brk: 0x0902_1000n, occupied: [], random: drawn };
    expect(placeExecutable?.({ ...common, length: 0x1000n })).toBe(0x0011_0000n);
  });
});

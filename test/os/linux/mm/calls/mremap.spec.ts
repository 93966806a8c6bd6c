/** mremap as Linux 6.18 has it; random sequences of it are in native.spec.ts. */
import { describe, expect, it } from 'vitest';
import {
  MAP_ANONYMOUS,
  MAP_LOCKED,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
} from '../../../../../src/abi/linux/mman.js';
import type { AddressSpace } from '../../../../../src/os/linux/mm/address-space.js';
import { deny } from '../../../../../src/policy/policy.js';
import { BASE, makeSpace, mapAt, PAGE, policiesOf, shape } from '../fake-memory.js';

const MAY = BigInt(MREMAP_MAYMOVE);
const FIXED = BigInt(MREMAP_FIXED | MREMAP_MAYMOVE);
const LEAVE = BigInt(MREMAP_DONTUNMAP | MREMAP_MAYMOVE);
const AWAY = BASE + 0x100000n;
const SHARED = MAP_SHARED | MAP_ANONYMOUS;

function remap(
  mm: AddressSpace,
  from: bigint,
  oldPages: bigint,
  newPages: bigint,
  flags = MAY,
  to = 0n,
): bigint | string {
  const result = mm.mremap(from, oldPages * PAGE, newPages * PAGE, flags, to);
  return result.ok ? result.value : result.errno;
}

describe('errnos', () => {
  it.each<[string, [bigint, bigint, bigint, bigint, bigint], string]>([
    ['unknown flag', [BASE, 1n, 2n, 8n, 0n], 'EINVAL'],
    ['misaligned', [BASE + 1n, 1n, 2n, MAY, 0n], 'EINVAL'],
    ['new length 0', [BASE, 1n, 0n, MAY, 0n], 'EINVAL'],
    ['new length of more than everything', [BASE, 1n, 1n << 40n, MAY, 0n], 'EINVAL'],
    ['FIXED without MAYMOVE', [BASE, 1n, 1n, 2n, AWAY], 'EINVAL'],
    ['FIXED misaligned', [BASE, 1n, 1n, FIXED, AWAY + 1n], 'EINVAL'],
    ['FIXED past the end', [BASE, 1n, 1n, FIXED, 0x7fff_ffff_f000n], 'EINVAL'],
    ['FIXED over the source', [BASE, 2n, 2n, FIXED, BASE + PAGE], 'EINVAL'],
    ['DONTUNMAP without MAYMOVE', [BASE, 1n, 1n, 4n, 0n], 'EINVAL'],
    ['DONTUNMAP with another length', [BASE, 1n, 2n, LEAVE, 0n], 'EINVAL'],
    ['nothing there', [AWAY, 1n, 2n, MAY, 0n], 'EFAULT'],
    ['growing past the mapping', [BASE, 5n, 6n, MAY, 0n], 'EFAULT'],
    ['moving past the mapping', [BASE, 5n, 6n, FIXED, AWAY], 'EFAULT'],
    ['duplicating private memory', [BASE, 0n, 2n, MAY, 0n], 'EINVAL'],
    ['growing without room and without MAYMOVE', [BASE, 2n, 3n, 0n, 0n], 'ENOMEM'],
  ])('%s', (_name, [from, oldPages, newPages, flags, to], errno) => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 4);
    expect(remap(mm, from, oldPages, newPages, flags, to)).toBe(errno);
    expect(shape(mm)).toEqual(['0+4 rw-p']);
  });

  it('a sealed mapping stays', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2);
    mm.mseal(BASE, PAGE, 0n);
    expect(remap(mm, BASE, 1n, 2n)).toBe('EPERM');
    mapAt(mm, AWAY);
    expect(remap(mm, AWAY, 1n, 1n, FIXED, BASE)).toBe('EPERM');
  });

  it('a policy may refuse once the arguments are good', () => {
    const policies = policiesOf({ mremap: () => deny('EACCES', 'a/b', '') });
    const { mm } = makeSpace({ policies });
    mapAt(mm);
    expect(remap(mm, BASE, 1n, 2n, 8n)).toBe('EINVAL');
    expect(remap(mm, BASE, 1n, 2n)).toBe('EACCES');
  });

  it('limits count what is added', () => {
    const { mm } = makeSpace({ limits: { as: 4n * PAGE } });
    mapAt(mm, BASE, 4);
    expect(remap(mm, BASE, 4n, 5n)).toBe('ENOMEM');
    expect(remap(mm, BASE, 1n, 1n, LEAVE, AWAY)).toBe('ENOMEM');
    const { mm: locked } = makeSpace({ limits: { memlock: PAGE } });
    mapAt(locked, BASE, 1, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED);
    expect(remap(locked, BASE, 1n, 2n)).toBe('EAGAIN');
  });
});

describe('resizing', () => {
  it('shrinks in place, over neighbours and holes too', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 3);
    mapAt(mm, BASE + 4n * PAGE, 1, 1);
    expect(remap(mm, BASE, 5n, 1n, 0n)).toBe(BASE);
    expect(shape(mm)).toEqual(['0+1 rw-p']);
  });

  it('grows in place where there is room and joins what it meets', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1);
    mapAt(mm, BASE + 3n * PAGE, 1);
    expect(remap(mm, BASE, 1n, 3n, 0n)).toBe(BASE);
    expect(shape(mm)).toEqual(['0+4 rw-p']);
    mm.checkInvariants();
  });

  it('in a child joins a neighbour without pages, though what fork copied otherwise joins none', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1);
    mapAt(mm, BASE + 2n * PAGE, 1);
    mm.store(BASE, Uint8Array.of(7));
    const child = mm.fork();
    mapAt(child, BASE + 3n * PAGE, 1);
    expect(remap(child, BASE, 1n, 2n, 0n)).toBe(BASE);
    expect(shape(child)).toEqual(['0+4 rw-p']);
    mapAt(child, BASE + 4n * PAGE, 1);
    expect(shape(child)).toEqual(['0+4 rw-p', '4+1 rw-p']);
    child.checkInvariants();
  });

  it('moves with its data where there is none', () => {
    const { mm, memory } = makeSpace();
    mapAt(mm, BASE, 3);
    mm.store(BASE, Uint8Array.of(7));
    const to = remap(mm, BASE, 1n, 2n) as bigint;
    expect(mm.load(to, 1)).toEqual(Uint8Array.of(7));
    expect(shape(mm)[0]).toBe('1+2 rw-p');
    expect(memory.framesInUse).toBe(1);
    mm.checkInvariants();
  });
});

describe('moving', () => {
  it('to a fixed place replaces what is there and keeps flags, data and anon_vma', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2);
    mm.store(BASE + PAGE, Uint8Array.of(5));
    mm.mprotect(BASE, 2n * PAGE, 5n);
    mapAt(mm, AWAY, 2);
    expect(remap(mm, BASE, 2n, 2n, FIXED, AWAY)).toBe(AWAY);
    expect(shape(mm, AWAY)).toEqual(['0+2 r-xp']);
    expect(mm.load(AWAY + PAGE, 1)).toEqual(Uint8Array.of(5));
    expect(mm.find(AWAY)!.anonVma).toBe(true);
    expect(mm.find(AWAY)!.pageOffset).toBe(Number(BASE >> 12n));
    mm.checkInvariants();
  });

  it('gives memory without pages the offset of its new place', () => {
    const { mm } = makeSpace();
    mapAt(mm);
    remap(mm, BASE, 1n, 1n, FIXED, AWAY);
    expect(mm.find(AWAY)!.pageOffset).toBe(Number(AWAY >> 12n));
  });

  it('takes several mappings at once when the length stays, gaps included', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1);
    mapAt(mm, BASE + 2n * PAGE, 1, 1);
    expect(remap(mm, BASE, 3n, 3n, FIXED, AWAY)).toBe(AWAY);
    expect(shape(mm, AWAY)).toEqual(['0+1 rw-p', '2+1 r--p']);
    expect(remap(mm, AWAY + PAGE, 2n, 2n, FIXED, BASE)).toBe('EFAULT');
  });

  it('a refusal in the middle leaves what was moved', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2);
    mm.mseal(BASE + PAGE, PAGE, 0n);
    expect(remap(mm, BASE, 2n, 2n, FIXED, AWAY)).toBe('EPERM');
    expect(shape(mm)).toEqual(['1+1 rw-p', '256+1 rw-p']);
  });

  it('DONTUNMAP leaves an empty mapping behind', () => {
    const { mm } = makeSpace();
    mapAt(mm);
    mm.store(BASE, Uint8Array.of(5));
    expect(remap(mm, BASE, 1n, 1n, LEAVE, AWAY)).toBe(AWAY);
    expect(mm.load(AWAY, 1)).toEqual(Uint8Array.of(5));
    expect(mm.load(BASE, 1)).toEqual(Uint8Array.of(0));
    expect(mm.find(BASE)!.anonVma).toBe(false);
  });

  it('length 0 makes a second view of shared memory', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 2, 3, SHARED);
    expect(remap(mm, BASE + PAGE, 0n, 1n, FIXED, AWAY)).toBe(AWAY);
    mm.store(AWAY, Uint8Array.of(3));
    expect(mm.load(BASE + PAGE, 1)).toEqual(Uint8Array.of(3));
    expect(mm.find(AWAY)!.object).toBe(mm.find(BASE)!.object);
  });

  it('carries the history along', () => {
    const { mm } = makeSpace();
    mm.cause = 'first';
    mapAt(mm);
    mm.cause = 'second';
    remap(mm, BASE, 1n, 1n, FIXED, AWAY);
    expect(mm.history(AWAY).map(({ cause }) => cause)).toEqual(['first', 'second']);
  });
});

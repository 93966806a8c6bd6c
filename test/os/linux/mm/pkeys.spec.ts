/** Protection keys (policies.md 10.1). The machine that recordings come from has none: from the kernel's source. */
import { describe, expect, it } from 'vitest';
import { FAULT_PKEY, FAULT_PROTECTION, HW_EXEC, HW_WRITE } from '../../../../src/engine/engine.js';
import { BASE, makeSpace, mapAt, PAGE, shape, type TestSpace } from './fake-memory.js';

const page = Number(BASE >> 12n);
const failed = (errno: string) => ({ ok: false, errno });
const keyed = (): TestSpace => makeSpace({ tuning: { pku: true } });

describe('allocation', () => {
  it('gives 15 keys, then none', () => {
    const { mm } = keyed();
    const keys = Array.from({ length: 15 }, () => mm.pkeyAlloc(0n, 0n));
    expect(keys.map((key) => key.ok && key.value)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    ]);
    expect(mm.pkeyAlloc(0n, 0n)).toEqual(failed('ENOSPC'));
    expect(mm.pkeyFree(7)).toEqual({ ok: true, value: 0 });
    expect(mm.pkeyAlloc(0n, 0n)).toEqual({ ok: true, value: 7 });
  });

  it('sets the rights of the key', () => {
    const { mm } = keyed();
    expect(mm.pkru).toBe(0x55555554);
    mm.pkeyAlloc(0n, 2n);
    expect(mm.pkru).toBe(0x55555558);
  });

  it('refuses flags, unknown rights, keys that are not there, and CPUs without keys', () => {
    const { mm } = keyed();
    expect(mm.pkeyAlloc(1n, 0n)).toEqual(failed('EINVAL'));
    expect(mm.pkeyAlloc(0n, 4n)).toEqual(failed('EINVAL'));
    for (const key of [-1, 3, 16]) expect(mm.pkeyFree(key)).toEqual(failed('EINVAL'));
    expect(makeSpace().mm.pkeyAlloc(0n, 0n)).toEqual(failed('EINVAL'));
  });
});

describe('access', () => {
  function withKey(rights: bigint): TestSpace['mm'] {
    const { mm } = keyed();
    mapAt(mm);
    mm.pkeyAlloc(0n, rights);
    expect(mm.mprotect(BASE, PAGE, 7n, 1)).toEqual({ ok: true, value: 0 });
    return mm;
  }

  it('write-disable lets read and execute', () => {
    const mm = withKey(2n);
    expect(mm.translate(page, 'read') & HW_WRITE).toBe(0);
    expect(mm.translate(page, 'write')).toBe(FAULT_PKEY);
    expect(mm.store(BASE, Uint8Array.of(1))).toMatchObject({ code: 'SEGV_PKUERR' });
    expect(mm.copyOut(BASE, Uint8Array.of(1))).toEqual(failed('EFAULT'));
  });

  it('access-disable lets execute only', () => {
    const mm = withKey(1n);
    expect(mm.translate(page, 'read')).toBe(FAULT_PKEY);
    expect(mm.translate(page, 'exec') & 7).toBe(HW_EXEC);
  });

  it('the key is named before the rights', () => {
    const mm = withKey(1n);
    mm.mprotect(BASE, PAGE, 0n, 1);
    expect(mm.translate(page, 'read')).toBe(FAULT_PKEY);
    expect(mm.translate(page, 'exec')).toBe(FAULT_PROTECTION);
  });

  it('a new PKRU takes effect at once', () => {
    const { mm, flushes } = keyed();
    mapAt(mm);
    mm.pkeyAlloc(0n, 0n);
    mm.mprotect(BASE, PAGE, 3n, 1);
    mm.store(BASE, Uint8Array.of(1));
    flushes.length = 0;
    mm.pkru = 0xffffffff;
    expect(flushes).toEqual(['all']);
    expect(mm.load(BASE, 1)).toMatchObject({ code: 'SEGV_PKUERR' });
  });

  it('a key keeps mappings apart', () => {
    const { mm } = keyed();
    mapAt(mm, BASE, 2);
    mm.pkeyAlloc(0n, 0n);
    mm.mprotect(BASE, PAGE, 3n, 1);
    expect(shape(mm)).toEqual(['0+1 rw-p', '1+1 rw-p']);
    mm.mprotect(BASE, PAGE, 3n, 0);
    expect(shape(mm)).toEqual(['0+2 rw-p']);
  });
});

describe('execute-only memory', () => {
  it('takes a key of its own, which the program cannot use', () => {
    const { mm } = keyed();
    mapAt(mm);
    mm.mprotect(BASE, PAGE, 4n);
    expect(mm.find(BASE)!.pkey).toBe(1);
    expect(mm.translate(page, 'read')).toBe(FAULT_PKEY);
    expect(mm.translate(page, 'exec') & 7).toBe(HW_EXEC);
    expect(mm.mprotect(BASE, PAGE, 1n, 1)).toEqual(failed('EINVAL'));
    expect(mm.pkeyFree(1)).toEqual(failed('EINVAL'));
  });

  it('is made by mmap too, with the same key', () => {
    const { mm } = keyed();
    mapAt(mm, BASE, 1, 4);
    mapAt(mm, BASE + 2n * PAGE, 1, 4);
    expect(mm.vmas.map(({ pkey }) => pkey)).toEqual([1, 1]);
  });

  it('goes back to key 0 when it is no longer execute-only, other keys stay', () => {
    const { mm } = keyed();
    mapAt(mm, BASE, 1, 4);
    mm.mprotect(BASE, PAGE, 3n);
    expect(mm.find(BASE)!.pkey).toBe(0);
    mm.pkeyAlloc(0n, 0n);
    mm.mprotect(BASE, PAGE, 3n, 2);
    mm.mprotect(BASE, PAGE, 1n);
    expect(mm.find(BASE)!.pkey).toBe(2);
  });

  it('without keys is readable', () => {
    const { mm } = makeSpace();
    mapAt(mm, BASE, 1, 4);
    expect(mm.load(BASE, 1)).toEqual(Uint8Array.of(0));
  });
});

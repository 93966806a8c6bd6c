import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import { assemble } from '../../src/toolchain/assemble.js';
import { namedConstants } from '../../src/toolchain/constants.js';

const ARCHES: readonly Arch[] = ['x86-64', 'i386'];

describe.each(ARCHES)('named constants for %s', (arch) => {
  it('each stands for its value in a source', async () => {
    const constants = [...namedConstants(arch)];
    const source = constants.map(([name]) => `.quad ${name}`).join('\n');
    const { bytes } = await assemble(source, { arch });
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const got = constants.map(([name], index) => [name, view.getBigInt64(index * 8, true)]);
    expect(got).toEqual(constants);
    expect(constants.length).toBeGreaterThan(1000);
  });

  it('has those of the tables under their kernel names', () => {
    const named = namedConstants(arch);
    const some = {
      SYS_mmap: arch === 'x86-64' ? 9n : 90n,
      __NR_mprotect: arch === 'x86-64' ? 10n : 125n,
      SYS_mseal: 462n,
      SYS_memfd_create: arch === 'x86-64' ? 319n : 356n,
      PROT_EXEC: 4n,
      MAP_ANONYMOUS: 0x20n,
      MAP_ANON: 0x20n,
      MADV_DONTNEED: 4n,
      EACCES: 13n,
      ENOTSUP: 95n,
      SIGSEGV: 11n,
      SEGV_ACCERR: 2n,
      SI_TKILL: -6n,
      SA_RESTORER: 0x04000000n,
      PR_SET_MDWE: 65n,
      O_CLOEXEC: 0o2000000n,
      AT_FDCWD: -100n,
      MFD_EXEC: 16n,
      READ_IMPLIES_EXEC: 0x400000n,
      SHM_EXEC: 0o100000n,
      CLONE_VM: 0x100n,
      PAGE_SIZE: 4096n,
    };
    for (const [name, value] of Object.entries(some))
      expect([name, named.get(name)]).toEqual([name, value]);
  });
});

describe('system-call numbers', () => {
  const header = (name: string): string => `/usr/include/x86_64-linux-gnu/asm/${name}`;
  const headers: readonly [Arch, string][] = [
    ['x86-64', header('unistd_64.h')],
    ['i386', header('unistd_32.h')],
  ];
  for (const [arch, path] of headers) {
    it(`are those of this host's kernel headers for ${arch}`, (context) => {
      context.skip(!existsSync(path), `${path} is not installed`);
      const named = namedConstants(arch);
      for (const [, name, number] of readFileSync(path, 'utf8').matchAll(/__NR_(\w+) (\d+)/g)) {
        expect([name, named.get(`__NR_${name}`)]).toEqual([name, BigInt(number!)]);
      }
    });
  }
});

/** The files of asm/lib: each may be included twice, and with any other of its architecture. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';

const ASM = fileURLToPath(new URL('../../asm/', import.meta.url));
const FILES = readdirSync(`${ASM}lib`).filter((name) => name.endsWith('.inc'));

const include = (path: string): string | undefined => {
  try {
    return readFileSync(`${ASM}${path}`, 'utf8');
  } catch {
    return undefined;
  }
};

function program(arch: Arch, files: readonly string[]): Promise<{ elf: Uint8Array }> {
  const includes = files.map((name) => `.include "lib/${name}"\n`).join('');
  return assembleProgram(`_start: ret\n${includes}`, { arch, include });
}

describe.each<Arch>(['x86-64', 'i386'])('the files for %s', (arch) => {
  const pair = FILES.filter((name) => name === `${arch}.inc` || name === `${arch}-calls.inc`);

  it('may be included together, in either order, and twice', async () => {
    const once = await program(arch, [`${arch}-calls.inc`]);
    for (const files of [pair, [...pair].reverse(), [...pair, ...pair]]) {
      expect((await program(arch, files)).elf.length).toBe(once.elf.length);
    }
  });

  it('have a guard, unless they hold no name', () => {
    for (const name of FILES.filter((each) => each.startsWith(arch))) {
      const text = include(`lib/${name}`) ?? '';
      const guard = `INCLUDED_${name.replace('.inc', '').replaceAll('-', '_').toUpperCase()}`;
      const names = /^[\w.]+:|^\s*\.macro/m.test(text);
      expect(text.includes(`.ifndef ${guard}\n    .set ${guard}, 1\n`), name).toBe(names);
    }
  });
});

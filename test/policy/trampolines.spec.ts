/** EMUTRAMP patterns of policies.md 3.3 and ATL thunks of 7.2. */
import { describe, expect, it } from 'vitest';
import type { TrampolineEmulator } from '../../src/policy/effects.js';
import { emulateGccAndLibffi } from '../../src/policy/pax/trampolines.js';

const PC = 0x0804_b010n;

function run(
  emulate: TrampolineEmulator,
  arch: 'i386' | 'x86-64',
  hex: string,
  pc = PC,
): ReturnType<TrampolineEmulator> {
  const bytes = hex.split(' ').map((byte) => Number.parseInt(byte, 16));
  const byteAt = (address: bigint): number | undefined => bytes[Number(address - pc)];
  return emulate(arch, pc, byteAt, 0xbfff_f000n);
}

const IMM64 = '88 77 66 55 44 33 22 11';
const IMM64_B = '08 07 06 05 04 03 02 01';
const A = 0x1122_3344_5566_7788n;
const B = 0x0102_0304_0506_0708n;

describe('EMUTRAMP', () => {
  it.each([
    ['i386', 'b8 44 33 22 11 e9 00 01 00 00', 'libffi', { eax: 0x11223344n }, PC + 0x10an],
    ['i386', 'b8 44 33 22 11 e9 f0 ff ff ff', 'libffi', { eax: 0x11223344n }, PC - 6n],
    [
      'i386',
      'b9 44 33 22 11 b8 00 80 04 08 ff e0',
      'gcc 1',
      { ecx: 0x11223344n, eax: 0x08048000n },
      0x08048000n,
    ],
    ['i386', 'b9 44 33 22 11 e9 10 00 00 00', 'gcc 2', { ecx: 0x11223344n }, PC + 0x1an],
    ['x86-64', `49 bb ${IMM64} 49 ba ${IMM64_B} f8 49 ff e3`, 'libffi', { r11: A, r10: B }, A],
    ['x86-64', `49 bb ${IMM64} 49 ba ${IMM64_B} f9 49 ff e3`, 'libffi', { r11: A, r10: B }, A],
    [
      'x86-64',
      `41 bb 44 33 22 f1 49 ba ${IMM64_B} 49 ff e3`,
      'gcc 1',
      { r11: 0xf1223344n, r10: B },
      0xf1223344n,
    ],
    ['x86-64', `49 bb ${IMM64} 49 ba ${IMM64_B} 49 ff e3`, 'gcc 2', { r11: A, r10: B }, A],
  ] as const)('%s %s: %s', (arch, hex, name, registers, pc) => {
    expect(run(emulateGccAndLibffi, arch, hex)).toMatchObject({ name, registers, pc });
  });

  it('sets or clears carry for libffi of x86-64, and leaves it alone elsewhere', () => {
    const hex = (flag: string): string => `49 bb ${IMM64} 49 ba ${IMM64_B} ${flag} 49 ff e3`;
    expect(run(emulateGccAndLibffi, 'x86-64', hex('f8'))?.carry).toBe(false);
    expect(run(emulateGccAndLibffi, 'x86-64', hex('f9'))?.carry).toBe(true);
    expect(
      run(emulateGccAndLibffi, 'i386', 'b9 44 33 22 11 e9 10 00 00 00')?.carry,
    ).toBeUndefined();
  });

  it.each([
    ['i386', 'b8 44 33 22 11 c3 00 00 00 00 00 00'],
    ['i386', 'b9 44 33 22 11 b8 00 80 04 08 ff e1'],
    ['i386', 'b8 44 33 22 11 e9 00 01 00'],
    ['i386', `49 bb ${IMM64} 49 ba ${IMM64_B} 49 ff e3`],
    ['x86-64', 'b8 44 33 22 11 e9 00 01 00 00'],
    ['x86-64', `49 bb ${IMM64} 49 ba ${IMM64_B} f7 49 ff e3`],
    ['x86-64', `49 bb ${IMM64} 49 ba ${IMM64_B} 49 ff`],
  ] as const)('%s leaves %s alone', (arch, hex) => {
    expect(run(emulateGccAndLibffi, arch, hex)).toBeUndefined();
  });

  it('leaves code alone that would wrap round the top of i386 addresses', () => {
    const hex = 'b8 44 33 22 11 e9 00 01 00 00';
    expect(run(emulateGccAndLibffi, 'i386', hex, 0xffff_fff6n)).toBeDefined();
    expect(run(emulateGccAndLibffi, 'i386', hex, 0xffff_fff7n)).toBeUndefined();
  });
});

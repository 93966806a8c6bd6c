/** Which bytes are an instruction that the emulated CPU lacks. */
import { expect, it } from 'vitest';
import { missingExtension } from '../../src/x86/missing-extension.js';

it.each<[number[], 'x86-64' | 'i386', string | undefined]>([
  [[0xc5, 0xfc, 0x58, 0xc1], 'x86-64', 'AVX'],
  [[0xc5, 0xfc, 0x58, 0xc1], 'i386', 'AVX'],
  [[0x64, 0xc5, 0x7c, 0x58, 0x00], 'x86-64', 'AVX'],
  // lds eax, [eax]
  [[0xc5, 0x00], 'i386', undefined],
  [[0xc4, 0xe2, 0x79, 0x18, 0x00], 'x86-64', 'AVX'],
  [[0xc4, 0xe2, 0x78, 0xf2, 0xc0], 'x86-64', 'BMI'],
  [[0xc4, 0xe3, 0x7b, 0xf0, 0xc0, 3], 'i386', 'BMI'],
  [[0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc0], 'x86-64', 'AVX-512'],
  // bound eax, [eax]
  [[0x62, 0x00], 'i386', undefined],
  [[0x0f, 0x0b], 'x86-64', undefined],
  [[0x2e], 'x86-64', undefined],
  [[], 'x86-64', undefined],
])('%j in %s', (bytes, arch, extension) => {
  const text = extension && `the emulated CPU has no ${extension}`;
  expect(missingExtension(Uint8Array.from(bytes), arch)).toBe(text);
});

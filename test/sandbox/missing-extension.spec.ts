/** Which bytes are an instruction that the emulated CPU lacks. */
import { expect, it } from 'vitest';
import { missingExtension } from '../../src/sandbox/missing-extension.js';

it.each<[number[], 'x86-64' | 'i386', string | undefined]>([
  [[0xc5, 0xfc, 0x58, 0xc1], 'x86-64', 'AVX'],
  [[0xc5, 0xfc, 0x58, 0xc1], 'i386', 'AVX'],
  [[0x64, 0xc5, 0x7c, 0x58, 0x00], 'x86-64', 'AVX'],
  // lds eax, [eax]
  [[0xc5, 0x00], 'i386', undefined],
  [[0xc4, 0xe2, 0x79, 0x18, 0x00], 'x86-64', 'AVX'],
  [[0xc5, 0xfd, 0xfe, 0xc1], 'x86-64', 'AVX2'],
  [[0xc4, 0xe2, 0x71, 0x98, 0xc2], 'x86-64', 'FMA'],
  [[0xc4, 0xe2, 0x79, 0x13, 0xc1], 'x86-64', 'F16C'],
  [[0xc4, 0xe2, 0x78, 0xf2, 0xc0], 'x86-64', 'BMI1'],
  [[0xc4, 0xe3, 0x7b, 0xf0, 0xc0, 3], 'i386', 'BMI2'],
  [[0x66, 0x0f, 0x38, 0x17, 0xc0], 'x86-64', 'SSE4.1'],
  [[0xf3, 0x0f, 0xb8, 0xc0], 'x86-64', 'POPCNT'],
  [[0x0f, 0x01, 0xd0], 'x86-64', 'XSAVE'],
  // bound eax, [eax]
  [[0x62, 0x00], 'i386', undefined],
  [[0x0f, 0x0b], 'x86-64', undefined],
  [[0x2e], 'x86-64', undefined],
  [[], 'x86-64', undefined],
])('%j in %s', (bytes, arch, extension) => {
  const text = missingExtension(Uint8Array.from(bytes), arch);
  if (extension === undefined) expect(text).toBeUndefined();
  else expect(text).toMatch(`the emulated CPU has no ${extension}: cpu 'x86-64-v`);
});

it.each([
  [[0x0f, 0xc7, 0xf0], "the emulated CPU has no RDRAND: cpu 'x86-64-v2,+rdrand' has it"],
  [[0xc5, 0xfd, 0xfe, 0xc1], "the emulated CPU has no AVX2: cpu 'x86-64-v3' has it"],
  [[0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc0], 'the emulated CPU has no AVX-512, and none here has'],
])('%j: %s', (bytes, text) => {
  expect(missingExtension(Uint8Array.from(bytes), 'x86-64')).toBe(text);
});

/** Processors by name: levels, flags on top of them, and what is told of a wrong one. */
import { describe, expect, it } from 'vitest';
import { MayexecError } from '../../src/base/errors.js';
import { cpuWith, DEFAULT_CPU, parseCpu } from '../../src/engine/cpu-model.js';
import { linuxProfile } from '../../src/engine/cpu-profile.js';

const extensionsOf = (spec: string): string[] => [...parseCpu(spec).extensions].sort();

describe('a processor by name', () => {
  it('has what the psABI says of its level', () => {
    expect(extensionsOf('x86-64')).toEqual([]);
    expect(extensionsOf('x86-64-v2')).toEqual(
      ['cx16', 'lahf_lm', 'popcnt', 'sse3', 'sse4_1', 'sse4_2', 'ssse3'].sort(),
    );
    expect(extensionsOf('x86-64-v3')).toEqual(
      [
        ...extensionsOf('x86-64-v2'),
        ...['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'lzcnt', 'movbe', 'xsave'],
      ].sort(),
    );
  });

  it.each([
    ['x86-64,+avx2', ['avx', 'avx2', 'xsave']],
    [
      'x86-64-v3,-avx',
      ['bmi1', 'bmi2', 'lzcnt', 'movbe', 'xsave', ...extensionsOf('x86-64-v2')].sort(),
    ],
    ['x86-64,+sse4.2,-ssse3', ['sse3']],
    ['x86-64, +abm, +pclmulqdq', ['lzcnt', 'pclmul']],
  ])('%s: an extension comes with what it is built on, and goes with it', (spec, extensions) => {
    expect(extensionsOf(spec)).toEqual(extensions);
  });

  it.each([
    ['x86-64-v5', "unknown cpu 'x86-64-v5': expected one of x86-64, x86-64-v2, x86-64-v3"],
    [
      'v3',
      "unknown cpu 'v3': expected one of x86-64, x86-64-v2, x86-64-v3; did you mean 'x86-64-v3'?",
    ],
    ['x86_64_v2', "did you mean 'x86-64-v2'?"],
    ['1', "did you mean 'x86-64'?"],
    ['avx2', "did you mean 'x86-64-v3'?"],
    ['+AES', "did you mean 'x86-64-v2,+aes'?"],
    ['', "unknown cpu ''"],
    ['x86-64,bmi2', "a flag of cpu 'x86-64,bmi2' is 'bmi2': write +bmi2 or -bmi2"],
    ['x86-64,+bmi3', "did you mean 'bmi1'?"],
    ['x86-64-v3,+avx512f', "cpu flag 'avx512f': no such instruction is carried out here"],
    ['x86-64-v3,+toString', "unknown cpu flag 'toString'"],
    ['toString', "unknown cpu 'toString'"],
  ])('refuses %s', (spec, message) => {
    expect(() => parseCpu(spec)).toThrow(MayexecError);
    expect(() => parseCpu(spec)).toThrow(message);
  });

  it('announces by CPUID what it has', () => {
    const [plain, v3] = ['x86-64', 'x86-64-v3'].map(
      (spec) => linuxProfile('x86-64', { model: parseCpu(spec) }).features,
    );
    expect(plain).toMatchObject({ leaf1Ecx: 0, leaf7Ebx: 0, extendedEcx: 0 });
    // FMA, XSAVE, OSXSAVE, AVX, F16C; BMI1, AVX2, BMI2; LAHF, LZCNT.
    expect(v3!.leaf1Ecx & 0x3c00_1000).toBe(0x3c00_1000);
    expect(v3!.leaf7Ebx).toBe(0x128);
    expect(v3!.extendedEcx).toBe(0x21);
    expect(linuxProfile('i386').features).toEqual(
      linuxProfile('i386', { model: parseCpu(DEFAULT_CPU) }).features,
    );
  });

  it('is found for an extension', () => {
    expect(cpuWith('sse3')).toBe('x86-64-v2');
    expect(cpuWith('bmi2')).toBe('x86-64-v3');
    expect(cpuWith('rdrand')).toBe('x86-64-v2,+rdrand');
  });
});

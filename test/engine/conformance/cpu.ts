import { describe, expect, it } from 'vitest';
import { linuxProfile } from '../../../src/engine/cpu-profile.js';
import type { EngineKind } from '../../../src/engine/open.js';
import { DATA, openGuest } from '../guest.js';
import { ARCHES, guestOf } from './suite.js';

/** Instructions whose CPUID bits are set: name, code, register, its value after. */
const ADVERTISED: readonly [string, string, string, bigint][] = [
  ['CMOV', 'mov ecx, 5; xor eax, eax; cmovz eax, ecx', 'eax', 5n],
  ['CX8', 'xor eax, eax; xor edx, edx; mov ebx, 7; cmpxchg8b [DATA]; mov eax, [DATA]', 'eax', 7n],
  ['MMX', 'mov eax, 3; movd mm0, eax; paddd mm0, mm0; movd eax, mm0', 'eax', 6n],
  ['SSE2', 'mov eax, 3; movd xmm0, eax; paddq xmm0, xmm0; movd eax, xmm0', 'eax', 6n],
  ['SSE3', 'mov eax, 9; movd xmm1, eax; movddup xmm0, xmm1', 'xmm0', 0x9_0000_0000_0000_0009n],
  ['SSSE3', 'mov eax, 0x0102; movd xmm0, eax; pabsb xmm0, xmm0; phaddw xmm0, xmm0', 'eax', 0x102n],
  ['SSE4.1', 'mov eax, 4; pxor xmm0, xmm0; pinsrd xmm0, eax, 1', 'xmm0', 4n << 32n],
  ['SSE4.2', 'xor eax, eax; mov ecx, 1; crc32 eax, ecx', 'eax', 0xdd45aab8n],
  ['POPCNT', 'mov ecx, 0xff00ff; popcnt eax, ecx', 'eax', 16n],
  ['MOVBE', 'mov dword ptr [DATA], 0x11223344; movbe eax, [DATA]', 'eax', 0x44332211n],
  [
    'AES',
    'pxor xmm0, xmm0; pxor xmm1, xmm1; aesenclast xmm0, xmm1',
    'xmm0',
    0x63636363636363636363636363636363n,
  ],
  ['PCLMULQDQ', 'mov eax, 3; movd xmm0, eax; pclmulqdq xmm0, xmm0, 0', 'xmm0', 5n],
  ['LZCNT', 'mov ecx, 1; lzcnt eax, ecx', 'eax', 31n],
  ['ADX', 'mov eax, 5; mov ecx, 2; clc; adcx eax, ecx', 'eax', 7n],
];

export function cpu(kind: EngineKind): void {
  for (const arch of ARCHES) {
    describe(`the CPU model (${arch})`, () => {
      const guest = guestOf(kind, { arch });
      const cpuid = (leaf: bigint) => {
        const g = guest();
        g.setReg('ax', leaf);
        g.setReg('cx', 0);
        g.runCode('cpuid; int 0x80');
        return ['ax', 'bx', 'cx', 'dx'].map((name) => Number(g.reg(name)));
      };

      it('has the bits that a libc asks for, and none of what it cannot run', () => {
        const [, , features, base] = cpuid(1n) as [number, number, number, number];
        // FPU TSC MSR CX8 CMOV MMX FXSR SSE SSE2
        for (const bit of [0, 4, 5, 8, 15, 23, 24, 25, 26])
          expect([bit, (base >>> bit) & 1]).toEqual([bit, 1]);
        // VMX, FMA, XSAVE, OSXSAVE, AVX, F16C, RDRAND
        for (const bit of [5, 12, 26, 27, 28, 29, 30])
          expect([bit, (features >>> bit) & 1]).toEqual([bit, 0]);
        const [, extended] = cpuid(7n) as [number, number];
        // BMI1, AVX2, BMI2, AVX512F, SMAP, SHA
        for (const bit of [3, 5, 8, 16, 20, 29])
          expect([bit, (extended >>> bit) & 1]).toEqual([bit, 0]);
        const [, , , amd] = cpuid(0x8000_0001n) as [number, number, number, number];
        // SYSCALL, NX, LM
        for (const bit of [11, 20, 29]) expect([bit, (amd >>> bit) & 1]).toEqual([bit, 1]);
        expect(cpuid(0n)[0]).toBeGreaterThanOrEqual(7);
      });

      it('announces protection keys when asked to, and the next engine has none', async () => {
        const leaf7 = async (protectionKeys: boolean) => {
          const g = await openGuest(kind, { arch, cpu: linuxProfile(arch, { protectionKeys }) });
          g.setReg('ax', 7);
          g.setReg('cx', 0);
          g.runCode('cpuid; int 0x80');
          const ecx = Number(g.reg('cx'));
          g.engine.close();
          return ecx;
        };
        expect(await leaf7(true)).toBe(0b11000);
        expect(await leaf7(false)).toBe(0);
      });

      it.each(ADVERTISED)('executes %s', (_, text, register, value) => {
        const g = guest();
        g.engine.writeRegister('xmm0', 0n);
        g.engine.writeRegister('xmm1', 0n);
        const stop = g.runCode(`${text.replaceAll('DATA', String(DATA))}; int 0x80`);
        expect(stop).toMatchObject({ kind: 'interrupt', vector: 0x80 });
        expect(g.engine.readRegister(register)).toBe(value);
      });

      it('has a time stamp counter that rises, the same way in every run', async () => {
        const stamps = async () => {
          const g = await openGuest(kind, { arch });
          const seen = [];
          for (let i = 0; i < 3; i++) {
            g.runCode('rdtsc; int 0x80');
            seen.push((g.reg('dx') << 32n) | g.reg('ax'));
          }
          const saved = g.engine.saveCpu();
          g.runCode('rdtsc; int 0x80');
          const next = g.reg('ax');
          g.engine.loadCpu(saved);
          g.runCode('rdtsc; int 0x80');
          expect(g.reg('ax')).toBe(next);
          g.engine.close();
          return seen;
        };
        const first = await stamps();
        expect(first[0]! < first[1]! && first[1]! < first[2]!).toBe(true);
        expect(await stamps()).toEqual(first);
      });

      it('rests on pause, without ending the run', () => {
        const g = guest();
        g.setReg('cx', 50);
        expect(g.runCode('l: pause; inc eax; dec ecx; jnz l; int 0x80')).toMatchObject({
          kind: 'interrupt',
        });
        expect(g.reg('ax')).toBe(50n);
      });
    });
  }
}

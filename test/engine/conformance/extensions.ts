/** AVX and its kin, where the processor's profile has them, and SSE as a CPU computes it. */
import { describe, expect, it } from 'vitest';
import { parseCpu } from '../../../src/engine/cpu-model.js';
import { linuxProfile } from '../../../src/engine/cpu-profile.js';
import type { EngineKind } from '../../../src/engine/open.js';
import { CODE, DATA } from '../guest.js';
import { guestOf } from './suite.js';

const PAGE = 4096;

export function extensions(kind: EngineKind): void {
  describe('a processor with AVX2, FMA, F16C and BMI', () => {
    const cpu = linuxProfile('x86-64', { model: parseCpu('x86-64-v3') });
    const guest = guestOf(kind, { arch: 'x86-64', cpu });
    const doubles = (...values: number[]) => new Uint8Array(Float64Array.from(values).buffer);

    it('adds four doubles at once, and VZEROUPPER clears the upper two', () => {
      const g = guest();
      g.poke(DATA, doubles(1, 2, 3, 4, 10, 20, 30, 40));
      g.setReg('si', DATA);
      const code =
        'vmovupd ymm1, [rsi]; vaddpd ymm0, ymm1, [rsi + 32]; vmovupd [rsi + 64], ymm0;' +
        'vzeroupper; vmovupd [rsi + 96], ymm0; int 0x80';
      expect(g.runCode(code)).toMatchObject({ kind: 'interrupt' });
      expect(g.peek(DATA + 64, 32)).toEqual([...doubles(11, 22, 33, 44)]);
      expect(g.peek(DATA + 96, 32)).toEqual([...doubles(11, 22, 0, 0)]);
    });

    it('keeps upper halves through SSE, which VEX clears', () => {
      const g = guest();
      g.poke(DATA, doubles(1, 2, 3, 4));
      g.setReg('si', DATA);
      const code =
        'vmovupd ymm1, [rsi]; addpd xmm1, xmm1; vmovupd [rsi + 32], ymm1;' +
        'vaddpd xmm1, xmm1, xmm1; vmovupd [rsi + 64], ymm1; int 0x80';
      g.runCode(code);
      expect(g.peek(DATA + 32, 32)).toEqual([...doubles(2, 4, 3, 4)]);
      expect(g.peek(DATA + 64, 32)).toEqual([...doubles(4, 8, 0, 0)]);
    });

    it('rounds a fused product once', () => {
      const g = guest();
      const x = 1 + 2 ** -30;
      g.poke(DATA, doubles(x, -1));
      g.setReg('si', DATA);
      g.runCode(
        'vmovsd xmm0, [rsi]; vmovsd xmm1, [rsi + 8]; vfmadd213sd xmm0, xmm0, xmm1; int 0x80',
      );
      const exact = new DataView(doubles(2 ** -29 + 2 ** -60).buffer).getBigUint64(0, true);
      expect(BigInt.asUintN(64, g.engine.readRegister('xmm0'))).toBe(exact);
    });

    it('does not touch masked elements, and a gather goes on where it faulted', () => {
      const g = guest();
      g.poke(DATA, [7, 0, 0, 0]);
      g.poke(DATA + PAGE - 4, [9, 0, 0, 0]);
      g.setReg('si', DATA + PAGE - 4);
      g.setReg('di', DATA);
      const mask = 'vpcmpeqd xmm2, xmm2, xmm2; vpsrldq xmm2, xmm2, 12;';
      expect(g.runCode(`${mask} vmaskmovps xmm0, xmm2, [rsi]; int 0x80`).kind).toBe('interrupt');
      expect(g.engine.readRegister('xmm0')).toBe(9n);
      g.engine.writeRegister('xmm3', BigInt(PAGE / 4) << 32n);
      g.engine.writeRegister('xmm2', 0xffff_ffff_ffff_ffffn);
      const gather = 'vpgatherdd xmm0, [rdi + xmm3*4], xmm2; int 0x80';
      expect(g.runCode(gather)).toMatchObject({
        kind: 'fault',
        address: BigInt(DATA + PAGE),
        pc: BigInt(CODE),
      });
      expect(g.engine.readRegister('xmm2')).toBe(0xffff_ffffn << 32n);
      g.map(DATA + PAGE, 'rw');
      g.poke(DATA + PAGE, [5]);
      expect(g.run().kind).toBe('interrupt');
      expect(g.engine.readRegister('xmm0')).toBe((5n << 32n) | 7n);
      expect(g.engine.readRegister('xmm2')).toBe(0n);
    });

    it.each([
      ['andn rax, rcx, rdx', 0x0fn],
      ['pext rax, rdx, rcx', 0x0fn],
      ['pdep rax, rdx, rcx', 0xf0n],
      ['bzhi rax, rdx, rcx', 0xffn],
      ['rorx rax, rdx, 4', 0xf000_0000_0000_000fn],
      ['tzcnt rax, rcx', 4n],
    ])('%s', (code, result) => {
      const g = guest();
      g.setReg('cx', 0xf0);
      g.setReg('dx', 0xff);
      expect(g.runCode(`${code}; int 0x80`).kind).toBe('interrupt');
      expect(g.reg('ax')).toBe(result);
    });
  });

  describe('XSAVE and RDRAND', () => {
    const model = parseCpu('x86-64-v3,+rdrand,+rdseed');
    const guest = guestOf(kind, { arch: 'x86-64', cpu: linuxProfile('x86-64', { model }) });
    const ALL = 'mov eax, -1; mov edx, -1;';

    it.each(['xsave', 'xsaveopt', 'xsavec'])('%s keeps what xrstor brings back', (save) => {
      const g = guest();
      const value = (0x1111n << 192n) | 0x2222n;
      g.engine.writeRegister('ymm5', value);
      g.setReg('si', DATA);
      const other = 'vzeroall; fldpi; mov dword ptr [rsi + 1024], 0x1fbf; ldmxcsr [rsi + 1024];';
      const end = g.runCode(`${ALL} ${save} [rsi]; ${other} ${ALL} xrstor [rsi]; int 0x80`);
      expect(end.kind).toBe('interrupt');
      expect(g.engine.readRegister('ymm5')).toBe(value);
      expect(g.engine.readRegister('mxcsr')).toBe(0x1f80n);
      expect(g.engine.readRegister('fptag')).toBe(0xffffn);
      // XSTATE_BV: SSE and AVX are in use, x87 is not.
      expect(g.peek(DATA + 512, 1)).toEqual([6]);
    });

    it.each([
      ['an area that is not aligned', 'xsave [rsi + 32]'],
      ['a component that there is not', 'mov byte ptr [rsi + 512], 8; xrstor [rsi]'],
      ['a bit that MXCSR does not have', 'mov dword ptr [rsi + 24], 0x10000; xrstor [rsi]'],
      ['a register that XGETBV does not have', 'mov ecx, 2; xgetbv'],
      ['XSETBV in user mode', 'xor ecx, ecx; xsetbv'],
    ])('refuses %s', (_, code) => {
      const g = guest();
      g.setReg('si', DATA);
      expect(g.runCode(`${ALL} ${code}`)).toMatchObject({ kind: 'exception', vector: 13 });
    });

    it('says what there is: XGETBV, CPUID leaf 13', () => {
      const g = guest();
      g.runCode('xor ecx, ecx; xgetbv; int 0x80');
      expect([g.reg('ax'), g.reg('dx')]).toEqual([7n, 0n]);
      g.runCode('mov eax, 13; xor ecx, ecx; cpuid; int 0x80');
      expect([g.reg('ax'), g.reg('bx'), g.reg('cx')]).toEqual([7n, 832n, 832n]);
      g.runCode('mov eax, 13; mov ecx, 2; cpuid; int 0x80');
      expect([g.reg('ax'), g.reg('bx')]).toEqual([256n, 576n]);
    });

    it('gives random numbers that follow from what a saved CPU keeps', () => {
      const g = guest();
      const start = g.engine.saveCpu();
      const numbers = (): bigint[] => {
        g.engine.loadCpu(start);
        g.runCode('rdrand rax; rdrand rcx; rdseed rdx; setc bl; int 0x80');
        expect(g.reg('bx') & 1n).toBe(1n);
        return [g.reg('ax'), g.reg('cx'), g.reg('dx')];
      };
      const first = numbers();
      expect(new Set(first).size).toBe(3);
      expect(numbers()).toEqual(first);
    });
  });

  describe('a processor of the first level', () => {
    const cpu = linuxProfile('x86-64', { model: parseCpu('x86-64') });
    const guest = guestOf(kind, { arch: 'x86-64', cpu });

    it.each([
      ...['haddps xmm0, xmm1', 'pshufb xmm0, xmm1', 'pshufb mm0, mm1', 'pmulld xmm0, xmm1'],
      ...['crc32 eax, cl', 'pcmpistri xmm0, xmm1, 0', 'popcnt eax, ecx', 'movbe eax, [rsi]'],
      ...['aesenc xmm0, xmm1', 'pclmulqdq xmm0, xmm1, 0', 'adcx eax, ecx', 'cmpxchg16b [rsi]'],
      ...['lahf', 'xgetbv', 'xsave [rsi]', 'rdrand eax', 'ptest xmm0, xmm1', 'movddup xmm0, xmm1'],
    ])('%s is #UD', (code) => {
      expect(guest().runCode(code)).toEqual({ kind: 'invalid-opcode', pc: BigInt(CODE) });
    });

    it('takes LZCNT for BSR and TZCNT for BSF', () => {
      const g = guest();
      g.setReg('cx', 0x10);
      expect(g.runCode('lzcnt eax, ecx; tzcnt edx, ecx; int 0x80').kind).toBe('interrupt');
      expect([g.reg('ax'), g.reg('dx')]).toEqual([4n, 4n]);
    });
  });

  describe('a processor without them', () => {
    const guest = guestOf(kind, { arch: 'x86-64' });

    it.each(['vaddpd xmm0, xmm1, xmm2', 'andn rax, rcx, rdx', 'vzeroupper'])(
      '%s is #UD',
      (code) => {
        expect(guest().runCode(code)).toEqual({ kind: 'invalid-opcode', pc: BigInt(CODE) });
      },
    );

    it.each([
      'movaps xmm0, [rsi]',
      'paddd xmm0, [rsi]',
      'movntdq [rsi], xmm0',
      'addps xmm0, [rsi]',
    ])('%s that is not aligned is #GP', (code) => {
      const g = guest();
      g.setReg('si', DATA + 8);
      expect(g.runCode(code)).toMatchObject({ kind: 'exception', vector: 13 });
      g.setReg('si', DATA + 16);
      expect(g.runCode(`${code}; int 0x80`).kind).toBe('interrupt');
    });
  });
}

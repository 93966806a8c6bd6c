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
    const COMPACTED = 'mov dword ptr [rsi + 524], 0x80000000;';
    const JUNK = new Uint8Array(1024).fill(0x11);
    const YMM5 = (0x1111n << 192n) | 0x2222n;
    const LOW = (1n << 128n) - 1n;
    /** An area of junk with this XSTATE_BV, and no more in its header. */
    const junkArea = (g: ReturnType<typeof guest>, state: number): void => {
      g.poke(DATA, JUNK);
      g.poke(DATA + 512, new Uint8Array(64));
      g.poke(DATA + 512, [state]);
      g.poke(DATA + 24, [0xbf, 0x1f, 0, 0]);
      g.setReg('si', DATA);
    };
    const asks = (components: number): string => `mov eax, ${components}; xor edx, edx;`;

    it.each([
      ['all', 7, 0n, 0x1fbfn],
      ['SSE', 2, YMM5 & ~LOW, 0x1fbfn],
      ['AVX', 4, YMM5 & LOW, 0x1fbfn],
      ['x87', 1, YMM5, 0x1f80n],
    ])(
      'xrstor begins what the area lacks anew, of what is asked for: %s',
      (_, asked, ymm, mxcsr) => {
        const g = guest();
        junkArea(g, 0);
        g.engine.writeRegister('ymm5', YMM5);
        expect(g.runCode(`fldpi; ${asks(asked)} xrstor [rsi]; int 0x80`).kind).toBe('interrupt');
        expect(g.engine.readRegister('ymm5')).toBe(ymm);
        expect(g.engine.readRegister('mxcsr')).toBe(mxcsr);
        expect(g.engine.readRegister('fptag')).toBe(asked & 1 ? 0xffffn : 0x3fffn);
      },
    );

    it.each([
      ['xsave', 7, 6, [0x22, 0x22], [0, 0], 0x80],
      ['xsave', 1, 6, [0x11, 0x11], [0x11, 0x11], 0xbf],
      ['xsave', 4, 6, [0x11, 0x11], [0, 0], 0x80],
      ['xsaveopt', 7, 2, [0x22, 0x22], [0x11, 0x11], 0x80],
      ['xsavec', 7, 2, [0x22, 0x22], [0x11, 0x11], 0x80],
      ['xsavec', 4, 0, [0x11, 0x11], [0x11, 0x11], 0xbf],
    ])(
      '%s of %i writes what it should and nothing else',
      (save, asked, before, sse, avx, mxcsr) => {
        const g = guest();
        junkArea(g, before);
        g.engine.writeRegister('ymm5', YMM5 & LOW);
        expect(g.runCode(`${asks(asked)} ${save} [rsi]; int 0x80`).kind).toBe('interrupt');
        expect(g.peek(DATA + 160 + 16 * 5, 2)).toEqual(sse);
        expect(g.peek(DATA + 576 + 16 * 5, 2)).toEqual(avx);
        expect(g.peek(DATA + 24, 1)).toEqual([mxcsr]);
        // Of what is not asked for XSTATE_BV keeps what it says, but for the compacted form.
        const kept = save === 'xsavec' ? 0 : before & ~asked;
        expect(g.peek(DATA + 512, 1)).toEqual([kept | (asked & 2)]);
        const layout =
          save === 'xsavec' ? [asked, 0, 0, 0, 0, 0, 0, 0x80] : [0, 0, 0, 0, 0, 0, 0, 0];
        expect(g.peek(DATA + 520, 8)).toEqual(layout);
      },
    );

    it('keeps the stack of the x87 by its own order', () => {
      const g = guest();
      g.setReg('si', DATA);
      const code = `fldz; fldpi; ${ALL} xsave [rsi]; fninit; fld1; ${ALL} xrstor [rsi];`;
      expect(g.runCode(`${code} fstp tbyte ptr [rsi + 1024]; int 0x80`).kind).toBe('interrupt');
      const pi = [0x35, 0xc2, 0x68, 0x21, 0xa2, 0xda, 0x0f, 0xc9, 0x00, 0x40];
      expect(g.peek(DATA + 1024, 10)).toEqual(pi);
      expect(g.peek(DATA + 32, 10)).toEqual(pi);
      // The status word with its top, and a bit for each register in use.
      expect(g.peek(DATA + 2, 3)).toEqual([0, 0x30, 0xc0]);
      expect(g.peek(DATA + 512, 1)).toEqual([1]);
    });

    it('XGETBV says what is in use', () => {
      const g = guest();
      const inUse = (code: string): bigint => {
        g.runCode(`${code} mov ecx, 1; xgetbv; int 0x80`);
        return g.reg('ax');
      };
      expect(inUse('vzeroall;')).toBe(0n);
      expect(inUse('fldpi;')).toBe(1n);
      g.engine.writeRegister('ymm5', YMM5);
      expect(inUse('fninit;')).toBe(6n);
      expect(inUse('vmovaps xmm5, xmm5;')).toBe(2n);
    });

    it('RDRAND writes its operand and the flags', () => {
      const g = guest();
      g.setReg('ax', -1);
      g.setReg('cx', -1);
      g.runCode('cmp eax, eax; rdrand eax; setz bl; rdrand cx; int 0x80');
      expect(g.reg('ax') >> 32n).toBe(0n);
      expect(g.reg('cx') >> 16n).toBe(0xffff_ffff_ffffn);
      expect(g.reg('bx') & 1n).toBe(0n);
    });

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
      ['an area that is not aligned, to restore from', 'xrstor [rsi + 32]'],
      ['a component above the 32nd', 'mov byte ptr [rsi + 516], 1; xrstor [rsi]'],
      ['a byte of the header that is reserved', 'mov byte ptr [rsi + 528], 1; xrstor [rsi]'],
      [
        'a compacted area without its component',
        `${COMPACTED} mov byte ptr [rsi + 512], 2; xrstor [rsi]`,
      ],
      [
        'a compacted component that there is not',
        `${COMPACTED} mov byte ptr [rsi + 520], 8; xrstor [rsi]`,
      ],
      [
        'a compacted component above the 32nd',
        `${COMPACTED} mov byte ptr [rsi + 524], 1; xrstor [rsi]`,
      ],
      [
        'a byte that is reserved where compacted',
        `${COMPACTED} mov byte ptr [rsi + 572], 1; xrstor [rsi]`,
      ],
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
      ...['sahf', 'xsetbv', 'xrstor [rsi]', 'xsavec [rsi]', 'xsaveopt [rsi]', 'rdseed eax'],
      ...['fisttp dword ptr [rsi]', 'fisttp qword ptr [rsi]', 'fisttp word ptr [rsi]'],
      ...['movsldup xmm0, xmm1', 'movshdup xmm0, xmm1', 'hsubps xmm0, xmm1', 'lddqu xmm0, [rsi]'],
      ...['addsubpd xmm0, xmm1', 'pmulhrsw xmm0, xmm1', 'pabsd xmm0, xmm1', 'palignr mm0, mm1, 1'],
      ...['pblendvb xmm0, xmm1', 'pmovsxbw xmm0, xmm1', 'pmovzxdq xmm0, xmm1', 'pminsb xmm0, xmm1'],
      ...['phminposuw xmm0, xmm1', 'roundps xmm0, xmm1, 0', 'pblendw xmm0, xmm1, 1'],
      ...[
        'pextrb eax, xmm1, 1',
        'pinsrd xmm0, eax, 1',
        'mpsadbw xmm0, xmm1, 1',
        'dpps xmm0, xmm1, 1',
      ],
      ...['pcmpgtq xmm0, xmm1', 'pcmpestrm xmm0, xmm1, 0', 'aesimc xmm0, xmm1', 'adox eax, ecx'],
      ...['aeskeygenassist xmm0, xmm1, 1', 'movbe [rsi], eax'],
    ])('%s is #UD', (code) => {
      expect(guest().runCode(code)).toEqual({ kind: 'invalid-opcode', pc: BigInt(CODE) });
    });

    it.each([
      ...['movlps xmm0, [rsi]', 'movlpd xmm0, [rsi]', 'movhlps xmm0, xmm1', 'movhps xmm0, [rsi]'],
      ...['fistp dword ptr [rsi]', 'fist word ptr [rsi]', 'cmpxchg8b [rsi]', 'psadbw xmm0, xmm1'],
      ...['fxsave [rsi]', 'movq2dq xmm0, mm1', 'cmpps xmm0, xmm1, 1', 'pinsrw xmm0, eax, 1'],
    ])('%s is there', (code) => {
      const g = guest();
      g.setReg('si', DATA);
      expect(g.runCode(`${code}; int 0x80`).kind).toBe('interrupt');
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

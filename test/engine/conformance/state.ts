import { describe, expect, it } from 'vitest';
import type { EngineKind } from '../../../src/engine/open.js';
import { CODE, DATA, openGuest } from '../guest.js';
import { ARCHES, guestOf } from './suite.js';

/** Width in bits of a register, by its name. */
function widthOf(name: string, wide: boolean): number {
  if (/^xmm/.test(name)) return 128;
  if (/^st/.test(name)) return 80;
  if (/^([c-gs]s|fp..|fptag|.x|[sb]p|[sd]i|r\d+w)$/.test(name)) return 16;
  if (/^(.[lh]|..l|r\d+b)$/.test(name)) return 8;
  if (/^(e..|r\d+d|eflags|mxcsr)$/.test(name)) return 32;
  return wide ? 64 : 32;
}

export function state(kind: EngineKind): void {
  for (const arch of ARCHES) {
    describe(`registers (${arch})`, () => {
      const guest = guestOf(kind, { arch });
      const wide = arch === 'x86-64';

      it('keep what is written to them, each of its own', () => {
        const { engine } = guest();
        const special = /^([c-gs]s|r?e?flags|mxcsr|fpcw|fptag|fpsw)$/;
        const own = engine.registers.filter(
          (name) =>
            !special.test(name) &&
            widthOf(name, wide) >= (wide ? 64 : 32) &&
            !/^e/.test(name + wide),
        );
        const plain = own.filter((name) => !/\d+[dwb]$|^e/.test(name) || !wide);
        const value = (name: string, i: number) =>
          BigInt.asUintN(
            widthOf(name, wide),
            0x1234_5678_9abc_def0_0fed_cba9_8765_4321n * BigInt(i + 1),
          );
        plain.forEach((name, i) => {
          engine.writeRegister(name, value(name, i));
        });
        plain.forEach((name, i) => {
          expect([name, engine.readRegister(name)]).toEqual([name, value(name, i)]);
        });
        expect(plain.length).toBeGreaterThan(wide ? 40 : 16);
      });

      it('have their sub-registers where the manual puts them', () => {
        const { engine } = guest();
        engine.writeRegister('eax', 0x11223344n);
        expect(['ax', 'al', 'ah'].map((name) => engine.readRegister(name))).toEqual([
          0x3344n,
          0x44n,
          0x33n,
        ]);
        engine.writeRegister('ah', 0x99n);
        engine.writeRegister('al', 0x88n);
        expect(engine.readRegister('eax')).toBe(0x11229988n);
        if (!wide) return;
        engine.writeRegister('r9', -1n);
        engine.writeRegister('r9w', 0n);
        engine.writeRegister('r9b', 0x7fn);
        expect(engine.readRegister('r9')).toBe(0xffff_ffff_ffff_007fn);
        engine.writeRegister('r9d', 5n);
        expect(engine.readRegister('r9')).toBe(5n);
        engine.writeRegister('sil', 0xaan);
        expect(engine.readRegister('rsi') & 0xffn).toBe(0xaan);
      });

      it('are named, and a wrong name or value is an error that says so', () => {
        const { engine } = guest();
        expect(() => engine.readRegister('eaxx')).toThrow(/unknown register 'eaxx'.*'eax'/);
        expect(() => engine.writeRegister('xmm99', 0n)).toThrow(/unknown register 'xmm99'/);
        expect(() => engine.writeRegister('al', 256n)).toThrow(/256 does not fit register al/);
        expect(() => engine.writeRegister('al', -129n)).toThrow(/does not fit/);
        engine.writeRegister('al', -1n);
        expect(engine.readRegister('al')).toBe(255n);
        expect(() => engine.writeRegister('ds', 0x10n)).toThrow(/0x10 names no user segment/);
        if (!wide) expect(() => engine.readRegister('rax')).toThrow(/unknown register/);
      });

      it('start as in a new Linux process', () => {
        const { engine } = guest();
        const read = (names: string) => names.split(' ').map((name) => engine.readRegister(name));
        expect(read('cs ss ds es fs gs fs_base gs_base')).toEqual(
          [...(wide ? [0x33, 0x2b, 0, 0] : [0x23, 0x2b, 0x2b, 0x2b]), 0, 0, 0, 0].map(BigInt),
        );
        expect(read('eflags fpcw fpsw fptag mxcsr')).toEqual(
          [0x202, 0x37f, 0, 0xffff, 0x1f80].map(BigInt),
        );
        expect(read('eax ecx edx ebx ebp esi edi')).toEqual(Array(7).fill(0n));
      });

      it('let user flags be set, and no others', () => {
        const { engine } = guest();
        engine.writeRegister('eflags', 0xffff_ffffn);
        expect(engine.readRegister('eflags')).toBe(0x24_4fd7n);
        engine.writeRegister('eflags', 0n);
        expect(engine.readRegister('eflags')).toBe(0x202n);
      });

      it('round as the control words say', () => {
        const g = guest();
        g.engine.writeRegister('fpcw', 0x37fn | 0x800n);
        g.engine.writeRegister('mxcsr', 0x1f80n | 0x6000n);
        g.runCode(`fld1; fidiv dword ptr [${DATA}]; int 0x80`);
        const third = (rounding: bigint, control: bigint) => {
          g.poke(DATA, [3, 0, 0, 0, 1, 0, 0, 0]);
          g.engine.writeRegister('mxcsr', 0x1f80n | rounding);
          g.engine.writeRegister('fpcw', control);
          g.runCode(
            `cvtsi2ss xmm0, dword ptr [${DATA + 4}]; cvtsi2ss xmm1, dword ptr [${DATA}]; divss xmm0, xmm1
             fninit; fldcw word ptr [${DATA + 8}]; int 0x80`,
          );
          return g.engine.readRegister('xmm0') & 0xffff_ffffn;
        };
        expect(third(0x0000n, 0x37fn)).toBe(0x3eaa_aaabn);
        expect(third(0x6000n, 0x37fn)).toBe(0x3eaa_aaaan);
        const x87 = (control: bigint) => {
          g.runCode('fninit; int 0x80');
          g.engine.writeRegister('fpcw', control);
          g.runCode(`fld1; fidiv dword ptr [${DATA}]; int 0x80`);
          return g.engine.readRegister('st0');
        };
        expect(x87(0x37fn)).toBe(0x3ffd_aaaa_aaaa_aaaa_aaabn);
        expect(x87(0xf7fn)).toBe(0x3ffd_aaaa_aaaa_aaaa_aaaan);
      });

      it('show the x87 stack as the instructions see it', () => {
        const g = guest();
        g.runCode('fninit; fldz; fld1; fldpi; int 0x80');
        const read = (name: string) => g.engine.readRegister(name);
        expect(read('st1')).toBe(0x3fff_8000_0000_0000_0000n);
        expect(read('st0')).toBe(0x4000_c90f_daa2_2168_c235n);
        expect(read('st2')).toBe(0n);
        expect(read('fpsw')).toBe(5n << 11n);
        expect(read('fptag')).toBe(0x43ffn);
        g.engine.writeRegister('st1', 0x4000_8000_0000_0000_0000n);
        g.runCode(`faddp st(1), st(0); fistp qword ptr [${DATA}]; int 0x80`);
        expect(g.peek(DATA, 1)).toEqual([5]);
      });

      it('restart an x87 stack written register by register', () => {
        const g = guest();
        g.runCode('fninit; int 0x80');
        g.engine.writeRegister('fpsw', 7n << 11n);
        g.engine.writeRegister('fptag', 0x3fffn);
        g.engine.writeRegister('st0', 0x4001_a000_0000_0000_0000n);
        g.runCode(`fistp dword ptr [${DATA}]; int 0x80`);
        expect(g.peek(DATA, 1)).toEqual([5]);
        expect(g.engine.readRegister('fptag')).toBe(0xffffn);
      });
    });

    describe(`a saved CPU (${arch})`, () => {
      const guest = guestOf(kind, { arch });

      it('brings back all registers, x87 and SSE included, in this engine and in another', async () => {
        const g = guest();
        g.engine.setGdtEntry(12, 0x02cf_f300_1000_ffffn);
        g.runCode(
          `mov ecx, 7; std; cmp ecx, 9; fninit; fldpi; fld1; movd xmm3, ecx; mov eax, 0x63; mov gs, ax
           int 0x80`,
        );
        g.engine.writeRegister('mxcsr', 0x7f80n);
        const everything = (engine = g.engine) =>
          engine.registers.map((name) => [name, engine.readRegister(name)]);
        const before = everything();
        const saved = g.engine.saveCpu();
        g.runCode(
          'cld; xor ecx, ecx; fninit; fldz; pxor xmm3, xmm3; mov gs, cx; test ecx, ecx; int 0x80',
        );
        g.engine.setGdtEntry(12, 0n);
        expect(everything()).not.toEqual(before);
        g.engine.loadCpu(saved);
        expect(everything()).toEqual(before);

        const other = await openGuest(kind, { arch });
        other.engine.loadCpu(saved);
        expect(everything(other.engine)).toEqual(before);
        other.map(CODE, 'rx');
        // The lazily computed flags, the direction flag and the segment behind gs have moved too.
        expect(other.runCode('jl l; ud2; l: mov eax, 0x63; mov gs, ax; int 0x80')).toMatchObject({
          kind: 'interrupt',
        });
        other.engine.close();
      });

      it('is refused by an engine of another architecture', async () => {
        const other = await openGuest(kind, { arch: arch === 'i386' ? 'x86-64' : 'i386' });
        expect(() => other.engine.loadCpu(guest().engine.saveCpu())).toThrow(/not saved by/);
        other.engine.close();
      });
    });

    describe(`segments (${arch})`, () => {
      const guest = guestOf(kind, { arch });

      it('reach thread-local storage through fs and gs', () => {
        const g = guest();
        g.poke(DATA + 0x10, [0x77]);
        if (arch === 'x86-64') {
          g.engine.writeRegister('fs_base', BigInt(DATA));
          g.engine.writeRegister('gs_base', BigInt(DATA + 8));
        } else {
          g.engine.setGdtEntry(12, 0x00cf_f302_0000_ffffn);
          g.engine.setGdtEntry(14, 0x00cf_f302_0008_ffffn);
          g.engine.writeRegister('fs', 0x63n);
          g.runCode('mov eax, 0x73; mov gs, ax; int 0x80');
          expect(g.engine.readRegister('gs_base')).toBe(BigInt(DATA + 8));
        }
        expect(g.runCode('mov ecx, fs:[0x10]; mov edx, gs:[8]; int 0x80').kind).toBe('interrupt');
        expect([g.reg('cx'), g.reg('dx')]).toEqual([0x77n, 0x77n]);
      });

      it('take descriptors for the three thread-local entries only', () => {
        const { engine } = guest();
        for (const index of [0, 6, 11, 15, 12.5])
          expect(() => engine.setGdtEntry(index, 0n)).toThrow(/12 to 14/);
      });
    });
  }
}

import { describe, expect, it } from 'vitest';
import { MayexecError } from '../../../src/base/errors.js';
import type { EngineKind } from '../../../src/engine/open.js';
import { assemble } from '../assembler.js';
import { CODE, DATA, STACK_TOP } from '../guest.js';
import { ARCHES, guestOf } from './suite.js';

const PRIVILEGED = [
  'hlt',
  'cli',
  'sti',
  'in al, dx',
  'in eax, 0x60',
  'out dx, al',
  'out 0x80, eax',
  'insb',
  'outsd',
  'rep insb',
  'rdmsr',
  'wrmsr',
  'invd',
  'wbinvd',
  'clts',
  'mov CR, cr0',
  'mov cr3, CR',
  'mov CR, dr7',
  'mov dr0, CR',
  'lgdt [DATA]',
  'lidt [DATA]',
  'lldt ax',
  'ltr ax',
  'lmsw ax',
  'invlpg [DATA]',
];

export function stops(kind: EngineKind): void {
  for (const arch of ARCHES) {
    describe(`what ends a run (${arch})`, () => {
      const guest = guestOf(kind, { arch });
      const wide = arch === 'x86-64';
      const at = (offset: number) => BigInt(CODE + offset);

      it('syscall: after the instruction, with no register changed', () => {
        const g = guest();
        g.setReg('cx', 5);
        expect(g.runCode('mov eax, 60; syscall; nop')).toEqual({
          kind: 'syscall',
          via: 'syscall',
          pc: at(7),
        });
        expect([g.reg('ax'), g.reg('cx')]).toEqual([60n, 5n]);
        g.code('inc eax; int 0x80', CODE + 7);
        expect(g.run()).toMatchObject({ kind: 'interrupt', vector: 0x80 });
        expect(g.reg('ax')).toBe(61n);
      });

      it(`sysenter: ${wide ? 'an invalid opcode in 64-bit mode of this CPU' : 'after it'}`, () => {
        expect(guest().runCode('nop; sysenter')).toEqual(
          wide
            ? { kind: 'invalid-opcode', pc: at(1) }
            : { kind: 'syscall', via: 'sysenter', pc: at(3) },
        );
      });

      it.each([
        ['int 0x80', 0x80, 2],
        ['int 0x81', 0x81, 2],
        ['int 13', 13, 2],
        ['int 14', 14, 2],
        ['int3', 3, 1],
      ])('%s: its vector, after the instruction', (text, vector, length) => {
        const stop = guest().runCode(`nop; ${text}; nop`);
        expect(stop).toEqual({ kind: 'interrupt', vector, pc: at(1 + length) });
      });

      it('icebp: vector 1, after the instruction', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.poke(CODE, [0x90, 0xf1, 0x90, 0xcd, 0x80]);
        expect(g.run(CODE)).toEqual({ kind: 'interrupt', vector: 1, pc: at(2) });
        expect(g.run()).toMatchObject({ vector: 0x80 });
      });

      if (!wide)
        it('into and bound: overflow traps, bounds fault', () => {
          const g = guest();
          g.map(CODE, 'rx');
          g.poke(CODE, [0xb8, 0xff, 0xff, 0xff, 0x7f, 0x40, 0xce]);
          expect(g.run(CODE)).toEqual({ kind: 'interrupt', vector: 4, pc: at(7) });
          g.code(`mov eax, 9; bound eax, [${DATA}]`);
          expect(g.run(CODE)).toMatchObject({ kind: 'exception', vector: 5, pc: at(5) });
        });

      it.each([
        ['ud2', [0x0f, 0x0b]],
        ['an undefined two-byte opcode', [0x0f, 0xff]],
        ['lock without a memory operand', [0xf0, 0x90]],
        ['an AVX instruction (vzeroupper)', [0xc5, 0xf8, 0x77]],
        ['an AVX instruction (vpshufb)', [0xc4, 0xe2, 0x71, 0x00, 0xc2]],
        ['a far call through a register', [0xff, 0xd8]],
        ['a far jump through a register', [0xff, 0xe8]],
        ['a BMI instruction (blsr)', [0xc4, 0xe2, 0x78, 0xf3, 0xc9]],
      ])('%s: invalid opcode, at the instruction', (_, bytes) => {
        const g = guest();
        g.map(CODE, 'rx');
        g.poke(CODE, [0x90, ...bytes]);
        expect(g.run(CODE)).toEqual({ kind: 'invalid-opcode', pc: at(1) });
      });

      it('division: #DE at the instruction, by zero and on overflow', () => {
        const g = guest();
        const stop = { kind: 'exception', vector: 0, pc: at(2) };
        expect(g.runCode('xor ecx, ecx; div ecx')).toMatchObject(stop);
        expect(g.runCode('mov edx, 5; mov ecx, 2; div ecx')).toMatchObject({ ...stop, pc: at(10) });
      });

      it('division: the flags are those before it, and can be repaired', () => {
        const g = guest();
        const flags = (text: string) => {
          g.runCode(`${text}; int 0x80`);
          const before = g.engine.readRegister('eflags');
          expect(g.runCode(`${text}; div ecx`)).toMatchObject({ kind: 'exception', vector: 0 });
          expect(g.engine.readRegister('eflags')).toBe(before);
        };
        flags('xor ecx, ecx; mov eax, 5; cmp eax, 9');
        flags('mov eax, 0x7fffffff; xor ecx, ecx; add eax, 1');
        flags('xor ecx, ecx; mov eax, 3; shl eax, 31; mov ebx, eax');
      });

      it('x87 errors: #MF at the next waiting instruction, once unmasked', () => {
        const g = guest();
        g.engine.writeRegister('fpcw', 0x340n);
        expect(g.runCode('fld1; fldz; fdivp st(1), st(0); fwait; nop')).toMatchObject({
          kind: 'exception',
          vector: 16,
          pc: at(6),
        });
      });

      it.each(PRIVILEGED)('%s: #GP at the instruction, in a user program', (text) => {
        const g = guest();
        g.setReg('si', DATA);
        g.setReg('di', DATA);
        g.setReg('cx', 1);
        const before = g.engine.saveCpu();
        const register = wide ? 'rax' : 'eax';
        const stop = g.runCode(
          `nop; ${text.replace('CR', register).replace('DATA', String(DATA))}`,
        );
        expect(stop).toEqual({ kind: 'exception', vector: 13, errorCode: 0, pc: at(1) });
        const state = ['ax', 'si', 'di', 'cx', 'dx'].map((name) => g.reg(name));
        g.engine.loadCpu(before);
        expect(state).toEqual(['ax', 'si', 'di', 'cx', 'dx'].map((name) => g.reg(name)));
      });

      it('a selector of no user segment: #GP with the selector', () => {
        const stop = guest().runCode('mov eax, 0x10; mov ds, ax');
        expect(stop).toEqual({ kind: 'exception', vector: 13, errorCode: 0x10, pc: at(5) });
      });

      it('single-stepping by the trap flag: #DB after each instruction', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.code('pushf; or dword ptr [esp], 0x100; popf; inc eax; inc ecx');
        const first = g.run(CODE);
        expect(first).toMatchObject({ kind: 'exception', vector: 1 });
        expect([g.reg('ax'), g.reg('cx')]).toEqual([1n, 0n]);
        g.engine.writeRegister('eflags', 0x202n);
      });

      it('until: before the instruction there, executable or not', () => {
        const g = guest();
        const stop = { kind: 'until', pc: at(4) };
        expect(g.runCode('add eax, 1; nop; inc eax; inc eax', { until: at(4) })).toEqual(stop);
        expect(g.reg('ax')).toBe(1n);
        expect(g.run(undefined, { until: at(4) })).toEqual(stop);
        g.setReg('sp', STACK_TOP - 64);
        g.poke(STACK_TOP - 64, [0, 0, 0xad, 0xde, 0, 0, 0, 0]);
        const until = 0xdead0000n;
        expect(g.runCode('ret', { until })).toEqual({ kind: 'until', pc: until });
      });

      it.each([1, 2, 7, 1000])(
        'a budget of %i blocks: that many, and the next one not',
        (blocks) => {
          const g = guest();
          g.runCode('nop; l: inc eax; jmp l', { blocks: 1 });
          g.setReg('ax', 0);
          const before = g.engine.blocks;
          for (let run = 1; run <= 3; run++) {
            expect(g.run(undefined, { blocks })).toEqual({ kind: 'budget', pc: at(1) });
            expect(g.reg('ax')).toBe(BigInt(run * blocks));
            expect(g.engine.blocks - before).toBe(run * blocks);
          }
        },
      );

      it('a budget larger than any counter of the engine', () => {
        const g = guest();
        g.setReg('cx', 1000);
        expect(g.runCode('l: dec ecx; jnz l; int 0x80', { blocks: 2 ** 52 })).toMatchObject({
          kind: 'interrupt',
        });
      });

      it('begins a block where the program counter is written, also where a block was interrupted', () => {
        const g = guest();
        g.setReg('ax', 0n);
        expect(g.runCode('ud2', { blocks: 1 })).toMatchObject({
          kind: 'invalid-opcode',
          pc: at(0),
        });
        g.runCode('jmp l; l: inc eax; jmp l', { blocks: 1 });
        expect(g.reg('ax')).toBe(0n);
      });

      it('refuses a budget of nothing', () => {
        expect(() => guest().runCode('nop', { blocks: 0 })).toThrow(MayexecError);
      });

      it('counts and shows each instruction when asked to', () => {
        const g = guest();
        const seen: bigint[] = [];
        g.runCode('nop; int 0x80');
        expect(g.engine.instructions).toBe(0);
        g.engine.countInstructions(true);
        g.engine.onInstruction((pc) => seen.push(pc));
        g.runCode('mov ecx, 2; l: dec ecx; jnz l; int 0x80');
        const dec = CODE + 5;
        const length = assemble(arch, 'dec ecx', 0).length;
        expect(seen).toEqual(
          [CODE, dec, dec + length, dec, dec + length, dec + length + 2].map(BigInt),
        );
        expect(g.engine.instructions).toBe(6);
        g.engine.countInstructions(false);
        g.engine.onInstruction(undefined);
        g.runCode('nop; nop; int 0x80');
        expect([g.engine.instructions, seen.length]).toEqual([6, 6]);
      });

      it('changes nothing by looking: registers and flags under an observer', () => {
        const g = guest();
        const text = `mov ecx, 200; xor eax, eax; l: add eax, 0x1234567; adc ebx, eax; inc edx
          ${wide ? 'pushfq; pop rsi' : 'pushfd; pop esi'}; xor ebp, esi; shl ebp, 1; dec ecx; jnz l; int 0x80`;
        const run = () => {
          for (const name of ['ax', 'bx', 'dx', 'bp']) g.setReg(name, 1);
          expect(g.runCode(text)).toMatchObject({ kind: 'interrupt' });
          return ['ax', 'bx', 'dx', 'si', 'bp'].map((name) => g.reg(name));
        };
        const plain = run();
        const flags: bigint[] = [];
        g.engine.onInstruction(() => flags.push(g.engine.readRegister('eflags')));
        expect(run()).toEqual(plain);
        expect(new Set(flags).size).toBeGreaterThan(4);
      });
    });
  }
}

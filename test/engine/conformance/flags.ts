import { describe, expect, it } from 'vitest';
import type { EngineKind } from '../../../src/engine/open.js';
import { assemble } from '../assembler.js';
import { CODE, DATA } from '../guest.js';
import { ARCHES, guestOf } from './suite.js';

/** Instructions that need the flags, or change them, and store. */
const STORES = [
  'inc dword ptr',
  'dec byte ptr',
  'adc dword ptr',
  'neg dword ptr',
  'shl word ptr',
  'rol dword ptr',
  'rcl dword ptr',
  'rcr byte ptr',
  'bts dword ptr',
  'cmpxchg dword ptr',
  'lock xadd dword ptr',
  ...['o', 'c', 'z', 'be', 's', 'p', 'l', 'le'].map((condition) => `set${condition} byte ptr`),
] as const;

const SECOND_OPERAND: Readonly<Record<string, string>> = {
  adc: ', 7',
  shl: ', 1',
  rol: ', 1',
  rcl: ', 1',
  rcr: ', 1',
  bts: ', 3',
  cmpxchg: ', ecx',
  'lock xadd': ', ecx',
};

/** What leaves the engine's lazy flags in each of their forms. */
const BEFORE = [
  'mov eax, 0x7fffffff; add eax, 0x80000005',
  'mov eax, 3; cmp eax, 0x90000000',
  'mov eax, 0x80; shl al, 1',
  'stc; mov eax, 5; adc eax, 0xfffffffa',
  'mov eax, -1; test eax, eax; stc',
  'mov eax, 0x7f; inc al; jo l; nop; l:',
];

export function flags(kind: EngineKind): void {
  for (const arch of ARCHES) {
    describe(`flags at a store (${arch})`, () => {
      const guest = guestOf(kind, { arch });

      it.each(['popcnt cx, dx', 'popcnt ecx, edx'])('`%s` sets ZF by its operand alone', (text) => {
        const zero = (value: bigint): boolean => {
          const g = guest();
          g.setReg('dx', value);
          g.runCode(`${text}; int 0x80`);
          return (g.engine.readRegister('eflags') & 0x40n) !== 0n;
        };
        expect([zero(0n), zero(1n)]).toEqual([true, false]);
        const above = text === 'popcnt cx, dx' ? 0xffff_0000n : 0xffff_ffff_0000_0000n;
        expect(zero(BigInt.asUintN(arch === 'i386' ? 32 : 64, above))).toBe(true);
      });

      it.each(STORES)('are what they were when `%s` is refused', (name) => {
        const operation = name.replace(/ (byte|word|dword) ptr/, '');
        const store = `${name} [${DATA}]${SECOND_OPERAND[operation] ?? ''}`;
        const g = guest();
        for (const before of BEFORE) {
          const length = assemble(arch, `xor ecx, ecx; ${before}; nop`, CODE).length - 1;
          g.protect(DATA, 'rw');
          g.poke(DATA, [0, 0, 0, 0]);
          g.runCode(`xor ecx, ecx; ${before}; int 0x80`);
          const expected = g.engine.readRegister('eflags');
          g.protect(DATA, 'r');
          const stop = g.runCode(`xor ecx, ecx; ${before}; ${store}; int 0x80`);
          expect(stop).toMatchObject({ kind: 'fault', access: 'write', pc: BigInt(CODE + length) });
          expect([before, g.engine.readRegister('eflags')]).toEqual([before, expected]);
        }
      });
    });
  }
}

import { describe, expect, it } from 'vitest';
import { FAULT_PROTECTION } from '../../../src/engine/engine.js';
import type { EngineKind } from '../../../src/engine/open.js';
import { assemble } from '../assembler.js';
import { CODE, DATA } from '../guest.js';
import { ARCHES, guestOf } from './suite.js';

const NEXT = CODE + 4096;
const DATA_NEXT = DATA + 4096;

export function pageCrossing(kind: EngineKind): void {
  for (const arch of ARCHES) {
    describe(`fetches across a page boundary (${arch})`, () => {
      const guest = guestOf(kind, { arch });

      it('runs a block that goes on in the next page', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.map(NEXT, 'rx');
        g.code('mov eax, 1; mov ecx, 0x11223344; int 0x80', NEXT - 7);
        expect(g.run(NEXT - 7)).toMatchObject({ kind: 'interrupt', pc: BigInt(NEXT + 5) });
        expect([g.reg('ax'), g.reg('cx')]).toEqual([1n, 0x11223344n]);
      });

      it.each([
        ['not executable', 'rw'],
        ['not there', ''],
      ])('faults on an instruction whose end is %s, after those before it', (_, rights) => {
        const g = guest();
        g.map(CODE, 'rx');
        const frame = g.map(NEXT, 'rw');
        g.code('mov eax, 1; mov ecx, 0x11223344; int 0x80', NEXT - 7);
        if (rights === '') g.unmap(NEXT);
        else g.map(NEXT, rights, frame);
        expect(g.run(NEXT - 7)).toMatchObject({
          kind: 'fault',
          address: BigInt(NEXT),
          access: 'exec',
          pc: BigInt(NEXT - 2),
        });
        expect([g.reg('ax'), g.reg('cx')]).toEqual([1n, 0n]);
      });

      it('faults at the first byte of the next page when an instruction ends at the boundary', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.map(NEXT, 'rw');
        const text = `mov dword ptr [${DATA}], 0x55; inc eax`;
        const start = NEXT - assemble(arch, text, CODE).length;
        g.code(text, start);
        expect(g.run(start)).toMatchObject({
          kind: 'fault',
          address: BigInt(NEXT),
          access: 'exec',
          cause: FAULT_PROTECTION,
          pc: BigInt(NEXT),
        });
        expect([g.reg('ax'), g.peek(DATA, 1)]).toEqual([1n, [0x55]]);
      });

      it('reports an earlier data fault before a fetch fault further on', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.map(NEXT, 'rw');
        g.code('mov eax, [0x50000]; mov ecx, 0x11223344', NEXT - 9);
        expect(g.run(NEXT - 9)).toMatchObject({ access: 'read', address: 0x50000n });
      });

      it('executes each instruction before the boundary once, and hides how', () => {
        const g = guest();
        g.map(CODE, 'rx');
        const text = 'inc eax; pushf; inc ecx; inc eax; inc edx';
        const length = g.code(text, CODE);
        g.code(text, NEXT - length);
        expect(g.run(NEXT - length)).toMatchObject({ kind: 'fault', pc: BigInt(NEXT) });
        expect([g.reg('ax'), g.reg('cx'), g.reg('dx')]).toEqual([2n, 1n, 1n]);
        const [low, high] = g.peek(g.reg('sp'), 2);
        expect([low, high]).toEqual([0x02, 0x02]);
      });

      it('notices that the second page of known code lost its right, in a later run', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.map(NEXT, 'rx');
        g.code('inc eax; mov ecx, 0x11223344; int 0x80', NEXT - 4);
        expect(g.run(NEXT - 4).kind).toBe('interrupt');
        g.protect(NEXT, 'r');
        expect(g.run(NEXT - 4)).toMatchObject({ kind: 'fault', address: BigInt(NEXT) });
      });

      it('ends a loop over the boundary by its budget', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.map(NEXT, 'rx');
        g.code(`l: inc eax; mov ecx, 0x11223344; jmp l`, NEXT - 4);
        expect(g.run(NEXT - 4, { blocks: 100 })).toMatchObject({ kind: 'budget' });
        // A block ends where the page does: a round is two.
        expect(g.reg('ax')).toBe(50n);
      });
    });

    describe(`accesses across a page boundary (${arch})`, () => {
      const guest = guestOf(kind, { arch });
      const wide = arch === 'x86-64';
      const stores: [string, string, number][] = [
        ['word', 'mov word ptr [{}], ax', 2],
        ['dword', 'mov dword ptr [{}], eax', 4],
        ['MMX quadword', 'movq qword ptr [{}], mm0', 8],
        ['unaligned xmm', 'movups xmmword ptr [{}], xmm0', 16],
        ['unaligned xmm (integer)', 'movdqu xmmword ptr [{}], xmm0', 16],
        ['x87 ten bytes', 'fld1; fstp tbyte ptr [{}]', 10],
        ...(wide ? [['qword', 'mov qword ptr [{}], rax', 8] as [string, string, number]] : []),
      ];

      for (const [name, text, size] of stores)
        for (let low = 1; low < size; low++)
          it(`stores nothing of a ${name} with ${low} bytes before a page it may not write`, () => {
            const g = guest();
            g.map(DATA_NEXT, 'rw');
            g.poke(DATA_NEXT - 16, Array(32).fill(0xee));
            g.engine.writeRegister('xmm0', 0x11111111_22222222_33333333_44444444n);
            g.setReg('ax', 0x12345678);
            const store = text.replace('{}', `0x${(DATA_NEXT - low).toString(16)}`);
            g.protect(DATA_NEXT, 'r');
            const stop = { kind: 'fault', access: 'write', cause: FAULT_PROTECTION };
            expect(g.runCode(store)).toMatchObject({ ...stop, address: BigInt(DATA_NEXT) });
            expect(g.peek(DATA_NEXT - 16, 32)).toEqual(Array(32).fill(0xee));
            g.protect(DATA_NEXT, 'rw');
            g.protect(DATA, 'r');
            expect(g.runCode(store)).toMatchObject({ ...stop, address: BigInt(DATA_NEXT - low) });
            expect(g.peek(DATA_NEXT - 16, 32)).toEqual(Array(32).fill(0xee));
          });

      it.each([
        ['movups', `movups [${DATA_NEXT - 16}], xmm0; movups [${DATA_NEXT}], xmm0`],
        ['movaps', `movaps [${DATA_NEXT - 16}], xmm0; movaps [${DATA_NEXT}], xmm0`],
        [
          'movq',
          `movups [${DATA_NEXT - 16}], xmm0; movq [${DATA_NEXT - 8}], xmm0; movups [${DATA_NEXT}], xmm0`,
        ],
        ['fstp', `movups [${DATA_NEXT - 16}], xmm0; fld1; fstp tbyte ptr [${DATA_NEXT}]`],
      ])('keeps what %s stored up to the boundary when the next store is refused', (_, text) => {
        const g = guest();
        g.map(DATA_NEXT, 'r');
        g.poke(DATA_NEXT - 16, Array(16).fill(0xee));
        g.engine.writeRegister('xmm0', 0x11111111_11111111_11111111_11111111n);
        expect(g.runCode(text)).toMatchObject({ kind: 'fault', address: BigInt(DATA_NEXT) });
        expect(g.peek(DATA_NEXT - 16, 16)).toEqual(Array(16).fill(0x11));
      });

      it('loads and stores whole values over two writable pages that are not neighbours in RAM', () => {
        const g = guest();
        g.frame();
        g.map(DATA_NEXT, 'rw');
        g.setReg('ax', 0x11223344);
        g.runCode(`mov [${DATA_NEXT - 3}], eax; mov ecx, [${DATA_NEXT - 3}]; int 0x80`);
        expect(g.reg('cx')).toBe(0x11223344n);
        expect(g.peek(DATA_NEXT - 3, 4)).toEqual([0x44, 0x33, 0x22, 0x11]);
      });

      it('names the first byte of the second page when a load may not read it', () => {
        const g = guest();
        expect(g.runCode(`mov eax, [${DATA_NEXT - 1}]`)).toMatchObject({
          access: 'read',
          address: BigInt(DATA_NEXT),
        });
      });
    });
  }
}

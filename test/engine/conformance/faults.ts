import { describe, expect, it } from 'vitest';
import {
  FAULT_BUS,
  FAULT_GENERAL_PROTECTION,
  FAULT_NO_MEMORY,
  FAULT_PKEY,
  FAULT_PROTECTION,
  FAULT_UNMAPPED,
} from '../../../src/engine/engine.js';
import type { EngineKind } from '../../../src/engine/open.js';
import { CODE, DATA, STACK_TOP } from '../guest.js';
import { ARCHES, guestOf } from './suite.js';

const NOWHERE = 0x50000;

export function faults(kind: EngineKind): void {
  for (const arch of ARCHES) {
    describe(`faults (${arch})`, () => {
      const guest = guestOf(kind, { arch });
      const word = arch === 'x86-64' ? 'r' : 'e';

      it('reports a load from nowhere at its instruction, with what came before done', () => {
        const g = guest();
        const stop = g.runCode(`mov ecx, 7; mov eax, [${NOWHERE + 8}]; mov ecx, 9`);
        expect(stop).toEqual({
          kind: 'fault',
          address: BigInt(NOWHERE + 8),
          access: 'read',
          cause: FAULT_UNMAPPED,
          pc: BigInt(CODE + 5),
        });
        expect(g.reg('cx')).toBe(7n);
      });

      it('reports a store to a read-only page, and stores nothing', () => {
        const g = guest();
        g.protect(DATA, 'r');
        const stop = g.runCode(`nop; mov dword ptr [${DATA}], 0x1234; nop`);
        expect(stop).toMatchObject({
          kind: 'fault',
          address: BigInt(DATA),
          access: 'write',
          cause: FAULT_PROTECTION,
          pc: BigInt(CODE + 1),
        });
        expect(g.peek(DATA, 4)).toEqual([0, 0, 0, 0]);
      });

      it('reports what reads only to write back as a write, as hardware does', () => {
        const g = guest();
        for (const text of ['inc dword ptr', 'lock xadd', 'shl byte ptr', 'xchg']) {
          const operand = text.endsWith('ptr') ? '' : ', ecx';
          const stop = g.runCode(
            `nop; ${text} [${NOWHERE}]${operand}${/shl/.test(text) ? ', 2' : ''}`,
          );
          expect(stop).toMatchObject({ access: 'write', address: BigInt(NOWHERE) });
        }
        expect(g.runCode(`cmp [${NOWHERE}], ecx`)).toMatchObject({ access: 'read' });
      });

      it('an access past the end of a 32-bit segment is no page fault', () => {
        const g = guest();
        const end = g.runCode(`nop; mov eax, -2; mov edx, [${word}ax]`);
        // On x86-64 the address is one below 4 GiB, and nothing is mapped there.
        expect(end).toMatchObject(
          arch === 'i386'
            ? { kind: 'exception', vector: 13, errorCode: 0, pc: BigInt(CODE + 6) }
            : { kind: 'fault', address: 0xffff_fffen, cause: FAULT_UNMAPPED },
        );
        expect(g.runCode(`mov eax, -4; mov edx, [${word}ax]`)).toMatchObject({
          kind: 'fault',
          address: 0xffff_fffcn,
        });
      });

      it('reports a jump into data at the target', () => {
        const g = guest();
        const stop = g.runCode(`mov eax, ${DATA}; jmp ${word}ax`);
        expect(stop).toMatchObject({
          kind: 'fault',
          address: BigInt(DATA),
          access: 'exec',
          cause: FAULT_PROTECTION,
          pc: BigInt(DATA),
        });
      });

      it('reports a push that fails, with the stack pointer as it was', () => {
        const g = guest();
        g.setReg('sp', STACK_TOP - 4096);
        const size = arch === 'x86-64' ? 8 : 4;
        expect(g.runCode(`nop; push ${word}bx`)).toMatchObject({
          kind: 'fault',
          address: BigInt(STACK_TOP - 4096 - size),
          access: 'write',
          pc: BigInt(CODE + 1),
        });
        expect(g.reg('sp')).toBe(BigInt(STACK_TOP - 4096));
      });

      it('keeps the state of an interrupted rep movsb', () => {
        const g = guest();
        g.poke(DATA, [1, 2, 3, 4]);
        const stop = g.runCode(
          `cld; mov esi, ${DATA}; mov edi, ${DATA + 4096 - 3}; mov ecx, 9; rep movsb`,
        );
        expect(stop).toMatchObject({ access: 'write', address: BigInt(DATA + 4096) });
        expect([g.reg('si'), g.reg('di'), g.reg('cx')]).toEqual(
          [DATA + 3, DATA + 4096, 6].map(BigInt),
        );
        expect(g.peek(DATA + 4096 - 3, 3)).toEqual([1, 2, 3]);
      });

      it.each([
        ['a protection key', FAULT_PKEY],
        ['the end of a file', FAULT_BUS],
        ['no memory left', FAULT_NO_MEMORY],
        ['a segment limit', FAULT_GENERAL_PROTECTION],
      ])('passes on the cause that the page tables gave: %s', (_, cause) => {
        const g = guest();
        g.refuse(NOWHERE, cause);
        const stop = { kind: 'fault', address: BigInt(NOWHERE), cause, pc: BigInt(CODE) };
        expect(g.runCode(`mov eax, [${NOWHERE}]`)).toMatchObject({ ...stop, access: 'read' });
      });

      it('can be repaired and resumed, again and again', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.code(`l: mov dword ptr [${word}di], 5; add ${word}di, 0x1000; dec ecx; jnz l; int 0x80`);
        g.setReg('di', NOWHERE);
        g.setReg('cx', 100);
        let stop = g.run(CODE);
        for (let i = 0; i < 100; i++) {
          expect(stop).toMatchObject({ kind: 'fault', address: BigInt(NOWHERE + i * 4096) });
          g.map(NOWHERE + i * 4096, 'rw');
          stop = g.run();
        }
        expect(stop).toMatchObject({ kind: 'interrupt', vector: 0x80 });
      });

      it('has the flags right at a fault, not those of the block start', () => {
        const g = guest();
        g.runCode(`xor eax, eax; cmp eax, 1; mov eax, [${NOWHERE}]; test eax, eax`);
        expect(g.engine.readRegister('eflags') & 0xc5n).toBe(0x85n);
        g.runCode(`xor eax, eax; inc eax; cmp eax, 1; mov eax, [${NOWHERE}]`);
        expect(g.engine.readRegister('eflags') & 0xc5n).toBe(0x44n);
      });

      it.each(['leave', 'enter 16, 0', 'enter 0x4000, 0'])(
        'changes no register by %s that faults',
        (text) => {
          const g = guest();
          g.setReg('bp', NOWHERE);
          const sp = g.reg('sp');
          if (text === 'enter 16, 0') g.setReg('sp', NOWHERE);
          expect(g.runCode(text)).toMatchObject({ kind: 'fault' });
          expect([g.reg('sp'), g.reg('bp')]).toEqual([
            text === 'enter 16, 0' ? BigInt(NOWHERE) : sp,
            BigInt(NOWHERE),
          ]);
        },
      );

      it('has the right program counter when data shares the TLB slot of the code', () => {
        const g = guest();
        const clash = CODE + 256 * 4096;
        g.map(clash, 'rw');
        const stop = g.runCode(
          `mov ecx, 3; mov dword ptr [${clash}], ecx; mov eax, [${clash}]; mov ebx, [${NOWHERE}]`,
        );
        expect(stop).toMatchObject({ access: 'read', address: BigInt(NOWHERE) });
        // mov ebx, [disp32]; the loads and stores of eax and ecx begin otherwise.
        expect(g.peek(stop.pc, 2)).toEqual([0x8b, 0x1d]);
        expect(g.reg('ax')).toBe(3n);
      });
    });
  }
}

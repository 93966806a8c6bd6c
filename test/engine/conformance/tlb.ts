import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/base/errors.js';
import { FAULT_NO_MEMORY, HW_READ } from '../../../src/engine/engine.js';
import type { EngineKind } from '../../../src/engine/open.js';
import { CODE, DATA, openGuest, STACK_TOP } from '../guest.js';
import { ARCHES, guestOf } from './suite.js';

const FAR = 0x100_0000;

export function tlb(kind: EngineKind): void {
  for (const arch of ARCHES) {
    describe(`page tables (${arch})`, () => {
      const guest = guestOf(kind, { arch, memory: 32 << 20 });
      const di = arch === 'x86-64' ? 'rdi' : 'edi';
      const done = { kind: 'interrupt', vector: 0x80 };
      /** Touches `cx` pages from `di`, by `text`. */
      const sweep = (text: string, stride = 4096) =>
        `l: ${text}; add ${di}, ${stride}; dec ecx; jnz l; int 0x80`;

      it('ends an instruction whose two pages share a slot of the TLB', () => {
        const g = guest();
        const far = DATA + 256 * 4096;
        g.map(far, 'rw');
        g.setReg('bp', DATA + 64);
        g.setReg('sp', far + 256);
        g.poke(DATA + 64 - (arch === 'x86-64' ? 8 : 4), [0x11, 0x22, 0x33, 0x44]);
        expect(g.runCode('enter 16, 2; int 0x80')).toMatchObject({ kind: 'interrupt' });
        const pushed = g.peek(far + 256 - 2 * (arch === 'x86-64' ? 8 : 4), 4);
        expect(pushed).toEqual([0x11, 0x22, 0x33, 0x44]);
        if (arch === 'i386') return;
        g.setReg('si', DATA);
        g.setReg('di', far);
        g.setReg('cx', 8);
        g.poke(DATA, [1, 2, 3, 4, 5, 6, 7, 8]);
        g.code('.byte 0x67; rep movsb; int 0x80');
        expect(g.run(CODE)).toMatchObject({ kind: 'interrupt' });
        expect(g.peek(far, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      });

      it('keeps pages apart that share a slot', () => {
        const g = guest();
        const stride = 256 * 4096;
        for (let i = 0; i < 20; i++) g.map(FAR + i * stride, 'rw');
        g.setReg('di', FAR);
        g.setReg('cx', 20);
        expect(g.runCode(sweep(`mov [${di}], ecx`, stride))).toMatchObject(done);
        g.setReg('di', FAR);
        g.setReg('cx', 20);
        expect(g.runCode(sweep(`add eax, [${di}]`, stride))).toMatchObject(done);
        expect(g.reg('ax')).toBe(210n);
      });

      it('asks once for what it may keep, and again after a flush', () => {
        const g = guest();
        const asks = () => g.asked.filter(({ page }) => page === DATA >> 12).length;
        const text = `mov eax, [${DATA}]; mov ebx, [${DATA + 8}]; int 0x80`;
        g.runCode(text);
        expect(asks()).toBe(1);
        g.runCode(text);
        expect(asks()).toBe(1);
        g.engine.flushTlb((DATA >> 12) - 1, 3);
        g.runCode(text);
        expect(asks()).toBe(2);
        g.engine.flushTlb((DATA >> 12) + 1, 3);
        g.runCode(text);
        expect(asks()).toBe(2);
        g.engine.flushTlb();
        g.runCode(text);
        expect(asks()).toBe(3);
      });

      it('asks again for a right that the answer left out', () => {
        const g = guest();
        g.translate = (page, access) =>
          page === DATA >> 12 && access === 'read'
            ? (g.pages.get(page)! & ~7) | HW_READ
            : g.lookUp(page, access);
        g.runCode(`mov eax, [${DATA}]; mov [${DATA}], ecx; int 0x80`);
        expect(g.asked.filter(({ page }) => page === DATA >> 12)).toEqual([
          { page: DATA >> 12, access: 'read' },
          { page: DATA >> 12, access: 'write' },
        ]);
      });

      it('forgets the old page tables when it gets new ones', () => {
        const g = guest();
        g.runCode(`mov eax, [${DATA}]; int 0x80`);
        const other = g.frame();
        g.engine.memory.bytes(other)[0] = 0x42;
        g.map(DATA, 'rw', other);
        g.engine.setTranslate(g.lookUp);
        g.run(CODE);
        expect(g.reg('ax')).toBe(0x42n);
      });

      it('lets a first touch take frames, more than were there before, within one run', () => {
        const g = guest();
        const pages = 3000;
        g.translate = (page, access) => {
          if (page >= FAR >> 12 && !g.pages.has(page)) g.map(page * 4096, 'rw');
          return g.lookUp(page, access);
        };
        g.setReg('di', FAR);
        g.setReg('cx', pages);
        // Each page is another one for the TLB: three blocks (cost.ts).
        const blocks = 4 * pages + 10;
        expect(g.runCode(sweep(`add [${di}], ecx`), { blocks })).toMatchObject(done);
        for (const i of [0, 1, 511, 512, 1023, 1024, 2047, 2999])
          expect(g.peek(FAR + i * 4096, 2)).toEqual([(pages - i) & 255, (pages - i) >> 8]);
      });

      it('copies a page on its first store and flushes, in the middle of a run', () => {
        const g = guest();
        const shared = g.map(FAR, 'r');
        g.translate = (page, access) => {
          if (page === FAR >> 12 && access === 'write' && g.pages.get(page)! >> 3 === shared) {
            const own = g.frame();
            g.engine.memory.bytes(own).set(g.engine.memory.bytes(shared));
            g.map(FAR, 'rw', own);
            g.engine.flushTlb(page, 1);
          }
          return g.lookUp(page, access);
        };
        g.poke(FAR, [5]);
        g.runCode(`mov eax, [${FAR}]; mov dword ptr [${FAR}], 7; mov ecx, [${FAR}]; int 0x80`);
        expect([g.reg('ax'), g.reg('cx')]).toEqual([5n, 7n]);
        expect(g.engine.memory.bytes(shared)[0]).toBe(5);
      });

      it('survives page tables that flush everything on every question', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.translate = (page, access) => {
          if (page !== CODE >> 12) g.engine.flushTlb();
          return g.lookUp(page, access);
        };
        g.setReg('sp', STACK_TOP - 64);
        expect(g.runCode(`mov eax, 5; push ${di}; add [${DATA}], eax; int 0x80`)).toMatchObject(
          done,
        );
        expect(g.peek(DATA, 1)).toEqual([5]);
      });

      it('ends by the budget when page tables never settle', () => {
        const g = guest();
        const frames = [g.map(CODE, 'rx'), g.frame()];
        g.code('l: nop; jmp l', CODE);
        let turn = 0;
        g.translate = (page, access) => {
          if (page === CODE >> 12) g.map(CODE, 'rx', frames[turn++ % 2]!);
          g.engine.flushTlb();
          return g.lookUp(page, access);
        };
        expect(g.run(CODE, { blocks: 50 }).kind).toMatch(/budget|fault/);
      });

      it('hands out zeroed frames up to the limit, and again after release', async () => {
        const g = await openGuest(kind, { arch, memory: 5 * 4096 });
        const { memory } = g.engine;
        expect([memory.maxFrames, memory.framesInUse]).toEqual([5, 0]);
        const frames = Array.from({ length: 5 }, () => g.frame());
        expect(new Set(frames).size).toBe(5);
        expect(memory.allocate()).toBeUndefined();
        memory.bytes(frames[2]!).fill(0xaa);
        memory.release(frames[2]!);
        expect(memory.framesInUse).toBe(4);
        expect(memory.bytes(g.frame()).every((byte) => byte === 0)).toBe(true);
        g.pages.set(0x77, FAULT_NO_MEMORY);
        memory.release(frames[0]!);
        g.map(CODE, 'rx');
        expect(g.runCode('mov eax, [0x77000]')).toMatchObject({ cause: FAULT_NO_MEMORY });
        g.engine.close();
      });

      it('calls a bug a bug: frames that are not there', () => {
        const g = guest();
        expect(() => g.engine.memory.bytes(9999)).toThrow(InvariantError);
        expect(() => g.engine.memory.release(9999)).toThrow(InvariantError);
        g.pages.set(FAR >> 12, 9999 * 8 + 7);
        expect(() => g.runCode(`mov eax, [${FAR}]`)).toThrow(InvariantError);
      });

      it('gives an error of the page tables to the caller, and goes on after it', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.code(`mov ecx, 3; mov eax, [${FAR}]; int 0x80`);
        g.translate = (page, access) => {
          if (page === FAR >> 12) throw new RangeError('from the page tables');
          return g.lookUp(page, access);
        };
        expect(() => g.run(CODE)).toThrow('from the page tables');
        g.translate = undefined;
        g.map(FAR, 'r');
        expect(g.run()).toMatchObject(done);
        expect(g.reg('cx')).toBe(3n);
      });
    });
  }
}

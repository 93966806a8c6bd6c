import { describe, expect, it } from 'vitest';
import { FAULT_NO_MEMORY, FAULT_PROTECTION } from '../../../src/engine/engine.js';
import type { EngineKind } from '../../../src/engine/open.js';
import { assemble } from '../assembler.js';
import { CODE, DATA, type Guest, STACK_TOP } from '../guest.js';
import { ARCHES, guestOf } from './suite.js';

/** mov eax, imm32; ret */
const FUNCTION = [0xb8, 0, 0, 0, 0, 0xc3];

export function code(kind: EngineKind): void {
  for (const arch of ARCHES) {
    describe(`changing code (${arch})`, () => {
      const guest = guestOf(kind, { arch });
      const done = { kind: 'interrupt', vector: 0x80 };
      const di = arch === 'x86-64' ? 'rdi' : 'edi';

      it('executes what a store put over the very next instruction', () => {
        const g = guest();
        g.map(CODE, 'rwx');
        // The immediate of `mov ecx` is replaced right before it runs.
        const store = `mov dword ptr [${CODE + 0x40}], 0x1234`;
        g.code(`jmp ${CODE + 0x3f - assemble(arch, store, CODE).length}`, CODE);
        g.code(
          `${store}; mov ecx, 0x11111111; int 0x80`,
          CODE + 0x3f - assemble(arch, store, CODE).length,
        );
        expect(g.run(CODE)).toMatchObject(done);
        expect(g.reg('cx')).toBe(0x1234n);
      });

      it('executes what a store put into another block of the same page', () => {
        const g = guest();
        g.map(CODE, 'rwx');
        g.poke(CODE + 0x100, FUNCTION);
        g.code(
          `call ${CODE + 0x100}; mov ecx, eax; mov dword ptr [${CODE + 0x101}], 0x77;
           call ${CODE + 0x100}; int 0x80`,
        );
        expect(g.run(CODE)).toMatchObject(done);
        expect([g.reg('cx'), g.reg('ax')]).toEqual([0n, 0x77n]);
      });

      const whole = (at: number) => `mov dword ptr [${at + 1}], ebx`;
      /** After stores to data beside the code. */
      const byBytes = (at: number) =>
        `mov ecx, 12; k: mov byte ptr [${di} + ${di[0]}cx], cl; dec ecx; jnz k
         mov byte ptr [${at + 1}], bl; mov byte ptr [${at + 2}], bh`;
      const patchAndCall = (g: Guest, write: number, execute: number, patch = whole) => {
        g.poke(write, FUNCTION);
        g.runCode(
          `xor edx, edx; xor ebx, ebx
           l: inc ebx; ${patch(write)}; call ${execute}; add edx, eax
           cmp ebx, 1000; jne l; int 0x80`,
          { blocks: 5_000_000 },
        );
        return g.reg('dx');
      };

      it('calls freshly patched code 1,000 times in one run', () => {
        const g = guest();
        g.map(0x30000, 'rwx');
        expect(patchAndCall(g, 0x30000, 0x30000)).toBe(500_500n);
      });

      it('does so byte by byte, in a page that also holds data', () => {
        const g = guest();
        g.map(0x30000, 'rwx');
        g.setReg('di', 0x30400);
        for (const at of [0x30000, 0x30123, 0x307f9, 0x30ff9])
          expect(patchAndCall(g, at, at, byBytes)).toBe(500_500n);
      });

      it('does so through a writable alias of the executable page', () => {
        const g = guest();
        g.map(0x31000, 'rx', g.map(0x30000, 'rw'));
        expect(patchAndCall(g, 0x30000, 0x31000)).toBe(500_500n);
      });

      it('does so when the two names share a TLB slot', () => {
        const g = guest();
        g.map(0x30000 + 256 * 4096, 'rx', g.map(0x30000, 'rw'));
        expect(patchAndCall(g, 0x30000, 0x30000 + 256 * 4096)).toBe(500_500n);
      });

      it('does so with a function that straddles two pages', () => {
        const g = guest();
        g.map(0x30000, 'rwx');
        g.map(0x31000, 'rwx');
        expect(patchAndCall(g, 0x30ffd, 0x30ffd)).toBe(500_500n);
      });

      it('executes what the kernel wrote between runs', () => {
        const g = guest();
        g.map(CODE, 'rx');
        for (let i = 1; i < 20; i++) {
          g.code(`mov eax, ${i}; int 0x80`);
          expect(g.run(CODE)).toMatchObject(done);
          expect(g.reg('ax')).toBe(BigInt(i));
        }
      });

      it.each([
        ['dword', '0x5a5a5a5a', 4],
        ['word', '0x5a5a', 2],
        ...(arch === 'x86-64' ? [['qword', '0x5a5a5a5a', 8] as const] : []),
      ] as const)(
        'applies a %s xor once to bytes within and behind its own block',
        (size, key, bytes) => {
          const g = guest();
          g.map(CODE, 'rwx');
          g.map(CODE + 4096, 'rwx');
          const text = `xor ${size} ptr [${di}], ${key}; jmp l; l:`;
          const length = assemble(arch, `${text} nop`, CODE).length - 1;
          const pad = Array(8).fill(0x90);
          // The end of the block (the displacement of `jmp`, not used again) at every place in the store,
          // and the store at every alignment, across the page's end too.
          for (let end = CODE + 4096 - 12; end < CODE + 4096 + 12; end++) {
            g.code(`${text} nop`, end - length);
            g.poke(end, [...pad, 0xcd, 0x80]);
            g.setReg('di', end - 1);
            g.run(end - length, { blocks: 1000 });
            const plain = [0, ...pad].slice(0, bytes);
            const expected = plain.map((byte, i) => (i < 4 ? byte ^ 0x5a : byte));
            expect(g.peek(end - 1, bytes)).toEqual(expected);
          }
        },
      );

      it('ends an endless loop that self-modification led to', () => {
        const g = guest();
        g.map(CODE, 'rwx');
        const head = `mov byte ptr [${CODE + 0x40}], 0x90;`;
        const start = CODE + 0x40 - assemble(arch, head, CODE).length;
        // The store changes the block it is in, so that the rest is translated anew.
        g.code(`${head} l: nop; inc eax; jmp l`, start);
        expect(g.run(start, { blocks: 50 })).toMatchObject({ kind: 'budget' });
        expect(g.peek(CODE + 0x40, 1)).toEqual([0x90]);
      });

      it('faults when a page lost the right to execute between runs, and only then', () => {
        const g = guest();
        g.map(0x30000, 'rx');
        g.poke(0x30000, FUNCTION);
        const text = `call ${0x30000}; int 0x80`;
        expect(g.runCode(text)).toMatchObject(done);
        g.protect(0x30000, 'rw');
        expect(g.runCode(text)).toMatchObject({
          kind: 'fault',
          address: 0x30000n,
          access: 'exec',
          cause: FAULT_PROTECTION,
        });
        g.protect(0x30000, 'x');
        expect(g.runCode(text)).toMatchObject(done);
      });

      it('leaves old code when a first store moves its page to another frame', () => {
        const g = guest();
        const shared = g.map(0x30000, 'rx');
        g.poke(0x30000, FUNCTION);
        const own = g.frame();
        g.translate = (page, access) => {
          if (page === 0x30 && access === 'write' && g.pages.get(0x30)! >> 3 === shared) {
            g.engine.memory.bytes(own).set(g.engine.memory.bytes(shared));
            g.map(0x30000, 'rwx', own);
            g.engine.flushTlb(0x30, 1);
          }
          return g.lookUp(page, access);
        };
        const text = `call ${0x30000}; mov ecx, eax; mov dword ptr [${0x30001}], 0x99; call ${0x30000}`;
        expect(g.runCode(`${text}; int 0x80`)).toMatchObject(done);
        expect([g.reg('cx'), g.reg('ax')]).toEqual([0n, 0x99n]);
        expect(g.engine.memory.bytes(shared)[1]).toBe(0);
      });

      // QEMU reads the block again to find the instruction that a store stopped at. The code's entry in the
      // TLB is gone by then, taken by a page of data, and the page tables have changed.
      describe('restores the state at a store to a page that was executed from', () => {
        const page = 0x30000;
        const sameSlot = CODE + 256 * 4096;
        const text = `xor ecx, ecx; call ${page}; inc ecx; push ${arch === 'i386' ? 'ecx' : 'rcx'}; mov edx, [${sameSlot}]`;
        const moved = (g: Guest, after: () => void) => {
          const shared = g.map(page, 'rx');
          g.poke(page, FUNCTION);
          g.map(sameSlot, 'rw');
          g.translate = (asked, access) => {
            if (asked === page >> 12 && access === 'write' && g.pages.get(asked)! >> 3 === shared) {
              g.map(page, 'rwx');
              g.poke(page, g.engine.memory.bytes(shared));
              g.engine.flushTlb(asked, 1);
              after();
            }
            return g.lookUp(asked, access);
          };
        };

        it('and does nothing twice', () => {
          const g = guest();
          moved(g, () => {});
          const end = g.runCode(
            `${text}; mov byte ptr [${page + 1}], 0x99; call ${page}; int 0x80`,
          );
          expect(end).toMatchObject(done);
          expect([g.reg('cx'), g.reg('ax')]).toEqual([1n, 0x99n]);
          expect(g.reg('sp')).toBe(BigInt(STACK_TOP - 256 - (arch === 'i386' ? 4 : 8)));
        });

        it('also when it was executed from in an earlier run, or is read before', () => {
          for (const first of [`call ${page}`, `mov edx, [${page}]`]) {
            const g = guest();
            moved(g, () => {});
            g.map(CODE, 'rx');
            expect(g.runCode(`${first}; int 0x80`)).toMatchObject(done);
            const text = `call ${page}; mov byte ptr [${page + 1}], 0x99; call ${page}; int 0x80`;
            expect(g.runCode(text)).toMatchObject(done);
            expect(g.reg('ax')).toBe(0x99n);
            g.translate = undefined;
            g.engine.flushTlb();
          }
        });

        it('when the page is refused in the end', () => {
          const g = guest();
          moved(g, () => g.refuse(page, FAULT_NO_MEMORY));
          g.map(CODE, 'rx');
          const pc = CODE + assemble(arch, text, CODE).length;
          expect(g.runCode(`${text}; mov byte ptr [${page + 1}], 0x99; int 0x80`)).toEqual({
            kind: 'fault',
            address: BigInt(page + 1),
            access: 'write',
            cause: FAULT_NO_MEMORY,
            pc: BigInt(pc),
          });
          expect(g.reg('cx')).toBe(1n);
        });

        it('when the code itself is gone', () => {
          const g = guest();
          g.map(CODE, 'rx');
          moved(g, () => g.unmap(CODE));
          const pc = BigInt(CODE + assemble(arch, text, CODE).length);
          const end = g.runCode(`${text}; mov byte ptr [${page + 1}], 0x99; int 0x80`);
          expect(end).toMatchObject({ kind: 'fault', access: 'exec', address: pc, pc });
          expect(g.reg('cx')).toBe(1n);
          // Nor is what was read again kept.
          expect(g.run()).toMatchObject({ kind: 'fault', access: 'exec', address: pc, pc });
        });
      });

      it('honours the very rights given: execute only, write only', () => {
        const g = guest();
        g.map(0x30000, 'x');
        g.protect(DATA, 'w');
        expect(g.runCode('mov eax, [0x30000]')).toMatchObject({
          access: 'read',
          address: 0x30000n,
        });
        expect(g.runCode(`mov eax, [${DATA}]`)).toMatchObject({ access: 'read' });
        expect(g.runCode(`mov [${DATA}], eax; int 0x80`)).toMatchObject(done);
        g.poke(0x30000, FUNCTION);
        expect(g.runCode('call 0x30000; int 0x80')).toMatchObject(done);
      });
    });
  }
}

import { describe, expect, it } from 'vitest';
import type { EngineKind } from '../../../src/engine/open.js';
import { CODE, DATA } from '../guest.js';
import { ARCHES, guestOf } from './suite.js';

/** What was translated in one run is there in the next: nothing of it may be old. */
export function translations(kind: EngineKind): void {
  for (const arch of ARCHES) {
    describe(`code from one run to the next (${arch})`, () => {
      const guest = guestOf(kind, { arch });
      const done = { kind: 'interrupt', vector: 0x80 };
      const ax = arch === 'x86-64' ? 'rax' : 'eax';

      it('is that of the frame, whoever had the frame before', () => {
        const g = guest();
        for (let i = 1; i < 10; i++) {
          const frame = g.map(CODE, 'rx');
          g.code(`mov ebx, ${i}; jmp l; l: int 0x80`);
          expect(g.run(CODE)).toMatchObject(done);
          expect(g.reg('bx')).toBe(BigInt(i));
          g.unmap(CODE);
          g.engine.memory.release(frame);
        }
      });

      it('is what page tables write into a frame within a run, which had code once', () => {
        const g = guest();
        g.map(CODE, 'rx');
        const old = g.map(CODE + 4096, 'rx');
        g.code('mov ebx, 1; int 0x80', CODE + 4096);
        expect(g.run(CODE + 4096)).toMatchObject(done);
        g.unmap(CODE + 4096);
        g.engine.memory.release(old);
        g.code(`mov ecx, 5; jmp ${CODE + 4096}`);
        g.translate = (page, access, user) => {
          if (page === (CODE + 4096) >> 12 && !g.pages.has(page)) {
            expect(g.map(CODE + 4096, 'rx')).toBe(old);
            g.code('mov ebx, 2; int 0x80', CODE + 4096);
          }
          return g.lookUp(page, access, user);
        };
        expect(g.run(CODE)).toMatchObject(done);
        expect([g.reg('bx'), g.reg('cx')]).toEqual([2n, 5n]);
      });

      it('follows a page to another frame and back', () => {
        const g = guest();
        const frames = [1, 2].map((value) => {
          const frame = g.map(CODE, 'rx');
          g.code(`mov ebx, ${value}; jmp l; l: int 0x80`);
          return frame;
        });
        for (const turn of [0, 1, 0, 0, 1]) {
          g.map(CODE, 'rx', frames[turn]);
          g.engine.flushTlb(CODE >> 12);
          expect(g.run(CODE)).toMatchObject(done);
          expect(g.reg('bx')).toBe(BigInt(turn + 1));
        }
      });

      it('follows the second page of an instruction across two', () => {
        const g = guest();
        g.map(CODE, 'rx');
        const seconds = [1, 2].map((value) => {
          const frame = g.map(CODE + 4096, 'rx');
          // mov ebx, value: its last two bytes lie in the second page.
          g.poke(CODE + 4093, [0xbb, 0, 0, value, 0, 0xcd, 0x80]);
          return frame;
        });
        for (const turn of [0, 1, 0, 1]) {
          g.map(CODE + 4096, 'rx', seconds[turn]);
          g.engine.flushTlb((CODE >> 12) + 1);
          expect(g.run(CODE + 4093)).toMatchObject(done);
          expect(g.reg('bx')).toBe(BigInt(turn + 1) << 16n);
        }
      });

      it('ends at one address in one run, and at another in the next', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.code('mov ebx, 1; mov ecx, 2; mov edx, 3; int 0x80');
        const at = (turn: number) => BigInt(CODE + 5 * turn);
        for (const turn of [1, 2, 1, 3, 0, 2]) {
          for (const name of ['bx', 'cx', 'dx']) g.setReg(name, 0);
          expect(g.run(CODE, { until: at(turn) })).toMatchObject({ kind: 'until', pc: at(turn) });
          const done = [g.reg('bx'), g.reg('cx'), g.reg('dx')].filter((value) => value > 0n);
          expect(done).toHaveLength(turn);
        }
        expect(g.run(CODE)).toMatchObject(done);
        expect(g.run(CODE, { until: 0x7777_0000n })).toMatchObject(done);
      });

      it('is watched when a run asks for it, and in no other', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.code(`mov dword ptr [${DATA}], 7; mov eax, [${DATA}]; int 0x80`);
        const seen: string[] = [];
        const control = {
          before: () => false,
          watched: [{ start: BigInt(DATA), end: BigInt(DATA + 4) }],
          touched: (_at: bigint, length: number, access: string) =>
            void seen.push(`${access} ${length}`),
        };
        let counted = 0;
        for (let turn = 0; turn < 3; turn++) {
          expect(g.run(CODE)).toMatchObject(done);
          expect(g.engine.instructions).toBe(counted);
          g.engine.countInstructions(true);
          expect(g.run(CODE)).toMatchObject(done);
          g.engine.countInstructions(false);
          counted += 3;
          expect(g.engine.instructions).toBe(counted);
          seen.length = 0;
          g.pc = BigInt(CODE);
          expect(g.engine.run({ blocks: 10, control })).toMatchObject(done);
          expect(seen).toEqual(['write 4', 'read 4']);
        }
      });

      it('counts blocks that end in computed jumps as any others, and stops exactly', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.map(CODE + 4096, 'rx');
        // Four blocks a turn, in two pages: to the call, the function, back and to the jump, its target.
        g.code(
          `l: mov ${ax}, ${CODE + 4096}; call ${ax}; inc ebx; mov ${ax}, ${CODE + 0x40}; jmp ${ax}`,
        );
        g.code(`dec ecx; jnz ${CODE}; int 0x80`, CODE + 0x40);
        g.code('inc edx; ret', CODE + 4096);
        const start = () => {
          for (const name of ['bx', 'dx']) g.setReg(name, 0);
          g.setReg('cx', 100);
          g.pc = BigInt(CODE);
        };
        // The first access to the stack counts as well.
        start();
        g.run(undefined, { blocks: 500 });
        start();
        const before = g.engine.blocks;
        expect(g.run(undefined, { blocks: 500 })).toMatchObject(done);
        // The last one begins at `int`.
        expect(g.engine.blocks - before).toBe(401);
        for (const piece of [1, 2, 3, 7]) {
          start();
          const first = g.engine.blocks;
          for (let begun = 0; g.engine.blocks - first + piece <= 400; begun += piece) {
            expect(g.run(undefined, { blocks: piece })).toMatchObject({ kind: 'budget' });
            expect(g.engine.blocks - first).toBe(begun + piece);
          }
          expect(g.run(undefined, { blocks: 10 })).toMatchObject(done);
          expect(g.engine.blocks - first).toBe(401);
          expect([g.reg('bx'), g.reg('dx')]).toEqual([100n, 100n]);
        }
      });

      it('ends where a computed jump leads to the end, in a block that has not begun', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.code(`jmp ${ax}`);
        const start = 0x7000_0000n;
        const host = { start, end: start + 8192n };
        const jump = (to: bigint, options: object) => {
          g.pc = BigInt(CODE);
          g.setReg('ax', to);
          const before = g.engine.blocks;
          const stop = g.engine.run({ blocks: 5, ...options });
          return { kind: stop.kind, at: stop.pc - start, blocks: g.engine.blocks - before };
        };
        for (let turn = 0; turn < 2; turn++) {
          const until = start + 16n;
          expect(jump(until, { until })).toEqual({ kind: 'until', at: 16n, blocks: 1 });
          expect(jump(start, { until })).toEqual({ kind: 'fault', at: 0n, blocks: 1 });
          expect(jump(start + 8191n, { host })).toEqual({ kind: 'until', at: 8191n, blocks: 1 });
          expect(jump(start + 8192n, { host })).toEqual({ kind: 'fault', at: 8192n, blocks: 1 });
          expect(jump(until, {})).toEqual({ kind: 'fault', at: 16n, blocks: 1 });
          // What goes on there begins a block.
          expect(jump(until, { until, blocks: 1 })).toEqual({ kind: 'until', at: 16n, blocks: 1 });
          g.engine.countInstructions(turn === 0);
        }
        g.map(0x7000_0000, 'rx');
        g.code('int 0x80', 0x7000_0000);
        expect(jump(start, { until: start })).toEqual({ kind: 'until', at: 0n, blocks: 1 });
        const before = g.engine.blocks;
        expect(g.run()).toMatchObject(done);
        expect(g.engine.blocks - before).toBe(1);
      });

      it('faults at a computed jump to where nothing is executable any more', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.map(CODE + 4096, 'rx');
        g.code(`mov ${ax}, ${CODE + 4096}; jmp ${ax}`);
        g.code('int 0x80', CODE + 4096);
        expect(g.run(CODE)).toMatchObject(done);
        g.protect(CODE + 4096, 'rw');
        expect(g.run(CODE)).toMatchObject({
          kind: 'fault',
          access: 'exec',
          pc: BigInt(CODE + 4096),
        });
        g.protect(CODE + 4096, 'rx');
        expect(g.run(CODE)).toMatchObject(done);
      });
    });
  }
}

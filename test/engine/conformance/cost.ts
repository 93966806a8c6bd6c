import { describe, expect, it } from 'vitest';
import type { EngineKind } from '../../../src/engine/open.js';
import { CODE, DATA, type Guest, STACK_TOP } from '../guest.js';
import { ARCHES, guestOf } from './suite.js';

const PAGE = 4096;
/** TLB entries: pages so far apart share one. */
const SLOTS = 256;

/** What a block counts (docs/limits.md): 1, 4 for each line of 64 bytes that it goes on into, and what its accesses do. */
export function cost(kind: EngineKind): void {
  for (const arch of ARCHES) {
    describe(`what a block counts (${arch})`, () => {
      const guest = guestOf(kind, { arch });
      const di = arch === 'x86-64' ? 'rdi' : 'edi';
      const done = { kind: 'interrupt', vector: 0x80 };
      const nops = (count: number): number[] => Array(count).fill(0x90);
      const EXIT = [0xcd, 0x80];

      const counted = (g: Guest, run: () => void): number => {
        const before = g.engine.blocks;
        run();
        return g.engine.blocks - before;
      };
      const whole = (g: Guest, pc: number): number =>
        counted(g, () => expect(g.run(pc)).toMatchObject(done));

      it.each([
        [0, 10, 1],
        [0, 63, 1],
        [0, 64, 5],
        [60, 3, 1],
        [60, 4, 5],
        [0, 64 * 20, 81],
        [1, 64 * 20 - 1, 81],
        // More than one translation holds, and the rest of a page: what comes in the next one is another block.
        [0, PAGE, 1 + 4 * 63 + 1],
      ])('its lines: from byte %i, %i bytes', (from, bytes, expected) => {
        const g = guest();
        g.map(CODE, 'rx');
        g.map(CODE + PAGE, 'rx');
        g.poke(CODE + from, [...nops(bytes), ...EXIT]);
        expect(whole(g, CODE + from)).toBe(expected);
        expect(whole(g, CODE + from), 'again').toBe(expected);
        g.engine.countInstructions(true);
        expect(whole(g, CODE + from), 'while instructions are counted').toBe(expected);
        g.engine.countInstructions(false);
        const stepped = counted(g, () => {
          let left = 0;
          const control = { before: () => left-- <= 0, watched: [], touched: () => {} };
          g.pc = BigInt(CODE + from);
          for (let kind = 'paused'; kind === 'paused'; ) {
            left = 1;
            ({ kind } = g.engine.run({ blocks: 1000, control }));
          }
        });
        expect(stepped, 'one instruction at a time').toBe(expected);
      });

      it('stops before the first block for which nothing is left, and counts what the last one cost', () => {
        const g = guest();
        g.map(CODE, 'rx');
        // Three blocks of 9.
        const block = [...nops(126), 0xeb, 0];
        g.poke(CODE, [...block, ...block, ...block, ...EXIT]);
        const expected: readonly (readonly [budget: number, cost: number, end: number])[] = [
          [1, 5, 128],
          [5, 5, 128],
          [6, 10, 256],
          [10, 10, 256],
          [11, 15, 384],
          [15, 15, 384],
        ];
        for (const [blocks, cost, end] of expected) {
          let stop: unknown;
          expect(
            counted(g, () => (stop = g.run(CODE, { blocks }))),
            `${blocks}`,
          ).toBe(cost);
          expect(stop).toEqual({ kind: 'budget', pc: BigInt(CODE + end) });
        }
        expect(counted(g, () => expect(g.run(CODE, { blocks: 16 })).toMatchObject(done))).toBe(16);
      });

      const wide: readonly (readonly [string, readonly number[], number])[] =
        arch === 'i386'
          ? [
              ['pusha', [0x60], 3],
              ['popa', [0x61], 3],
            ]
          : [['fxsave, REX', [0x48, 0x0f, 0xae, 0x00], 3]];
      const long: readonly (readonly [string, readonly number[], number])[] = [
        ['cpuid', [0x0f, 0xa2], 1],
        ['fxsave, with a prefix', [0x3e, 0x0f, 0xae, 0x00], 3],
        ['fbstp', [0xdf, 0x30], 4],
        ['fbld', [0xdf, 0x20], 4],
        ['fnsave', [0xdd, 0x30], 3],
        ['fnstenv', [0xd9, 0x30], 1],
        ['fld', [0xd9, 0x00], 0],
        ['a register form of the same opcode', [0xdf, 0xf0], 0],
        ...wide,
      ];
      it.each(long)('an instruction that takes long: %s', (_name, bytes, more) => {
        const g = guest();
        g.map(CODE, 'rx');
        // To the next line at most.
        g.poke(CODE, [0x90, ...bytes, ...EXIT]);
        const start = () => {
          g.setReg('ax', DATA);
          g.setReg('sp', STACK_TOP - 512);
          g.engine.writeRegister('fptag', 0xffffn);
          g.pc = BigInt(CODE);
        };
        start();
        g.run(undefined);
        start();
        expect(counted(g, () => expect(g.run(undefined)).toMatchObject(done))).toBe(1 + more);
      });

      const FUNCTION = CODE + 0x800;
      const rounds = (count: number, store: number): string =>
        `mov ecx, ${count}; l: mov byte ptr [${store}], cl; call ${FUNCTION}; dec ecx; jnz l; int 0x80`;
      /** Executed from, with a function in another line; the page of data has been accessed. */
      const rewriting = (): Guest => {
        const g = guest();
        g.map(CODE, 'rwx');
        g.poke(FUNCTION, [0xb8, 1, 0, 0, 0, 0xc3]);
        g.code(rounds(1, FUNCTION + 0x200));
        whole(g, CODE);
        g.code(rounds(1, DATA));
        whole(g, CODE);
        return g;
      };

      it('code that is written anew: four for each store to its page, 300 for each line when it is executed', () => {
        const g = rewriting();
        const plain = whole(g, CODE);
        expect(plain).toBe(4);
        g.code(rounds(5, FUNCTION + 1));
        expect(whole(g, CODE)).toBe(1 + 5 * (3 + 4 + 300));
        g.code(rounds(5, FUNCTION + 0x100));
        expect(whole(g, CODE), 'beside the code').toBe(1 + 5 * (3 + 4));
        g.code(rounds(5, DATA));
        expect(whole(g, CODE), 'elsewhere').toBe(1 + 5 * 3);
      });

      it('counts it alike when instructions are watched, one at a time, and from a snapshot on', () => {
        const expected = 1 + 3 * (3 + 4 + 300);
        const g = rewriting();
        g.code(rounds(3, FUNCTION + 1));
        const before = g.engine.saveCode();
        for (const name of ['first', 'again', 'after that']) {
          expect(whole(g, CODE), name).toBe(expected);
          g.engine.loadCode(before);
        }
        g.engine.countInstructions(true);
        expect(whole(g, CODE), 'while instructions are counted').toBe(expected);
        g.engine.countInstructions(false);
        const stepped = counted(g, () => {
          let left = 0;
          const control = { before: () => left-- <= 0, watched: [], touched: () => {} };
          g.pc = BigInt(CODE);
          for (let kind = 'paused'; kind === 'paused'; ) {
            left = 1;
            ({ kind } = g.engine.run({ blocks: 1000, control }));
          }
        });
        expect(stepped, 'one instruction at a time').toBe(expected);
      });

      it('counts such a line once, however often it is translated', () => {
        const g = rewriting();
        g.code(rounds(1, FUNCTION + 1));
        whole(g, CODE);
        g.code(rounds(2, DATA));
        g.engine.countInstructions(true);
        expect(whole(g, CODE), 'for instructions that are watched').toBe(1 + 2 * 3);
        g.engine.countInstructions(false);
      });

      it('counts lines in both pages of a block', () => {
        const g = rewriting();
        g.map(CODE + PAGE, 'rwx');
        // mov eax, imm32; ret: the constant ends in the next page.
        g.poke(CODE + PAGE - 3, [0xb8, 1, 0, 0, 0, 0xc3]);
        const store = (at: number): string =>
          `mov byte ptr [${at}], 7; mov eax, ${CODE + PAGE - 3}; call ${di[0]}ax; int 0x80`;
        g.code(store(DATA));
        whole(g, CODE);
        const plain = whole(g, CODE);
        g.code(store(CODE + PAGE + 1));
        whole(g, CODE);
        expect(whole(g, CODE)).toBe(plain + 4 + 300);
      });

      it('follows a page into another frame, and leaves one that is given back', () => {
        const g = rewriting();
        const store = (at: number): string => `mov byte ptr [${at}], 7; int 0x80`;
        const page = CODE + PAGE;
        const first = g.map(page, 'rwx');
        g.poke(page, [0xc3]);
        g.code(`mov eax, ${page}; call ${di[0]}ax; mov byte ptr [${page + 64}], 7; int 0x80`);
        whole(g, CODE);
        g.code(store(page + 64));
        expect(whole(g, CODE)).toBe(1 + 4);
        const second = g.frame();
        g.engine.memory.copy(first, second);
        g.map(page, 'rwx', second);
        g.engine.flushTlb();
        expect(whole(g, CODE), 'in a copy').toBe(1 + 4);
        g.engine.memory.release(second);
        expect(g.map(page, 'rwx'), 'the same frame').toBe(second);
        g.engine.flushTlb();
        expect(whole(g, CODE), 'in a fresh one').toBe(1);
      });

      it('ends a block that has begun, whatever its second translation counts', () => {
        const g = rewriting();
        g.map(CODE + PAGE, 'rwx');
        const start = CODE + PAGE;
        // More than one translation holds; the last line is stored to.
        g.poke(start, [...nops(700), ...EXIT]);
        whole(g, start);
        g.code(`mov byte ptr [${start + 690}], 0x90; int 0x80`);
        whole(g, CODE);
        for (const watched of [false, true]) {
          g.engine.countInstructions(watched);
          whole(g, CODE);
          const stop = g.run(start, { blocks: 1 });
          expect(stop).toMatchObject(done);
        }
        g.engine.countInstructions(false);
      });

      it('forgets what was executed and stored since a snapshot', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.map(CODE + PAGE, 'rwx');
        g.poke(CODE + PAGE, [0xb8, 1, 0, 0, 0, 0xc3]);
        g.code(
          `mov byte ptr [${CODE + PAGE + 1}], 7; mov ecx, ${CODE + PAGE}; call ${di[0]}cx; int 0x80`,
        );
        const fresh = g.engine.saveCode();
        // The pages of the function and of the stack are not at hand yet.
        const first = whole(g, CODE);
        expect(whole(g, CODE), 'the page was executed from').toBe(first - 6 + 4 + 300);
        g.engine.loadCode(fresh);
        expect(whole(g, CODE), 'and then was not').toBe(first - 6);
        // Stored to, and not executed so far: the code that was made of it meanwhile is charged once more.
        g.code(`mov byte ptr [${CODE + PAGE + 1}], 8; int 0x80`);
        whole(g, CODE);
        const stored = g.engine.saveCode();
        g.code(`mov ecx, ${CODE + PAGE}; call ${di[0]}cx; int 0x80`);
        expect(whole(g, CODE)).toBe(3 + 300);
        expect(whole(g, CODE)).toBe(3);
        g.engine.loadCode(stored);
        expect(whole(g, CODE)).toBe(3 + 300);
      });

      const far = DATA + SLOTS * PAGE;
      const loads = (count: number, ...at: number[]): string =>
        `mov ecx, ${count}; l: ${at.map((each) => `mov eax, [${each}]`).join('; ')}; dec ecx; jnz l; int 0x80`;

      it('three for a page that takes another one out of the TLB, whatever flushes it', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.map(far, 'rw');
        g.code(loads(10, DATA, DATA + 8));
        const few = whole(g, CODE);
        g.code(loads(10, DATA, far));
        // The first page is there already.
        expect(whole(g, CODE)).toBe(few - 3 + 3 * 19);
        const fresh = g.engine.saveCpu();
        g.code(loads(1, far));
        expect(whole(g, CODE), 'the same page again').toBe(2);
        g.engine.flushTlb();
        expect(whole(g, CODE), 'after a flush').toBe(2);
        g.code(loads(1, DATA));
        expect(whole(g, CODE), 'another page').toBe(5);
        g.engine.loadCpu(fresh);
        expect(whole(g, CODE), 'as it was when the CPU was saved').toBe(5);
      });

      it('nothing for code that takes data out of the TLB', () => {
        const g = guest();
        const away = CODE + PAGE + ((DATA - CODE - PAGE) % (SLOTS * PAGE)) + SLOTS * PAGE;
        g.map(CODE, 'rx');
        g.map(away, 'rx');
        g.poke(away, [0xc3]);
        g.code(`mov ecx, 5; l: mov eax, [${DATA}]; call ${away}; dec ecx; jnz l; int 0x80`);
        const first = whole(g, CODE);
        expect(whole(g, CODE)).toBe(first - 6);
      });

      it('four for a store across two pages, once, also where it has to be tried again', () => {
        const g = guest();
        g.map(CODE, 'rx');
        g.map(DATA + PAGE, 'rw');
        const store = (at: number): string => `mov dword ptr [${at}], 7; int 0x80`;
        g.code(store(DATA));
        whole(g, CODE);
        g.code(store(DATA + PAGE));
        whole(g, CODE);
        g.code(store(DATA + PAGE - 2));
        expect(whole(g, CODE)).toBe(1 + 4 + 0);
        g.protect(DATA + PAGE, 'r');
        expect(counted(g, () => expect(g.run(CODE)).toMatchObject({ kind: 'fault' }))).toBe(1);
        g.protect(DATA + PAGE, 'rw');
        expect(counted(g, () => expect(g.run()).toMatchObject(done))).toBe(4);
      });
    });
  }
}

import { describe, expect, it } from 'vitest';
import { HW_WRITE } from '../../../src/engine/engine.js';
import type { EngineKind } from '../../../src/engine/open.js';
import { Random } from '../../build/unicorn-wasm/random.js';
import { assemble } from '../assembler.js';
import { CODE, type Guest } from '../guest.js';
import { FAR, type SelfModifying, selfModifying } from '../self-modifying.js';
import { ARCHES, guestOf, timesOf } from './suite.js';

const PROGRAMS = 60;
/** Two pages; the program lies across their boundary. Its page of data is FAR above. */
const PAGES = 0x30000;
const ALIAS = 0x32000;

/** How the program reaches its own bytes. */
const WAYS = ['in place', 'through an alias', 'in pages that move at the first store'] as const;

export function selfModification(kind: EngineKind): void {
  for (const arch of ARCHES) {
    describe(`an instruction that is begun again (${arch})`, () => {
      const guest = guestOf(kind, { arch });

      it('is seen and counted once', () => {
        const g = guest();
        g.map(CODE, 'rwx');
        const seen: bigint[] = [];
        g.engine.countInstructions(true);
        g.engine.onInstruction((pc) => seen.push(pc));
        // The store hits the immediate of the instruction after it, in its own block.
        const store = assemble(arch, `mov dword ptr [${CODE}], 0x1234`, CODE).length;
        g.runCode(`mov dword ptr [${CODE + store + 1}], 0x1234; mov ecx, 0; int 0x80`);
        expect(g.reg('cx')).toBe(0x1234n);
        expect(seen).toEqual([CODE, CODE + store, CODE + store + 5].map(BigInt));
        expect(g.engine.instructions).toBe(3);
      });
    });

    describe.each(WAYS)(`programs that rewrite themselves %s (${arch})`, (way) => {
      const guest = guestOf(kind, { arch, memory: 64 << 20 });

      it('run as they do when each instruction is watched', () => {
        const g = guest();
        const fresh = g.engine.saveCpu();
        for (let seed = 0; seed < timesOf(kind, PROGRAMS); seed++) {
          const random = new Random(seed);
          const program = selfModifying(arch, random);
          const origin = PAGES + 4096 - random.below(program.bytes.length);
          const run = (watched: boolean) => {
            g.engine.loadCpu(fresh);
            prepare(g, way, origin, program);
            g.engine.onInstruction(watched ? () => {} : undefined);
            const end = g.runCode(`call ${origin + program.entry}; int 0x80`);
            const memory = g.peek(origin, program.bytes.length);
            const registers = ['ax', 'cx', 'dx', 'si', 'di', 'sp'].map((name) => g.reg(name));
            const far = g.peek(PAGES + FAR, 8192);
            return { seed, end, registers, memory, far };
          };
          const watched = run(true);
          expect(watched.end).toMatchObject({ kind: 'interrupt' });
          expect(run(false)).toEqual(watched);
        }
      });
    });
  }
}

/** Maps and fills the pages, and sets the registers. */
function prepare(g: Guest, way: (typeof WAYS)[number], origin: number, program: SelfModifying) {
  const alias = way === 'through an alias' ? ALIAS - PAGES : 0;
  for (const at of [PAGES, PAGES + 4096]) {
    const frame = g.map(at, 'rwx');
    if (alias > 0) g.map(at + alias, 'rw', frame);
    g.map(at + FAR, 'rw');
  }
  g.poke(origin, program.bytes);
  g.engine.flushTlb();
  const shared = new Map(
    [...g.pages].filter(([page]) => way === WAYS[2] && page >> 1 === PAGES >> 13),
  );
  g.translate = (page, access) => {
    const entry = shared.get(page);
    if (entry !== undefined && access === 'write' && shared.delete(page)) {
      const own = g.map(page * 4096, 'rwx');
      g.engine.memory.bytes(own).set(g.engine.memory.bytes(entry >> 3));
      g.engine.flushTlb(page, 1);
    }
    const answer = g.lookUp(page, access);
    return shared.has(page) && answer >= 0 ? answer & ~HW_WRITE : answer;
  };
  for (const name of ['ax', 'cx', 'dx']) g.setReg(name, 0);
  for (const name of ['bx', 'si', 'di']) g.setReg(name, origin + alias);
  g.setReg('bp', origin);
}

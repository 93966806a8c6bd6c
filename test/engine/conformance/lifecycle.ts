import { describe, expect, it, vi } from 'vitest';
import { MayexecError } from '../../../src/base/errors.js';
import { EngineFailure } from '../../../src/engine/failure.js';
import { type EngineKind, openEngine } from '../../../src/engine/open.js';
import { CODE, DATA, openGuest, STACK_TOP } from '../guest.js';
import { ARCHES, timesOf } from './suite.js';

const options = { arch: 'x86-64', memory: 1 << 20 } as const;

export function lifecycle(kind: EngineKind): void {
  describe('engines come and go', () => {
    it('opens and closes 1,000 times without growth', async () => {
      const once = async (i: number) => {
        const g = await openGuest(kind, { arch: ARCHES[i % 2]! });
        g.map(CODE, 'rx');
        g.map(DATA, 'rw');
        g.runCode(`mov dword ptr [${DATA}], 5; int 0x80`);
        g.engine.close();
      };
      for (let i = 0; i < 10; i++) await once(i);
      const before = process.memoryUsage();
      for (let i = 0; i < 1000; i++) await once(i);
      const after = process.memoryUsage();
      // One module is 16 MiB and more; what the collector has not got round to is far less.
      expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8 << 20);
      expect(after.external - before.external).toBeLessThan(8 << 20);
    });

    it('gives a new engine nothing of the one before', async () => {
      const first = await openGuest(kind, options);
      first.map(CODE, 'rx');
      const frame = first.map(DATA, 'rw');
      first.engine.memory.bytes(frame).fill(0xcc);
      first.runCode('mov eax, 5; movd xmm1, eax; fldpi; std; mov fs, ax; int 0x80');
      first.runCode('mov eax, 5; movd xmm1, eax; fldpi; std; int 0x80');
      first.engine.close();
      const second = await openGuest(kind, options);
      const fresh = await openGuest(kind, options);
      const registers = (g: typeof second) =>
        g.engine.registers.map((name) => [name, g.engine.readRegister(name)]);
      expect(registers(second)).toEqual(registers(fresh));
      expect(second.engine.blocks).toBe(0);
      expect(second.engine.memory.bytes(second.frame()).every((byte) => byte === 0)).toBe(true);
      second.map(CODE, 'rx');
      expect(second.runCode(`mov eax, [${DATA}]`)).toMatchObject({ kind: 'fault' });
      second.engine.close();
      fresh.engine.close();
    });

    it('runs several engines side by side', async () => {
      const guests = await Promise.all([1, 2, 3].map(() => openGuest(kind, options)));
      guests.forEach((g, i) => {
        g.map(CODE, 'rx');
        g.code(`l: add eax, ${i + 1}; jmp l`);
        g.run(CODE, { blocks: 10 });
      });
      for (const g of guests) g.run(undefined, { blocks: 10 });
      expect(guests.map((g) => g.reg('ax'))).toEqual([20n, 40n, 60n]);
      for (const g of guests) g.engine.close();
    });

    it('is closed once and for all', async () => {
      const { engine } = await openEngine(kind, options);
      engine.close();
      engine.close();
      for (const use of [
        () => engine.readRegister('rax'),
        () => engine.saveCpu(),
        () => engine.flushTlb(),
        () => engine.setTranslate(() => -1),
        () => engine.run({ blocks: 1 }),
      ])
        expect(use).toThrow(new EngineFailure('the CPU engine is closed'));
    });

    it.each([0, -4096, 1000, Number.NaN])('refuses %d bytes of memory', async (memory) => {
      await expect(openEngine(kind, { ...options, memory })).rejects.toThrow(MayexecError);
    });

    it('discards an engine that broke: it says so, others go on, the next one works', async () => {
      const broken = await openGuest(kind, options);
      const other = await openGuest(kind, options);
      for (const g of [broken, other]) g.map(CODE, 'rx');
      broken.code('mov eax, 1; int 0x80');
      // Wreck the engine's own memory around the guest's.
      const heap = new Uint8Array(broken.engine.memory.bytes(broken.frame()).buffer);
      heap.fill(0xff, 1024, heap.length);
      expect(() => broken.run(CODE)).toThrow(EngineFailure);
      expect(() => broken.run(CODE)).toThrow(/broke and was discarded/);
      expect(() => broken.engine.readRegister('rax')).toThrow(/broke and was discarded/);
      broken.engine.close();
      expect(other.runCode('mov eax, 1; int 0x80')).toMatchObject({ kind: 'interrupt' });
      other.engine.close();
      const next = await openGuest(kind, options);
      next.map(CODE, 'rx');
      expect(next.runCode('mov eax, 1; int 0x80')).toMatchObject({ kind: 'interrupt' });
      next.engine.close();
    });

    it.each(ARCHES)('ends whatever random bytes do, with a stop (%s)', async (arch) => {
      const g = await openGuest(kind, { arch });
      for (let i = 0; i < 4; i++) g.map(CODE + i * 4096, 'rwx');
      g.map(DATA, 'rw');
      g.map(STACK_TOP - 4096, 'rw');
      const fresh = g.engine.saveCpu();
      let seed = 20_20;
      const random = (below: number) => {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
        return (seed >>> 8) % below;
      };
      const kinds = new Set<string>();
      for (let i = 0; i < timesOf(kind, 3000); i++) {
        g.engine.loadCpu(fresh);
        for (const name of ['ax', 'bx', 'cx', 'dx', 'si', 'di', 'bp'])
          g.setReg(name, [DATA, CODE, 0, 0x7fff_ffff][random(4)]! + random(4096));
        g.setReg('sp', STACK_TOP - 64 - random(64));
        const at = CODE + 4096 - random(48);
        const first = [[], [0x0f], [0x66, 0x0f], [0xdb]][random(4)]!;
        g.poke(at, [...first, ...Array.from({ length: 40 }, () => random(256))]);
        kinds.add(g.run(at, { blocks: 100 }).kind);
      }
      expect([...kinds]).toEqual(expect.arrayContaining(['fault', 'invalid-opcode', 'exception']));
      g.engine.close();
    });

    it('prints nothing, whatever happens', async () => {
      const methods = ['log', 'info', 'warn', 'error', 'debug'] as const;
      const spies = [
        ...methods.map((method) => vi.spyOn(console, method).mockImplementation(() => undefined)),
        vi.spyOn(process.stdout, 'write').mockReturnValue(true),
        vi.spyOn(process.stderr, 'write').mockReturnValue(true),
      ];
      const g = await openGuest(kind, { arch: 'x86-64', memory: 64 << 20 });
      for (let i = 0; i < 6000; i++) g.frame();
      g.map(CODE, 'rx');
      for (const text of ['hlt', 'ud2', 'rdtsc; cpuid', 'in al, dx', 'jmp [0]', 'l: jmp l'])
        g.runCode(text);
      g.engine.close();
      const calls = spies.flatMap((spy) => spy.mock.calls);
      for (const spy of spies) spy.mockRestore();
      expect(calls).toEqual([]);
    });
  });
}

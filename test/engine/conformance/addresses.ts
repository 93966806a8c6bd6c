import { describe, expect, it } from 'vitest';
import { FAULT_GENERAL_PROTECTION, FAULT_UNMAPPED } from '../../../src/engine/engine.js';
import type { EngineKind } from '../../../src/engine/open.js';
import { CODE, DATA } from '../guest.js';
import { guestOf } from './suite.js';

const LAST_USER_PAGE = 0x7fff_ffff_e000n;

export function addresses(kind: EngineKind): void {
  describe('addresses (x86-64)', () => {
    const guest = guestOf(kind);

    it.each([0x1_0000_0000n, 0xdead_beef_f000n & 0x7fff_ffff_f000n, LAST_USER_PAGE])(
      'runs, loads and stores at 0x%x',
      (page) => {
        const g = guest();
        g.map(page, 'rwx');
        g.code('mov dword ptr [rip+0x40], 0x1234; mov eax, [rip+0x40]; int 0x80', page);
        const stop = g.run(page);
        expect(stop).toMatchObject({ kind: 'interrupt', vector: 0x80, pc: page + 18n });
        expect(g.peek(page + 0x4an, 2)).toEqual([0x34, 0x12]);
      },
    );

    it('reports faults far above 4 GiB at the very address', () => {
      const g = guest();
      g.setReg('di', LAST_USER_PAGE + 0x1123n);
      expect(g.runCode('mov eax, [rdi]')).toMatchObject({
        kind: 'fault',
        address: LAST_USER_PAGE + 0x1123n,
        cause: FAULT_UNMAPPED,
      });
      expect(g.asked).toContainEqual({ page: 0x7_ffff_ffff, access: 'read' });
    });

    it.each([
      [0x8000_0000_0000n, 'just above the lower half'],
      [0xffff_7fff_ffff_ffffn, 'just below the upper half'],
      [0x8000_0000_0000_0000n, 'in the middle'],
    ])('refuses the non-canonical address 0x%x (%s) without asking', (address) => {
      const g = guest();
      g.setReg('di', address);
      const before = { kind: 'fault', address, cause: FAULT_GENERAL_PROTECTION };
      expect(g.runCode('nop; mov al, [rdi]')).toMatchObject({
        ...before,
        access: 'read',
        pc: BigInt(CODE + 1),
      });
      expect(g.runCode('nop; mov [rdi], al')).toMatchObject({ ...before, access: 'write' });
      expect(g.asked.every(({ page }) => page < 0x1000)).toBe(true);
    });

    it.each(['jmp rdi', 'call rdi', 'jmp [rsi]', 'call [rsi]', 'push rdi; ret', 'push rdi; ret 8'])(
      'refuses to go to an address that is not canonical, at the instruction: %s',
      (text) => {
        const g = guest();
        g.setReg('di', 0x8000_0000_0000n);
        g.setReg('si', DATA);
        g.poke(DATA, [0, 0, 0, 0, 0, 0x80, 0, 0]);
        const sp = g.reg('sp');
        const pushed = text.startsWith('push') ? 8n : 0n;
        expect(g.runCode(text)).toMatchObject({
          kind: 'exception',
          vector: 13,
          errorCode: 0,
          pc: BigInt(CODE) + (pushed === 0n ? 0n : 1n),
        });
        expect(g.reg('sp')).toBe(sp - pushed);
      },
    );

    it.each([0xffff_8000_0000_0000n, 0xffff_fe00_0000_1000n, 0xffff_ffff_ffff_ffffn])(
      'asks for the upper half as for any page: 0x%x',
      (address) => {
        const g = guest();
        g.setReg('di', address);
        for (const [text, access] of [
          ['mov al, [rdi]', 'read'],
          ['mov [rdi], al', 'write'],
          ['jmp rdi', 'exec'],
        ])
          expect(g.runCode(text!)).toMatchObject({
            kind: 'fault',
            address,
            access,
            cause: FAULT_UNMAPPED,
          });
        expect(g.asked.at(-1)?.page).toBe(Number(address >> 12n));
      },
    );
  });

  describe('addresses (i386)', () => {
    const guest = guestOf(kind, { arch: 'i386' });

    it.each([0x8000_0000, 0xbfff_f000, 0xffff_d000])('runs, loads and stores at 0x%x', (page) => {
      const g = guest();
      g.map(page, 'rwx');
      g.code(`mov dword ptr [${page + 64}], 0x1234; mov eax, [${page + 64}]; int 0x80`, page);
      expect(g.run(page)).toMatchObject({ kind: 'interrupt', pc: BigInt(page + 17) });
      expect(g.reg('ax')).toBe(0x1234n);
    });

    it('hides the page in which the CPU keeps its descriptor table', () => {
      const g = guest();
      expect(g.runCode('mov eax, [0xfffff000]')).toMatchObject({
        kind: 'fault',
        address: 0xffff_f000n,
        cause: FAULT_UNMAPPED,
      });
      g.map(0xffff_f000, 'rw');
      g.setReg('ax', 0);
      expect(g.runCode('mov eax, [0xfffff028]; int 0x80')).toMatchObject({ kind: 'interrupt' });
      expect(g.reg('ax')).toBe(0n);
    });

    it('computes addresses modulo 4 GiB', () => {
      const g = guest();
      g.setReg('di', 0xffff_fff0);
      expect(g.runCode('mov eax, [edi + 0x20]')).toMatchObject({ kind: 'fault', address: 0x10n });
    });
  });
}

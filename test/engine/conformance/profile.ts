import { describe, expect, it } from 'vitest';
import { type CpuProfile, linuxProfile } from '../../../src/engine/cpu-profile.js';
import { FAULT_PROTECTION, HW_EXEC, HW_READ, HW_WRITE } from '../../../src/engine/engine.js';
import type { EngineKind } from '../../../src/engine/open.js';
import { CODE, DATA, openGuest, STACK_TOP } from '../guest.js';
import { guestOf } from './suite.js';

const user = linuxProfile('x86-64');
const flatKernel = (selector: number, flags: number) =>
  ({ selector, base: 0n, limit: 0xffff_ffff, flags }) as const;

/** Long mode at level 0 with SMEP, and no descriptor table but the guest's own. */
const KERNEL: CpuProfile = {
  ...user,
  name: 'kernel',
  privilege: 0,
  features: { ...user.features, leaf7Ebx: user.features.leaf7Ebx | (1 << 7) | (1 << 20) },
  segments: {
    ...user.segments,
    cs: flatKernel(0x10, 0x00a0_9b00),
    ss: flatKernel(0x18, 0x00c0_9300),
    gs: { ...flatKernel(0, 0), base: 0xffff_8880_0000_0000n },
  },
  gdt: undefined,
  cr4: user.cr4 | (1n << 20n),
};

export function profile(kind: EngineKind): void {
  describe('a CPU profile at privilege level 0', () => {
    const guest = guestOf(kind, { cpu: KERNEL });

    it('begins at level 0 with its control registers, which the guest and the host can name', () => {
      const g = guest();
      expect(g.runCode('mov ax, cs; mov rbx, cr0; mov rcx, cr4; hlt').kind).toBe('halt');
      expect(g.reg('ax') & 0xffffn).toBe(0x10n);
      expect([g.reg('bx'), g.reg('cx')]).toEqual([KERNEL.cr0, KERNEL.cr4]);
      const { engine } = g;
      expect(engine.readRegister('efer')).toBe(KERNEL.efer);
    });

    it.each([
      'mov cr0, rbx',
      'mov cr3, rbx',
      'mov cr4, rbx',
      'invlpg [rbx]',
      'out dx, al',
      'in eax, 0x40',
    ])('leaves %s to whoever owns the page tables and ports: #GP with nothing changed', (code) => {
      const g = guest();
      const { engine } = g;
      const before = ['cr0', 'cr3', 'cr4'].map((name) => engine.readRegister(name));
      const stop = g.runCode(`mov ebx, 0x5001; add ecx, 0x7fffffff; ${code}; hlt`);
      expect(stop).toMatchObject({ kind: 'exception', vector: 13, pc: BigInt(CODE) + 11n });
      expect(['cr0', 'cr3', 'cr4'].map((name) => engine.readRegister(name))).toEqual(before);
      expect(engine.readRegister('rbx')).toBe(0x5001n);
    });

    it('takes control registers and segments from the host, with what the CPU derives from them', () => {
      const g = guest();
      const { engine } = g;
      // TS: the next SSE instruction is #NM.
      engine.writeRegister('cr0', KERNEL.cr0 | 8n);
      expect(g.runCode('movaps xmm0, xmm1; hlt')).toMatchObject({ kind: 'exception', vector: 7 });
      engine.writeRegister('cr0', KERNEL.cr0);
      expect(g.runCode('movaps xmm0, xmm1; hlt').kind).toBe('halt');
      engine.setSegment('ss', { ...flatKernel(0x2b, 0x00c0_f300) });
      expect(g.runCode('hlt')).toMatchObject({ kind: 'exception', vector: 13 });
      engine.setSegment('ss', KERNEL.segments.ss);
      expect(g.runCode('hlt').kind).toBe('halt');
    });

    it('tells whether EFLAGS.AC lets an access pass SMAP, and where the descriptor tables are', () => {
      const g = guest();
      const { engine } = g;
      const asked: unknown[] = [];
      g.map(DATA, 'rw');
      g.translate = (page, access, isUser, alignmentCheck) => {
        if (page === DATA >> 12) asked.push(alignmentCheck);
        return g.lookUp(page, access, isUser);
      };
      engine.writeRegister('cr4', KERNEL.cr4 | (1n << 21n));
      g.poke(DATA, [0x7f, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]);
      const code = `mov rdx, ${DATA}; mov eax, [rdx]; stac; mov eax, [rdx]; clac; lidt [rdx]; hlt`;
      expect(g.runCode(code).kind).toBe('halt');
      expect(asked).toEqual([false, true]);
      expect(engine.readRegister('idtr_base')).toBe(0x1122334455667788n);
      expect(engine.readRegister('idtr_limit')).toBe(0x7fn);
      engine.writeRegister('cr4', KERNEL.cr4);
    });

    it('reads and writes model-specific registers, and announces what it was given', () => {
      const g = guest();
      g.runCode('mov ecx, 0xc0000080; rdmsr; mov ebx, eax; hlt');
      expect(g.reg('bx')).toBe(KERNEL.efer);
      g.runCode('mov eax, 7; xor ecx, ecx; cpuid; hlt');
      expect(g.reg('bx') & (1n << 7n)).not.toBe(0n);
      expect(g.engine.readRegister('gs_base')).toBe(0xffff_8880_0000_0000n);
    });

    it('stops after hlt, and goes on there', () => {
      const g = guest();
      expect(g.runCode('nop; hlt; mov eax, 9; hlt')).toEqual({
        kind: 'halt',
        pc: BigInt(CODE) + 2n,
      });
      expect(g.run()).toEqual({ kind: 'halt', pc: BigInt(CODE) + 8n });
      expect(g.reg('ax')).toBe(9n);
    });

    it('is asked with whose rights each access is made, also after a way down to level 3', () => {
      const g = guest();
      const asked: boolean[] = [];
      g.translate = (page, access, isUser) => {
        if (page === DATA >> 12) asked.push(isUser === true);
        if (page === DATA >> 12 && isUser) return FAULT_PROTECTION;
        return g.lookUp(page, access) < 0
          ? g.lookUp(page, access)
          : (g.lookUp(page, access) & ~7) | HW_READ | HW_WRITE | HW_EXEC;
      };
      const down = `mov rcx, ${DATA}; mov rax, [rcx]; push 0x2b; push ${STACK_TOP - 512}; push 2; push 0x33; lea rax, [rip + 3]; push rax; iretq; mov rbx, [rcx]`;
      g.poke(DATA + 0x800, gdt());
      g.poke(DATA + 0x7f0, [0x7f, 0, ...address(DATA + 0x800)]);
      const stop = g.runCode(`mov rdx, ${DATA + 0x7f0}; lgdt [rdx]; ${down}`);
      expect(stop).toMatchObject({ kind: 'fault', access: 'read', cause: FAULT_PROTECTION });
      expect(g.engine.readRegister('cs') & 3n).toBe(3n);
      expect([asked[0], asked.at(-1)]).toEqual([false, true]);
    });
  });

  it('a user profile refuses what level 0 may', async () => {
    const g = await openGuest(kind, {});
    try {
      for (const code of ['hlt', 'mov rax, cr0', 'mov cr3, rax', 'wrmsr'])
        expect(g.runCode(code)).toMatchObject({ kind: 'exception', vector: 13 });
      expect(g.engine.registers).not.toContain('cr0');
    } finally {
      g.engine.close();
    }
  });

  it('a profile of the other architecture is refused', async () => {
    await expect(openGuest(kind, { arch: 'i386', cpu: KERNEL })).rejects.toThrow(
      "the CPU profile 'kernel' is for x86-64, the engine for i386",
    );
  });
}

/** Null, unused, kernel code and data, then Linux's user descriptors. */
function gdt(): number[] {
  const entries = [0n, 0n, 0x00af_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn, 0n];
  const all = [...entries, user.gdt!.entries.get(5)!, user.gdt!.entries.get(6)!];
  return all.flatMap((entry) => address(entry));
}

function address(value: number | bigint): number[] {
  return Array.from({ length: 8 }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
}

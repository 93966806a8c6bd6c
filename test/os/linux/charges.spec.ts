/** Calls that cost the kernel much count towards the limit of blocks, so that a guest that makes nothing else ends. */
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../../src/toolchain/assemble-program.js';

const EXECS_ITSELF = `
    .globl _start
_start:
    lea rdi, [rip + path]
    xor esi, esi
    xor edx, edx
    mov eax, SYS_execve
    syscall
    hlt
    .data
path: .asciz "/program"
`;
const FORKS = '.globl _start\n_start: mov eax, SYS_fork\nsyscall\njmp _start\n';

describe('the limit of blocks', () => {
  it.each([
    ['execve', EXECS_ITSELF, 5000],
    ['fork', FORKS, 1000],
  ])('counts each %s as much work', async (call, source, cost) => {
    const { elf } = await assembleProgram(source, { arch: 'x86-64', file: 'loop.s' });
    const blocks = 20_000;
    using sandbox = await Sandbox.create({ program: elf, limits: { blocks } });
    expect(sandbox.run()).toEqual({ kind: 'limit', limit: 'blocks' });
    const made = sandbox.trace.filter((event) => event.type === 'syscall' && event.name === call);
    expect(made.length).toBeGreaterThan(0);
    expect(made.length).toBeLessThanOrEqual(blocks / cost + 1);
  });
});

const STORES = `
    .globl _start
_start:
    lea rbx, [rip + pages]
    xor r12d, r12d
again:
    mov rdi, rbx
    mov ecx, 64
1:  inc dword ptr [rdi]
    add rdi, 4096
    dec ecx
    jnz 1b
    inc r12
    mov eax, SYS_getpid
    syscall
    jmp again
    .bss
    .balign 4096
pages: .skip 262144
`;

describe('a snapshot', () => {
  it.each([false, true])(
    'does not change where a limit ends the run (monitor: %s)',
    async (monitor) => {
      const { elf } = await assembleProgram(STORES, { arch: 'x86-64', file: 'stores.s' });
      const ends: unknown[] = [];
      for (const way of ['none', 'taken', 'restored']) {
        using sandbox = await Sandbox.create({ program: elf, monitor, limits: { blocks: 20_001 } });
        sandbox.run();
        // Every page is copied when it is next stored to.
        const snapshot = way === 'none' ? undefined : sandbox.snapshot();
        sandbox.run();
        if (way === 'restored' && snapshot !== undefined) {
          sandbox.restore(snapshot);
          sandbox.run();
        }
        const { rip, rcx, rdi, r12 } = sandbox.regs;
        ends.push([rip, rcx, rdi, r12]);
      }
      expect(ends[1]).toEqual(ends[0]);
      expect(ends[2]).toEqual(ends[0]);
    },
  );
});

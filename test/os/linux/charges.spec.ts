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

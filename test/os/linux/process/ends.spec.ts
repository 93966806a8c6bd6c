/** Ends of a run that are no end of the program: it sleeps, everybody sleeps, it was stopped, its blocks are used up. */
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../../src/base/outcome.js';
import { Sandbox } from '../../../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../../../src/toolchain/assemble-program.js';

const PRELUDE = `.macro call nr, a0=0, a1=0, a2=0, a3=0
    mov rdi, \\a0
    mov rsi, \\a1
    mov rdx, \\a2
    mov r10, \\a3
    mov eax, \\nr
    syscall
.endm
    .text
    .globl _start
_start:
`;

async function endOf(body: string): Promise<{ outcome: Outcome; again: Outcome; calls: string[] }> {
  const { elf } = await assembleProgram(`${PRELUDE}${body}`, { arch: 'x86-64' });
  using sb = await Sandbox.create({ program: elf, limits: { blocks: 20_000 } });
  const outcome = sb.run();
  const calls = sb.trace.flatMap((event) => (event.type === 'syscall' ? [event.name] : []));
  return { outcome, again: sb.run(), calls };
}

/** Two ends of one pipe, both its own: nobody else will ever write. */
const OWN_PIPE = `    sub rsp, 16
    call SYS_pipe2, rsp, 0
    mov edi, dword ptr [rsp]
    mov rsi, rsp
    mov edx, 1
    xor eax, eax
    syscall
`;

describe('a run ends', () => {
  it('asleep, when only a signal from outside could wake the program', async () => {
    const { outcome, again, calls } = await endOf('    call SYS_pause\n');
    expect(outcome).toEqual({ kind: 'asleep', waiting: [{ pid: 1000, call: 'pause' }] });
    expect(again).toEqual(outcome);
    expect(calls).toEqual(['pause']);
  });

  it('in a deadlock, when it waits for what only it could do', async () => {
    const futex =
      '    sub rsp, 16\n    mov dword ptr [rsp], 0\n    call SYS_futex, rsp, 128, 0, 0\n';
    expect((await endOf(futex)).outcome).toEqual({
      kind: 'deadlock',
      waiting: [{ pid: 1000, call: 'futex' }],
    });
    const { outcome, again } = await endOf(OWN_PIPE);
    expect(outcome).toEqual({ kind: 'deadlock', waiting: [{ pid: 1000, call: 'read' }] });
    expect(again).toEqual(outcome);
  });

  it('in a deadlock, when parent and child wait for each other', async () => {
    const { outcome } = await endOf(`    sub rsp, 16
    call SYS_pipe2, rsp, 0
    call SYS_fork
    test eax, eax
    jnz parent
    mov edi, dword ptr [rsp]
    mov rsi, rsp
    mov edx, 1
    xor eax, eax
    syscall
parent:
    call SYS_wait4, -1, 0, 0, 0
`);
    expect(outcome).toEqual({
      kind: 'deadlock',
      waiting: [
        { pid: 1000, call: 'wait4' },
        { pid: 1001, call: 'read' },
      ],
    });
  });

  it('stopped, by a signal that stops', async () => {
    const { outcome } = await endOf(
      '    call SYS_getpid\n    mov edi, eax\n    call SYS_kill, rdi, 19\n',
    );
    expect(outcome).toEqual({ kind: 'stopped', signal: 'SIGSTOP', pid: 1000 });
  });

  it("with the program's own end, though a child sleeps for ever", async () => {
    const { outcome } = await endOf(`    call SYS_fork
    test eax, eax
    jnz parent
    call SYS_pause
parent:
    call SYS_exit_group, 7
`);
    expect(outcome).toEqual({ kind: 'exit', code: 7 });
  });

  it('at the limit of blocks, and only then is that what it is called', async () => {
    const { outcome, again } = await endOf('self: jmp self\n');
    expect(outcome).toEqual({ kind: 'limit', limit: 'blocks' });
    expect(again).toEqual(outcome);
  });
});

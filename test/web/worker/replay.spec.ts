/** Going back in a run: the same places as on the way forward, whatever lies between. */
import { afterEach, describe, expect, it } from 'vitest';
import { assembleProgram, Sandbox } from '../../../src/index.js';
import { Replay } from '../../../src/web/worker/replay.js';

/** Loops, a repeated string instruction, calls that give and take memory, a fault with a handler, one without. */
const PROGRAM = `
    .globl _start
_start:
    mov ecx, 40
1:  add eax, ecx
    dec ecx
    jnz 1b
    lea rdi, [rip + buffer]
    mov ecx, 20
    rep stosb
    mov eax, SYS_mmap
    xor edi, edi
    mov esi, 4096
    mov edx, PROT_READ | PROT_WRITE
    mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
    mov r8, -1
    xor r9d, r9d
    syscall
    mov rbx, rax
    mov byte ptr [rbx], 0xc3
    mov eax, SYS_rt_sigaction
    mov edi, SIGSEGV
    lea rsi, [rip + action]
    xor edx, edx
    mov r10d, 8
    syscall
    call rbx
after:
    mov eax, SYS_munmap
    mov rdi, rbx
    mov esi, 4096
    syscall
    mov ecx, 5
2:  dec ecx
    jnz 2b
    jmp rbx
handler:
    mov eax, SYS_mprotect
    mov rdi, rbx
    mov esi, 4096
    mov edx, PROT_READ | PROT_EXEC
    syscall
    ret
restorer:
    mov eax, SYS_rt_sigreturn
    syscall
    .data
    .balign 8
action:
    .quad handler, SA_RESETHAND | SA_RESTORER, restorer, 0
buffer: .zero 64
`;

let open: Sandbox | undefined;
afterEach(() => open?.close());

async function start(): Promise<{ sandbox: Sandbox; replay: Replay }> {
  const { elf } = await assembleProgram(PROGRAM, { arch: 'x86-64' });
  open = await Sandbox.create({ program: elf, policy: 'nx' });
  return { sandbox: open, replay: new Replay(open) };
}

function look(sandbox: Sandbox, replay: Replay): string {
  const { rip, rax, rcx, rdi, rsp } = sandbox.regs;
  const end = replay.end?.kind ?? 'goes on';
  return [rip, rax, rcx, rdi, rsp, replay.events, sandbox.procMaps(), end].join(' ');
}

/** What there is to see before each instruction, and at the end. */
function forward(sandbox: Sandbox, replay: Replay): string[] {
  const seen = [look(sandbox, replay)];
  while (replay.end === undefined) {
    replay.step();
    seen.push(look(sandbox, replay));
  }
  return seen;
}

describe('replay', () => {
  it('steps back through loops, calls, handlers and the end, to where it came from', async () => {
    const { sandbox, replay } = await start();
    const seen = forward(sandbox, replay);
    expect(seen.length).toBeGreaterThan(180);
    expect(replay.end).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
    for (const [place, expected] of [...seen.entries()].toReversed().slice(1)) {
      replay.goTo(place);
      expect(look(sandbox, replay)).toBe(expected);
    }
    expect(replay.place).toBe(0);
    replay.stepBack();
    expect(look(sandbox, replay)).toBe(seen[0]);
  });

  it('goes to right after an event, and stops before nothing later', async () => {
    const { sandbox, replay } = await start();
    while (replay.slice().kind === 'pause');
    const calls = sandbox.trace.flatMap((event) => (event.type === 'syscall' ? [event] : []));
    expect(calls.map(({ name }) => name)).toContain('munmap');
    for (const { seq, name } of calls.toReversed()) {
      replay.goToEvent(seq);
      expect(sandbox.trace.at(-1)).toMatchObject({ seq, name });
    }
  });

  it('goes back to the last pass of a breakpoint, then to the one before', async () => {
    const { sandbox, replay } = await start();
    const loop = sandbox.symbols.get('_start')! + 5n;
    while (replay.slice().kind === 'pause');
    const counts: (bigint | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      expect(await replay.backTo([loop], async () => true)).toBe(true);
      counts.push(sandbox.regs.rcx);
    }
    expect(counts).toEqual([1n, 2n, 3n]);
    const here = look(sandbox, replay);
    expect(await replay.backTo([0x1234n], async () => true)).toBe(false);
    expect(look(sandbox, replay)).toBe(here);
  });
});

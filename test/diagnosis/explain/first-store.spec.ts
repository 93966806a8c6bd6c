/** An explanation's history names the instruction that wrote to the memory first. */
import { describe, expect, it } from 'vitest';
import { explain } from '../../../src/diagnosis/explain/explain.js';
import { assembleProgram } from '../../../src/toolchain/assemble-program.js';

/** Maps a page as `prot` says, runs `fill` with its address in rbx, asks for execution and calls it. */
const program = (prot: string, fill: string): string => `
    .globl _start
_start:
    xor edi, edi
    mov esi, 4096
    mov edx, ${prot}
    mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
    mov r8, -1
    xor r9d, r9d
    mov eax, SYS_mmap
    syscall
    mov rbx, rax
${fill}
    mov rdi, rbx
    mov esi, 4096
    mov edx, PROT_READ | PROT_EXEC
    mov eax, SYS_mprotect
    syscall
    call rbx
    mov edi, eax
    mov eax, SYS_exit_group
    syscall
`;

const STORE = 'first: mov dword ptr [rbx + 8], 0\nsecond: mov dword ptr [rbx], 0xc3c031';

async function historyOf(source: string) {
  const { elf, symbols } = await assembleProgram(source, { arch: 'x86-64', file: 'store.s' });
  const explanation = await explain(
    { policy: 'mdwe', program: elf },
    { limits: { seconds: 3600 } },
  );
  return { rule: explanation?.rule, history: explanation?.history ?? [], symbols };
}

describe('the history of refused memory', () => {
  it('names the first store, after what made the memory', async () => {
    const { rule, history, symbols } = await historyOf(program('PROT_READ | PROT_WRITE', STORE));
    expect(rule).toBe('mdwe/gain-exec');
    expect(history.map(({ what }) => what)).toEqual(['made rw- by mmap', 'first written']);
    expect(history[1]?.pc).toBe(symbols.get('first'));
  });

  it('names none where nothing is stored, and where the memory was not made writable', async () => {
    for (const [prot, fill] of [
      ['PROT_READ | PROT_WRITE', ''],
      ['PROT_READ', ''],
    ] as const) {
      const { rule, history } = await historyOf(program(prot, fill));
      expect(rule).toBe('mdwe/gain-exec');
      expect(history).toHaveLength(1);
    }
  });
});

/** Pipes between a parent and its child; the program pipes.c holds all their answers against a real kernel. */
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../../src/toolchain/assemble-program.js';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** The parent sends four bytes and exits at once; the child passes on what comes until the end. */
const SENDER = `
    .text
    .globl _start
_start:
    mov edi, offset fds
    mov eax, SYS_pipe
    syscall
    mov eax, SYS_fork
    syscall
    test eax, eax
    jz child
    mov edi, [fds + 4]
    mov esi, offset message
    mov edx, 4
    mov eax, SYS_write
    syscall
    xor edi, edi
    mov eax, SYS_exit_group
    syscall
child:
    mov edi, [fds + 4]
    mov eax, SYS_close
    syscall
1:  mov edi, [fds]
    mov esi, offset buffer
    mov edx, 100
    xor eax, eax
    syscall
    mov edx, eax
    mov edi, 1
    mov eax, SYS_write
    syscall
    test edx, edx
    jnz 1b
    mov esi, offset ended
    mov edx, 1
    mov eax, SYS_write
    syscall
    xor edi, edi
    mov eax, SYS_exit_group
    syscall
    .data
fds: .long 0, 0
message: .ascii "word"
ended: .ascii "."
buffer: .space 100
`;

async function idle(): Promise<Sandbox> {
  return await Sandbox.create({ layout: 'linux-x86-64' });
}

function pipeOf(sb: Sandbox): { readonly fds: number[]; readonly page: bigint } {
  const { value: page } = sb.syscall('mmap', 0, 4096, 3, 0x22, -1, 0);
  expect(sb.syscall('pipe', page).value).toBe(0n);
  const view = new DataView(sb.peek(page, 8).slice().buffer);
  return { fds: [view.getInt32(0, true), view.getInt32(4, true)], page };
}

describe('pipes', () => {
  it('a child reads what its parent wrote, and the end once the parent has gone', async () => {
    using sb = await Sandbox.create({
      program: (await assembleProgram(SENDER, { arch: 'x86-64' })).elf,
    });
    expect(sb.run()).toEqual({ kind: 'exit', code: 0 });
    expect(text(sb.stdout)).toBe('word.');
    const reads = sb.trace.filter((event) => event.type === 'syscall' && event.name === 'read');
    expect(reads.map((event) => 'value' in event && event.value)).toEqual([4n, 0n]);
  });

  it('what is in them, and who holds them, comes back with a snapshot', async () => {
    using sb = await idle();
    const { fds, page } = pipeOf(sb);
    sb.poke(page + 8n, new TextEncoder().encode('abcd'));
    sb.syscall('write', fds[1]!, page + 8n, 4);
    const before = sb.snapshot();
    expect(sb.syscall('read', fds[0]!, page + 16n, 3).value).toBe(3n);
    sb.syscall('close', fds[1]!);
    expect(sb.syscall('read', fds[0]!, page + 16n, 3).value).toBe(1n);
    expect(sb.syscall('read', fds[0]!, page + 16n, 3).value).toBe(0n);
    sb.restore(before);
    expect(sb.syscall('write', fds[1]!, page + 8n, 1).value).toBe(1n);
    expect(sb.syscall('read', fds[0]!, page + 16n, 9).value).toBe(5n);
    expect(text(sb.peek(page + 16n, 5))).toBe('abcda');
  });

  it('writing without a reader is EPIPE, and SIGPIPE kills the program', async () => {
    using sb = await idle();
    const { fds, page } = pipeOf(sb);
    sb.syscall('close', fds[0]!);
    expect(sb.syscall('write', fds[1]!, page, 1).errno).toBe('EPIPE');
    sb.poke(page, Uint8Array.of(0xc3));
    sb.syscall('mprotect', page, 4096, 5);
    expect(sb.call(page)).toMatchObject({ kind: 'signal', signal: 'SIGPIPE' });
  });

  it('descriptors that do not fit leave no pipe behind', async () => {
    using sb = await idle();
    const { value: page } = sb.syscall('mmap', 0, 4096, 3, 0x22, -1, 0);
    const [soft, hard] = [4n, 4n];
    sb.poke(page, new Uint8Array(BigUint64Array.of(soft, hard).buffer));
    sb.syscall('setrlimit', 7, page);
    expect(sb.syscall('pipe', page).errno).toBe('EMFILE');
    expect(sb.syscall('dup', 0).value).toBe(3n);
  });
});

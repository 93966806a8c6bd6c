/** The ways into the kernel, as a program uses them. */
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../../src/base/address.js';
import { assemble } from '../../engine/assembler.js';
import { openIdle } from './machine.js';

const NONE = (1n << 64n) - 1n;

/** Runs code in an idle process; what it returns, and the calls it made. */
async function run(arch: Arch, text: string) {
  using machine = await openIdle(arch);
  const { process } = machine;
  const page = process.syscall('mmap', [0n, 8192n, 7n, 0x22n, NONE, 0n]).value;
  process.mm.poke(page, assemble(arch, text, Number(page)));
  machine.trace.clear();
  const outcome = process.call(page, [page + 4096n]);
  const calls = machine.trace.events.filter((event) => event.type === 'syscall');
  return { outcome, calls, page };
}

describe('syscall on x86-64', () => {
  it('gives a negative errno, and leaves the way back in rcx and r11', async () => {
    const { outcome } = await run('x86-64', 'mov eax, 3; mov edi, 99; syscall; ret');
    expect(outcome).toEqual({ kind: 'return', value: BigInt.asUintN(64, -9n) });
    const flags = await run('x86-64', 'xor eax, eax; mov al, 39; stc; syscall; mov rax, r11; ret');
    expect(flags.outcome.kind === 'return' && flags.outcome.value & 1n).toBe(1n);
    const back = await run('x86-64', 'mov eax, 39; syscall; mov rax, rcx; ret');
    expect(back.outcome).toEqual({ kind: 'return', value: back.page + 7n });
  });

  it('takes six arguments, whole', async () => {
    const text = `mov eax, 9; mov rdi, 0x7fff00000000; mov esi, 4096; mov edx, 3; mov r10d, 0x32
      mov r8, -1; mov r9d, 0x5000; syscall; ret`;
    const { calls, outcome } = await run('x86-64', text.replaceAll('\n', ';'));
    expect(calls).toMatchObject([
      { name: 'mmap', args: [0x7fff00000000n, 4096n, 3n, 0x32n, NONE, 0x5000n], byHost: false },
    ]);
    expect(outcome).toEqual({ kind: 'return', value: 0x7fff00000000n });
  });

  it('of a number that does not exist is ENOSYS, and in the trace', async () => {
    const { calls, outcome } = await run('x86-64', 'mov eax, 5000; syscall; ret');
    expect(outcome).toEqual({ kind: 'return', value: BigInt.asUintN(64, -38n) });
    expect(calls).toMatchObject([{ name: 'syscall_0x1388', errno: 'ENOSYS' }]);
    expect(calls[0]?.type === 'syscall' && calls[0].args).toHaveLength(6);
  });
});

describe('int 0x80', () => {
  it('on i386 takes six arguments, zero-extended', async () => {
    const text =
      'push ebx; push esi; push edi; push ebp; mov eax, 192; xor ebx, ebx; mov ecx, 4096; mov edx, 3; mov esi, 0x22; mov edi, -1; mov ebp, 5; int 0x80; pop ebp; pop edi; pop esi; pop ebx; ret';
    const { calls, outcome } = await run('i386', text);
    expect(calls).toMatchObject([
      { name: 'mmap2', args: [0n, 4096n, 3n, 0x22n, 0xffffffffn, 5n], errno: undefined },
    ]);
    expect(outcome.kind === 'return' && outcome.value > 0x10000n).toBe(true);
  });

  it('on x86-64 is the table of i386 with the lower halves, and addresses that fit', async () => {
    const text =
      'push rbx; push rbp; mov eax, 192; xor ebx, ebx; mov rcx, 0x100001000; mov edx, 3; mov esi, 0x22; mov rdi, -1; xor ebp, ebp; int 0x80; pop rbp; pop rbx; ret';
    const { calls, outcome } = await run('x86-64', text);
    expect(calls).toMatchObject([{ name: 'mmap2', args: [0n, 4096n, 3n, 0x22n, 0xffffffffn, 0n] }]);
    expect(outcome.kind === 'return' && outcome.value < 1n << 32n).toBe(true);
  });
});

describe('sysenter on i386', () => {
  it('comes back by the landing pad, with its sixth argument from the stack', async () => {
    const text =
      'push ebx; call enter; pop ebx; ret; enter: push ecx; push edx; push ebp; mov ebp, esp; mov eax, 6; mov ebx, 99; sysenter';
    const { calls, outcome } = await run('i386', text);
    expect(calls).toMatchObject([{ name: 'close', args: [99n], errno: 'EBADF' }]);
    expect(outcome).toEqual({ kind: 'return', value: BigInt.asUintN(32, -9n) });
  });
});

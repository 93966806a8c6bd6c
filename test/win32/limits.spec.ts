/** The work of the system counts for a program for Windows: the limit of blocks ends whatever it asks for. */
import { describe, expect, it } from 'vitest';
import { CHARGES } from '../../src/base/charges.js';
import { Sandbox } from '../../src/index.js';
import { assemblePe } from '../../src/toolchain/assemble-pe.js';

const BLOCKS = 200_000;

/** How often the program came round before the limit: it counts in ebx. */
async function rounds(os: 'windows' | 'wine', source: string): Promise<number> {
  const { elf } = await assemblePe(source, { arch: 'x86-64' });
  using sandbox = await Sandbox.create({ os, limits: { blocks: BLOCKS }, program: elf });
  expect(sandbox.run()).toEqual({ kind: 'limit', limit: 'blocks' });
  return Number(sandbox.regs.rbx);
}

const handlerOf = (install: string): string => `
    .import kernel32.dll, AddVectoredExceptionHandler, SetUnhandledExceptionFilter
    .globl _start
_start:
    sub rsp, 0x28
    xor ebx, ebx
    lea rdx, [rip + handler]
    mov rcx, rdx
    ${install}
    mov eax, [0]
handler:
    mov rax, [rcx + 8]
    inc qword ptr [rax + 0x90]
    inc ebx
    mov eax, -1
    ret`;

describe.each(['windows', 'wine'] as const)('the limit of blocks, under %s', (os) => {
  it.each([
    ['a vectored handler', 'mov ecx, 1\n    call [AddVectoredExceptionHandler]'],
    ['the filter for unhandled exceptions', 'call [SetUnhandledExceptionFilter]'],
  ])('counts exceptions that %s handles for ever', async (_what, install) => {
    const count = await rounds(os, handlerOf(install));
    expect(count).toBeGreaterThan(20);
    expect(count).toBeLessThan(BLOCKS / 2_000 + 1);
  });

  it.each([
    ['VirtualQuery', 'kernel32.dll', 'xor ecx, ecx\n    lea rdx, [rsp + 0x28]\n    mov r8d, 48'],
    ['NtQueryVirtualMemory', 'ntdll.dll', 'mov rcx, -1\n    xor edx, edx\n    xor r8d, r8d'],
    ['GetCurrentProcessId', 'kernel32.dll', ''],
  ])('counts each call of %s', async (name, dll, parameters) => {
    const source = `
    .import ${dll}, ${name}
    .globl _start
_start:
    sub rsp, 0x68
    xor ebx, ebx
again:
    inc ebx
    ${parameters}
    call [${name}]
    jmp again`;
    const count = await rounds(os, source);
    expect(count).toBeGreaterThan(100);
    expect(count).toBeLessThan(BLOCKS / CHARGES.syscall + 1);
  });

  it('counts bytes that a function of the C library moves', async () => {
    const source = `
    .import msvcrt.dll, memset
    .globl _start
_start:
    sub rsp, 0x28
    xor ebx, ebx
again:
    inc ebx
    lea rcx, [rip + area]
    xor edx, edx
    mov r8d, 0x100000
    call [memset]
    jmp again
    .bss
area:
    .skip 0x100000`;
    // 1,024 KiB for each call, and 256 pages that come in.
    expect(await rounds(os, source)).toBeLessThan(20);
  });
});

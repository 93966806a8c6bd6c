/** What Keystone alone gets wrong (see src/toolchain/encode/keystone/quirks.ts). The wanted bytes are GNU as's. */
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import { assemble } from '../../src/toolchain/assemble.js';
import { KeystoneInstance } from '../../src/toolchain/encode/keystone/keystone.js';
import { openToolchainInSteps } from '../../src/toolchain/modules.js';
import { bytesOf, textOf } from './support.js';

const openKeystone = async (): Promise<KeystoneInstance> =>
  new KeystoneInstance(await openToolchainInSteps('keystone'));

describe('Keystone by itself', () => {
  it.each<[Arch, string, string]>([
    ['x86-64', 'mov rax, qword ptr fs:[0x28]', 'counts an absolute address from RIP'],
    ['x86-64', 'push 0xffff', 'pushes -1'],
    ['x86-64', 'mov al, 0x12c', 'drops bits'],
    ['i386', 'popf', 'adds a prefix'],
  ])('%s: %s %s', async (arch, source) => {
    const keystone = await openKeystone();
    const encoded = keystone.encode(arch, source, 0x400000n);
    const repaired = await assemble(source, { arch }).catch(() => undefined);
    // Once Keystone is repaired, the rewriting can go.
    expect(encoded).not.toEqual({ ok: true, bytes: repaired?.bytes });
  });

  it('says so when it has ended itself, and the next one works', async () => {
    const keystone = await openKeystone();
    const status = process.exitCode;
    expect(keystone.encode('x86-64', 'mov ah, sil', 0n)).toEqual({ ok: false, refusal: 'crash' });
    expect(keystone.broken).toBe(true);
    expect(process.exitCode).toBe(status);
    expect((await openKeystone()).encode('x86-64', 'nop', 0n).ok).toBe(true);
  });
});

describe('through the assembler', () => {
  it.each<[Arch, string, string]>([
    ['x86-64', 'mov rbx, fs:[0x28]', '64488b1c2528000000'],
    ['x86-64', 'mov rax, fs:0x28', '64488b042528000000'],
    ['x86-64', 'mov rbx, [0x1234]', '488b1c2534120000'],
    ['x86-64', 'movabs rax, [0x1122334455667788]', '48a18877665544332211'],
    ['x86-64', 'push 0xffff', '68ffff0000'],
    ['x86-64', 'push -1', '6aff'],
    ['x86-64', 'push 128', '6880000000'],
    ['x86-64', 'popf; pushf; iret', '9d9ccf'],
    ['x86-64', 'movsd; rep movsd', 'a5f3a5'],
    ['x86-64', 'endbr64; notrack jmp rax; bnd ret', 'f30f1efa3effe0f2c3'],
    ['x86-64', 'sysretq', '480f07'],
    ['x86-64', 'rep; movsb', 'f3a4'],
    ['x86-64', 'jmp short x; x: jmp near x', 'eb00ebfe'],
    ['x86-64', 'cmp rax, -4095', '483d01f0ffff'],
    ['x86-64', 'mov rax, 0x90000000', '48b80000009000000000'],
    ['i386', 'popf; pushf; iret', '9d9ccf'],
    ['i386', 'push es; pop ds; push cs; push fs', '061f0e0fa0'],
    ['i386', 'x: push x; push x + 4', '6800800408' + '6804800408'],
    ['i386', 'push 0x80000000; push 0xffffffff', '68000000806aff'],
    ['i386', 'endbr32; movsd', 'f30f1efba5'],
    ['i386', 'mov eax, gs:[0x14]; mov ebx, gs:0x14', '65a114000000658b1d14000000'],
  ])('%s: %s', async (arch, source, wanted) => {
    expect(await bytesOf(source, arch)).toBe(wanted);
  });
});

/** Instructions whose text Capstone gives back as it was written. */
const PLAIN: Record<Arch, readonly string[]> = {
  'x86-64': [
    'mov rax, 0x7fffffff',
    'movabs rax, 0x1122334455667788',
    'mov byte ptr [rdi], 0xc3',
    'mov dword ptr [rip + 0x10], 0x1234',
    'mov qword ptr [rsp + 8], rax',
    'lea rax, [rbx + rcx*8 - 0x80]',
    'lea r15, [r13 + r12*4 + 0x12345]',
    'movzx eax, byte ptr [rsi]',
    'movsxd rax, ecx',
    'imul rax, rbx, 0x10',
    'cmpxchg16b xmmword ptr [rdi]',
    'lock cmpxchg qword ptr [rdi], rsi',
    'rep stosq qword ptr [rdi], rax',
    'call qword ptr [rax + 8]',
    'jmp r11',
    'syscall',
    'rdpkru',
    'wrpkru',
    'wrfsbase rax',
    'movaps xmm0, xmmword ptr [rsp]',
    'vpxor ymm0, ymm1, ymm2',
    'fild qword ptr [rax]',
    'sete al',
    'bswap r9',
    'xchg rbx, rax',
    'ud2',
  ],
  i386: [
    'mov eax, dword ptr [esp + 4]',
    'lea ecx, [eax + ebx*4 + 0x12345678]',
    'int 0x80',
    'pushal',
    'popal',
    'ret 8',
    'mov dword ptr [ebp - 4], 0x3e9',
    'jmp dword ptr [eax*4 + 0x8048000]',
    'sub esp, 0x80',
    'movd xmm0, eax',
    'bound eax, qword ptr [ecx]',
  ],
};

describe('disassembled again', () => {
  const cases = Object.entries(PLAIN).flatMap(([arch, all]) =>
    all.map((text) => [arch as Arch, text] as const),
  );
  it.each(cases)('%s: %s', async (arch, text) => {
    const source = text
      .replace('pushal', 'pushad')
      .replace('popal', 'popad')
      .replace('stosq qword ptr [rdi], rax', 'stosq');
    expect(await textOf(await assemble(source, { arch }))).toEqual([text]);
  });
});

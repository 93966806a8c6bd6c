import { describe, expect, it } from 'vitest';
import { isReadModifyWrite, wideStoreBytes } from '../../../src/engine/unicorn1/instruction.js';
import { assemble } from '../assembler.js';

const decode = (text: string) => assemble('x86-64', text, 0x1000);

describe('instructions that the engine does not do as hardware', () => {
  it.each([
    'add [rdi], eax',
    'lock xadd [rdi], eax',
    'sub byte ptr [rdi], 1',
    'and qword ptr [r9], 0x7f',
    'xchg [rdi], rax',
    'inc word ptr [rdi]',
    'dec byte ptr [rdi]',
    'not dword ptr gs:[rdi]',
    'neg dword ptr [rdi]',
    'shl dword ptr [rdi], 3',
    'ror byte ptr [rdi], 1',
    'sar qword ptr [rdi], cl',
    'shld [rdi], eax, 3',
    'bts dword ptr [rdi], 3',
    'btc [rdi], eax',
    'cmpxchg [rdi], eax',
    'cmpxchg8b [rdi]',
  ])('%s reads in order to write', (text) => {
    expect(isReadModifyWrite(decode(text), true)).toBe(true);
  });

  it.each([
    'mov eax, [rdi]',
    'add eax, [rdi]',
    'cmp [rdi], eax',
    'cmp byte ptr [rdi], 1',
    'test dword ptr [rdi], 3',
    'mul dword ptr [rdi]',
    'push qword ptr [rdi]',
    'call [rdi]',
    'jmp [rdi]',
    'bt dword ptr [rdi], 3',
    'add eax, ecx',
    'inc ecx',
    'movups xmm0, [rdi]',
    'movzx eax, byte ptr [rdi]',
  ])('%s does not', (text) => {
    expect(isReadModifyWrite(decode(text), true)).toBe(false);
  });

  it.each([
    ['movups [rdi], xmm1', 16],
    ['movupd [r8], xmm1', 16],
    ['movaps [rdi], xmm9', 16],
    ['movdqu [rdi], xmm1', 16],
    ['movdqa [rdi], xmm1', 16],
    ['movntdq [rdi], xmm1', 16],
    ['fstp tbyte ptr [rdi]', 10],
    ['movss [rdi], xmm1', 0],
    ['movsd [rdi], xmm1', 0],
    ['movq [rdi], mm1', 0],
    ['movups xmm1, [rdi]', 0],
    ['fstp qword ptr [rdi]', 0],
    ['mov [rdi], rax', 0],
  ])('%s stores %i bytes in more than one part', (text, bytes) => {
    expect(wideStoreBytes(decode(text), true)).toBe(bytes);
  });

  it('reads what is missing of a cut instruction as zero', () => {
    expect(isReadModifyWrite(new Uint8Array(0), true)).toBe(true);
    expect(wideStoreBytes(Uint8Array.of(0x66, 0x0f), false)).toBe(0);
  });
});

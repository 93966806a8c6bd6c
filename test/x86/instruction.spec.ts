import { describe, expect, it } from 'vitest';
import { pastSegment } from '../../src/engine/unicorn1/segment-limit.js';
import { isReadModifyWrite, wideStoreBytes } from '../../src/x86/engine-differences.js';
import { operandBytes } from '../../src/x86/operands.js';
import { assemble } from '../engine/assembler.js';

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

const narrow = (text: string) => assemble('i386', text, 0x1000);

describe('how much an instruction moves at once', () => {
  it.each<[string, number]>([
    ['add byte ptr [eax], 1', 1],
    ['and [eax], cl', 1],
    ['cmp dx, [eax]', 2],
    ['xor dword ptr [eax], 5', 4],
    ['mov [eax], edx', 4],
    ['mov ds, [eax]', 2],
    ['push dword ptr [eax]', 4],
    ['push ax', 2],
    ['lodsb', 1],
    ['movsd dword ptr [edi], dword ptr [esi]', 4],
    ['shl word ptr [eax], cl', 2],
    ['les eax, [eax]', 6],
    ['fld dword ptr [eax]', 4],
    ['fld qword ptr [eax]', 8],
    ['fild word ptr [eax]', 2],
    ['fild qword ptr [eax]', 8],
    ['fnstcw [eax]', 2],
    ['fld tbyte ptr [eax]', 8],
    ['movups xmm0, [eax]', 16],
    ['movsd xmm0, qword ptr [eax]', 8],
    ['movhps xmm0, [eax]', 8],
    ['movd xmm0, [eax]', 4],
    ['movq xmm0, [eax]', 8],
    ['movdqu xmm0, [eax]', 16],
    ['paddb mm0, [eax]', 8],
    ['paddb xmm0, [eax]', 16],
    ['cvtsi2ss xmm0, dword ptr [eax]', 4],
    ['cvtps2pd xmm0, [eax]', 8],
    ['ucomisd xmm0, [eax]', 8],
    ['movzx eax, word ptr [eax]', 2],
    ['setz byte ptr [eax]', 1],
    ['cmpxchg8b [eax]', 8],
    ['ldmxcsr [eax]', 4],
    ['bt dword ptr [eax], 3', 4],
  ])('%s: %i bytes', (text, bytes) => {
    expect(operandBytes(narrow(text), false)).toBe(bytes);
  });

  it('REX.W makes it eight', () => {
    expect(operandBytes(decode('mov rdx, [rax]'), true)).toBe(8);
    expect(operandBytes(decode('movd xmm0, [rax]'), true)).toBe(4);
  });

  it.each<[string, bigint, number | undefined]>([
    ['mov edx, [eax]', 0xffff_fffcn, undefined],
    ['mov edx, [eax]', 0xffff_fffdn, 13],
    ['mov edx, [ebp]', 0xffff_fffdn, 12],
    ['mov edx, [esp]', 0xffff_fffdn, 12],
    ['mov edx, [ebp + eax]', 0xffff_fffdn, 12],
    ['mov edx, [eax + ebp]', 0xffff_fffdn, 13],
    ['mov edx, gs:[eax]', 0xffff_fffdn, undefined],
    ['pop ecx', 0xffff_fffdn, 12],
    ['ret', 0xffff_fffdn, 12],
    ['stosd', 0xffff_fffdn, 13],
    ['movups xmm0, [eax]', 0xffff_fff1n, 13],
    ['movups xmm0, [eax]', 0xffff_fff0n, undefined],
  ])('%s at %d is exception %s of a 32-bit segment', (text, address, vector) => {
    expect(pastSegment(narrow(text), address)).toBe(vector);
  });
});

/** Two spellings of one instruction are equal, two instructions are not. */
import { expect, it } from 'vitest';
import { normalInstruction } from '../../../src/kit/watch/instruction-text.js';

const normal = (line: string): string => normalInstruction(line, new Map([['there', 0x10n]]));

it.each([
  ['and rax, -1', 'AND  rax,0xffffffffffffffff'],
  ['or eax, -129', 'or eax, 0xffffff7f'],
  ['or r8d, -1', 'or r8d, 0xffffffff'],
  ['mov sil, -1', 'mov sil, 255'],
  ['add word ptr [rdi + 4], -1', 'add word ptr [rdi+0x4], 0xffff'],
  ['lock add dword ptr [rdi], -2', 'lock add dword ptr [rdi], 0xfffffffe'],
  ['push -1', 'push 0xffffffffffffffff'],
  ['imul r9, rax, -3', 'imul r9, rax, 0xfffffffffffffffd'],
  ['jmp there', 'jmp 16'],
])('%s is %s', (one, other) => {
  expect(normal(one)).toBe(normal(other));
});

it.each([
  ['mov rax, -1', 'mov rax, 0xffffffff'],
  ['mov r8, -1', 'mov r8, 0xffffffff'],
  ['mov eax, -1', 'mov eax, 1'],
  ['mov rax, [rdi - 8]', 'mov rax, [rdi + 8]'],
  ['push -1', 'push 1'],
  ['mov al, 1', 'mov ah, 1'],
])('%s is not %s', (one, other) => {
  expect(normal(one)).not.toBe(normal(other));
});

/** Lengths and names as CPUs in 64-bit mode have them, and what follows read from the right place. */
import { expect, it } from 'vitest';
import { disassemble } from '../../../src/toolchain/disassembly/disassembler.js';

const listing = async (hex: string, arch: 'x86-64' | 'i386' = 'x86-64'): Promise<string[]> => {
  const bytes = Uint8Array.from(hex.split(' ').map((byte) => Number.parseInt(byte, 16)));
  const found = await disassemble(bytes, { arch, address: 0x1000 });
  return found.map(({ bytes: own, text }) => `${own.length} ${text}`);
};

it.each([
  ['66 e9 01 02 90 c3', ['4 jmp 0x1205', '1 nop', '1 ret']],
  ['66 e8 fc ff c3', ['4 call 0x1000', '1 ret']],
  ['66 0f 84 01 02 c3', ['5 je 0x1206', '1 ret']],
  ['66 48 e9 01 02 00 00', ['7 jmp 0x1208']],
  ['66 48 c2 10 00 c3', ['5 ret 0x10', '1 ret']],
  ['66 c3', ['2 retw ']],
  ['66 c9', ['2 leavew ']],
  ['0f b9 c0 c3', ['3 ud1', '1 ret']],
  ['0f b9 44 8b 10 c3', ['5 ud1', '1 ret']],
  ['0f b9 05 01 02 03 04 c3', ['7 ud1', '1 ret']],
  ['0f 18 c8 c3', ['3 nop eax', '1 ret']],
  ['41 0f 1c c0 c3', ['4 nop r8d', '1 ret']],
  ['48 0f 1e c8 c3', ['4 nop rax', '1 ret']],
  ['f3 0f 1e fa', ['4 endbr64']],
  ['f3 48 0f 1e c8', ['5 rdsspq rax']],
])('%s', async (hex, lines) => {
  expect(await listing(hex)).toEqual(lines.map((line) => line.trim()));
});

it('leaves 16-bit branches of 32-bit code as they are', async () => {
  expect(await listing('66 e9 01 02 c3', 'i386')).toEqual(['4 jmp 0x1205', '1 ret']);
});

it('keeps what is cut off apart', async () => {
  expect(await listing('66 e9 01')).toEqual(['1 .byte 0x66', '1 .byte 0xe9', '1 .byte 0x01']);
});

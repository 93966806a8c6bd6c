import { describe, expect, it } from 'vitest';
import { assembleProgram, programOfCode } from '../../src/toolchain/assemble-program.js';

describe('a program of bytes that were made elsewhere', () => {
  it.each(['x86-64', 'i386'] as const)('is what the assembler makes of them: %s', async (arch) => {
    const code = Uint8Array.of(0xb8, 7, 0, 0, 0, 0xc3);
    const source = `_start: .byte ${code.join(', ')}`;
    expect(programOfCode(code, arch)).toEqual((await assembleProgram(source, { arch })).elf);
  });

  it('may be larger than a source', () => {
    const code = new Uint8Array(5 << 20).fill(0x90);
    expect(programOfCode(code, 'x86-64').length).toBeGreaterThan(code.length);
  });
});

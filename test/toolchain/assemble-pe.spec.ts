import { describe, expect, it } from 'vitest';
import { PeContent } from '../../src/formats/pe/content.js';
import { importsOf } from '../../src/formats/pe/directories.js';
import { parsePe } from '../../src/formats/pe/image.js';
import { Sandbox } from '../../src/index.js';
import { assemblePe } from '../../src/toolchain/assemble-pe.js';

const SOURCE = {
  'x86-64': `
    .import kernel32.dll, GetLastError, ExitProcess
    .import kernel32.dll, SetLastError
    .globl _start
_start:
    sub rsp, 0x28
    mov ecx, 7
    call [SetLastError]
    call [GetLastError]
    mov ecx, eax
    call [ExitProcess]`,
  i386: `
    .import kernel32.dll, GetLastError, ExitProcess
    .import kernel32.dll, SetLastError
    .globl _start
_start:
    push 7
    call [SetLastError]
    call [GetLastError]
    push eax
    call [ExitProcess]`,
} as const;

describe.each(['x86-64', 'i386'] as const)('a program for Windows on %s', (arch) => {
  it('imports what its source asks for, and runs in both worlds', async () => {
    const { elf } = await assemblePe(SOURCE[arch], { arch });
    const parsed = parsePe(elf);
    if (!parsed.ok) throw new Error(parsed.reason);
    const [kernel32] = importsOf(new PeContent(elf, parsed.image));
    expect(kernel32?.imports.map(({ name }) => name)).toEqual([
      'GetLastError',
      'ExitProcess',
      'SetLastError',
    ]);
    for (const os of ['windows', 'wine'] as const) {
      using sandbox = await Sandbox.create({ os, program: elf });
      expect(sandbox.run()).toEqual({ kind: 'exit', code: 7 });
    }
  });
});

describe('a source', () => {
  it('without _start is refused', async () => {
    await expect(assemblePe('nop', { arch: 'i386' })).rejects.toThrow("no label '_start'");
  });

  it('that calls what it does not import is told where', async () => {
    const source = '.globl _start\n_start:\n call [ExitProces]';
    await expect(assemblePe(source, { arch: 'i386', file: 'a.s' })).rejects.toThrow('a.s:3');
  });
});

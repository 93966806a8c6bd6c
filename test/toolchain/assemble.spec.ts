import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/toolchain/assemble.js';
import { bytesOf, hex, textOf } from './support.js';

describe('statements', () => {
  it('takes numbers as decimal, hexadecimal, octal, binary and characters', async () => {
    expect(await bytesOf('mov eax, 1001; ret')).toBe('b8e9030000c3');
    expect(await bytesOf(".byte 10, 0x10, 010, 0o10, 0b10, 10h, 'a', '\\n', -1")).toBe(
      '0a1008080210610aff',
    );
  });

  it('drops comments of all three kinds and keeps what looks like one inside a string', async () => {
    const source = 'nop # one\nnop // two\n/* three\n nop\n*/ nop\n.ascii "#;//"';
    expect(await bytesOf(source)).toBe('909090233b2f2f');
  });

  it('takes a semicolon for a separator, or for a comment in .asm files and when asked', async () => {
    expect(await bytesOf('nop; ret')).toBe('90c3');
    expect(await bytesOf('nop ; ret', 'x86-64', { file: 'x.asm' })).toBe('90');
    expect(await bytesOf('nop ; ret', 'x86-64', { semicolon: 'comment' })).toBe('90');
  });

  it('assembles for i386 what x86-64 does not have', async () => {
    expect(await bytesOf('inc eax; pushad; push es; int 0x80', 'i386')).toBe('406006cd80');
  });

  it('reads AT&T syntax by option and by directive, and goes back', async () => {
    const intel = await bytesOf('mov eax, 9; mov rbx, fs:[0x28]; jmp [rax + rcx*8 + 8]');
    const att = 'movl $SYS_mmap, %eax; movq %fs:0x28, %rbx; jmp *8(%rax,%rcx,8)';
    expect(await bytesOf(att, 'x86-64', { syntax: 'att' })).toBe(intel);
    expect(await bytesOf(`.att_syntax; ${att}; .intel_syntax noprefix; nop`)).toBe(`${intel}90`);
  });

  it('assembles nothing to nothing', async () => {
    const empty = await assemble('', { arch: 'x86-64' });
    expect(empty.bytes).toHaveLength(0);
    expect(empty.lines).toEqual([]);
  });
});

describe('labels', () => {
  it('gives the address of each label, at any base', async () => {
    const source = 'start: nop\nloop: dec eax; jnz loop\nend: ret';
    for (const address of [0n, 0x400000n, 0x7fff12345000n, 0xffffffff81000000n]) {
      const { symbols, bytes } = await assemble(source, { arch: 'x86-64', address });
      expect([...symbols]).toEqual([
        ['start', address],
        ['loop', address + 1n],
        ['end', address + 5n],
      ]);
      expect(hex(bytes)).toBe('90ffc875fcc3');
    }
  });

  it('finds the next and the last of numbered labels', async () => {
    expect(await bytesOf('1: nop; jmp 1b; jmp 1f; 1: jmp 1b; 1: ret')).toBe('90ebfdeb00ebfec3');
  });

  it('leaves numbered and .L labels out of the symbols', async () => {
    const { symbols } = await assemble('a: 1: .Lx: nop; jmp .Lx; jmp 1b', { arch: 'x86-64' });
    expect([...symbols.keys()]).toEqual(['a']);
  });

  it('lengthens jumps that need it and only those', async () => {
    const { bytes } = await assemble('jmp a; je b; a: .zero 200; b: ret', { arch: 'x86-64' });
    expect(hex(bytes.subarray(0, 8))).toBe('eb060f84c8000000');
  });

  it('takes labels named like nothing else in the way', async () => {
    // In a hexadecimal reader `a0` and `face` are numbers.
    expect(await bytesOf('a0: nop; face: jmp a0; jmp face; zz1: jmp zz1')).toBe('90ebfdebfcebfe');
  });
});

describe('expressions', () => {
  it('has the operators of C with their precedence', async () => {
    const source =
      '.byte 1 + 2 * 3, (1 + 2) * 3, 7 / 2, 7 % 4, 1 << 4 | 1, ~0 & 0xf, 6 ^ 3, -(-5), !0, 3 > 2, 2 == 3';
    expect(await bytesOf(source)).toBe('0709030311' + '0f0505010100');
  });

  it('computes with labels, whichever way round, where Keystone does not', async () => {
    const source = [
      'mov eax, (end - start) * 2',
      'start: .quad start, end + 1',
      '.byte end - start, (end - start) / 4',
      'end: push end - start; jmp end + 1',
    ].join('\n');
    const { bytes, symbols } = await assemble(source, { arch: 'x86-64', address: 0x1000n });
    expect(symbols.get('end')).toBe(0x1017n);
    expect(hex(bytes)).toBe(
      'b82400000005100000000000001810000000000000' + '1204' + '6a12' + 'ebfd',
    );
  });

  it('knows equates before and after their definition, and the last one above', async () => {
    expect(await bytesOf('mov al, A; A = 5; mov al, A; .set B, A + 1; mov al, B')).toBe(
      'b005b005b006',
    );
    expect(await bytesOf('A = 1; .byte A; A = 2; .byte A')).toBe('0102');
    expect(await bytesOf('x: nop; len = . - x; mov al, len')).toBe('90b001');
    expect(await bytesOf('.equ A, 5; B equ A + 1; mov al, A; mov al, B')).toBe('b005b006');
  });

  it('takes constants from the host, before built-in ones', async () => {
    const constants = { ANSWER: 42, PROT_READ: 7n };
    expect(await bytesOf('.byte ANSWER, PROT_READ', 'x86-64', { constants })).toBe('2a07');
  });
});

describe('sections', () => {
  const source = [
    '.data; value: .quad value',
    '.bss; .balign 64; room: .skip 100; more: .skip 4',
    '.text; _start: mov rax, [rip + value]; lea rdi, [rip + more]',
    '.section .rodata; text: .asciz "hi"',
    '.section .note.GNU-stack,"",@progbits',
  ].join('\n');

  it('lays out sections of different rights on different pages', async () => {
    const { sections, symbols, bytes, execStack } = await assemble(source, { arch: 'x86-64' });
    expect(
      sections.map(({ name, address, length, offset }) => [name, address, length, offset]),
    ).toEqual([
      ['.text', 0x400000n, 14, 0],
      ['.rodata', 0x401000n, 3, 0x1000],
      ['.data', 0x402000n, 8, 0x2000],
      ['.bss', 0x402040n, 104, undefined],
    ]);
    expect(symbols.get('more')).toBe(0x4020a4n);
    expect(bytes).toHaveLength(0x2008);
    expect(hex(bytes.subarray(0, 14))).toBe('488b05f91f0000488d3d96200000');
    expect(hex(bytes.subarray(0x2000))).toBe('0020400000000000');
    expect(execStack).toBe(false);
  });

  it('aligns code with nops and data with zeros', async () => {
    const { bytes } = await assemble('nop; .balign 4; ret; .data; .byte 1; .p2align 2; .byte 2', {
      arch: 'x86-64',
    });
    expect(hex(bytes.subarray(0, 5))).toBe('900f1f00c3');
    expect(hex(bytes.subarray(0x1000))).toBe('0100000002');
  });

  it('keeps a program without data in one page when it has room to reserve', async () => {
    const { sections } = await assemble('nop; .bss; x: .skip 1', { arch: 'i386' });
    expect(sections.map(({ address }) => address)).toEqual([0x8048000n, 0x8049000n]);
  });

  it('writes numbers of all widths, strings and repetitions', async () => {
    expect(await bytesOf('.word 1; .long 2; .quad 3; .fill 2, 2, 0x1234; .skip 2, 0xcc')).toBe(
      '0100' + '02000000' + '0300000000000000' + '34123412' + 'cccc',
    );
    expect(await bytesOf('.asciz "a\\n\\x41\\101", "é"; .float 1.5; .double -2')).toBe(
      '610a4141' + '00' + 'c3a900' + '0000c03f' + '00000000000000c0',
    );
  });
});

describe('macros, conditions and files', () => {
  it('expands macros with presets, names, varargs and a counter', async () => {
    const source = `
      .macro put a:req, b=3, rest:vararg
        .byte \\a, \\b
        .ifnb \\rest
        .byte \\rest
        .endif
      here\\@: jmp here\\@
      .endm
      put 1, , 9, 8
      put b=2, a=4`;
    expect(await bytesOf(source)).toBe('0103' + '0908' + 'ebfe' + '0402' + 'ebfe');
  });

  it('repeats, iterates and chooses', async () => {
    expect(await bytesOf('.rept 3; nop; .endr')).toBe('909090');
    expect(await bytesOf('.irp r, rax, rbx; push \\r; .endr')).toBe('5053');
    const choice = '.if A == 1; nop; .elseif A == 2; ret; .else; int3; .endif';
    expect(await bytesOf(`A = 1; ${choice}`)).toBe('90');
    expect(await bytesOf(`A = 2; ${choice}`)).toBe('c3');
    expect(await bytesOf(`A = 3; ${choice}`)).toBe('cc');
    expect(await bytesOf('.ifdef SYS_read; nop; .endif; .ifdef nothing; ret; .endif')).toBe('90');
  });

  it('includes files from beside the including one, then from where the host looks', async () => {
    const asked: string[] = [];
    const files: Record<string, string> = {
      'dir/near.inc': 'nop; .include "deep/x.inc"',
      'dir/deep/x.inc': '.include "../far.inc"',
      'far.inc': 'ret',
    };
    const include = (path: string): string | undefined => {
      asked.push(path);
      return files[path.replace(/^\.\.\//, '')];
    };
    const options = { file: 'dir/main.s', include };
    expect(await bytesOf('.include "near.inc"', 'x86-64', options)).toBe('90c3');
    expect(asked).toEqual(['dir/near.inc', 'dir/deep/x.inc', 'dir/far.inc', '../far.inc']);
  });
});

describe('lines', () => {
  it('tells the file and line of each address; of a macro, where it is used', async () => {
    const include = (): string => 'ret\n';
    const source =
      '.macro two\n nop\n nop\n.endm\n.macro outer\n two\n.endm\n outer\n\n.include "x.inc"';
    const { lines } = await assemble(source, { arch: 'x86-64', file: 'main.s', include });
    expect(lines.map(({ address, file, line }) => [address - 0x400000n, file, line])).toEqual([
      [0n, 'main.s', 8],
      [1n, 'main.s', 8],
      [2n, 'x.inc', 1],
    ]);
  });
});

describe('NASM spellings', () => {
  it('takes them where they say the same', async () => {
    const source = [
      'section .data',
      'message db "hi", 10',
      'length equ $ - message',
      'section .text',
      'global _start',
      '_start: mov edx, length ; as many',
      'mov byte [rdi], 1',
    ].join('\n');
    const assembled = await assemble(source, { arch: 'x86-64', file: 'x.asm' });
    expect((await textOf(assembled)).slice(0, 2)).toEqual(['mov edx, 3', 'mov byte ptr [rdi], 1']);
    expect([...assembled.globals]).toEqual(['_start']);
  });
});

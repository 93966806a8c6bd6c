/** Compilers' output as a source: each program of compiled/ in both syntaxes, by whichever compiler the host has. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../src/index.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';
import { makeObject } from '../object/host-compiler.js';
import { bytesOf, errorsOf } from './support.js';

const SOURCES = fileURLToPath(new URL('./compiled/', import.meta.url));

/** Exit status of each, as they end natively: a sum over what they worked out. */
const PROGRAMS = {
  ...{ arithmetic: 60, switches: 126, strings: 11, floats: 113, structs: 1, common: 97 },
  ...{ vectors: 12, recursion: 68, builtins: 25, inline: 113, pointers: 81, trees: 123 },
};
/** One for each program and syntax, in turn. */
const OPTIONS = [
  ['-O0'],
  ['-O2', '-g'],
  ['-O3', '-fpic'],
  ['-Os', '-fcf-protection=full', '-fasynchronous-unwind-tables'],
  ['-O1', '-fno-pic', '-mcmodel=small'],
];
const ALONE = ['-fno-stack-protector', '-ffreestanding', '-fno-builtin', '-w'];

async function endOf(source: string, arch: 'x86-64' | 'i386' = 'x86-64') {
  const { elf } = await assembleProgram(source, { arch, file: 'compiled.s' });
  const sandbox = await Sandbox.create({ program: elf });
  try {
    return sandbox.run();
  } finally {
    sandbox.close();
  }
}

describe.each(['gcc', 'clang'])('what %s -S writes', (compiler) => {
  const cases = Object.entries(PROGRAMS).flatMap(([name, code], index) =>
    (['att', 'intel'] as const).map((syntax, more) => {
      const options = OPTIONS[(index + 2 * more) % OPTIONS.length]!;
      return { name, syntax, options, code };
    }),
  );
  it.for(cases)('of $name.c in $syntax syntax, $options, runs', async ({ name, ...given }, ctx) => {
    const { syntax, options, code } = given;
    const args = [...options, ...ALONE, `-masm=${syntax}`, '-S', `${SOURCES}${name}.c`];
    const made = makeObject(compiler, args);
    if ('why' in made) return ctx.skip(made.why);
    const source = new TextDecoder().decode(made.bytes);
    expect(await endOf(source)).toEqual({ kind: 'exit', code });
  });
});

/** What compilers write, by hand: it is there on hosts without one. */
describe('constructs of compilers', () => {
  it('in AT&T syntax without a directive: .ident says who wrote it', async () => {
    const source = [
      '\t.file\t"a.c"',
      '\t.text',
      '\t.p2align 4',
      '\t.globl\t_start',
      '\t.type\t_start, @function',
      '_start:',
      '.LFB0:',
      '\t.cfi_startproc',
      '\tendbr64',
      '\tmovq\tvalue@GOTPCREL(%rip), %rax',
      '\tmovslq\t(%rax), %rdi',
      '\tcall\tadd@PLT',
      '\tcall\tagain@PLT',
      '\tmovl\t$60, %eax',
      '\tsyscall',
      '\t.cfi_endproc',
      '.LFE0:',
      '\t.size\t_start, .-_start',
      'add:\taddl\t$1, %edi',
      '\tret',
      '\t.set\tagain, add',
      '\t.data',
      'value:\t.long\t40',
      '\t.section\t.debug_info,"",@progbits',
      '\t.long\t.Lnowhere-.Lnever',
      '\t.uleb128 .LVU1-.LVU2',
      '\t.ident\t"GCC: (GNU) 14"',
      '\t.section\t.note.GNU-stack,"",@progbits',
    ].join('\n');
    expect(await endOf(source)).toEqual({ kind: 'exit', code: 42 });
  });

  it('a jump table, as gcc writes it in Intel syntax', async () => {
    const source = [
      '\t.intel_syntax noprefix',
      '_start:\tmov\tedi, 2',
      '\tnotrack jmp\t[QWORD PTR .L4[0+rdi*8]]',
      '.L1:\tud2',
      '.L2:\tmovsx\trdi, DWORD PTR number[rip]',
      '\tmovsx\trax, edi',
      '\tadd\trdi, rax',
      '\tmov\teax, 60',
      '\tsyscall',
      '\t.section\t.rodata',
      '\t.align 8',
      '.L4:\t.quad\t.L1',
      '\t.quad\t.L1',
      '\t.quad\t.L2',
      '\t.text',
      '\t.section .data.rel.local,"aw"',
      'number:\t.long\t21',
    ].join('\n');
    expect(await endOf(source)).toEqual({ kind: 'exit', code: 42 });
  });

  it.each([
    ['.value 0x1234, -1', '3412ffff'],
    ['.uleb128 0, 127, 128, 624485', '007f8001e58e26'],
    ['.sleb128 0, -1, 63, 64, -64, -65, -123456', '007f3fc00040bf7f' + 'c0bb78'],
    ['a: .zero 200\nb: .uleb128 b - a', `${'00'.repeat(200)}c801`],
    ['.byte 1\n.org 4\n.byte 2', '0100000002'],
    ['x: .byte 1\n.org x + 3, 0x90\n.byte 2', '01909002'],
    ['.section .other,"a"\n.byte 7\n.org 2\n.byte 8', '070008'],
    ['movsx rax, ecx; movsx rax, cl; movsx rcx, dword ptr [rbx]', '4863c1' + '480fbec1' + '48630b'],
  ])('%s', async (source, wanted) => {
    expect(await bytesOf(source)).toBe(wanted);
  });

  it('a section without bits may be filled with zeros, and with nothing else', async () => {
    expect(await bytesOf('ret\n.bss\nx: .long 0\n.quad 0, 0\n')).toBe('c3');
    expect((await errorsOf('.bss\n.long 1'))[0]).toContain('.bss has no bits in the file');
  });

  it('.org goes forward only', async () => {
    expect((await errorsOf('.quad 1\n.org 4\nret'))[0]).toContain('.org goes back by 4 bytes');
  });

  it('what no linker brings is named', async () => {
    expect(await errorsOf('call puts@PLT')).toEqual([
      "1:6 unknown label or constant 'puts@PLT': for C with a library, link it and run the ELF file: puts@PLT",
    ]);
    expect((await errorsOf('mov rax, [rip + environ@GOTPCREL]'))[0]).toContain("'environ'");
  });
});

describe('the programs', () => {
  it('are each in the table', () => {
    const files = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
    expect(files.map((name) => name.replace('.c', '')).sort()).toEqual(
      Object.keys(PROGRAMS).sort(),
    );
    expect(readFileSync(`${SOURCES}start.h`, 'utf8')).toContain('_start');
  });
});

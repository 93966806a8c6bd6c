/** Sources that would grow without end: each ends soon, with the place of the statement that went too far. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MayexecError } from '../../src/base/errors.js';
import { LIMITS } from '../../src/toolchain/budget.js';
import { bytesOf, errorsOf } from './support.js';

const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join('\n');

describe('a source that asks for too much', () => {
  it.each<[string, string, RegExp]>([
    [
      'parentheses',
      `mov rax, ${'('.repeat(20_000)}1`,
      /^1:210 parentheses nest more than 200 deep/,
    ],
    [
      'signs',
      `mov rax, ${'-'.repeat(20_000)}1`,
      /^1:1 .*more than 500 operators within each other/,
    ],
    ['a long sum', `mov rax, ${'1+'.repeat(20_000)}1`, /^1:1 .*more than 500 operators/],
    ['an address of many terms', `mov rax, [${'1+'.repeat(20_000)}1]`, /^1:1 .*500 operators/],
    [
      'a sum in AT&T syntax',
      `.att_syntax\nmov $${'~'.repeat(20_000)}1, %eax`,
      /^2:1 .*500 operators/,
    ],
    [
      'values that double',
      `${lines(60, (i) => `x${i + 1} = x${i} + x${i}`)}\nmov rax, x60\nx0 = 1`,
      /^61:10 .*steps to work out/,
    ],
    [
      'a chain of names',
      `${lines(300, (i) => `x${i + 1} = x${i}`)}\nmov rax, x300\nx0 = 1`,
      /^301:10 'x\d+' stands on too many other names/,
    ],
    [
      'repetition in repetition',
      '.rept 1000000\n.rept 1000000\n.endr\n.endr',
      /^2:1 .*more than 1000000 statements/,
    ],
    [
      'a macro that doubles',
      '.macro m\nm\nm\n.endm\nm',
      /^2:1 .*nest too deeply.*in macro m used at source:2/,
    ],
    [
      'an argument that doubles',
      `.macro m a\nm \\a\\a\n.endm\nm ${'x'.repeat(1000)}`,
      /^2:1 .*more than 1048576 characters/,
    ],
    [
      'a value that doubles',
      `x = 1\n.macro m\nx = x * x + 2\n.endm\n${'m\n'.repeat(100)}mov rax, x`,
      /'x' stands on too many other names|this value is too large/,
    ],
    ['many statements', '.rept 300000\nnop\n.endr', /^2:1 more than 200000 statements/],
    ['much room', '.zero 0x3000000\n.zero 0x3000000', /^2:1 more than 67108864 bytes/],
    ['much alignment', lines(70, () => '.byte 1\n.balign 1048576'), /more than 67108864 bytes/],
    [
      'many sections',
      lines(2000, (i) => `.section .s${i},"a"\n.byte 1`),
      /more than 1000 sections/,
    ],
    ['a long line', `.ascii "${'a'.repeat(1_100_000)}"`, /^1:1 a statement has more than/],
    ['many statements on a line', 'nop;'.repeat(260_000), /^1:800001 more than 200000 statements/],
    [
      'a number of many digits',
      `mov rax, ${'1'.repeat(100_000)}`,
      /^1:10 a number of 100000 digits/,
    ],
  ])('of %s is refused once', async (_, source, problem) => {
    const errors = await errorsOf(source);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(problem);
  });

  it('of files that include themselves is refused', async () => {
    const self = '.include "self.s"\n.include "self.s"\n';
    expect(await errorsOf(self, { include: () => self })).toEqual([
      '1:1 files, macros and repetitions nest too deeply: more than 64: .include "self.s"',
    ]);
  });

  it('of files that are long is refused', async () => {
    const source = lines(20, () => '.include "long.s"');
    const include = (): string => `# ${'x'.repeat(1_000_000)}\n`;
    expect((await errorsOf(source, { include }))[0]).toMatch(
      /^17:1 the source and what it includes have more than 16777216 characters/,
    );
  });
});

describe('a source of ordinary size', () => {
  it('may nest, repeat and add up as much as people do', async () => {
    expect(await bytesOf(`.byte ${'('.repeat(100)}1${')'.repeat(100)}`)).toBe('01');
    expect(await bytesOf(`.byte ${'1+'.repeat(200)}0`)).toBe('c8');
    expect(await bytesOf(`${lines(50, (i) => `x${i + 1} = x${i} + 1`)}\n.byte x50\nx0 = 1`)).toBe(
      '33',
    );
    expect(
      await bytesOf(`${lines(12, (i) => `x${i + 1} = x${i} + x${i}`)}\n.long x12\nx0 = 1`),
    ).toBe('00100000');
    expect((await bytesOf('.rept 5000\nnop\n.endr')).length).toBe(10_000);
    expect((await bytesOf(`${'1: jmp 1b\n'.repeat(20)}jmp 1f\n1: nop`)).slice(-6)).toBe('eb0090');
  });
});

describe('a mistake that shows many times', () => {
  it('is told once for a name, with the number of the others', async () => {
    const source = `mov eax, PROT_RAED\nnop\n${'mov eax, PROT_RAED\n'.repeat(5)}mov eax, other`;
    await expect(bytesOf(source, 'x86-64', { file: 'a.s' })).rejects.toThrow(
      "a.s:1:10: unknown label or constant 'PROT_RAED'; did you mean 'PROT_READ'? (and 5 more of this kind)\n" +
        "a.s:8:10: unknown label or constant 'other'",
    );
  });

  it('is told once for a file that is included twice', async () => {
    const include = (): string => 'a: nop\nb: nop\nc: nop\n';
    const twice = '.include "x.inc"\n.include "x.inc"\n';
    await expect(bytesOf(twice, 'x86-64', { include })).rejects.toThrow(
      /^x\.inc:1:1: 'a' is defined twice \(and 2 more of this kind\)$/,
    );
  });

  it('is told once for a mnemonic, but for operands each time', async () => {
    expect(await errorsOf('mvo eax, 1\nmvo ebx, 2\npush rax, rbx\npush rcx, rdx')).toEqual([
      "1:1 unknown mnemonic 'mvo'; did you mean 'mov'?: mvo eax, 1",
      "3:1 'push' does not take these operands: push rax, rbx",
      "4:1 'push' does not take these operands: push rcx, rdx",
    ]);
  });
});

describe('a name', () => {
  it('of 30 KB is unknown at once, and the message is short', async () => {
    const name = 'n'.repeat(30_000);
    const source = `mov eax, ${name}\n${name} eax\n.${name}`;
    const error = await bytesOf(source).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MayexecError);
    const told = (error as MayexecError).message.split('\n');
    expect(told).toHaveLength(3);
    for (const line of told) expect(line.length).toBeLessThan(1000);
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf'])(
    '%s is one like any other',
    async (name) => {
      const lower = name.toLowerCase();
      expect(await bytesOf(`${name}: .byte 1\n.section .${name},"a"\n.byte 2`)).toMatch(/^01/);
      expect(await errorsOf(`mov eax, ${name}`)).toHaveLength(1);
      expect((await errorsOf(`.${name}`))[0]).toContain(`unknown directive '.${lower}'`);
      expect(await errorsOf(`${name} eax, 1`)).toHaveLength(1);
      expect(await bytesOf(`.macro ${name} a\n.byte \\a\n.endm\n${name} 3`)).toBe('03');
    },
  );
});

describe('among very many statements', () => {
  it('the one that is wrong is found', async () => {
    const source = `.rept 5000\nnop\n.endr\nmvo eax, 1\n.rept 5000\nnop\n.endr\ninc [rax]`;
    expect((await errorsOf(source)).map((error) => error.slice(0, 30))).toEqual([
      "4:1 unknown mnemonic 'mvo'; di",
      "8:1 'inc' does not take these ",
    ]);
  });

  it('one that is wrong only where it stands is found too', async () => {
    const source = `start: nop\n.rept 200\nnop\n.endr\njecxz start\n.rept 2000\nnop\n.endr`;
    expect(await errorsOf(source)).toEqual([
      '5:1 the target is too far away for this instruction: jecxz start',
    ]);
  });
});

describe('docs/command.md', () => {
  it('has the bounds that are in force', () => {
    const page = readFileSync(new URL('../../docs/command.md', import.meta.url), 'utf8');
    const mebi = (value: number): string => `${value / (1 << 20)} Mi`;
    const count = (value: number): string => value.toLocaleString('en-US');
    for (const row of [
      `of what it includes | ${mebi(LIMITS.source)}; of one line or statement ${mebi(LIMITS.line)} |`,
      `repetitions make | ${mebi(LIMITS.expansion)} |`,
      `uses of macros | ${count(LIMITS.statements)}; that become code or data 200,000 |`,
      `within each other | ${LIMITS.depth} |`,
      `work values out | ${count(LIMITS.evaluation)}; of one name 1,000,000 |`,
      `bytes of code and data | ${mebi(LIMITS.image)} |`,
      `sections | ${count(LIMITS.sections)} |`,
    ]) {
      expect(page).toContain(row);
    }
  });
});

/**
 * What is assembled means what was written. Wanted bytes are GNU as's; what Keystone takes for something else is
 * refused in words. Read back twice: by src/toolchain/encode/recheck.ts at every assembly, and here by Capstone.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import { assemble } from '../../src/toolchain/assemble.js';
import { AssemblyError, StatementError } from '../../src/toolchain/assembly-error.js';
import { AssemblyBudget } from '../../src/toolchain/budget.js';
import { disassemble } from '../../src/toolchain/disassembly/disassembler.js';
import { parseInstruction, type Values } from '../../src/toolchain/encode/instruction.js';
import { recheck } from '../../src/toolchain/encode/recheck.js';
import { evaluateLinear, evaluateNumber } from '../../src/toolchain/syntax/evaluate.js';
import { TokenReader } from '../../src/toolchain/syntax/expression.js';
import type { Mode } from '../../src/toolchain/syntax/operand.js';
import { AssemblySymbols } from '../../src/toolchain/syntax/symbols.js';
import { tokenize } from '../../src/toolchain/syntax/tokens.js';
import { bytesOf, errorsOf } from './support.js';

const ATT = '.att_syntax\n';

describe('a change of meaning', () => {
  it.each<[Arch, string, RegExp]>([
    [
      'x86-64',
      'add eax, [0x123456789]',
      /0x123456789 does not fit in the 32 bits of a displacement/,
    ],
    ['x86-64', `${ATT}add 0x123456789, %eax`, /0x123456789 does not fit/],
    ['x86-64', 'mov ebx, [0xffffffff]', /0xffffffff does not fit/],
    ['x86-64', 'inc dword ptr [0x2456b0000]', /does not fit/],
    ['x86-64', 'mov rax, rip', /rip cannot be an operand by itself/],
    ['x86-64', 'pop rip', /rip cannot be an operand/],
    ['x86-64', 'jmp rip', /rip cannot be an operand/],
    ['x86-64', `${ATT}push %rip`, /rip cannot be an operand/],
    ['x86-64', 'add eax, eip', /eip cannot be an operand/],
    ['x86-64', 'mov rax, riz', /riz cannot be an operand/],
    ['i386', 'mov eax, [eip + 4]', /eip addresses memory in 64-bit code only/],
    ['i386', 'jmp 0x123456789', /0x123456789 is no address of 32-bit code/],
    ['i386', `${ATT}call 0x123456789`, /0x123456789 is no address/],
    ['x86-64', 'lock mov [rax], ecx', /'mov' cannot be locked/],
    ['x86-64', 'lock add eax, ecx', /'lock add' needs memory that it changes/],
    ['x86-64', `${ATT}lock cmpl $1, (%rax)`, /'cmpl' cannot be locked/],
    ['x86-64', 'vmovups zmm1, [rax + 0x40]', /displacement multiplied/],
    ['x86-64', 'vmovups zmm1, [rax + 0x1000]', /another address/],
    ['x86-64', 'vaddps zmm1{k1}, zmm2, [rax + rcx*4 - 0x40]', /displacement multiplied/],
    ['x86-64', 'movsb [rdi], gs:[rsi + 8]', /another address|does not take/],
    ['x86-64', 'stosb fs:[rdi], al', /does not take these operands/],
  ])('%s: %s is refused', async (arch, source, message) => {
    expect((await errorsOf(source, { arch }))[0]).toMatch(message);
  });

  it.each<[Arch, string, string]>([
    ['x86-64', 'lea eax, [eip + 4]', '678d0504000000'],
    ['x86-64', `${ATT}lea 4(%eip), %eax`, '678d0504000000'],
    ['x86-64', 'x: mov rax, [eip + x]', '67488b05f8ffffff'],
    [
      'x86-64',
      'nop word ptr [rax]; nop dword ptr [rax + rax]; nop eax',
      '660f1f00' + '0f1f0400' + '0f1fc0',
    ],
    ['x86-64', `${ATT}nopw 0(%rax,%rax,1)`, '660f1f0400'],
    ['i386', 'nop dword ptr [eax + 8]', '0f1f4008'],
    ['x86-64', 'data16 push 5; data16 push 0x1234; fs push 5', '666a05' + '66683412' + '646a05'],
    ['x86-64', 'xlat byte ptr fs:[rbx]; xlatb; xlat [ebx]', '64d7' + 'd7' + '67d7'],
    ['i386', `${ATT}xlat %es:(%ebx)`, '26d7'],
    ['x86-64', 'prefetchnta [rax]; prefetcht0 [rcx]', '0f18000f1809'],
    ['x86-64', 'lock xadd [rax], ecx; lock inc byte ptr [rbx]', 'f00fc108' + 'f0fe03'],
    ['x86-64', `${ATT}lock cmpxchgl %ecx, (%rdx)`, 'f00fb10a'],
    ['x86-64', 'mov eax, [0xffffffff80000000]', '8b042500000080'],
    ['x86-64', 'vmovups zmm1, [rax + 0x10]', '62f17c48108810000000'],
    ['i386', 'jmp 0xfffffff0', 'e9eb7ffbf7'],
    ['i386', 'mov eax, [0xffffffff]', 'a1ffffffff'],
    ['x86-64', 'fstcw [rax + 8]; fwait; fsave [rcx]', '9bd97808' + '9b' + '9bdd31'],
    ['x86-64', 'shl eax, 1; ror qword ptr [rax], 1; sar cl, 7', 'd1e0' + '48d108' + 'c0f907'],
    ['x86-64', 'enter 16, 1; ret 8; int 3; int 0x80', 'c8100001' + 'c20800' + 'cd03' + 'cd80'],
    ['x86-64', 'vpgatherdd ymm0, [rax + ymm2*4 + 8], ymm1', 'c4e27590449008'],
    ['x86-64', 'movsb [rdi], fs:[rsi]', '64a4'],
    ['x86-64', 'bswap rbx; bswap r12', '480fcb' + '490fcc'],
    ['x86-64', 'xchg rax, rsi; mov bl, 5; push r13', '4896' + 'b305' + '4155'],
    ['x86-64', 'vaddps zmm1, zmm18, zmm3', '62f16c4058cb'],
    ['i386', 'es mov eax, [ebx]; mov eax, es:[ebx]', '268b03' + '268b03'],
    ['x86-64', 'mov eax, es:[rbx]', '268b03'],
  ])('%s: %s is as GNU as encodes it', async (arch, source, wanted) => {
    expect(await bytesOf(source, arch)).toBe(wanted);
  });
});

/** Statements as Capstone writes them. */
const GENERAL: Readonly<Record<number, readonly string[]>> = {
  8: ['al', 'cl', 'bh', 'dl', 'sil', 'r9b'],
  16: ['ax', 'cx', 'bp', 'r8w', 'r15w'],
  32: ['eax', 'ecx', 'esp', 'ebp', 'r10d', 'r13d'],
  64: ['rax', 'rdx', 'rsp', 'rbp', 'r12', 'r13'],
};
const SIZE: Readonly<Record<number, string>> = { 8: 'byte', 16: 'word', 32: 'dword', 64: 'qword' };
const ADDRESSES = [
  ...['rax', 'rsp', 'rbp + 8', 'r12 - 0x80', 'r13', 'rip + 0x1234', 'rbx + 0x12345678', 'ecx'],
  ...['rax + rcx', 'rsp + rbp*8 + 0x7f', 'r13 + r12*4', 'rdx*2 - 0x1000', 'r8d + r9d*2 + 0x80'],
];

function memory(width: number, address: string, segment = ''): string {
  return `${SIZE[width]} ptr ${segment}[${address}]`;
}

function wholeCorpus(): string[] {
  const texts: string[] = [];
  const pick = <T>(list: readonly T[], n: number): T => list[n % list.length]!;
  let n = 0;
  for (const width of [8, 16, 32, 64]) {
    const registers = GENERAL[width]!.filter((name) => name !== 'bh');
    for (const address of ADDRESSES) {
      const at = memory(width, address, n % 7 === 3 ? 'fs:' : n % 7 === 5 ? 'gs:' : '');
      const register = pick(registers, ++n);
      const other = pick(registers, n + 3);
      for (const name of ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp', 'mov']) {
        texts.push(`${name} ${at}, ${register}`, `${name} ${register}, ${at}`);
        texts.push(`${name} ${other}, ${register}`, `${name} ${at}, 0x11`);
      }
      texts.push(`test ${at}, ${register}`, `test ${at}, 0x7f`, `xchg ${at}, ${register}`);
      for (const name of ['inc', 'dec', 'neg', 'not', 'mul', 'imul', 'div', 'idiv']) {
        texts.push(`${name} ${at}`, `${name} ${register}`);
      }
      for (const name of ['rol', 'ror', 'rcl', 'rcr', 'shl', 'shr', 'sar']) {
        texts.push(`${name} ${at}, 5`, `${name} ${register}, cl`, `${name} ${at}, 1`);
      }
      texts.push(`lock xadd ${at}, ${register}`, `lock cmpxchg ${at}, ${register}`);
      texts.push(`lock add ${at}, ${register}`, `xacquire lock sub ${at}, ${register}`);
      if (width === 8) {
        for (const code of ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'p', 'l', 'ge', 'g']) {
          texts.push(`set${code} ${at}`);
        }
        texts.push(`movzx eax, ${at}`, `movsx r9, ${at}`, `movzx cx, ${at}`);
        continue;
      }
      for (const code of ['o', 'ae', 'e', 'ne', 'be', 's', 'np', 'l', 'le', 'g']) {
        texts.push(`cmov${code} ${register}, ${at}`);
      }
      texts.push(`imul ${register}, ${at}`, `imul ${other}, ${at}, 0x12`, `bsf ${register}, ${at}`);
      texts.push(`bsr ${register}, ${at}`, `bt ${at}, ${register}`, `bts ${at}, 7`);
      texts.push(`shld ${at}, ${register}, 3`, `shrd ${at}, ${register}, cl`);
      if (width < 64) texts.push(`nop ${at}`);
      texts.push(
        `popcnt ${register}, ${at}`,
        `lzcnt ${register}, ${at}`,
        `tzcnt ${register}, ${at}`,
      );
      texts.push(`movbe ${register}, ${at}`, `movbe ${at}, ${register}`);
      if (!/^(gs|fs)/.test(at)) texts.push(`lea ${register}, [${address}]`);
      if (width === 16) texts.push(`movzx ebx, ${at}`, `movsx r10, ${at}`);
      if (width === 32) texts.push(`movsxd r10, ${at}`, `cvtsi2sd xmm3, ${at}`);
      if (width === 64) texts.push(`jmp ${at}`, `call ${at}`, `push ${at}`, `pop ${at}`);
    }
  }
  for (const [index, address] of ADDRESSES.entries()) {
    const at = `xmmword ptr [${address}]`;
    const [one, two] = [`xmm${index}`, `xmm${(index + 5) % 16}`];
    for (const name of (
      'movaps movups movdqa movdqu addps mulpd xorps andnps unpcklps paddb psubq pmaddwd pcmpeqb pshufb ' +
      'pmulld pminud aesenc sqrtpd minps cvtdq2ps haddps pmovmskb'
    ).split(' ')) {
      if (name === 'pmovmskb') texts.push(`pmovmskb eax, ${one}`);
      else texts.push(`${name} ${one}, ${at}`, `${name} ${two}, ${one}`);
    }
    texts.push(`pshufd ${one}, ${at}, 0x1b`, `movntps ${at}, ${two}`, `pinsrw ${one}, ecx, 5`);
    texts.push(`vpxor ${one}, ${two}, ${at}`, `vaddpd ymm${index}, ymm3, ymmword ptr [${address}]`);
    texts.push(`vfmadd213ps ${one}, ${two}, ${at}`, `vblendvps ${one}, ${two}, ${at}, xmm12`);
    texts.push(
      `vpermq ymm1, ymmword ptr [${address}], 0x4e`,
      `andn rax, rbx, qword ptr [${address}]`,
    );
    texts.push(`addss ${one}, dword ptr [${address}]`, `movsd ${two}, qword ptr [${address}]`);
    for (const name of ['fadd', 'fsubr', 'fdiv', 'fild', 'fist', 'fisttp', 'fld', 'fstp']) {
      texts.push(`${name} dword ptr [${address}]`);
    }
    texts.push(`fld xword ptr [${address}]`, `fstp xword ptr [${address}]`);
  }
  return texts;
}

/** Numbers in one way, and what Capstone says otherwise. */
function normal(text: string): string {
  return (
    text
      .replace(/\bxword\b/, 'tbyte')
      .replace(/0x([0-9a-f]+)/g, (_, digits: string) => String(Number.parseInt(digits, 16)))
      // Capstone leaves the 1 of `rcl` out.
      .replace(/^(rcl .*), 1$/, '$1')
  );
}

describe('statements of all kinds', () => {
  it('are read back by Capstone as they were written', async () => {
    const texts = wholeCorpus();
    expect(texts.length).toBeGreaterThan(3000);
    const source = texts.map((text) => text.replace('xword', 'tbyte')).join('\n');
    const { bytes, address, lines } = await assemble(source, { arch: 'x86-64' });
    const wrong: string[] = [];
    for (const { address: start, length, line } of lines) {
      const code = bytes.subarray(Number(start - address), Number(start - address) + length);
      const [first, more] = await disassemble(code, { arch: 'x86-64', address: start });
      const written = texts[line - 1]!;
      if (more !== undefined || normal(first?.text ?? '') !== normal(written)) {
        wrong.push(`${written} -> ${first?.text}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

/** Values where there are no labels. */
const VALUES: Values = (() => {
  const symbols = new AssemblySymbols(new Map(), new AssemblyBudget());
  const site = { sequence: 0, here: { constant: 0n, anchors: new Map() } };
  const names = symbols.names(site, () => 0n);
  return {
    linear: (expression) => evaluateLinear(expression, names),
    number: (expression) => evaluateNumber(expression, names),
    settled: () => true,
  };
})();

describe('the bytes of another statement', () => {
  const mode: Mode = { bits: 64, syntax: 'intel' };
  const register = fc.constantFrom('rbx', 'rsp', 'rbp', 'rsi', 'r8', 'r12', 'r13');
  const index = fc.constantFrom('', ' + rbx*2', ' + r12*4', ' + rbp*1');
  const offset = fc.constantFrom('', ' + 1', ' - 1', ' + 0x80', ' + 0x1234', ' - 0x80000000');
  const segment = fc.constantFrom('', 'fs:', 'gs:');
  const address = fc
    .tuple(segment, fc.oneof(register, fc.constantFrom('ebx', 'r9d')), index, offset)
    .map(
      ([before, base, scaled, more]) =>
        `${before}[${base}${/\d?[er]?\dd|^e/.test(base) ? '' : scaled}${more}]`,
    );
  const statement = fc.oneof(
    fc.tuple(register, address).map(([name, at]) => `mov ${name}, ${at}`),
    fc.tuple(register, register).map(([one, other]) => `add ${one}, ${other}`),
    fc
      .tuple(register, fc.integer({ min: -0x80000000, max: 0x7fffffff }))
      .map(([name, n]) => `cmp ${name}, ${n}`),
  );

  it('are refused where an address, a constant or a register differs', async () => {
    await fc.assert(
      fc.asyncProperty(statement, statement, async (written, other) => {
        const parsed = parseInstruction(new TokenReader(tokenize(written), written.length), mode);
        const [right, wrong] = await Promise.all(
          [written, other].map(async (text) => (await assemble(text, { arch: 'x86-64' })).bytes),
        );
        const check = (code: Uint8Array): void =>
          recheck(parsed, VALUES, { code, end: 0x40_0000n });
        expect(() => check(right!)).not.toThrow();
        const [one, two] = await Promise.all(
          [right!, wrong!].map(
            async (code) => (await disassemble(code, { arch: 'x86-64' }))[0]!.text,
          ),
        );
        // What is done with the operands Capstone reads, above.
        if (written.slice(0, 3) !== other.slice(0, 3)) return;
        const operands = (text: string): string[] => text.replace(/^\w+ /, '').split(', ');
        if (operands(one!).join() === operands(two!).join()) return;
        // Which of two registers is which the fields do not say.
        const registersOnly = /^\w+ [a-z]\w+, [a-z]\w+$/;
        const isHeld = operands(one!).every((name) => operands(two!).includes(name));
        if (registersOnly.test(one!) && registersOnly.test(two!) && isHeld) return;
        expect(() => check(wrong!), `${written} as ${two}`).toThrow(StatementError);
      }),
      { numRuns: 250 },
    );
  });
});

describe('bytes that an encoder may take for a statement', () => {
  const judge = (bits: 32 | 64, text: string, hex: string): void => {
    const parsed = parseInstruction(new TokenReader(tokenize(text), text.length), {
      bits,
      syntax: 'intel',
    });
    const code = Uint8Array.from(hex.match(/../g)!, (byte) => Number.parseInt(byte, 16));
    recheck(parsed, VALUES, { code, end: 0x40_0000n });
  };

  it.each<[32 | 64, string, string, string]>([
    [64, 'lock add [rax], ecx', '0108', 'without its prefix'],
    [64, 'mov ebx, esi', '8b1e', 'with memory'],
    [64, 'mov rsi, [rsi]', '488b1e', 'with another register'],
    [64, 'mov rbx, [rsi]', '488bde', 'without its memory operand'],
    [64, 'add rbx, rsi', '4803fe', 'with another register'],
    [64, 'movsb [rdi], [rsi]', '67a4', 'with another address'],
    [64, 'cmp rsi, 5', '4883fe06', 'with another constant'],
    [32, 'mov eax, es:[ebx]', '8b03', 'with another segment'],
    [32, 'mov eax, [ebx]', '268b03', 'with another segment'],
    [32, 'mov eax, [ebp]', '3e8b4500', 'with another segment'],
  ])('%i bits: %s is not %s', (bits, text, hex, message) => {
    expect(() => judge(bits, text, hex)).toThrow(`this would be encoded ${message}`);
  });

  it.each<[32 | 64, string, string]>([
    [32, 'mov eax, [ebx]', '3e8b03'],
    [32, 'mov eax, [ebp]', '368b4500'],
    [64, 'mov eax, [rbx]', '2e8b03'],
    [64, 'int 3', 'cc'],
    [64, 'shl eax, 1', 'd1e0'],
  ])('%i bits: %s may be %s', (bits, text, hex) => {
    expect(() => judge(bits, text, hex)).not.toThrow();
  });
});

describe('a refusal', () => {
  it('is an AssemblyError with its place', async () => {
    const failed = assemble('nop\nmov rax, rip', { arch: 'x86-64', file: 'a.s' });
    await expect(failed).rejects.toBeInstanceOf(AssemblyError);
    await expect(failed).rejects.toThrow('a.s:2:10: rip cannot be an operand by itself');
  });
});

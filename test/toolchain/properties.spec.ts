/** Whatever the source: bytes, or an AssemblyError. And what is assembled is what was written. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/toolchain/assemble.js';
import { AssemblyError } from '../../src/toolchain/assembly-error.js';
import { disassemble } from '../../src/toolchain/disassembly/disassembler.js';
import { MNEMONICS } from '../../src/x86/mnemonics.js';

const arch = fc.constantFrom('x86-64' as const, 'i386' as const);
const syntax = fc.constantFrom('intel' as const, 'att' as const);

const word = fc.oneof(
  fc.constantFrom(...MNEMONICS),
  fc.constantFrom(
    'rax',
    'eax',
    'al',
    'ah',
    'r9d',
    'rsp',
    'rip',
    'xmm1',
    'st(1)',
    'fs',
    'k1',
    '%rax',
  ),
  fc.constantFrom('dword ptr', 'byte', 'offset', '[', ']', '(', ')', '{', '}', ',', '+', '-', '*'),
  fc.constantFrom('.byte', '.data', '.bss', '.text', '.rept', '.endr', '.macro', '.endm', '.if'),
  fc.constantFrom('.section', '.equ', '.zero', '.ascii', '.p2align', '.att_syntax', '.float', '='),
  fc.constantFrom(
    'x:',
    'x',
    '1:',
    '1b',
    '1f',
    '\n',
    ';',
    '"a',
    '"b"',
    '#',
    '/*',
    '*/',
    ':',
    '.',
    '$',
  ),
  fc.constantFrom('0', '-1', '255', '0x80000000', '0xffffffffffffffff', 'PROT_EXEC', '\\a', '\\@'),
);

async function outcome(source: string, options: Parameters<typeof assemble>[1]): Promise<unknown> {
  try {
    return (await assemble(source, options)).bytes;
  } catch (error) {
    return error;
  }
}

describe('any source', () => {
  it('of words in any order is assembled or refused with a place', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 12 }), arch, syntax, async (words, a, s) => {
        const result = await outcome(words.join(' '), { arch: a, syntax: s });
        if (result instanceof Uint8Array) return;
        expect(result).toBeInstanceOf(AssemblyError);
        for (const { line, column } of (result as AssemblyError).problems) {
          expect(line).toBeGreaterThan(0);
          expect(column).toBeGreaterThan(0);
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('of any characters likewise', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 40 }), arch, async (source, a) => {
        const result = await outcome(source, { arch: a });
        if (!(result instanceof Uint8Array)) expect(result).toBeInstanceOf(AssemblyError);
      }),
      { numRuns: 500 },
    );
  });
});

const registers = ['rax', 'rcx', 'rbx', 'rsp', 'rbp', 'rsi', 'r8', 'r12', 'r13', 'r15'] as const;
const index = registers.filter((name) => name !== 'rsp');
const displacement = fc.integer({ min: -0x80000000, max: 0x7fffffff });

describe('an address', () => {
  it('comes back from the disassembler as it was written', async () => {
    const memory = fc.record({
      base: fc.constantFrom(...registers),
      index: fc.constantFrom(...index),
      scale: fc.constantFrom(2, 4, 8),
      displacement,
    });
    await fc.assert(
      fc.asyncProperty(memory, fc.constantFrom(...registers), async (at, register) => {
        const source = `mov ${register}, [${at.base} + ${at.index}*${at.scale} + ${at.displacement}]`;
        const { bytes } = await assemble(source, { arch: 'x86-64' });
        const [first, ...rest] = await disassemble(bytes, { arch: 'x86-64' });
        const sign = at.displacement < 0 ? '-' : '+';
        const size = Math.abs(at.displacement);
        const digits = size > 9 ? `0x${size.toString(16)}` : String(size);
        const shown = size === 0 ? '' : ` ${sign} ${digits}`;
        expect(rest).toEqual([]);
        expect(first?.text).toBe(
          `mov ${register}, qword ptr [${at.base} + ${at.index}*${at.scale}${shown}]`,
        );
      }),
      { numRuns: 200 },
    );
  });
});

describe('a jump', () => {
  it('goes where its label is, at any distance', async () => {
    const distance = fc.integer({ min: 0, max: 300 });
    await fc.assert(
      fc.asyncProperty(distance, fc.boolean(), arch, async (length, back, a) => {
        const room = `.zero ${length}, 0x90`;
        const source = back ? `x: ${room}\njmp x` : `jmp x\n${room}\nx: ret`;
        const { bytes, symbols, lines, address } = await assemble(source, { arch: a });
        const jump = lines.find(({ line }) => line === (back ? 2 : 1))!;
        const from = Number(jump.address - address);
        const code = bytes.subarray(from, from + jump.length);
        const [first] = await disassemble(code, { arch: a, address: jump.address });
        expect(first?.operands).toBe(`0x${symbols.get('x')!.toString(16)}`);
      }),
      { numRuns: 150 },
    );
  });
});

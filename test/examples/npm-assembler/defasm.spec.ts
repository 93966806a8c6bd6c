/** The npm package @defasm/core held to what the same text means elsewhere: how it reads back, and what it does. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { call, callback, pointerTo } from '../../../src/vitest/index.js'; // for you: 'mayexec/vitest'
import { bytesOf, defasm, stateOf } from './assemble.js';

/** Lines of text, as both assemblers take them. */
const text = (source: string): string => source.replaceAll('; ', '\n');

describe('single instructions read back as what was written', () => {
  it.each([
    'add rax, rcx',
    'adc r8d, 0x7f',
    'and rax, -0x80',
    'or dword ptr [rdi], -1',
    'push -2',
    'sub byte ptr [rsp + 8], sil',
    'imul r12, qword ptr [rbp], 0x3e8',
    'mov rax, qword ptr [rip + 0x10]',
    'movzx eax, byte ptr [r13]',
    'movsxd r9, dword ptr [rdi]',
    'lea rax, [rbp + r12*8 - 0x80]',
    'cmovl r10, qword ptr [rax*8 + 0x10]',
    'shld dword ptr [rdi], ecx, 3',
    'bts qword ptr [rdi], 7',
    'cmpxchg16b xmmword ptr [rdi]',
    'lock add dword ptr [rdi], 1',
    'cvttsd2si r9, xmm9',
    'pshufd xmm1, xmm9, 0x4e',
    'vaddps ymm1, ymm9, ymm2',
    'vpxor xmm1, xmm2, xmm12',
    'mulx rax, rcx, rdx',
    'fisttp word ptr [rdi]',
    'enter 0x10, 1',
    'jmp qword ptr [rax]',
    'endbr64',
  ])('%s', (instruction) => {
    expect(defasm(instruction)).toDisassembleTo(instruction);
  });

  const wide = fc.constantFrom('rax', 'rcx', 'rbx', 'rsp', 'rbp', 'rsi', 'r8', 'r12', 'r13', 'r15');
  // The stack pointer is no index, and 'base + index' without a scale may be read back either way.
  const index = wide.filter((name) => name !== 'rsp');
  const scale = fc.constantFrom(2, 4, 8);
  const displacement = fc.constantFrom(0, 1, 0x7f, 0x80, 0x7fff_ffff, -1, -0x80, -0x81);
  const signed = (value: number): string =>
    value === 0 ? '' : ` ${value < 0 ? '-' : '+'} ${Math.abs(value)}`;
  const memory = fc
    .tuple(wide, fc.option(fc.tuple(index, scale)), displacement)
    .map(([base, by, off]) => `[${base}${by ? ` + ${by[0]}*${by[1]}` : ''}${signed(off)}]`);
  const operator = fc.constantFrom('add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp', 'mov');
  const instruction = fc.oneof(
    fc.tuple(operator, wide, wide).map(([op, to, from]) => `${op} ${to}, ${from}`),
    fc.tuple(operator, memory, wide).map(([op, to, from]) => `${op} qword ptr ${to}, ${from}`),
    fc.tuple(operator, wide, memory).map(([op, to, from]) => `${op} ${to}, qword ptr ${from}`),
  );

  it('whatever registers and addresses they have', () => {
    const property = fc.property(instruction, (line) => {
      expect(defasm(line)).toDisassembleTo(line);
    });
    fc.assert(property, { numRuns: 500, seed: 1 });
  });
});

describe('functions do what the same text of another assembler does', () => {
  it.each([
    ['i64(i64, i64)', 'lea rax, [rdi + rsi*4 - 3]; ret'],
    ['i32(i32)', 'mov eax, edi; cdq; xor eax, edx; sub eax, edx; ret'],
    ['i64(i64, i64)', 'cmp rdi, rsi; mov rax, rdi; cmovl rax, rsi; ret'],
    ['u64(u64)', 'popcnt rax, rdi; bswap rdi; rol rdi, 5; add rax, rdi; ret'],
    [
      'u32(u32, u32)',
      'mov eax, edi; again: test esi, esi; jz done; xor edx, edx; div esi; mov eax, esi; mov esi, edx; jmp again; done: ret',
    ],
    [
      'i64(ptr)',
      'xor eax, eax; mov ecx, 8; next: movsx rdx, byte ptr [rdi + rcx - 1]; add rax, rdx; loop next; ret',
    ],
    [
      'void(ptr)',
      'movups xmm0, [rdi]; paddb xmm0, xmm0; pshufd xmm0, xmm0, 0x1b; movups [rdi], xmm0; ret',
    ],
    ['f64(f64, f64)', 'addsd xmm0, xmm1; mulsd xmm0, xmm0; sqrtsd xmm0, xmm0; ret'],
    ['i32(f64)', 'cvttsd2si eax, xmm0; ret'],
    [
      'i64(i64)',
      'push rbx; mov rbx, rdi; call inner; pop rbx; ret; inner: lea rax, [rbx + rbx*2]; ret',
    ],
  ] as const)('%s: %s', (signature, source) => {
    const values = signature.includes('ptr') ? [new Uint8Array(64)] : [7, 21];
    const args = values.slice(0, signature.split(',').length);
    expect(call(defasm(text(source)), args, { signature })).toBehaveLike(source, {
      runs: 200,
    });
  });

  it('in 32-bit mode', () => {
    const source =
      'mov eax, [esp + 4]; push ebx; imul ebx, eax, 1000; lea eax, [ebx + eax*2]; pop ebx; ret';
    const result = call(defasm(text(source), { bits: 32 }), [7], {
      abi: 'cdecl',
      signature: 'i32(i32)',
    });
    expect(result).toBehaveLike(source);
    expect(result).toFollow('cdecl');
  });

  it('in the syntax of AT&T', () => {
    const att = defasm('leaq -3(%rdi,%rsi,4), %rax\nsubq $5, %rax\nret', { syntax: 'att' });
    expect(att).toDisassembleTo('lea rax, [rdi + rsi*4 - 3]; sub rax, 5; ret');
  });
});

describe('a function for others to call', () => {
  const source = text(
    'push rbp; mov rbp, rsp; push rbx; sub rsp, 24; mov rbx, rdi; mov edi, 20; call rbx; mov [rbp - 32], rax; mov edi, 22; call rbx; add rax, [rbp - 32]; add rsp, 24; pop rbx; pop rbp; ret',
  );

  it('keeps to the convention', () => {
    const twice = callback('i64(i64)', (value: bigint) => value * 2n);
    const result = call(defasm(source), [twice]);
    expect(result).toReturn(84);
    expect(result).toFollow('sysv');
  });

  it('runs under any policy, and never from a writable page', () => {
    const result = call(defasm('lea rax, [rdi + 1]\nret'), [41], { placement: 'dual' });
    expect(result).toBeAllowedUnder(['wx', 'mdwe', 'pax']);
    expect(result).toNeverBeWritableAndExecutable();
  });

  it('stays in its buffer', () => {
    const fill = defasm(text('mov rcx, rsi; mov al, 0x5a; rep stosb; ret'));
    const filled = (count: number) => call(fill, [pointerTo('b'), count], { buffers: { b: 16 } });
    expect(filled(16)).toTouchOnly({ write: ['b'] });
    expect(filled(17)).toFault({ access: 'write', code: 'SEGV_MAPERR' });
  });
});

describe('jumps', () => {
  it.each([0, 1, 125, 126, 127, 128, 129, 130, 1000])('reach over %i bytes', (gap) => {
    const nops = 'nop\n'.repeat(gap);
    const forward = defasm(`mov eax, 1\njmp there\n${nops}there: ret`);
    expect(forward).toReturn(1);
    expect(forward).toRunWithin({ instructions: 3 });
    const back = defasm(`jmp start\nend: ret\n${nops}start: mov eax, 2\njmp end`);
    expect(back).toReturn(2);
    expect(back).toRunWithin({ instructions: 4 });
  });
});

describe('edits', () => {
  it('give the same bytes as assembling anew', () => {
    const lines = ['jmp a', 'jnz b', 'call b', 'xor eax, eax', 'mov rax, [rdi + 4]', ''];
    const edit = fc.tuple(fc.integer({ min: 2, max: 5 }), fc.constantFrom(...lines));
    const property = fc.property(fc.array(edit, { maxLength: 8 }), (edits) => {
      const program = ['a: inc eax', 'nop', 'nop', 'nop', 'nop', 'b: ret'];
      const state = stateOf();
      state.compile(program.join('\n'));
      for (const [line, instruction] of edits) {
        state.compile(instruction, { range: state.line(line) });
        program[line - 1] = instruction;
      }
      expect(bytesOf(state)).toEqual(defasm(program.join('\n')));
    });
    fc.assert(property, { numRuns: 200, seed: 4 });
  });
});

describe('wrong text', () => {
  it.each([
    ['foo eax', 'Unknown opcode'],
    ['mov al, r8', 'Wrong operand sizes'],
    ['mov [rdi], 5', 'Ambiguous memory size'],
    ['mov byte ptr [r12], ah', "Can't encode high 8-bit register"],
  ])('%s: %s', (source, message) => {
    expect(() => defasm(source)).toThrow(message);
  });
});

/**
 * What this suite found in 2.4.5. Intel's manual has DC E8+i and DE E8+i for FSUB and FSUBP with the destination
 * st(i); AT&T syntax has the mnemonics exchanged, for historical reasons, and the package exchanges them in Intel
 * syntax too. When a release mends it, these tests fail: then they go.
 */
describe('known defect: x87 subtraction and division into st(i), in Intel syntax', () => {
  const rest = 'fstp qword ptr [rsp - 8]; movsd xmm0, [rsp - 8]; ret';
  const start =
    'movsd [rsp - 8], xmm0; fld qword ptr [rsp - 8]; movsd [rsp - 8], xmm1; fld qword ptr [rsp - 8]';

  it.each([
    ['fsubp', 0xe9, -3, 3],
    ['fsubrp', 0xe1, 3, -3],
    ['fdivp', 0xf9, 0.25, 4],
    ['fdivrp', 0xf1, 4, 0.25],
  ] as const)('%s is assembled as its opposite', (mnemonic, opcode, wrong, right) => {
    const signature = 'f64(f64, f64)';
    const source = text(`${start}; ${mnemonic} st(1), st(0); ${rest}`);
    const manual = `${start}; .byte 0xde, ${opcode}; ${rest}`;
    const result = call(defasm(source), [4, 1], { signature });
    expect(result).not.toBehaveLike(manual);
    expect(result).toReturn(wrong);
    expect(call(manual, [4, 1], { signature })).toReturn(right);
  });

  it('and a size is refused that may be left out', () => {
    expect(() => defasm('movsd xmm1, qword ptr [rdi]')).toThrow('Wrong operand sizes');
    expect(defasm('movsd xmm1, [rdi]')).toDisassembleTo('movsd xmm1, qword ptr [rdi]');
  });
});

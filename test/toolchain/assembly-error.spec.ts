import { describe, expect, it } from 'vitest';
import { MayexecError } from '../../src/base/errors.js';
import { assemble } from '../../src/toolchain/assemble.js';
import { bytesOf, errorsOf } from './support.js';

describe('where it is wrong', () => {
  it('names file, line, column and text of each error, all at once', async () => {
    const source = [
      '  mov eax, 1; mvo ebx, 2',
      'x: .byt 3',
      'jmp nowhere',
      'inc [rax]',
      'nop',
      'push rax, rbx',
    ].join('\n');
    const failed = assemble(source, { arch: 'x86-64', file: 'a.s' });
    await expect(failed).rejects.toBeInstanceOf(MayexecError);
    await expect(failed).rejects.toThrow(
      "a.s:1:15: unknown mnemonic 'mvo'; did you mean 'mov'?: mvo ebx, 2\n" +
        "a.s:2:4: unknown directive '.byt'; did you mean '.byte'?\n",
    );
    expect(await errorsOf(source)).toEqual([
      "1:15 unknown mnemonic 'mvo'; did you mean 'mov'?: mvo ebx, 2",
      "2:4 unknown directive '.byt'; did you mean '.byte'?: .byt",
      "3:5 unknown label or constant 'nowhere': nowhere",
      "4:1 'inc' does not take these operands: say how wide the memory is, for instance dword ptr: inc [rax]",
      "6:1 'push' does not take these operands: push rax, rbx",
    ]);
  });

  it('guesses the constant or label that was meant', async () => {
    expect(await errorsOf('mov edx, PROT_RAED')).toEqual([
      "1:10 unknown label or constant 'PROT_RAED'; did you mean 'PROT_READ'?: PROT_RAED",
    ]);
    expect(await errorsOf('buffer: lea rdi, [rip + bufer]')).toEqual([
      "1:25 unknown label or constant 'bufer'; did you mean 'buffer'?: bufer",
    ]);
  });

  it('says how functions of the C library come to a program', async () => {
    expect(await errorsOf('call puts')).toEqual([
      "1:6 unknown label or constant 'puts': for C with a library, link it and run the ELF file: puts",
    ]);
    // A constant (EINTR) is less like it than the function itself.
    expect(await errorsOf('call printf')).toEqual([
      "1:6 unknown label or constant 'printf': for C with a library, link it and run the ELF file: printf",
    ]);
  });

  it('points into the macro and tells who used it', async () => {
    const source = '.macro m r\n nop\n mov \\r, [rbx\n.endm\nnop\nm rax';
    expect(await errorsOf(source, { file: 'm.s' })).toEqual([
      "3:15 expected ']' at the end of the statement (in macro m used at m.s:6): mov rax, [rbx",
    ]);
  });

  it('points into the included file', async () => {
    const failed = assemble('nop\n.include "x.inc"', {
      arch: 'i386',
      file: 'dir/main.s',
      include: (path) => (path === 'dir/x.inc' ? 'ret\nmov rax, 1' : undefined),
    });
    await expect(failed).rejects.toThrow(/^dir\/x\.inc:2:1: 'mov' /);
    expect(await errorsOf('.include "none.inc"')).toEqual([
      "1:1 'none.inc' cannot be found: none.inc",
    ]);
  });
});

describe('what is wrong', () => {
  it.each([
    ['mov al, 256', '1:9 0x100 does not fit in 8 bits: 0x100'],
    ['mov eax, 0x100000000', '1:10 0x100000000 does not fit in 32 bits: 0x100000000'],
    ['push 0x80000000', /sign-extended/],
    ['add rax, 0x80000000', /sign-extended/],
    ['shl eax, 256', /8 bits of a count/],
    ['ret 65536', /16 bits without sign/],
    ['mov rax, [rax + 0x100000000]', /32 bits of a displacement/],
    ['mov rax, [rip + rax]', /rip takes no index register/],
    ['mov rax, [rax + rcx*3]', /a scale of 3/],
    ['mov rax, [rax + ecx]', /differ in width/],
    ['mov rax, [rsp*2]', /rsp cannot be an index/],
    ['mov rax, [rax - rcx]', /cannot be subtracted/],
    ['mov rax, [rax + rcx + rdx]', /at most two registers/],
    ['mov rax, [xmm0]', /xmm0 cannot address memory/],
    ['mov ah, sil', /ah cannot be used together with sil/],
    ['into', /does not exist in 64-bit code/],
    ['jmp far ptr [rax]', /not supported/],
    ['x: nop; x: nop', "1:9 'x' is defined twice: x"],
    ['A = A + 1; mov eax, A', /is defined by itself/],
    ['jmp 1f', "1:5 no label '1:' after this: 1f"],
    ['mov eax, 1 / 0', /division by zero/],
    ['mov eax, 12ab', /not a number/],
    ['.ascii "open', /this string has no end/],
    ['.byte 300', /300 does not fit in a byte/],
    ['.balign 3', /power of 2/],
    ['.zero -1', /-1 is no number of bytes/],
    ['.zero 1 << 40', /more than/],
    ['.bss; nop', /has no bits in the file/],
    ['.if 1; nop', '1:1 .if without .endif: .if 1'],
    ['.endif', /without .if/],
    ['.macro m; nop', /without .endm/],
    ['.rept 1 << 40; nop; .endr', /too many/],
    ['.macro m; m; .endm; m', /nest too deeply/],
    ['.macro m a; .endm; m 1, 2', /takes 1 arguments, not 2/],
    ['.error "not on this machine"', /not on this machine/],
    ['mov eax, `', /unexpected character/],
    ['=', /./],
  ])('%s', async (source, wanted) => {
    const [first = ''] = await errorsOf(source);
    if (typeof wanted === 'string') expect(first).toBe(wanted);
    else expect(first).toMatch(wanted);
  });

  it('finds the one statement that is wrong only where it stands', async () => {
    const near = Array.from({ length: 50 }, (_, i) => `l${i}: nop; jmp l${i}`).join('\n');
    expect(await errorsOf(`${near}\njrcxz far\n.zero 200\nfar: ret`)).toEqual([
      '51:1 the target is too far away for this instruction: jrcxz far',
    ]);
    expect(
      await errorsOf('jrcxz x; .zero 127; x:  nop; nop; loop far; .zero 128; far: ret'),
    ).toEqual(['1:35 the target is too far away for this instruction: loop far']);
    const high = { address: 0x7fff00000000n };
    expect(await errorsOf('nop\nx: mov ebx, x', high)).toEqual([
      '2:4 an address does not fit in 32 bits here: use lea with [rip + label], or movabs: mov ebx, x',
    ]);
  });

  it('does not cut addresses above 2 GiB where they are sign-extended', async () => {
    const middle = { address: 0x90000000n };
    expect(await bytesOf('mov rax, x; x:', 'x86-64', middle)).toBe('48b80a00009000000000');
    expect(await bytesOf('mov eax, x; x: .long x', 'x86-64', middle)).toBe('b80500009005000090');
    for (const source of ['push x', 'mov qword ptr [rax], x', 'mov rbx, [x]', 'cmp rax, x']) {
      expect(await errorsOf(`${source}; x: nop`, middle)).toEqual([
        expect.stringMatching(/does not fit in the 32 bits/),
      ]);
    }
    expect(await errorsOf('call 0x10', middle)).toEqual([
      '1:1 the target is too far away for this instruction: call 0x10',
    ]);
  });

  it('refuses options that do not exist, naming the right ones', async () => {
    // @ts-expect-error: what JavaScript callers can do
    await expect(assemble('nop', { arch: 'x64' })).rejects.toThrow(/x86-64/);
    // @ts-expect-error: likewise
    await expect(assemble('nop', { arch: 'i386', syntax: 'nasm' })).rejects.toThrow(/intel, att/);
  });
});

describe('afterwards', () => {
  it('assembles as if nothing had been', async () => {
    await errorsOf('mvo eax, 1');
    await errorsOf('jrcxz x; .zero 300; x:');
    expect(await bytesOf('mov eax, 1')).toBe('b801000000');
  });
});

describe('AT&T syntax without its directive', () => {
  it('is one mistake, with what to do', async () => {
    const source =
      'pushq %rbp\nmovq %rsp, %rbp\nmovl $5, -4(%rbp)\naddl $-1, %eax\nnop\nmovl $x, 8(%rsp)';
    expect(await errorsOf(source)).toEqual([
      '1:7 this is AT&T syntax, and the source is read as Intel syntax: write .att_syntax above it, or have the compiler write -masm=intel: pushq %rbp',
    ]);
    expect(await bytesOf(`.att_syntax\n${source}\nx = 1`)).toMatch(/^554889e5/);
  });

  it("is not seen where a dollar sign is NASM's or a name's", async () => {
    expect(await bytesOf('jmp $')).toBe('ebfe');
    expect(await errorsOf('mov eax, no$where')).toEqual([
      "1:10 unknown label or constant 'no$where': no$where",
    ]);
    expect((await errorsOf('mov eax, 5 % rcx'))[0]).not.toContain('AT&T');
  });
});

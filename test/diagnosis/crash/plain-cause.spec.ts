/** Crashes that no rule stands behind are called what they are. */
import { describe, expect, it } from 'vitest';
import { plainCauses } from '../../../src/diagnosis/crash/plain-cause.js';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../../src/toolchain/assemble-program.js';

async function causesOf(code: string, policy = 'nx'): Promise<string[]> {
  const source = `.globl _start\n_start:\n${code}`;
  const { elf } = await assembleProgram(source, { arch: 'x86-64', file: 'crash.s' });
  using sandbox = await Sandbox.create({ policy, program: elf });
  return plainCauses(sandbox, sandbox.run());
}

const EXEC_STACK = 'sub rsp, 4096; mov rdi, rsp; and rdi, -4096; mov esi, 8192';
const RWX_PAGE =
  'mov eax, 9; xor edi, edi; mov esi, 4096; mov edx, 7; mov r10d, 0x22; mov r8, -1; xor r9d, r9d; syscall';
const NO_CALL = 'mov eax, 999; syscall';

describe('the plain cause of a crash', () => {
  it.each([
    ['a call to null', 'xor eax, eax; call rax', ['a jump or call through a null pointer']],
    [
      'a null pointer with an offset',
      'mov eax, 24; jmp rax',
      ['a jump or call through a null pointer'],
    ],
    [
      'a fetch of zeros',
      'sub rsp, 4096; mov rax, rsp; call rax',
      ['the bytes there are zeros: nobody wrote code to this memory'],
    ],
    [
      'a run into zeros',
      `${EXEC_STACK}; mov edx, 7; mov eax, SYS_mprotect; syscall; xor eax, eax; jmp rdi`,
      ['the instruction is made of zeros: the program ran into memory that holds no code'],
    ],
    [
      'a run over zeros, off the end of its page',
      `${RWX_PAGE}; mov rbx, rax; lea rax, [rsp - 64]; lea rcx, [rbx + 4064]; jmp rcx`,
      ['the bytes before it are zeros: the program ran over memory that holds no code to its end'],
    ],
    [
      'the vsyscall page',
      'mov rax, 0xffffffffff600000; call rax',
      [
        'this is the vsyscall page, which is not there, as with vsyscall=none: old programs ask it for the time',
      ],
    ],
    [
      'a call that there is not',
      `${NO_CALL}; ud2`,
      ['syscall_0x3e7 had answered ENOSYS before: there is no such call here'],
    ],
    [
      'one that calls came after that worked',
      `${NO_CALL}; mov eax, 39; syscall; ud2`,
      ['syscall_0x3e7 had answered ENOSYS before: there is no such call here'],
    ],
    [
      'one whose answer is taken for an address',
      `${NO_CALL}; mov al, [rax + 8]`,
      ['syscall_0x3e7 had answered ENOSYS before: there is no such call here'],
    ],
    ['a load from elsewhere, after one that there is not', `${NO_CALL}; mov al, [0x1234]`, []],
    [
      'an end after one that there is not, and output',
      `${NO_CALL}; mov edi, 1; xor edx, edx; mov eax, 1; syscall; ud2`,
      [],
    ],
    [
      'one that another failure came after',
      `${NO_CALL}; mov edi, -1; mov eax, SYS_close; syscall; ud2`,
      [],
    ],
    ['one that C libraries only try', 'mov eax, 334; syscall; ud2', []],
    ['a load from nowhere', 'mov eax, [0x1234]', []],
    ['AVX', 'vaddps ymm0, ymm0, ymm1', ["the emulated CPU has no AVX: cpu 'x86-64-v3' has it"]],
    ['BMI', 'rorx eax, eax, 3', ["the emulated CPU has no BMI2: cpu 'x86-64-v3' has it"]],
    [
      'AVX-512',
      '.byte 0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc0',
      ['the emulated CPU has no AVX-512, and none here has'],
    ],
    ['an instruction that no CPU has', 'ud2', []],
    ['an end in order', 'mov eax, 60; syscall', []],
  ])('of %s', async (_what, code, causes) => {
    expect(await causesOf(code)).toEqual(causes);
  });
});

/** The frame of a signal, found by the code that a handler returns to where there is no call frame information. */
import { expect, it } from 'vitest';
import { backtrace } from '../../../src/diagnosis/crash/backtrace.js';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../../src/toolchain/assemble-program.js';

it('of an assembly program names what was interrupted, with its registers', async () => {
  const { elf } = await assembleProgram(
    `
.global _start
_start:
  mov rbp, 0x1234
  mov eax, SYS_rt_sigaction
  mov edi, SIGTRAP
  lea rsi, [action]
  xor edx, edx
  mov r10d, 8
  syscall
interrupted:
  int3
after:
  nop
handler:
  mov dword ptr [0], 1
back:
  mov rax, SYS_rt_sigreturn
  syscall
.data
action: .quad handler, SA_RESTORER, back, 0
`,
    { arch: 'x86-64' },
  );
  const sandbox = await Sandbox.create({ program: elf });
  expect(sandbox.run()).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
  const frames = backtrace(sandbox).map(({ symbol, by }) => `${symbol} ${by}`);
  expect(frames.slice(0, 3)).toEqual([
    'handler registers',
    'back top of stack',
    'after signal frame',
  ]);
  sandbox.close();
});

/** Programs for Windows that lie: whatever the file says, an outcome or one clear sentence. */
import { describe, expect, it } from 'vitest';
import { MayexecError } from '../../src/base/errors.js';
import { Random } from '../../src/base/random.js';
import { type Outcome, Sandbox } from '../../src/index.js';
import { assemblePe } from '../../src/toolchain/assemble-pe.js';

const SOURCE = `
    .import kernel32.dll, VirtualAlloc, VirtualProtect, ExitProcess
    .globl _start
_start:
    sub rsp, 0x28
    mov ecx, 3
    call [ExitProcess]
    .data
    .quad _start`;

const KINDS: readonly Outcome['kind'][] = ['exit', 'exception', 'limit'];

describe('a program of damaged bytes', () => {
  it.each(['windows', 'wine'] as const)('is refused or ends, under %s', async (os) => {
    const { elf } = await assemblePe(SOURCE, { arch: 'x86-64' });
    const random = new Random(11);
    let ended = 0;
    for (let round = 0; round < 60; round++) {
      const bytes = elf.slice();
      for (let count = random.next32() % 3; count >= 0; count--) {
        bytes[random.next32() % bytes.length] = random.next32() & 0xff;
      }
      try {
        using sandbox = await Sandbox.create({ os, limits: { blocks: 20_000 }, program: bytes });
        expect(KINDS).toContain(sandbox.run().kind);
        ended++;
      } catch (error) {
        if (!(error instanceof MayexecError)) throw error;
      }
    }
    expect(ended).toBeGreaterThan(10);
  });

  it('whose exception is raised in its own handler comes to an end', async () => {
    const source = `
    .import kernel32.dll, AddVectoredExceptionHandler
    .globl _start
_start:
    push offset handler
    push 1
    call [AddVectoredExceptionHandler]
    mov eax, [0]
handler:
    mov eax, [0]
    ret 4`;
    const { elf } = await assemblePe(source, { arch: 'i386' });
    using sandbox = await Sandbox.create({ program: elf });
    expect(sandbox.run()).toMatchObject({ kind: 'exception', status: 0xc0000005 });
  });
});

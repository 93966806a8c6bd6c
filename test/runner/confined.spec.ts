/** In containers a seccomp filter is in force, and rules SECCOMP_MODE_STRICT out: a case is confined there as well. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadCode } from '../../src/kit/open-calls.js';
import { decodeRecords, encodeCases } from '../../src/runner/run-in-sandbox.js';
import { buildRunner } from '../../src/runner/runner.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';
import { lacking } from '../host/host.js';

/** Sets a filter that allows everything, then becomes the program that its arguments name. */
const LAUNCHER = `
.data
filter: .quad 1, allow
allow: .quad 0x7fff000000000006
.text
.globl _start
_start:
  mov edi, PR_SET_NO_NEW_PRIVS
  mov esi, 1
  xor edx, edx
  xor r10d, r10d
  xor r8d, r8d
  mov eax, SYS_prctl
  syscall
  mov edi, 22
  mov esi, 2
  lea rdx, [rip + filter]
  mov eax, SYS_prctl
  syscall
  test rax, rax
  jnz failed
  mov rdi, [rsp + 16]
  lea rsi, [rsp + 16]
  xor edx, edx
  mov eax, SYS_execve
  syscall
failed:
  mov edi, 99
  mov eax, SYS_exit
  syscall`;

const GETPID = {
  'x86-64': 'mov eax, 39; syscall; mov ecx, eax; ret',
  i386: 'mov eax, 20; int 0x80; mov ecx, eax; ret',
} as const;

it.for(['x86-64', 'i386'] as const)(
  'a system call is the end of its case, %s',
  async (arch, { skip }) => {
    const reason = lacking(arch, 'x86-64');
    if (reason !== undefined) return skip(reason);
    const runner = await buildRunner(await loadCode({ asm: GETPID[arch], arch }));
    const harmless = await buildRunner(await loadCode({ asm: 'mov ecx, 7; ret', arch }));
    const { elf: launcher } = await assembleProgram(LAUNCHER, { arch: 'x86-64' });
    const folder = mkdtempSync(join(tmpdir(), 'mayexec-confined-'));
    try {
      writeFileSync(join(folder, 'launcher'), launcher, { mode: 0o755 });
      const ends = [runner, harmless].map((each, index) => {
        const file = join(folder, `runner${index}`);
        writeFileSync(file, each.elf, { mode: 0o755 });
        const input = encodeCases(each, [{}]);
        const { stdout, status } = spawnSync(join(folder, 'launcher'), [file], { input });
        expect(status).toBe(0);
        return decodeRecords(each, new Uint8Array(stdout))[0]?.end;
      });
      expect(ends).toEqual([{ kind: 'killed', signal: 'SIGSYS' }, { kind: 'return' }]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

/**
 * The programs of asm/: assembled, disassembled, and run by this host's kernel where it can. What
 * they must print under each policy is the sandbox's business; here the judge is Linux itself, plain
 * and under PR_SET_MDWE.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import { assemble } from '../../src/toolchain/assemble.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';
import { disassemble } from '../../src/toolchain/disassembly/disassembler.js';
import { lacking } from '../host/host.js';

const ASM = fileURLToPath(new URL('../../asm/', import.meta.url));

function include(path: string): string | undefined {
  const file = [path, join(ASM, path)].find((each) => existsSync(each));
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}

interface Ending {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

const WORKS: Ending = { status: 0, signal: null, stdout: 'f() = 1001\n', stderr: '' };
const CRASHES: Ending = { status: null, signal: 'SIGSEGV', stdout: '', stderr: '' };

function refused(call: string): Ending {
  return { status: 1, signal: null, stdout: '', stderr: `${call}: EACCES\n` };
}

const FALLS_BACK = 'mprotect: EACCES\nfalling back to the byte-code interpreter\n';

/** By program: on a kernel with NX, and on one that refuses what gains the right to execute. */
const EXPECTED: Readonly<Record<string, { plain: Ending; mdwe: Ending }>> = {
  'jit-malloc': { plain: CRASHES, mdwe: CRASHES },
  'jit-mmap-rwx': { plain: WORKS, mdwe: refused('mmap') },
  'jit-mmap-mprotect': { plain: WORKS, mdwe: refused('mprotect') },
  'jit-dev-zero': { plain: WORKS, mdwe: refused('mprotect') },
  'jit-memalign': { plain: WORKS, mdwe: refused('mprotect') },
  'jit-dual-memfd': { plain: WORKS, mdwe: WORKS },
  'jit-dual-file': { plain: WORKS, mdwe: WORKS },
  'jit-unchecked': { plain: WORKS, mdwe: CRASHES },
  'jit-checked': { plain: WORKS, mdwe: { ...WORKS, stderr: FALLS_BACK } },
};

/** prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN), which execve keeps; 99: it fails. */
const LAUNCHER = `
  .globl _start
_start:
  mov edi, PR_SET_MDWE
  mov esi, PR_MDWE_REFUSE_EXEC_GAIN
  xor edx, edx
  xor r10d, r10d
  xor r8d, r8d
  mov eax, SYS_prctl
  syscall
  mov edi, 99
  test rax, rax
  jnz leave_now
  mov rdi, [rsp + 16]
  lea rsi, [rsp + 16]
  xor edx, edx
  mov eax, SYS_execve
  syscall
  mov edi, 98
leave_now:
  mov eax, SYS_exit
  syscall`;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayexec-asm-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function install(name: string, source: string, arch: Arch, file: string): Promise<string> {
  const { elf } = await assembleProgram(source, { arch, file, include });
  const path = join(folder, `${arch}-${name}`);
  writeFileSync(path, elf, { mode: 0o755 });
  return path;
}

function run(...command: readonly [string, ...string[]]): Ending {
  const [path, ...args] = command;
  const { status, signal, stdout, stderr } = spawnSync(path, args, { encoding: 'utf8' });
  return { status, signal, stdout, stderr };
}

describe.each<Arch>(['x86-64', 'i386'])('asm/%s', (arch) => {
  const sources = readdirSync(join(ASM, arch)).filter((name) => name.startsWith('jit-'));

  it('holds the JIT of the story in every way', () => {
    expect(sources.map((name) => name.replace('.s', '')).sort()).toEqual(
      Object.keys(EXPECTED).sort(),
    );
  });

  describe.each(sources.map((name) => name.replace('.s', '')))('%s', (name) => {
    const file = join(ASM, arch, `${name}.s`);
    const source = readFileSync(file, 'utf8');
    const wanted = EXPECTED[name]!;

    it('says in its first lines what it does', () => {
      expect(source).toMatch(/^# .{40,}\n# /);
    });

    it('is all instructions when disassembled', async () => {
      const { bytes, sections, address } = await assemble(source, { arch, file, include });
      const text = sections.find((section) => section.name === '.text')!;
      const code = bytes.subarray(0, text.length);
      const texts = (await disassemble(code, { arch, address })).map((each) => each.text);
      expect(texts.filter((each) => each.startsWith('.byte'))).toEqual([]);
      expect(texts).toContain(arch === 'x86-64' ? 'syscall' : 'int 0x80');
    });

    it('does on this kernel what it should', async (context) => {
      const refusal = lacking(arch);
      context.skip(refusal !== undefined, refusal);
      expect(run(await install(name, source, arch, file))).toEqual(wanted.plain);
    });

    it('does under PR_SET_MDWE what it should', async (context) => {
      const refusal = lacking(arch, 'x86-64', 'mdwe');
      context.skip(refusal !== undefined, refusal);
      const launcher = await install('launcher', LAUNCHER, 'x86-64', 'launcher.s');
      const ending = run(launcher, await install(name, source, arch, file));
      expect(ending).toEqual(wanted.mdwe);
    });
  });
});

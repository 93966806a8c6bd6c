/**
 * The trace against strace itself: the programs of asm/ run natively under strace, and their lines are the
 * lines of the sandbox's trace. What differs from machine to machine is made alike: addresses are numbered
 * by page in the order in which they come.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callFamily, callSet } from '../../src/abi/linux/call-set.js';
import type { Arch } from '../../src/base/address.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';
import { straceText } from '../../src/trace/print.js';
import { lacking } from '../host/host.js';
import { include, ROOT } from '../scenario/files.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayexec-strace-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The trace that strace writes of a program, or why there is none. */
function nativeTrace(
  arch: Arch,
  elf: Uint8Array,
  options: readonly string[] = [],
): { readonly text: string } | { readonly why: string } {
  const reason = lacking(arch);
  if (reason !== undefined) return { why: reason };
  const [program, out] = [join(folder, 'program'), join(folder, 'trace')];
  writeFileSync(program, elf, { mode: 0o755 });
  const args = ['-o', out, ...options, program];
  const { error, stderr } = spawnSync('strace', args, { encoding: 'utf8', input: '' });
  if (error !== undefined) return { why: 'strace is not installed' };
  const text = readFileSync(out, 'utf8');
  return text.includes('+++') ? { text } : { why: `strace cannot trace here: ${stderr.trim()}` };
}

/** Lines of the program's own, addresses numbered. execve is what came before, and strace's own doing. */
function normalised(text: string): string[] {
  const pages = new Map<string, string>();
  const number = (address: string): string => {
    const page = address.slice(0, -3);
    const name = pages.get(page) ?? `page ${pages.size + 1}`;
    pages.set(page, name);
    return `<${name} + ${address.slice(-3)}>`;
  };
  return text
    .split('\n')
    .filter((line) => line !== '' && !/^(execve\(|\[ Process |strace: )/.test(line))
    .map((line) => line.replace(' (core dumped)', ''))
    .map((line) => {
      const numbered = line.replace(/0x([0-9a-f]{4,})/g, (_all, digits: string) => number(digits));
      // How long an address is moves what stands behind it.
      return numbered === line ? line : numbered.replace(/ += /, ' = ');
    });
}

async function elfOf(arch: Arch, name: string): Promise<Uint8Array> {
  const file = join(ROOT, 'asm', arch, name);
  return (await assembleProgram(readFileSync(file, 'utf8'), { arch, file, include })).elf;
}

async function sandboxTrace(elf: Uint8Array, inject?: string): Promise<string> {
  using sandbox = await Sandbox.create({ program: elf, inject });
  sandbox.run();
  return straceText(sandbox.trace);
}

describe.each(['x86-64', 'i386'] as const)('the trace of %s programs', (arch) => {
  const programs = readdirSync(join(ROOT, 'asm', arch)).filter((name) => name.endsWith('.s'));

  it.for(programs)('%s is what strace prints', async (name, { skip }) => {
    const elf = await elfOf(arch, name);
    const native = nativeTrace(arch, elf);
    if ('why' in native) return skip(native.why);
    expect(normalised(await sandboxTrace(elf))).toEqual(normalised(native.text));
  });

  it.for(['mprotect:error=EACCES', 'mprotect:error=12:when=2+', 'write:retval=7:when=1'])(
    'injected with %s is what strace does to it',
    async (inject, { skip }) => {
      const elf = await elfOf(arch, 'jit-checked.s');
      const native = nativeTrace(arch, elf, [`--inject=${inject}`]);
      if ('why' in native) return skip(native.why);
      expect(normalised(await sandboxTrace(elf, inject))).toEqual(normalised(native.text));
    },
  );
});

/** Calls that strace learned of later than some that are still in use, 6.7 to 6.10. */
const NEW_TO_STRACE = ['map_shadow_stack', 'mseal'];
const NO_MEMORY_CALLS = ['memfd_create', 'pkey_alloc', 'pkey_free', 'userfaultfd', 'getpid'];

describe('%memory', () => {
  it("is strace's class", async ({ skip }) => {
    const ours = callSet('%memory');
    const calls = [...ours, ...NO_MEMORY_CALLS].map((name) => `mov eax, SYS_${name}\nsyscall`);
    const zeros = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'].map((name) => `xor ${name}, ${name}`);
    const end = 'xor edi, edi\nmov eax, SYS_exit_group\nsyscall';
    const source = ['.globl _start\n_start:', ...zeros, ...calls, end, ''].join('\n');
    const { elf } = await assembleProgram(source, { arch: 'x86-64', file: 'calls.s' });
    const native = nativeTrace('x86-64', elf, ['--trace=%memory']);
    if ('why' in native) return skip(native.why);
    const theirs = [...native.text.matchAll(/^(\w+)\(/gm)].map(([, name]) => callFamily(name!));
    // What it does not know at all it shows as a number, whatever was asked for.
    const named = theirs.filter((name) => !name.startsWith('syscall_'));
    expect(named.filter((name) => !ours.includes(name))).toEqual([]);
    const missing = ours.filter((name) => !theirs.includes(name));
    expect(missing.filter((name) => !NEW_TO_STRACE.includes(name))).toEqual([]);
  });
});

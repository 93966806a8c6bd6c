/** What stands between a guest's call and the kernel sees it, may answer it, fail it or change it. */
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../../src/base/address.js';
import type { SyscallInterceptor } from '../../../src/kernel/intercept.js';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../../src/toolchain/assemble-program.js';
import { straceText } from '../../../src/trace/print.js';

/** exit(mprotect of no pages): its errno, or 0. */
const SOURCES: Readonly<Record<Arch, string>> = {
  'x86-64': `
    .globl _start
_start:
    xor edi, edi
    xor esi, esi
    mov edx, PROT_READ
    mov eax, SYS_mprotect
    syscall
    neg eax
    mov edi, eax
    mov eax, SYS_exit_group
    syscall`,
  i386: `
    .globl _start
_start:
    xor ebx, ebx
    xor ecx, ecx
    mov edx, PROT_READ
    mov eax, SYS_mprotect
    int 0x80
    neg eax
    mov ebx, eax
    mov eax, SYS_exit_group
    int 0x80`,
};

async function run(arch: Arch, intercept: SyscallInterceptor) {
  const { elf } = await assembleProgram(SOURCES[arch], { arch, file: 'call.s' });
  using sandbox = await Sandbox.create({ program: elf, intercept });
  const outcome = sandbox.run();
  return { outcome, text: straceText(sandbox.trace), trace: [...sandbox.trace] };
}

describe.each(['x86-64', 'i386'] as const)('an interceptor on %s', (arch) => {
  it('sees each call of the guest, with its arguments, and lets it pass', async () => {
    const seen: string[] = [];
    const { outcome } = await run(arch, ({ name, args }) => {
      seen.push(`${name}(${args.join(', ')})`);
      return undefined;
    });
    expect(outcome).toEqual({ kind: 'exit', code: 0 });
    expect(seen).toEqual(['mprotect(0, 0, 1)', 'exit_group(0)']);
  });

  it('fails a call that the kernel never hears of, and the trace marks it', async () => {
    const { outcome, text } = await run(arch, ({ name }) =>
      name === 'mprotect' ? { kind: 'fail', errno: 'ENOMEM' } : undefined,
    );
    expect(outcome).toEqual({ kind: 'exit', code: 12 });
    expect(text).toContain('= -1 ENOMEM (Cannot allocate memory) (INJECTED)\n');
  });

  it('answers a call itself', async () => {
    const { outcome } = await run(arch, ({ name }) =>
      name === 'mprotect' ? { kind: 'answer', value: -7n } : undefined,
    );
    expect(outcome).toEqual({ kind: 'exit', code: 7 });
  });

  it('changes what the kernel is asked, and the trace shows what the guest asked', async () => {
    const { outcome, text } = await run(arch, ({ name, args: [, length] }) =>
      name === 'mprotect' ? { kind: 'change', args: [1n, length!] } : undefined,
    );
    expect(outcome).toEqual({ kind: 'exit', code: 22 });
    expect(text).toMatch(/^mprotect\(NULL, 0, PROT_READ\) += -1 EINVAL .* \(INJECTED: args\)$/m);
  });

  it('makes another call first, which is judged and traced, and is not intercepted itself', async () => {
    let asked = 0;
    const { trace } = await run(arch, ({ name, perform }) => {
      asked++;
      if (name !== 'mprotect') return undefined;
      const page = perform('mmap', 0n, 4096n, 3n, 0x22n, -1n, 0n);
      if (page === 'no-return' || !page.ok) return undefined;
      return { kind: 'answer', value: 0n };
    });
    expect(asked).toBe(2);
    const calls = trace.flatMap((event) => (event.type === 'syscall' ? [event] : []));
    expect(calls.map(({ name, byHost }) => [name, byHost])).toEqual([
      [arch === 'i386' ? 'mmap2' : 'mmap', true],
      ['mprotect', false],
      ['exit_group', false],
    ]);
  });
});

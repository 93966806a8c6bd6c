/** Injections in a sandbox: what the guest meets, how calls are counted, and what a snapshot keeps. */
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import type { SandboxOptions } from '../../src/sandbox/options.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';
import { straceText } from '../../src/trace/print.js';

/** Four mmaps; exits with the number of the first that failed, or 0. The hint is 0x10000000. */
const MMAPS: Readonly<Record<Arch, string>> = {
  'x86-64': `
    .globl _start
_start:
    mov ebx, 1
next:
    mov edi, 0x10000000
    mov esi, 4096
    mov edx, PROT_READ
    mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
    mov r8, -1
    xor r9d, r9d
    mov eax, SYS_mmap
    syscall
    cmp rax, -4096
    ja done
    inc ebx
    cmp ebx, 5
    jb next
    xor ebx, ebx
done:
    mov edi, ebx
    mov eax, SYS_exit_group
    syscall`,
  i386: `
    .globl _start
_start:
    push 1
next:
    mov ebx, 0x10000000
    mov ecx, 4096
    mov edx, PROT_READ
    mov esi, MAP_PRIVATE | MAP_ANONYMOUS
    mov edi, -1
    xor ebp, ebp
    mov eax, SYS_mmap2
    int 0x80
    cmp eax, -4096
    ja done
    inc dword ptr [esp]
    cmp dword ptr [esp], 5
    jb next
    mov dword ptr [esp], 0
done:
    mov ebx, [esp]
    mov eax, SYS_exit_group
    int 0x80`,
};

/** i386's call of old, with six words in memory; exits with the upper half of what it gives. */
const OLD_MMAP = `
    .globl _start
_start:
    mov ebx, offset words
    mov eax, SYS_mmap
    int 0x80
    mov ebx, eax
    shr ebx, 24
    mov eax, SYS_exit_group
    int 0x80
words: .long 0x10000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0`;

async function open(source: string, arch: Arch, options: SandboxOptions): Promise<Sandbox> {
  const { elf } = await assembleProgram(source, { arch, file: 'mmaps.s' });
  return Sandbox.create({ program: elf, ...options });
}

async function run(arch: Arch, options: SandboxOptions) {
  using sandbox = await open(MMAPS[arch], arch, options);
  const outcome = sandbox.run();
  return {
    code: outcome.kind === 'exit' ? outcome.code : outcome,
    counts: sandbox.injections,
    text: straceText(sandbox.trace),
  };
}

describe.each(['x86-64', 'i386'] as const)('on %s', (arch) => {
  it('fails the k-th call of a name, mmap2 being an mmap', async () => {
    for (const k of [1, 3, 4]) {
      const inject = `mmap:error=ENOMEM:when=${k}`;
      const { code, text } = await run(arch, { inject });
      expect(code).toBe(k);
      expect(text.match(/\(INJECTED\)/g)).toHaveLength(1);
    }
  });

  it('says what came of each injection', async () => {
    const inject = ['mmap:error=EPERM:when=2', 'mprotect:error=EPERM', 'map-count=100'];
    const { counts } = await run(arch, { inject });
    expect(counts).toEqual([
      { injection: 'mmap:error=EPERM:when=2', calls: 2, injected: 1 },
      { injection: 'mprotect:error=EPERM', calls: 0, injected: 0 },
      { injection: 'map-count=100', calls: 0, injected: undefined },
    ]);
  });

  it('lets mmap overlook hints, which the trace shows as they were', async () => {
    const plain = await run(arch, {});
    expect(plain.text).toMatch(/^mmap2?\(0x10000000, .* = 0x10000000$/m);
    const { code, text } = await run(arch, { inject: 'mmap:ignore-hint:when=1' });
    expect(code).toBe(0);
    expect(text).toMatch(/^mmap2?\(0x10000000, .* = 0x[7f][0-9a-f]+ \(INJECTED: args\)$/m);
  });

  it('exhausts the map count and the address space', async () => {
    using roomy = await Sandbox.create({ arch });
    const mappings = roomy.maps().length;
    using full = await Sandbox.create({ arch, inject: `map-count=${mappings + 1}` });
    const map = (sandbox: Sandbox) => sandbox.syscall('mmap', 0, 4096, 1, 0x22, -1, 0).errno;
    const alone = (sandbox: Sandbox) => sandbox.syscall('mmap', 0, 4096, 3, 0x22, -1, 0).errno;
    expect([map(full), alone(full), map(full)]).toEqual([undefined, undefined, 'ENOMEM']);
    using small = await Sandbox.create({ arch, inject: 'rlimit-as=1M' });
    expect(small.syscall('mmap', 0, 2 << 20, 3, 0x22, -1, 0).errno).toBe('ENOMEM');
    expect(roomy.syscall('mmap', 0, 2 << 20, 3, 0x22, -1, 0).errno).toBeUndefined();
  });
});

describe('the call of old', () => {
  it('is an mmap to both kinds of injection', async () => {
    using hint = await open(OLD_MMAP, 'i386', { inject: 'mmap:ignore-hint' });
    expect(hint.run()).toEqual({ kind: 'exit', code: 0xf7 });
    using failing = await open(OLD_MMAP, 'i386', { inject: 'mmap:error=EPERM' });
    expect(failing.run()).toEqual({ kind: 'exit', code: 0xff });
    using plain = await open(OLD_MMAP, 'i386', {});
    expect(plain.run()).toEqual({ kind: 'exit', code: 0x10 });
  });
});

describe('counting', () => {
  it('goes back with a snapshot', async () => {
    using sandbox = await open(MMAPS['x86-64'], 'x86-64', { inject: 'mmap:error=ENOMEM:when=3' });
    const start = sandbox.snapshot();
    for (let again = 0; again < 3; again++) {
      expect(sandbox.run()).toEqual({ kind: 'exit', code: 3 });
      expect(sandbox.injections[0]).toMatchObject({ calls: 3, injected: 1 });
      sandbox.restore(start);
      expect(sandbox.injections[0]).toMatchObject({ calls: 0, injected: 0 });
    }
  });

  it('leaves calls of the host alone', async () => {
    using sandbox = await Sandbox.create({ inject: 'mmap:error=ENOMEM' });
    expect(sandbox.syscall('mmap', 0, 4096, 3, 0x22, -1, 0).errno).toBeUndefined();
    expect(sandbox.injections[0]?.calls).toBe(0);
  });

  it('is done by process: a child begins anew', async () => {
    const source = `
    .globl _start
_start:
    call protect
    mov eax, SYS_fork
    syscall
    call protect
    mov edi, ebx
    mov eax, SYS_exit_group
    syscall
protect:
    xor edi, edi
    xor esi, esi
    mov edx, PROT_READ
    mov eax, SYS_mprotect
    syscall
    mov ebx, eax
    ret`;
    using sandbox = await open(source, 'x86-64', { inject: 'mprotect:error=EPERM:when=2' });
    expect(sandbox.run()).toEqual({ kind: 'exit', code: 0xff });
    expect(sandbox.injections[0]).toMatchObject({ calls: 3, injected: 1 });
  });
});

describe('an interceptor beside injections', () => {
  it('has the first word, and its silence leaves them', async () => {
    const { code } = await run('x86-64', {
      inject: 'mmap:error=ENOMEM:when=1..2',
      intercept: ({ name, args }) =>
        name === 'mmap' && args[2] === 1n ? { kind: 'answer', value: 0x10000000n } : undefined,
    });
    expect(code).toBe(0);
    const silent = await run('x86-64', {
      inject: 'mmap:error=ENOMEM:when=2',
      intercept: () => undefined,
    });
    expect(silent.code).toBe(2);
  });
});

describe('a wrong injection', () => {
  it('is an error of the host', async () => {
    await expect(Sandbox.create({ inject: 'mmap:error=ENOMM' })).rejects.toThrow(
      /did you mean 'ENOMEM'/,
    );
  });
});

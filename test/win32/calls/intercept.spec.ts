/** Calls of the Windows API as everybody else meets calls: in the trace, as changes of mappings, intercepted. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  type ApiEvent,
  assemblePe,
  type Sandbox as GuestSandbox,
  type InterceptedCall,
  Sandbox,
  type SandboxOptions,
  type VmaEvent,
} from '../../../src/index.js';

/** VirtualAlloc, a store, VirtualProtect, a call, HeapAlloc; the exit code says which step failed. */
const JIT = `
    .import kernel32.dll, VirtualAlloc, VirtualProtect, GetLastError, ExitProcess
    .import ntdll.dll, NtProtectVirtualMemory
    .text
    .globl _start
_start:
    sub rsp, 0x48
    xor ecx, ecx
    mov edx, 8192
    mov r8d, 0x3000
    mov r9d, 4
allocates:
    call [VirtualAlloc]
    test rax, rax
    jz failed
    mov rbx, rax
    mov byte ptr [rbx], 0xc3
    mov rcx, rbx
    mov edx, 4096
    mov r8d, 0x20
    lea r9, [rsp + 0x40]
protects:
    call [VirtualProtect]
    test eax, eax
    jz failed
    call rbx
    mov [rsp + 0x30], rbx
    mov qword ptr [rsp + 0x38], 4096
    mov rcx, -1
    lea rdx, [rsp + 0x30]
    lea r8, [rsp + 0x38]
    mov r9d, 2
    lea rax, [rsp + 0x40]
    mov [rsp + 0x20], rax
    call [NtProtectVirtualMemory]
    test eax, eax
    mov ecx, eax
    jnz end
    xor ecx, ecx
end:
    call [ExitProcess]
failed:
    call [GetLastError]
    mov ecx, eax
    call [ExitProcess]
`;

const open: GuestSandbox[] = [];

afterEach(() => {
  for (const sandbox of open.splice(0)) sandbox.close();
});

async function sandboxOf(options: SandboxOptions = {}): Promise<GuestSandbox> {
  const { elf } = await assemblePe(JIT, { arch: 'x86-64' });
  const sandbox = await Sandbox.create({ program: elf, seed: 0, ...options });
  open.push(sandbox);
  return sandbox;
}

const calls = ({ trace }: GuestSandbox): ApiEvent[] =>
  trace.filter((event): event is ApiEvent => event.type === 'api');

const named = (sandbox: GuestSandbox, name: string): ApiEvent => {
  const found = calls(sandbox).find((event) => event.name === name);
  if (found === undefined) throw new Error(`no call of ${name}`);
  return found;
};

describe('a call of the Windows API', () => {
  it('says what it asks of the memory, and which instruction made it', async () => {
    const sandbox = await sandboxOf();
    expect(sandbox.run()).toEqual({ kind: 'exit', code: 0 });
    const made = named(sandbox, 'VirtualAlloc');
    expect(made.asks).toEqual({ kind: 'map', start: 0n, length: 8192n, rights: 3 });
    // FF 14 25 and an address.
    expect(made.pc - (made.site ?? 0n)).toBe(7n);
    const { asks } = named(sandbox, 'NtProtectVirtualMemory');
    expect(asks).toEqual({ kind: 'protect', start: made.value, length: 4096n, rights: 1 });
    expect(named(sandbox, 'NtProtectVirtualMemory').status).toBe(0);
  });

  it('stands behind each change of a mapping, and in the history of its pages', async () => {
    const sandbox = await sandboxOf();
    sandbox.run();
    const { value, site } = named(sandbox, 'VirtualAlloc');
    const changes = sandbox.trace.filter(
      (event): event is VmaEvent => event.type === 'vma' && event.after?.start === value,
    );
    expect(changes.map(({ op, cause, after }) => [op, cause, after?.rights, after?.end])).toEqual([
      ['insert', 'VirtualAlloc', 3, value + 8192n],
      ['change', 'VirtualProtect', 5, value + 4096n],
      ['change', 'NtProtectVirtualMemory', 1, value + 4096n],
    ]);
    expect(changes[0]?.site).toBe(site);
    expect(sandbox.history(value).map(({ cause, after }) => `${cause} ${after}`)).toEqual([
      'VirtualAlloc 3',
      'VirtualProtect 5',
      'NtProtectVirtualMemory 1',
    ]);
    expect(sandbox.history(value + 4096n).map(({ cause }) => cause)).toEqual(['VirtualAlloc']);
  });

  it('leaves no history of what a restored snapshot does not know', async () => {
    const sandbox = await sandboxOf();
    const snapshot = sandbox.snapshot();
    const stack = sandbox.regs.rsp ?? 0n;
    const before = sandbox.history(stack);
    expect(before.map(({ cause }) => cause)).toContain('exec');
    sandbox.run();
    sandbox.restore(snapshot);
    expect(sandbox.history(stack)).toEqual(before);
  });

  it.each(['windows', 'wine'] as const)('fails as an interceptor says: %s', async (os) => {
    const sandbox = await sandboxOf({
      os,
      intercept: ({ name }) => (name === 'VirtualProtect' ? { kind: 'fail', error: 5 } : undefined),
    });
    expect(sandbox.run()).toEqual({ kind: 'exit', code: 5 });
    expect(named(sandbox, 'VirtualProtect')).toMatchObject({
      value: 0n,
      error: 5,
      injected: 'result',
    });
  });

  it('fails with an NTSTATUS where that is what it answers with', async () => {
    const sandbox = await sandboxOf({
      intercept: ({ name }) =>
        name.startsWith('NtProtect') ? { kind: 'fail', error: 0xc000_0022 } : undefined,
    });
    expect(sandbox.run()).toEqual({ kind: 'exit', code: 0xc000_0022 });
  });

  it('is made with other arguments, and answered without being made', async () => {
    const changed = await sandboxOf({
      intercept: ({ name, args }) =>
        name === 'VirtualProtect' ? { kind: 'change', args: [...args.slice(0, 2), 4n] } : undefined,
    });
    expect(changed.run()).toMatchObject({ kind: 'exception', status: 0xc000_0005 });
    const answered = await sandboxOf({
      intercept: ({ name }) =>
        name === 'VirtualProtect' ? { kind: 'answer', value: 1n } : undefined,
    });
    expect(answered.run()).toMatchObject({
      kind: 'exception',
      parameters: [8n, expect.any(BigInt)],
    });
  });

  it('may have others made before it', async () => {
    let made: ReturnType<InterceptedCall['perform']> | undefined;
    const sandbox = await sandboxOf({
      intercept: ({ name, perform }) => {
        if (name === 'VirtualAlloc') made = perform('VirtualAlloc', 0n, 4096n, 0x3000n, 0x40n);
        return undefined;
      },
    });
    expect(sandbox.run()).toEqual({ kind: 'exit', code: 0 });
    expect(made).toMatchObject({ ok: true });
    expect(calls(sandbox)[0]).toMatchObject({ name: 'VirtualAlloc', byHost: true });
    expect(calls(sandbox)[1]).toMatchObject({ name: 'VirtualAlloc', byHost: false });
  });

  it('of Wine is made of system calls that can be intercepted too', async () => {
    let address = 0n;
    const sandbox = await sandboxOf({
      os: 'wine',
      intercept: ({ name, asks }) =>
        name === 'mprotect' && (asks?.rights ?? 0) === 5 && asks?.start === address
          ? { kind: 'fail', errno: 'EACCES' }
          : undefined,
    });
    const free = sandbox.syscall('VirtualAlloc', 0, 8192, 0x3000, 4);
    sandbox.syscall('VirtualFree', free.value, 0, 0x8000);
    address = free.value;
    expect(sandbox.run()).toEqual({ kind: 'exit', code: 5 });
  });

  it('that the host makes is in the trace, and one that would end the process is answered', async () => {
    const sandbox = await sandboxOf();
    expect(sandbox.syscall('VirtualAlloc', 0, 4096, 0x3000, 4).error).toBe(undefined);
    expect(calls(sandbox)).toMatchObject([{ name: 'VirtualAlloc', byHost: true }]);
    expect(sandbox.syscall('ExitProcess', 3)).toEqual({ value: 0n });
    expect(() => sandbox.syscall('VirtualAloc')).toThrow("did you mean 'VirtualAlloc'?");
  });
});

describe('a fault', () => {
  it('names the mapping that refuses it, and is no fault of protection where there is none', async () => {
    const sandbox = await sandboxOf({
      intercept: ({ name }) =>
        name === 'VirtualProtect' ? { kind: 'answer', value: 1n } : undefined,
    });
    sandbox.run();
    expect(sandbox.trace.find(({ type }) => type === 'fault')).toMatchObject({
      fault: { access: 'exec', code: 'SEGV_ACCERR' },
      vma: { rights: 3, start: named(sandbox, 'VirtualAlloc').value },
      cause: { rule: 'dep/no-exec' },
    });
    const wild = await sandboxOf({
      intercept: ({ name }) =>
        name === 'VirtualAlloc' ? { kind: 'answer', value: 0x50n } : undefined,
    });
    wild.run();
    expect(wild.trace.find(({ type }) => type === 'fault')).toMatchObject({
      fault: { access: 'write', code: 'SEGV_MAPERR' },
    });
  });

  it('can be mended by an interceptor', async () => {
    const sandbox = await sandboxOf({
      intercept: ({ name }) =>
        name === 'VirtualProtect' ? { kind: 'answer', value: 1n } : undefined,
      interceptFault: ({ access, address, perform }) => {
        const old = perform('VirtualAlloc', 0n, 4096n, 0x3000n, 4n);
        if (access !== 'exec' || old === 'no-return' || !old.ok) return undefined;
        const done = perform('VirtualProtect', address & ~0xfffn, 4096n, 0x20n, old.value);
        return done !== 'no-return' && done.ok ? 'retry' : undefined;
      },
    });
    expect(sandbox.run()).toEqual({ kind: 'exit', code: 0 });
  });
});

describe('a Wine whose system calls fail', () => {
  it.each(['mmap', 'mprotect', 'openat'])(
    '%s, one after the other: ends in order',
    async (call) => {
      const { elf } = await assemblePe(JIT, { arch: 'x86-64' });
      const kinds = new Set<string>();
      for (let k = 1; k <= 40; k += 3) {
        using sandbox = await Sandbox.create({
          program: elf,
          os: 'wine',
          inject: `${call}:error=ENOMEM:when=${k}+`,
        });
        kinds.add(sandbox.run().kind);
      }
      expect([...kinds].filter((kind) => kind !== 'exit' && kind !== 'exception')).toEqual([]);
    },
  );
});

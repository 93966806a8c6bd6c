/** A run of a program for Windows that is cut into pieces is the run in one piece, within callbacks and children too. */
import { describe, expect, it } from 'vitest';
import {
  type Outcome,
  type Pause,
  type ResumeOptions,
  Sandbox,
  type SandboxOptions,
} from '../../src/index.js';
import { assemblePe } from '../../src/toolchain/assemble-pe.js';

/** Three faults, which a vectored handler of the program's mends; the exit code is what it counted. */
const FAULTS = `
    .import kernel32.dll, AddVectoredExceptionHandler, ExitProcess, GetStdHandle, WriteFile
    .globl _start
_start:
    sub rsp, 0x38
    xor ebx, ebx
    mov esi, 3
    mov ecx, 1
    lea rdx, [rip + handler]
    call [AddVectoredExceptionHandler]
again:
    xor eax, eax
    mov edx, [rax]
    dec esi
    jnz again
    mov ecx, -11
    call [GetStdHandle]
    mov rcx, rax
    lea rdx, [rip + text]
    mov r8d, 5
    xor r9d, r9d
    mov qword ptr [rsp + 0x20], 0
    call [WriteFile]
    mov ecx, [rip + count]
    call [ExitProcess]
    .globl handler
handler:
    inc dword ptr [rip + count]
    mov rax, [rcx + 8]
    lea rdx, [rip + cell]
    mov [rax + 0x78], rdx
    mov eax, -1
    ret
    .data
    .globl cell
cell: .long 7
    .globl count
count: .long 0
text: .ascii "done\\n"
`;

/** Waits for a child and ends with what that ended with. */
const PARENT = `
    .import kernel32.dll, CreateProcessA, GetExitCodeProcess, ExitProcess
    .globl _start
_start:
    sub rsp, 0x98
    lea rcx, [rip + child]
    xor edx, edx
    xor r8d, r8d
    xor r9d, r9d
    lea rax, [rip + start]
    mov qword ptr [rsp + 0x20], 0
    mov qword ptr [rsp + 0x28], 0
    mov qword ptr [rsp + 0x30], 0
    mov qword ptr [rsp + 0x38], 0
    mov [rsp + 0x40], rax
    lea rax, [rip + info]
    mov [rsp + 0x48], rax
    call [CreateProcessA]
    mov rcx, [rip + info]
    lea rdx, [rsp + 0x60]
    call [GetExitCodeProcess]
    mov ecx, [rsp + 0x60]
    add ecx, 40
    call [ExitProcess]
    .data
child: .asciz "C:\\\\child.exe"
    .balign 8
start: .zero 104
info: .zero 24
`;

type Os = 'windows' | 'wine';

async function optionsFor(os: Os, name: 'faults' | 'parent'): Promise<SandboxOptions> {
  const pe = async (source: string) => (await assemblePe(source, { arch: 'x86-64' })).elf;
  const program = await pe(name === 'faults' ? FAULTS : PARENT);
  const files = name === 'faults' ? {} : { 'C:\\child.exe': await pe(FAULTS) };
  return { os, program, files };
}

function seen(sb: Sandbox, outcome: Outcome) {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_key, each) => (typeof each === 'bigint' ? `${each}` : each));
  return {
    outcome,
    trace: sb.trace.map(text),
    stdout: Buffer.from(sb.stdout).toString(),
    blocks: sb.blocks,
    registers: Object.keys(sb.regs).map((name) => `${name} ${sb.regs[name]}`),
  };
}

async function inPieces(options: SandboxOptions, request: ResumeOptions) {
  using sb = await Sandbox.create(options);
  for (let pauses = 0; ; pauses++) {
    const end = sb.resume(request);
    if (end.kind !== 'pause') return { ...seen(sb, end), pauses };
    expect(pauses).toBeLessThan(20_000);
  }
}

const symbolOf = async (name: string): Promise<bigint> => {
  const { symbols } = await assemblePe(FAULTS, { arch: 'x86-64' });
  return symbols.get(name)!;
};

describe.each(['windows', 'wine'] as const)('a run under %s', (os) => {
  it.each(['faults', 'parent'] as const)('may be cut anywhere: %s', async (name) => {
    const options = await optionsFor(os, name);
    using sb = await Sandbox.create(options);
    const reference = seen(sb, sb.run());
    expect(reference.outcome).toEqual({ kind: 'exit', code: name === 'faults' ? 3 : 43 });
    expect(reference.stdout).toBe('done\n');
    const requests: ResumeOptions[] = [{ instructions: 1 }, { instructions: 7 }, { blocks: 40 }];
    for (const request of requests) {
      const { pauses, ...pieces } = await inPieces(options, request);
      expect(pieces).toEqual(reference);
      expect(pauses).toBeGreaterThan(2);
    }
  });

  it('pauses in a handler, where the host may call and write registers; a snapshot has to wait', async () => {
    using sb = await Sandbox.create(await optionsFor(os, 'faults'));
    const handler = await symbolOf('handler');
    const pause = sb.resume({ breakpoints: [handler] });
    expect(pause).toMatchObject({ kind: 'pause', reason: 'breakpoint', pc: handler });
    expect(() => sb.snapshot()).toThrow('in a callback of the system');
    const count = await symbolOf('count');
    const code = 0x5000_0000n;
    expect(sb.syscall('VirtualAlloc', code, 4096n, 0x3000n, 0x40n).value).toBe(code);
    sb.poke(code, Uint8Array.of(0xb8, 42, 0, 0, 0, 0xc3));
    expect(sb.call(code)).toEqual({ kind: 'return', value: 42n });
    sb.poke(count, Uint8Array.of(100));
    expect(sb.run()).toEqual({ kind: 'exit', code: 103 });
  });

  it('pauses after a store that a handler makes', async () => {
    using sb = await Sandbox.create(await optionsFor(os, 'faults'));
    const address = await symbolOf('count');
    const pause = sb.resume({ watchpoints: [{ address, length: 4, access: 'write' }] });
    expect(pause).toMatchObject({ reason: 'watchpoint', hit: { address, access: 'write' } });
    expect(sb.peek(address, 1)[0]).toBe(1);
  });

  it('goes on after a limit that it met in a handler', async () => {
    const options = await optionsFor(os, 'faults');
    using sb = await Sandbox.create({ ...options, limits: { blocks: 100 } });
    let limits = 0;
    let end = sb.run();
    for (; end.kind === 'limit' && limits < 1000; end = sb.run()) limits++;
    expect(end).toEqual({ kind: 'exit', code: 3 });
    // An exception counts as more than a hundred blocks: each one ends a run before its handler does anything.
    expect(limits).toBeGreaterThan(3);
  });

  it('tells which process pauses; between two runs the registers are the first one’s', async () => {
    using sb = await Sandbox.create(await optionsFor(os, 'parent'));
    const handler = await symbolOf('handler');
    const parentStack = sb.regs.rsp!;
    const pause = sb.resume({ breakpoints: [handler] }) as Pause;
    expect(pause).toMatchObject({ reason: 'breakpoint', pc: handler });
    expect(parentStack - sb.regs.rsp!).toBeLessThan(0x1000n);
    expect(() => sb.snapshot()).toThrow('in a child of the program');
    expect(sb.run()).toEqual({ kind: 'exit', code: 43 });
    const [child, parent] = sb.trace.filter(({ type }) => type === 'end').map(({ pid }) => pid);
    expect(pause.pid).toBe(child);
    // Wine's two are processes of two Linux kernels here, which both begin to count at the same number.
    if (os === 'windows') expect(child).not.toBe(parent);
  });

  it('goes back to a snapshot from within a handler', async () => {
    using sb = await Sandbox.create(await optionsFor(os, 'faults'));
    sb.resume({ instructions: 3 });
    const start = sb.snapshot();
    const handler = await symbolOf('handler');
    sb.resume({ breakpoints: [handler] });
    sb.restore(start);
    expect(sb.run()).toEqual({ kind: 'exit', code: 3 });
  });
});

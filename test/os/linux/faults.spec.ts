/** Faults: the signal, what it says, what the trace and the kernel log keep of it. */
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../../src/base/address.js';
import { assemble } from '../../engine/assembler.js';
import { CODE, program } from './elf-file.js';
import { type Machine, openIdle, openMachine } from './machine.js';

const NONE = (1n << 64n) - 1n;

function map(machine: Machine, prot: bigint): bigint {
  const call = machine.process.mm.arch === 'i386' ? 'mmap2' : 'mmap';
  return machine.process.syscall(call, [0n, 4096n, prot, 0x22n, NONE, 0n]).value;
}

function code(machine: Machine, text: string): bigint {
  const page = map(machine, 5n);
  machine.process.mm.poke(page, assemble(machine.process.mm.arch, text, Number(page)));
  return page;
}

async function run(arch: Arch, text: string, policy = 'nx'): Promise<Machine> {
  const machine = await openMachine(arch, { policy });
  const bytes = program(arch, assemble(arch, text, Number(CODE)));
  machine.process.exec('/opt/victim', bytes, ['victim'], []);
  machine.process.run();
  return machine;
}

describe.each(['x86-64', 'i386'] as const)('an access on %s', (arch) => {
  const di = arch === 'x86-64' ? 'rdi' : 'edi';
  const argument = arch === 'x86-64' ? '' : 'mov edi, [esp+4];';

  it.each([
    ['a load from nowhere', 'read', undefined, 'SEGV_MAPERR', 4],
    ['a store to nowhere', 'write', undefined, 'SEGV_MAPERR', 6],
    ['a fetch from nowhere', 'exec', undefined, 'SEGV_MAPERR', 0x14],
    ['a load past its rights', 'read', 0n, 'SEGV_ACCERR', 4],
    ['a store past its rights', 'write', 1n, 'SEGV_ACCERR', 6],
    ['a fetch past its rights', 'exec', 0n, 'SEGV_ACCERR', 0x14],
    // The first fault brings the page in, the second finds that it may not be executed.
    ['a fetch from fresh data', 'exec', 3n, 'SEGV_ACCERR', 0x15],
  ] as const)('%s', async (_name, access, prot, signalCode, error) => {
    using machine = await openIdle(arch);
    const address = prot === undefined ? 0x1234n : map(machine, prot);
    const text = { read: `mov al, [${di}]`, write: `mov [${di}], al`, exec: `jmp ${di}` }[access];
    const at = code(machine, `${argument} ${text}`);
    const pc = access === 'exec' ? address : at + (arch === 'i386' ? 4n : 0n);
    expect(machine.process.call(at, [address])).toEqual({
      kind: 'signal',
      signal: 'SIGSEGV',
      code: signalCode,
      address,
      access,
      pc,
    });
    expect(machine.trace.events.filter(({ type }) => type === 'fault')).toMatchObject([
      {
        fault: { address, access, code: signalCode, pc },
        vma: prot === undefined ? undefined : {},
      },
    ]);
    expect(machine.process.kernelLog[0]).toContain(` error ${error.toString(16)}`);
  });

  it('to a page that is there has the bit for it in the error code', async () => {
    using machine = await openIdle(arch);
    const data = map(machine, 3n);
    machine.process.mm.store(data, Uint8Array.of(0xc3));
    machine.process.call(data, []);
    machine.process.syscall('mprotect', [data, 4096n, 1n]);
    machine.process.call(code(machine, `${argument} mov [${di}], al`), [data]);
    const errors = machine.process.kernelLog.map((line) => / error (\w+) /.exec(line)?.[1]);
    expect(errors.filter((error) => error !== undefined)).toEqual(['15', '7']);
  });

  it('that crosses into a page without rights is about that page', async () => {
    using machine = await openIdle(arch);
    const call = arch === 'i386' ? 'mmap2' : 'mmap';
    const low = machine.process.syscall(call, [0n, 8192n, 3n, 0x22n, NONE, 0n]).value;
    machine.process.syscall('mprotect', [low + 4096n, 4096n, 1n]);
    const at = code(machine, `${argument} mov dword ptr [${di}+4094], 0x01010101; ret`);
    expect(machine.process.call(at, [low])).toMatchObject({
      address: low + 4096n,
      access: 'write',
    });
    expect([...machine.process.mm.peek(low + 4094n, 4)]).toEqual([0, 0, 0, 0]);
  });

  it('without NX executes whatever it may read', async () => {
    using machine = await openIdle(arch, { policy: 'none' });
    const data = map(machine, 3n);
    machine.process.mm.poke(data, assemble(arch, 'mov eax, 9; ret', Number(data)));
    expect(machine.process.call(data, [])).toEqual({ kind: 'return', value: 9n });
    machine.process.syscall('mprotect', [data, 4096n, 0n]);
    expect(machine.process.call(data, [])).toMatchObject({ code: 'SEGV_ACCERR', access: 'exec' });
    expect(machine.process.kernelLog[0]).toContain(' error 4 ');
  });
});

describe('the kernel log', () => {
  it('tells of a fault as Linux 6.18 does', async () => {
    using machine = await run('x86-64', 'nop; mov eax, 0x1234; mov [rax], eax');
    const sp = machine.process.mm.startStack.toString(16).padStart(16, '0');
    const [line, bytes] = machine.process.kernelLog;
    expect(line).toBe(
      `victim[1000]: segfault at 1234 ip 0000000000400006 sp ${sp} error 6 in victim[1006,400000+1000] likely on CPU 0 (core 0, socket 0)`,
    );
    expect(bytes).toBe('Code: Unable to access opcode bytes at 0x3fffdc.');
  });

  it('marks the instruction among the bytes around it', async () => {
    const nops = 'nop;'.repeat(42);
    using machine = await run('x86-64', `${nops} mov al, [rax+0x10]; int3; int3`);
    const code = [...Array(42).fill('90'), '<8a>', '40', '10', 'cc', 'cc'];
    const rest = Array(64 - code.length).fill('00');
    expect(machine.process.kernelLog[1]).toBe(`Code: ${[...code, ...rest].join(' ')}`);
  });

  it('reads no code that is not in memory: no page comes in for a log line', async () => {
    using machine = await openIdle('x86-64');
    const { process } = machine;
    const pages = process.syscall('mmap', [0n, 8192n, 3n, 0x22n, NONE, 0n]).value;
    expect(process.call(pages + 4096n, [])).toMatchObject({ code: 'SEGV_ACCERR' });
    expect(process.kernelLog.at(-1)).toBe(
      `Code: Unable to access opcode bytes at 0x${(pages + 4096n - 42n).toString(16)}.`,
    );
    expect(process.mm.mincore(pages, 8192n)).toEqual({ ok: true, value: Uint8Array.of(0, 1) });
    process.mm.store(pages, Uint8Array.of(1));
    process.call(pages + 4096n, []);
    expect(process.kernelLog.at(-1)).toBe(`Code: ${'00 '.repeat(42)}<00>${' 00'.repeat(21)}`);
  });

  it('grows no stack for a log line', async () => {
    using machine = await openIdle('x86-64');
    const { mm } = machine.process;
    const before = mm.mapsText();
    const stack = mm.vmas.find(({ start, end }) => start <= mm.startStack && mm.startStack < end);
    const bottom = stack?.start ?? 0n;
    expect(machine.process.call(bottom, [])).toMatchObject({ code: 'SEGV_ACCERR' });
    expect(machine.process.kernelLog.at(-1)).toContain('Unable to access opcode bytes');
    expect(mm.mapsText()).toBe(before);
  });

  it('tells addresses before 0 as the kernel that prints them does', async () => {
    using machine = await openIdle('i386');
    machine.process.call(8n, []);
    expect(machine.process.kernelLog.at(-1)).toBe(
      'Code: Unable to access opcode bytes at 0xffffffffffffffde.',
    );
  });

  it.each([
    ['hlt', 'general protection fault', '0'],
    ['ud2', 'trap invalid opcode', '0'],
    ['int 0x21', 'general protection fault', '10a'],
    ['xor ecx, ecx; xor edx, edx; div ecx', 'trap divide error', '0'],
    ['int3', 'trap int3', '0'],
  ])('tells of %s', async (text, what, error) => {
    using machine = await run('x86-64', text);
    const { kernelLog, mm } = machine.process;
    const sp = mm.startStack.toString(16);
    const pattern = `^traps: victim\\[1000\\] ${what} ip:4000\\w\\w sp:${sp} error:${error} in victim\\[10\\w\\w,400000\\+1000\\]$`;
    expect(kernelLog).toHaveLength(1);
    expect(kernelLog[0]).toMatch(new RegExp(pattern));
  });

  it('is silent when a handler is there, and when nobody did wrong', async () => {
    // struct sigaction on the stack: handler, flags, restorer, mask.
    const handler = CODE + 0x80n;
    const install = `sub rsp, 64; mov qword ptr [rsp], ${handler}; mov qword ptr [rsp+8], 0x04000000`;
    const call = 'mov eax, 13; mov edi, 11; mov rsi, rsp; xor edx, edx; mov r10d, 8; syscall';
    const code = new Uint8Array(0x100);
    code.set(assemble('x86-64', `${install}; ${call}; xor eax, eax; mov eax, [rax]`, Number(CODE)));
    code.set(assemble('x86-64', 'mov eax, 60; mov edi, 9; syscall', Number(handler)), 0x80);
    using machine = await openMachine('x86-64');
    machine.process.exec('/opt/victim', program('x86-64', code), ['victim'], []);
    machine.process.run();
    expect(machine.process.outcome).toEqual({ kind: 'exit', code: 9 });
    expect(machine.process.kernelLog).toEqual([]);
  });
});

describe('a host that loads and stores as the guest would', () => {
  const fault = { address: 0n, code: 'SI_KERNEL' };

  it.each([1n << 47n, 1n << 63n, (1n << 47n) - 4n])(
    'meets #GP at 0x%x, which is not canonical',
    async (address) => {
      using machine = await openIdle('x86-64');
      const { mm } = machine.process;
      expect(mm.load(address, 8)).toMatchObject({ ...fault, access: 'read' });
      expect(mm.store(address, new Uint8Array(8))).toMatchObject({ ...fault, access: 'write' });
    },
  );

  it("meets a page fault in the kernel's half", async () => {
    using machine = await openIdle('x86-64');
    const address = 0xffff_8000_0000_0000n;
    expect(machine.process.mm.load(address, 8)).toMatchObject({ address, code: 'SEGV_MAPERR' });
  });
});

describe('exceptions', () => {
  it.each([
    ['x86-64', 'int3', 'SIGTRAP', 'SI_KERNEL', 0n, 1n],
    ['x86-64', 'ud2', 'SIGILL', 'ILL_ILLOPN', CODE, 0n],
    ['x86-64', 'hlt', 'SIGSEGV', 'SI_KERNEL', 0n, 0n],
    ['x86-64', 'int 0x81', 'SIGSEGV', 'SI_KERNEL', 0n, 0n],
    ['x86-64', 'xor ecx, ecx; div ecx', 'SIGFPE', 'FPE_INTDIV', CODE + 2n, 2n],
    ['x86-64', 'mov rax, 0x8000000000000000; mov al, [rax]', 'SIGSEGV', 'SI_KERNEL', 0n, 10n],
    ['x86-64', 'mov rax, 0x8000000000000000; jmp rax', 'SIGSEGV', 'SI_KERNEL', 0n, undefined],
    ['i386', 'int3', 'SIGTRAP', 'SI_KERNEL', 0n, 1n],
    ['i386', 'mov al, 0x7f; add al, al; into', 'SIGSEGV', 'SI_KERNEL', 0n, 5n],
    ['i386', 'syscall', 'SIGILL', 'ILL_ILLOPN', CODE, 0n],
    ['i386', 'mov eax, 0xfffffff0; mov al, [eax]', 'SIGSEGV', 'SEGV_MAPERR', 0xfffffff0n, 5n],
  ] as const)('on %s: %s', async (arch, text, signal, code, address, offset) => {
    using machine = await run(arch, text);
    expect(machine.process.outcome).toMatchObject({ kind: 'signal', signal, code, address });
    if (offset !== undefined) expect(machine.process.outcome).toMatchObject({ pc: CODE + offset });
  });
});

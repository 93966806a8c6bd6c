/** LinuxProcess as the host uses it: system calls, calls, runs, snapshots. */
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../../../src/base/address.js';
import { MayexecError } from '../../../../src/base/errors.js';
import { assemble } from '../../../engine/assembler.js';
import { CODE, program } from '../elf-file.js';
import { type Machine, openIdle, openMachine } from '../machine.js';

const NONE = (1n << 64n) - 1n;
const ARCHES = ['x86-64', 'i386'] as const;

function map(machine: Machine, prot: bigint, length = 4096n): bigint {
  const call = machine.process.mm.arch === 'i386' ? 'mmap2' : 'mmap';
  const { value, errno } = machine.process.syscall(call, [0n, length, prot, 0x22n, NONE, 0n]);
  expect(errno).toBe(undefined);
  return value;
}

/** Code on a page of its own. */
function code(machine: Machine, text: string): bigint {
  const page = map(machine, 5n);
  machine.process.mm.poke(page, assemble(machine.process.mm.arch, text, Number(page)));
  return page;
}

describe.each(ARCHES)('a host call on %s', (arch: Arch) => {
  it('passes arguments, of which many go on the stack, and gives what the code returns', async () => {
    using machine = await openIdle(arch);
    const text =
      arch === 'x86-64'
        ? 'mov rax, rdi; sub rax, rsi; add rax, r9; add rax, [rsp+8]; sub rax, [rsp+16]; ret'
        : 'mov eax, [esp+4]; sub eax, [esp+8]; add eax, [esp+24]; add eax, [esp+28]; sub eax, [esp+32]; ret';
    const at = code(machine, text);
    const args = [100n, 30n, 0n, 0n, 0n, 6n, 1000n, 5n];
    expect(machine.process.call(at, args)).toEqual({ kind: 'return', value: 1071n });
  });

  it('has the stack aligned as the convention says, and gives it back', async () => {
    using machine = await openIdle(arch);
    const at = code(machine, arch === 'x86-64' ? 'mov rax, rsp; ret' : 'mov eax, esp; ret');
    const seen = [0, 1, 2, 3].map((count) => {
      const outcome = machine.process.call(at, Array(count * 3).fill(0n));
      return outcome.kind === 'return' ? outcome.value : 0n;
    });
    const word = arch === 'x86-64' ? 8n : 4n;
    for (const sp of seen) expect((sp + word) % 16n).toBe(0n);
    expect(machine.process.call(at, [])).toEqual({ kind: 'return', value: seen[0] });
  });

  it('ends with the signal that the code dies by, and the process can be called again', async () => {
    using machine = await openIdle(arch);
    const bad = code(machine, 'ud2');
    const good = code(machine, 'mov eax, 7; ret');
    for (let i = 0; i < 3; i++) {
      expect(machine.process.call(bad, [])).toEqual({
        kind: 'signal',
        signal: 'SIGILL',
        code: 'ILL_ILLOPN',
        address: bad,
        pc: bad,
      });
      expect(machine.process.call(good, [])).toEqual({ kind: 'return', value: 7n });
    }
  });

  it('ends with the exit of the code', async () => {
    using machine = await openIdle(arch);
    const text =
      arch === 'x86-64'
        ? 'mov eax, 231; mov edi, 300; syscall'
        : 'mov eax, 252; mov ebx, 300; int 0x80';
    expect(machine.process.call(code(machine, text), [])).toEqual({ kind: 'exit', code: 44 });
  });

  it('ends at the block limit, also where no block ever begins', async () => {
    using machine = await openIdle(arch, { blocks: 1000 });
    const limit = { kind: 'limit', limit: 'blocks' };
    expect(machine.process.call(code(machine, 'here: jmp here'), [])).toEqual(limit);
  });

  it('ends when memory is used up', async () => {
    using machine = await openIdle(arch, { memory: 1 << 20 });
    const area = map(machine, 3n, 16n << 20n);
    const [si, di] = arch === 'x86-64' ? ['rdi', 'rdi'] : ['[esp+4]', 'edi'];
    const load = arch === 'x86-64' ? '' : `mov edi, ${si};`;
    const at = code(machine, `${load} again: mov byte ptr [${di}], 1; add ${di}, 4096; jmp again`);
    expect(machine.process.call(at, [area])).toEqual({ kind: 'limit', limit: 'memory' });
  });

  it('says that there is no room when the stack pointer is wild', async () => {
    using machine = await openIdle(arch);
    const at = code(machine, `mov ${arch === 'x86-64' ? 'rsp' : 'esp'}, 0x2000; ud2`);
    machine.process.call(at, []);
    expect(machine.process.call(at, [])).toMatchObject({
      kind: 'signal',
      signal: 'SIGSEGV',
      code: 'SEGV_MAPERR',
      access: 'write',
    });
  });
});

describe('a system call by the host', () => {
  it('is made by name or number, and missing arguments are 0', async () => {
    using machine = await openIdle('x86-64');
    expect(machine.process.syscall('getpid', [])).toEqual({ value: 1000n });
    expect(machine.process.syscall(39, [])).toEqual({ value: 1000n });
    expect(machine.process.syscall('mprotect', [0x1001n])).toEqual({ value: -1n, errno: 'EINVAL' });
    expect(machine.process.syscall(9999, [])).toEqual({ value: -1n, errno: 'ENOSYS' });
    expect(machine.process.syscall('ptrace', [])).toMatchObject({ errno: 'ENOSYS' });
  });

  it('by an unknown name throws, naming the nearest', async () => {
    using machine = await openIdle('x86-64');
    expect(() => machine.process.syscall('mproject', [])).toThrow(/'mproject'.*'mprotect'/);
    expect(() => machine.process.syscall('mproject', [])).toThrow(MayexecError);
  });

  it("is in the trace as the host's, with its arguments in words", async () => {
    using machine = await openIdle('i386');
    machine.process.syscall('mmap2', [0n, 4096n, 5n, 0x32n, NONE, 2n]);
    expect(machine.trace.events.at(-1)).toMatchObject({
      type: 'syscall',
      name: 'mmap2',
      byHost: true,
      args: [0n, 4096n, 5n, 0x32n, 0xffffffffn, 2n],
      shown: [
        'NULL',
        '4096',
        'PROT_READ|PROT_EXEC',
        'MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS',
        '-1',
        '0x2000',
      ],
      errno: 'EPERM',
    });
  });

  it('that raises a signal has it delivered to the code that runs next', async () => {
    using machine = await openIdle('x86-64');
    machine.process.syscall('kill', [1000n, 15n]);
    expect(machine.process.call(code(machine, 'ret'), [])).toMatchObject({
      kind: 'signal',
      signal: 'SIGTERM',
      code: 'SI_USER',
    });
  });
});

describe('a run', () => {
  const exit = assemble('x86-64', 'mov eax, 60; mov edi, 5; syscall', Number(CODE));

  it('without a program throws', async () => {
    using machine = await openIdle('x86-64');
    expect(() => machine.process.run()).toThrow(/no program/);
  });

  it('that has ended stays ended', async () => {
    using machine = await openMachine('x86-64');
    machine.process.exec('/bin/five', program('x86-64', exit), ['five'], []);
    expect(machine.process.run()).toEqual({ kind: 'exit', code: 5 });
    expect(machine.process.run()).toEqual({ kind: 'exit', code: 5 });
    expect(machine.trace.events.filter(({ type }) => type === 'end')).toHaveLength(1);
  });

  it('goes on after a limit', async () => {
    using machine = await openMachine('x86-64', { blocks: 100 });
    const text = 'mov ecx, 1000; again: dec ecx; jnz again; mov eax, 60; mov edi, 6; syscall';
    machine.process.exec(
      '/p',
      program('x86-64', assemble('x86-64', text, Number(CODE))),
      ['p'],
      [],
    );
    let runs = 0;
    while (machine.process.run().kind === 'limit') runs++;
    expect(runs).toBeGreaterThan(3);
    expect(machine.process.run()).toEqual({ kind: 'exit', code: 6 });
  });

  it('shows each write to the host as it happens, and keeps all', async () => {
    const seen: [number, string][] = [];
    const onOutput = (fd: number, bytes: Uint8Array): void => {
      seen.push([fd, new TextDecoder().decode(bytes)]);
    };
    using machine = await openMachine('x86-64', {
      onOutput,
      stdin: new TextEncoder().encode('in'),
    });
    const text = `
      xor eax, eax; xor edi, edi; lea rsi, [rsp-64]; mov edx, 10; syscall
      mov edx, eax; mov eax, 1; mov edi, 1; syscall
      mov eax, 1; mov edi, 2; mov edx, 1; syscall
      mov eax, 60; xor edi, edi; syscall`;
    machine.process.exec(
      '/p',
      program('x86-64', assemble('x86-64', text, Number(CODE))),
      ['p'],
      [],
    );
    expect(machine.process.run()).toEqual({ kind: 'exit', code: 0 });
    expect(seen).toEqual([
      [1, 'in'],
      [2, 'i'],
    ]);
    expect(machine.output).toBe('in');
  });
});

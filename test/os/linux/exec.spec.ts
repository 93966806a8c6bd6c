/** Programs: what loads, where it comes to lie, with which rights, and what is refused. */
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../../src/base/address.js';
import { MayexecError } from '../../../src/base/errors.js';
import { cString } from '../../../src/base/text.js';
import { PT_INTERP } from '../../../src/formats/elf/structures.js';
import { Sandbox } from '../../../src/index.js';
import { VM_EXEC } from '../../../src/os/linux/mm/vmas/vma.js';
import { causeOf } from '../../../src/trace/print-cause.js';
import { assemble } from '../../engine/assembler.js';
import {
  CODE,
  elfFile,
  PF_RW,
  PF_RWX,
  PF_RX,
  PT_GNU_STACK,
  program,
  type Segment,
} from './elf-file.js';
import { type Machine, type MachineOptions, openMachine } from './machine.js';

const EXIT = {
  'x86-64': 'mov eax, 60; mov edi, 3; syscall',
  i386: 'mov eax, 1; mov ebx, 3; int 0x80',
} as const;

function exitCode(arch: Arch): Uint8Array {
  return assemble(arch, EXIT[arch], Number(CODE));
}

async function load(arch: Arch, bytes: Uint8Array, options: MachineOptions = {}): Promise<Machine> {
  const machine = await openMachine(arch, options);
  machine.process.exec('/tmp/program', bytes, ['program', 'one', 'two'], ['HOME=/tmp', 'B=2']);
  return machine;
}

function stackOf(machine: Machine) {
  return machine.process.mm.find(machine.process.mm.startStack)!;
}

describe.each(['x86-64', 'i386'] as const)('an ELF program on %s', (arch) => {
  it('runs', async () => {
    using machine = await load(arch, program(arch, exitCode(arch)));
    expect(machine.process.run()).toEqual({ kind: 'exit', code: 3 });
  });

  it('finds its arguments, its environment and its own file', async () => {
    using machine = await load(arch, program(arch, exitCode(arch)));
    const { mm } = machine.process;
    const read = (start: bigint, end: bigint): string =>
      new TextDecoder().decode(mm.peek(start, Number(end - start)));
    expect(read(mm.argStart, mm.argEnd)).toBe('program\0one\0two\0');
    expect(read(mm.envStart, mm.envEnd)).toBe('HOME=/tmp\0B=2\0');
    expect(mm.startStack % 16n).toBe(0n);
    expect(mm.peek(mm.startStack, 1)[0]).toBe(3);
    expect(machine.process.mm.mapsText()).toContain('/tmp/program');
  });

  it('has zeros behind the bytes of its file, on the same page and on more', async () => {
    const data = {
      flags: PF_RW,
      address: 0x402ff0n,
      bytes: new Uint8Array(8).fill(9),
      memorySize: 0x3000n,
    };
    // Its place in the file must agree with its address within the page.
    const segment = {
      ...data,
      bytes: new Uint8Array(0x1000).fill(9),
      offset: 0x2ff0n,
      fileSize: 8n,
    };
    using machine = await load(arch, program(arch, exitCode(arch), [segment]));
    const { mm } = machine.process;
    expect([...mm.peek(0x402ff0n, 20)]).toEqual([...Array(8).fill(9), ...Array(12).fill(0)]);
    expect(mm.find(0x405fefn)?.object).toBe(undefined);
    expect(mm.find(0x406000n)).toBe(undefined);
    expect(mm.startBrk).toBe(0x406000n);
  });

  it('begins at its entry with clear registers', async () => {
    const seen = arch === 'x86-64' ? 'rax+rbx+rcx+rdx+rsi+rdi+rbp' : 'eax+ebx+ecx+edx+esi+edi+ebp';
    const [first, ...rest] = seen.split('+');
    const sum = rest.map((name) => `or ${first}, ${name};`).join('');
    const done =
      arch === 'x86-64'
        ? 'mov rdi, rax; mov eax, 60; syscall'
        : 'mov ebx, eax; mov eax, 1; int 0x80';
    using machine = await load(arch, program(arch, assemble(arch, `${sum} ${done}`, Number(CODE))));
    expect(machine.process.run()).toEqual({ kind: 'exit', code: 0 });
  });

  it('as a PIE without an interpreter lies where mmap puts it, its heap elsewhere', async () => {
    const text = { flags: PF_RX, address: 0n, bytes: assemble(arch, EXIT[arch], 0) };
    const pie = elfFile({ arch, type: 'ET_DYN', entry: 0n, segments: [text] });
    using machine = await load(arch, pie);
    const { mm } = machine.process;
    const vma = mm.vmas.find(({ object }) => object?.path === '/tmp/program');
    expect(vma?.end).toBeGreaterThan(arch === 'x86-64' ? 0x7fff00000000n : 0xf0000000n);
    expect(mm.startBrk).toBe(arch === 'x86-64' ? 0x555555555000n : 0x56555000n);
    expect(machine.process.run()).toEqual({ kind: 'exit', code: 3 });
  });

  it('with an interpreter starts in it, told where the program is', async () => {
    const path = new TextEncoder().encode('/lib/ld.so\0');
    const linker = elfFile({
      arch,
      type: 'ET_DYN',
      entry: 0n,
      segments: [{ flags: PF_RX, address: 0n, bytes: assemble(arch, EXIT[arch], 0) }],
    });
    const bytes = elfFile({
      arch,
      type: 'ET_DYN',
      entry: 0x10n,
      segments: [
        { type: 3, bytes: path },
        { flags: PF_RX, address: 0n, bytes: new Uint8Array(64).fill(0xcc) },
      ],
    });
    const files = { '/lib/ld.so': { content: linker, mode: 0o755 } };
    using machine = await load(arch, bytes, { files });
    const maps = machine.process.mm.mapsText();
    expect(maps).toMatch(arch === 'x86-64' ? /^555555554000-/ : /^56555000-/);
    expect(maps).toContain('/lib/ld.so');
    expect(machine.process.run()).toEqual({ kind: 'exit', code: 3 });
    using other = await openMachine(arch);
    expect(() => other.process.exec('/tmp/p', bytes, ['p'], [])).toThrow(/'\/lib\/ld.so'.*ENOENT/);
  });

  it.each([
    ['RW', { type: PT_GNU_STACK, flags: PF_RW }, false, false],
    ['RWX', { type: PT_GNU_STACK, flags: PF_RWX }, true, false],
    ['missing', undefined, arch === 'i386', arch === 'i386'],
  ] as const)('with a stack header %s', async (_name, header, stackExec, heapExec) => {
    const more: Segment[] = header === undefined ? [] : [header];
    using machine = await load(arch, program(arch, exitCode(arch), more));
    const { process } = machine;
    expect((stackOf(machine).flags & VM_EXEC) !== 0).toBe(stackExec);
    const heap = process.mm.brkEnd;
    process.syscall('brk', [heap + 4096n]);
    expect((process.mm.find(heap)!.flags & VM_EXEC) !== 0).toBe(heapExec);
    const log = ["process 'tmp/program' started with executable stack"];
    expect(process.kernelLog.map((line) => line.replace("'/tmp", "'tmp"))).toEqual(
      stackExec ? log : [],
    );
  });
});

describe('a policy', () => {
  const rwx = { flags: PF_RWX, address: 0x500000n, bytes: Uint8Array.of(0x90) };

  it('that refuses a segment kills behind the point of no return', async () => {
    using machine = await load('x86-64', program('x86-64', exitCode('x86-64'), [rwx]), {
      policy: 'wx',
    });
    expect(machine.process.run()).toMatchObject({
      kind: 'signal',
      signal: 'SIGSEGV',
      code: 'SI_KERNEL',
    });
    const verdicts = machine.trace.events.filter(({ type }) => type === 'verdict');
    expect(verdicts).toMatchObject([{ policy: 'wx', hook: 'mmapRegion' }]);
  });

  it('whose opt-in call is in force from the start lets the same program load without it', async () => {
    using machine = await load('x86-64', program('x86-64', exitCode('x86-64'), [rwx]), {
      policy: 'mdwe',
    });
    expect(machine.process.run()).toEqual({ kind: 'exit', code: 3 });
    expect(machine.process.mm.mdwe).not.toBe(0);
  });
});

describe('an ELF program with an odd header', () => {
  const good = program('x86-64', exitCode('x86-64'));
  const ends = async (bytes: Uint8Array) => {
    using machine = await load('x86-64', bytes);
    return machine.process.run();
  };

  it.each([0, 1, 106])(
    'of class %i is taken for what e_machine says, as by the kernel',
    async (kind) => {
      const bytes = good.slice();
      bytes[4] = kind;
      expect(await ends(bytes)).toEqual({ kind: 'exit', code: 3 });
    },
  );

  it('that ends within the header is read as if zeros followed', async () => {
    // Program headers at the file's first byte: none of them is a PT_LOAD.
    const bytes = good.slice(0, 60);
    bytes.fill(0, 32, 40);
    bytes[56] = 1;
    expect(await ends(bytes)).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
  });

  it('with two marks of the stack has the last', async () => {
    const mark = (flags: number): Segment => ({ type: PT_GNU_STACK, flags, address: 0n });
    const [first, last] = [mark(PF_RWX), mark(PF_RW)];
    using one = await load('x86-64', program('x86-64', exitCode('x86-64'), [first, last]));
    expect(stackOf(one).flags & VM_EXEC).toBe(0);
    using other = await load('x86-64', program('x86-64', exitCode('x86-64'), [last, first]));
    expect(stackOf(other).flags & VM_EXEC).not.toBe(0);
  });

  it.each([0x20_0000n, 0x4000_0000n])(
    'that may lie anywhere is aligned to %i, as its segment asks',
    async (align) => {
      const text = { flags: PF_RX, address: 0n, bytes: exitCode('x86-64'), align };
      const bytes = elfFile({ arch: 'x86-64', type: 'ET_DYN', entry: 0n, segments: [text] });
      using machine = await load('x86-64', bytes);
      expect(machine.process.mm.startCode % align).toBe(0n);
      expect(machine.process.run()).toEqual({ kind: 'exit', code: 3 });
    },
  );

  it('with an entry of kernels and no code there is a program', async () => {
    const bytes = good.slice();
    bytes.fill(0xff, 28, 32);
    using sandbox = await Sandbox.create({ program: bytes });
    expect(sandbox.os).toBe('linux');
  });
});

describe('a file that is no program', () => {
  const good = program('x86-64', exitCode('x86-64'));
  const changed = (at: number, ...values: number[]): Uint8Array => {
    const bytes = good.slice();
    bytes.set(values, at);
    return bytes;
  };

  it.each([
    ['empty', new Uint8Array(), /magic/],
    ['a script', new TextEncoder().encode('#!/bin/sh\n'), /magic/],
    ['cut off in the header', good.slice(0, 19), /cut off/],
    ['cut off behind the magic', good.slice(0, 53), /headers have 0 bytes/],
    ['for another machine', changed(18, 40), /machine 40/],
    ['an object file', changed(16, 1), /ET_EXEC/],
    ['with headers of a strange size', changed(54, 10), /10 bytes/],
    ['without headers', changed(56, 0, 0), /no program headers/],
    ['with headers outside', changed(32, 0, 0, 0, 0, 1), /outside/],
    ['with too many headers', changed(56, 0xff, 0xff), /outside/],
    ['with a wild interpreter', changed(64, 3), /interpreter/],
  ])('%s is refused with the reason', async (_name, bytes, reason) => {
    using machine = await openMachine('x86-64');
    const run = (): void => machine.process.exec('/tmp/x', bytes, ['x'], []);
    expect(run).toThrow(MayexecError);
    expect(run).toThrow(reason);
  });

  it('that needs an interpreter says which, and that -static needs none', async () => {
    const path = '/lib64/ld-linux-x86-64.so.2';
    const interp = { type: PT_INTERP, bytes: cString(path), address: CODE + 0x800n };
    const text = { flags: PF_RX, address: CODE, bytes: exitCode('x86-64') };
    const bytes = elfFile({ arch: 'x86-64', entry: CODE, segments: [text, interp] });
    using machine = await openMachine('x86-64');
    const run = (): void => machine.process.exec('/tmp/x', bytes, ['x'], []);
    expect(run).toThrow(
      `cannot execute '/tmp/x': it is linked dynamically, and its interpreter '${path}' is not among the sandbox's files (ENOENT); linked with -static it needs none`,
    );
  });

  it('whose segment a policy refuses dies of the rule, which is named', async () => {
    const text = { flags: PF_RX | 2, address: CODE, bytes: exitCode('x86-64') };
    const bytes = elfFile({ arch: 'x86-64', entry: CODE, segments: [text] });
    using machine = await load('x86-64', bytes, { policy: 'wx' });
    expect(machine.process.run()).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
    expect(causeOf(machine.trace.events)).toMatch(/^wx denied execve: .* \(wx\/write-exec\)$/);
  });

  it('for the other architecture is refused by name', async () => {
    using machine = await openMachine('i386');
    expect(() => machine.process.exec('/tmp/x', good, ['x'], [])).toThrow(/x86-64.*i386/);
  });

  it.each([
    [
      'a segment below the lowest address',
      { address: 0n, bytes: Uint8Array.of(1), flags: PF_RX },
      'its segment 2 of 2 (r-x at 0x0) cannot be mapped (EPERM, ',
    ],
    [
      'a segment above all',
      { address: 0x7fff_ffff_f000n, bytes: Uint8Array.of(1), flags: PF_RX },
      'its segment 2 of 2 (r-x at 0x7ffffffff000) cannot be mapped (ENOMEM, ',
    ],
    [
      'a segment at the end of the numbers',
      { address: (1n << 64n) - 4096n, bytes: Uint8Array.of(1) },
      ' at 0xfffffffffffff000) cannot be mapped (',
    ],
    [
      'a segment of no end',
      { address: 0x500000n, bytes: Uint8Array.of(1), memorySize: 1n << 63n },
      'its segment 2 of 2 (',
    ],
    [
      'more in the file than in memory',
      { address: 0x500000n, fileSize: 20n, memorySize: 10n },
      ' has more bytes in the file than in memory (EINVAL, ',
    ],
    [
      'a place in the file that does not fit',
      { address: 0x500010n, bytes: Uint8Array.of(1) },
      ' cannot be mapped: its offset in the file does not fit its address (EINVAL, ',
    ],
    ['no LOAD segment', { type: 99 }, 'it has no segment to load (ENOEXEC, '],
  ] as const)('%s ends it by SIGSEGV as execve would, and is said', async (name, segment, said) => {
    const text = { flags: PF_RX, address: CODE, bytes: exitCode('x86-64') };
    const segments = name === 'no LOAD segment' ? [segment] : [text, segment];
    const bytes = elfFile({ arch: 'x86-64', entry: CODE, segments });
    using machine = await load('x86-64', bytes);
    expect(machine.process.run()).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
    machine.process.mm.checkInvariants();
    expect(causeOf(machine.trace.events)).toMatch(/^loading \/\S+ failed: /);
    expect(causeOf(machine.trace.events)).toContain(said);
  });

  it('whose text lies past the end of the file gets SIGBUS there', async () => {
    const text = { flags: PF_RX, address: CODE, offset: 0x100000n, fileSize: 16n };
    using machine = await load(
      'x86-64',
      elfFile({ arch: 'x86-64', entry: CODE, segments: [text] }),
    );
    expect(machine.process.run()).toMatchObject({
      kind: 'signal',
      signal: 'SIGBUS',
      code: 'BUS_ADRERR',
    });
  });
});

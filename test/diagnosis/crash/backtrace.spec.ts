/** Backtraces of compiled programs, assembly and generated code. Which calls there are is known from the sources. */
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../../src/base/address.js';
import { backtrace, type Frame } from '../../../src/diagnosis/crash/backtrace.js';
import { symbolAt } from '../../../src/diagnosis/crash/modules.js';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../../src/toolchain/assemble-program.js';
import { compile } from '../../os/linux/compiler.js';

const FREESTANDING =
  '-nostdlib -ffreestanding -fno-stack-protector -msse2 -mno-red-zone -fasynchronous-unwind-tables';

const shown = ({ symbol, file, line, by }: Frame): string =>
  `${symbol ?? '?'} ${file === undefined ? '-' : `${file.replace(/.*\//, '')}:${line}`} by ${by}`;

async function framesOf(program: Uint8Array, arch: Arch): Promise<Frame[]> {
  using sandbox = await Sandbox.create({ arch, program, seed: 7 });
  expect(sandbox.run()).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
  return backtrace(sandbox);
}

describe.each(['x86-64', 'i386'] as const)('a backtrace on %s', (arch) => {
  it.for([
    ['-O2 -static -fomit-frame-pointer -gdwarf-2'],
    ['-O2 -static -fomit-frame-pointer -gdwarf-3'],
    ['-O1 -static -fno-omit-frame-pointer -gdwarf-4'],
    ['-O2 -static -fomit-frame-pointer -gdwarf-5'],
    ['-O2 -static-pie -fpie -fomit-frame-pointer -gdwarf-5'],
    // Segments that share pages of the file.
    ['-O2 -static-pie -fpie -fomit-frame-pointer -gdwarf-5 -Wl,-z,noseparate-code'],
  ])('of a program compiled with %s names functions and lines', async ([flags], { skip }) => {
    const program = compile('frames.c', arch, `${FREESTANDING} ${flags}`);
    if ('why' in program) return skip(program.why);
    const frames = await framesOf(program.bytes, arch);
    expect(frames.slice(0, 5).map(shown)).toEqual([
      'crash frames.c:6 by registers',
      'middle frames.c:13 by call frame information',
      'middle frames.c:12 by call frame information',
      'middle frames.c:12 by call frame information',
      'main frames.c:18 by call frame information',
    ]);
    // start_c is called by assembly without any information.
    expect(frames.slice(5).map(({ symbol }) => symbol)).toEqual(['start_c', '_start']);
  });

  it('of one without any information goes by frame pointers', async ({ skip }) => {
    const flags = '-O1 -static -fno-omit-frame-pointer -fno-asynchronous-unwind-tables';
    const program = compile('frames.c', arch, `${FREESTANDING} ${flags}`);
    if ('why' in program) return skip(program.why);
    const frames = await framesOf(program.bytes, arch);
    expect(frames.map(({ symbol }) => symbol)).toEqual([
      'crash',
      'middle',
      'middle',
      'middle',
      'main',
      'start_c',
      '_start',
    ]);
    expect(new Set(frames.map(({ by }) => by))).toContain('frame pointer');
    expect(frames[0]).not.toHaveProperty('file');
  });

  it('leaves a handler by way of the signal frame', async ({ skip }) => {
    const program = compile('frames-signal.c', arch, '-O1 -g -static');
    if ('why' in program) return skip(program.why);
    const frames = await framesOf(program.bytes, arch);
    const names = frames.map(({ symbol }) => symbol);
    expect(names[0]).toBe('handler');
    expect(names.indexOf('raises')).toBeGreaterThan(1);
    expect(names.indexOf('main')).toBe(names.indexOf('raises') + 1);
  });

  it('of generated code finds who called it', async () => {
    const [ax, sp] = arch === 'x86-64' ? ['rax', 'rsp'] : ['eax', 'esp'];
    const { elf, symbols } = await assembleProgram(
      `.globl _start\n_start:\n call outer\n outer: mov ${ax}, ${sp}\n call ${ax}\nafter: nop\n`,
      { arch, file: 'calls.s' },
    );
    const [inner, outer, start] = await framesOf(elf, arch);
    expect(inner).toMatchObject({ by: 'registers' });
    expect(inner).not.toHaveProperty('module');
    expect(outer).toMatchObject({ pc: symbols.get('after'), symbol: 'outer', by: 'top of stack' });
    expect(start).toMatchObject({ pc: symbols.get('outer'), symbol: '_start', by: 'stack' });
  });
});

describe('the name of an address', () => {
  const named = async (source: string, flags: string, ask: (sandbox: Sandbox) => bigint) => {
    const program = compile(source, 'x86-64', flags);
    if ('why' in program) return program.why;
    using sandbox = await Sandbox.create({ program: program.bytes });
    sandbox.run();
    return symbolAt(sandbox, ask(sandbox))?.name;
  };
  const FLAGS = `${FREESTANDING} -O1 -static`;

  it('is none for address 0, which only file names stand at', async () => {
    expect(await named('frames.c', FLAGS, () => 0n)).toBe(undefined);
  });

  it('goes as far as the function does, and no farther', async ({ skip }) => {
    const inside = await named('frames.c', FLAGS, ({ symbols }) => symbols.get('middle')! + 60n);
    if (inside?.includes('gcc')) return skip(inside);
    expect(inside).toBe('middle');
    const { elf } = await assembleProgram(
      `.globl _start\n_start: nop\n.fill 3000, 1, 0x90\nmov eax, [0]\n`,
      { arch: 'x86-64', file: 'long.s' },
    );
    const [frame] = await framesOf(elf, 'x86-64');
    expect(frame).toMatchObject({ symbol: '_start', offset: 3001 });
  });
});

/** The same bytes on this machine's CPU and on the emulated one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadCode } from '../../src/kit/open-calls.js';
import { type CpuComparison, compareWithHost } from '../../src/native/index.js';
import { lacking } from '../host/host.js';
import { randomCase, randomCode } from './random-code.js';

const reason = lacking('x86-64');
/** More, and other ones: MAYEXEC_CPU=1000 MAYEXEC_CPU_SEED=7. */
const PROGRAMS = Number(process.env.MAYEXEC_CPU ?? 25);
const SEED = Number(process.env.MAYEXEC_CPU_SEED ?? 1);

function text({ failures }: CpuComparison): string {
  return failures
    .flatMap(({ differences }) =>
      differences.map(({ where, host, sandbox }) => `${where}: host ${host}, sandbox ${sandbox}`),
    )
    .join('\n');
}

describe('code of compilers, at random', () => {
  const programs = fc.sample(randomCode, { numRuns: PROGRAMS, seed: SEED });

  it(`does the same on both CPUs, but for what is known (${PROGRAMS} programs)`, async (ctx) => {
    if (reason !== undefined) return ctx.skip(reason);
    const explained = new Set<string>();
    for (const [index, program] of programs.entries()) {
      const cases = fc.sample(randomCase, { numRuns: 8, seed: SEED + index });
      const compared = await compareWithHost(program, cases, { buffers: { from: 64, to: 64 } });
      expect(compared.cases).toBe(8);
      expect(text(compared), program).toBe('');
      const causes = compared.deviations.flatMap((each) => each.causes);
      for (const { name } of causes) explained.add(name);
    }
    // Something that a CPU may do as it likes, or the emulator does not do, is in any such set.
    expect([...explained]).toContain('undefined flags');
  });
});

describe.each(['x86-64', 'i386'] as const)('a case on %s', (arch) => {
  const reason = lacking(arch);
  const wide = arch === 'x86-64';
  const [ax, cx, si] = wide ? ['rax', 'rcx', 'rsi'] : ['eax', 'ecx', 'esi'];

  it.for([
    ['returns with the same state', `add ${ax}, ${cx}; fld1; movd xmm3, eax; std; ret`],
    ['stores into its buffer', `mov [${si}], ${cx}; ret`],
    ['faults where nothing is mapped', `mov eax, [${cx}]; ret`],
    ['faults behind its buffer', `mov al, [${si}+16]; ret`],
    ['divides by zero', 'xor ecx, ecx; div ecx; ret'],
    ['is no instruction', 'ud2'],
    ['traps', 'int3; ret'],
    ['jumps to nowhere', `jmp ${cx}`],
    ['returns to nowhere', `push ${cx}; ret`],
    ['loses its stack', wide ? 'xor esp, esp; push rax' : 'xor esp, esp; push eax'],
    ['executes its buffer', `jmp ${si}`],
    [
      'writes over its own code',
      'here: mov byte ptr [here], 0xc3; ret'.replace('[here]', wide ? '[rip+here]' : '[here]'),
    ],
    ['does not end', 'again: jmp again'],
  ] as const)('%s', async ([, source], ctx) => {
    if (reason !== undefined) return ctx.skip(reason);
    const given = {
      registers: { [cx!]: 0x1234, [si!]: { buffer: 'b' } },
      buffers: { b: Uint8Array.of(1) },
    };
    const compared = await compareWithHost(source, [given, given], { arch, buffers: { b: 16 } });
    expect(text(compared)).toBe('');
    expect(compared.deviations).toEqual([]);
  });

  it.for([
    ['a register', 'cvttsd2si eax, xmm0; cvtsd2si ecx, xmm0; ret'],
    ['a vector', 'cvttps2dq xmm1, xmm0; cvtps2dq xmm2, xmm0; ret'],
    ['memory', `movsd [${si}], xmm0; fld qword ptr [${si}]; fistp dword ptr [${si}]; ret`],
  ] as const)('converts what no integer can hold into %s', async ([, source], ctx) => {
    if (reason !== undefined) return ctx.skip(reason);
    const registers = { [si!]: { buffer: 'b' } };
    // A NaN, 1e300, -1e300, 3.
    const values = [0x7ff8n << 48n, 0x7e37e43c8800759cn, 0xfe37e43c8800759cn, 0x4008n << 48n];
    const given = values.map((value) => ({ registers, vectors: [(value << 64n) | value] }));
    const compared = await compareWithHost(source, given, { arch, buffers: { b: 16 } });
    expect(text(compared)).toBe('');
    const causes = compared.deviations.flatMap((each) => each.causes.map(({ name }) => name));
    expect(causes.filter((name) => name !== 'exception flags')).toEqual([]);
  });

  it('makes no system call on the host, and the answer says so', async (ctx) => {
    if (reason !== undefined) return ctx.skip(reason);
    const call = wide ? 'mov eax, 39; syscall; ret' : 'mov eax, 20; int 0x80; ret';
    const { failures, deviations } = await compareWithHost(call, [{}], { arch });
    expect(failures).toEqual([]);
    const signal = lacking('no-seccomp-filter') === undefined ? 'SIGKILL' : 'SIGSYS';
    expect(deviations[0]?.host.end).toEqual({ kind: 'killed', signal });
    expect(deviations[0]?.causes.map(({ name }) => name)).toEqual(['system call']);
  });

  it('reads the machine, which no two have alike', async (ctx) => {
    if (reason !== undefined) return ctx.skip(reason);
    const { failures, deviations } = await compareWithHost('rdtsc; ret', [{}], { arch });
    expect(failures).toEqual([]);
    expect(deviations[0]?.causes.map(({ name }) => name)).toEqual(['reads the machine']);
  });
});

describe('a wrong case', () => {
  it.each([
    [{ registers: { rxa: 1 } }, "unknown register 'rxa': expected one of rax, "],
    [{ registers: { rsp: 1 } }, "unknown register 'rsp'"],
    [{ registers: { rdi: { buffer: 'iput' } } }, "did you mean 'input'?"],
    [{ buffers: { output: new Uint8Array() } }, "unknown buffer 'output': expected one of input"],
    [{ buffers: { input: new Uint8Array(9) } }, "buffer 'input' has 8 bytes, but 9 are given"],
    [{ vectors: Array.from({ length: 17 }, () => 0n) }, '17 vectors are given: there are 16'],
  ])('is refused: %o', async (given, message) => {
    const compare = compareWithHost('ret', [given], { buffers: { input: 8 } });
    await expect(compare).rejects.toThrow(reason ?? message);
  });

  it('is refused for code that lies where the buffers do', async () => {
    const code = await loadCode({ bytes: Uint8Array.of(0xc3), address: 0x3000_0000n });
    await expect(compareWithHost(code, [])).rejects.toThrow('has to end below 0x30000000');
  });
});

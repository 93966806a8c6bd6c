/**
 * Explanations of the programs of asm/: the rule, the history, and remedies. What an explanation calls a
 * remedy is done here by hand once more: by the program of asm/ that makes the other call itself, or
 * under the spec with the switch turned.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../../src/base/address.js';
import type { ExplainLimits } from '../../../src/diagnosis/explain/budget.js';
import { explain } from '../../../src/diagnosis/explain/explain.js';
import { catalog } from '../../../src/policy/catalog.js';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { loadScenario } from '../../../src/scenario/read/load.js';
import { assembleProgram } from '../../../src/toolchain/assemble-program.js';

const ASM = fileURLToPath(new URL('../../../asm/', import.meta.url));

function include(path: string): string | undefined {
  const file = [path, join(ASM, path)].find((each) => existsSync(each));
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}

async function programOf(name: string, arch: Arch): Promise<Uint8Array> {
  const file = join(ASM, arch, `${name}.s`);
  return (await assembleProgram(readFileSync(file, 'utf8'), { arch, file, include })).elf;
}

async function outputOf(
  program: Uint8Array,
  policy: string,
  xattrs: Readonly<Record<string, string>> = {},
): Promise<string> {
  using sandbox = await Sandbox.create({ policy, program: { bytes: program, xattrs } });
  const outcome = sandbox.run();
  return `${outcome.kind} ${new TextDecoder().decode(sandbox.stdout)}`;
}

/** Tests may run where many others do. */
const PATIENT = { limits: { seconds: 3600 } };

interface Case {
  readonly program: string;
  readonly policy: string;
  readonly rule: string;
  /** A part of the remedy's text. */
  readonly works: string;
  /** The same by hand: another program, another spec, or marks. */
  readonly hand: {
    readonly program?: string;
    readonly policy?: string;
    readonly xattrs?: Readonly<Record<string, string>>;
  };
}

const DUAL = { works: 'written to a memfd', hand: { program: 'jit-dual-memfd' } } as const;

const CASES: readonly Case[] = [
  {
    program: 'jit-malloc',
    policy: 'nx',
    rule: 'nx/no-exec',
    works: 'mprotect to PROT_READ|PROT_EXEC once',
    hand: { program: 'jit-memalign' },
  },
  {
    program: 'jit-mmap-rwx',
    policy: 'wx',
    rule: 'wx/write-exec',
    works: 'mmap with PROT_READ|PROT_WRITE, and mprotect',
    hand: { program: 'jit-mmap-mprotect' },
  },
  {
    program: 'jit-mmap-rwx',
    policy: 'openbsd',
    rule: 'openbsd/write-exec',
    works: 'mmap with PROT_READ|PROT_WRITE, and mprotect',
    hand: { program: 'jit-mmap-mprotect' },
  },
  {
    program: 'jit-mmap-rwx',
    policy: 'openbsd',
    rule: 'openbsd/write-exec',
    works: '-z wxneeded',
    hand: { policy: 'openbsd:wxallowed=on' },
  },
  {
    program: 'jit-mmap-rwx',
    policy: 'freebsd:allow_wx=0',
    rule: 'freebsd/write-exec',
    works: '+wxneeded',
    hand: { policy: 'freebsd:allow_wx=1' },
  },
  {
    program: 'jit-unchecked',
    policy: 'restricted-wx',
    rule: 'restricted-wx/write-never-exec',
    ...DUAL,
  },
  { program: 'jit-mmap-mprotect', policy: 'mdwe', rule: 'mdwe/gain-exec', ...DUAL },
  { program: 'jit-memalign', policy: 'pax', rule: 'pax/mprotect-may', ...DUAL },
  {
    program: 'jit-mmap-rwx',
    policy: 'pax',
    rule: 'pax/mprotect-mmap',
    works: 'user.pax.flags -v m ',
    hand: { xattrs: { 'user.pax.flags': 'm' } },
  },
  {
    program: 'jit-mmap-mprotect',
    policy: 'systemd-mdwe',
    rule: 'systemd-mdwe/mprotect',
    works: 'MemoryDenyWriteExecute=no',
    hand: { policy: 'nx' },
  },
  {
    program: 'jit-mmap-mprotect',
    policy: 'netbsd-mprotect',
    rule: 'netbsd-mprotect/beyond-maximum',
    works: 'PROT_MPROTECT(PROT_EXEC)',
    hand: { policy: 'netbsd-mprotect:global=off' },
  },
  { program: 'jit-mmap-rwx', policy: 'hardenedbsd', rule: 'hardenedbsd/strip-exec', ...DUAL },
  {
    program: 'jit-dev-zero',
    policy: 'selinux',
    rule: 'selinux/execmod',
    works: 'MAP_ANONYMOUS',
    hand: { program: 'jit-mmap-mprotect' },
  },
  {
    program: 'jit-memalign',
    policy: 'selinux',
    rule: 'selinux/execheap',
    works: 'setsebool selinuxuser_execheap on',
    hand: { policy: 'selinux:selinuxuser_execheap=on' },
  },
  {
    program: 'jit-mmap-mprotect',
    policy: 'hardened-runtime:allow-jit=on',
    rule: 'hardened-runtime/unsigned-memory',
    works: 'MAP_JIT',
    hand: { policy: 'hardened-runtime:allow-unsigned-executable-memory=on' },
  },
];

describe.each<Arch>(['x86-64', 'i386'])('an explanation on %s', (arch) => {
  it.each(CASES)('of $program under $policy names $rule and "$works"', async (each) => {
    const bytes = await programOf(each.program, arch);
    const explanation = await explain({ policy: each.policy, program: bytes }, PATIENT);
    expect(explanation?.rule).toBe(each.rule);
    expect(explanation?.why).toMatch(/^[A-Z].{30,}\.$/);
    const remedy = explanation?.remedies.find(({ text }) => text.includes(each.works));
    expect(remedy).toMatchObject({ works: true, outcome: 'works' });
    const { program = each.program, policy = each.policy, xattrs } = each.hand;
    const byHand = await outputOf(await programOf(program, arch), policy, xattrs);
    expect(byHand).toBe('exit f() = 1001\n');
  });

  it('tells how the memory came to be what it is', async () => {
    const program = await programOf('jit-mmap-mprotect', arch);
    const explanation = await explain({ policy: 'mdwe', program }, PATIENT);
    expect(
      explanation?.history.map(({ what, call }) => [what.replace('2', ''), call?.name]),
    ).toEqual([
      ['made rw- by mmap', arch === 'i386' ? 'mmap2' : 'mmap'],
      ['first written', undefined],
    ]);
    expect(explanation?.asked).toMatch(
      /^mprotect\(0x[0-9a-f]+, 4096, PROT_READ\|PROT_EXEC\) = -1 EACCES/,
    );
  });

  it('says of what is refused as well who refused it', async () => {
    const program = await programOf('jit-unchecked', arch);
    const explanation = await explain({ policy: 'mdwe', program }, PATIENT);
    const tried = explanation?.remedies.find(({ text }) => text.endsWith('from the start'));
    expect(tried).toMatchObject({ works: false });
    expect(tried?.refused).toMatch(/with EACCES by mdwe\/write-exec$/);
  });

  it('is not given where nothing was refused', async () => {
    const program = await programOf('jit-mmap-rwx', arch);
    expect(await explain({ policy: 'nx', program }, PATIENT)).toBe(undefined);
  });

  it('does not call a memfd a remedy where it is refused', async () => {
    const program = await programOf('jit-mmap-rwx', arch);
    const explanation = await explain({ policy: 'hardened-runtime', program }, PATIENT);
    const memfd = explanation?.remedies.find(({ text }) => text.includes('memfd'));
    expect(memfd?.works).toBe(false);
  });
});

describe('an explanation of what the kernel itself refuses', () => {
  it('compares with a run without the mount that forbids it, and so finds what works', async () => {
    const file = join(ASM, '../scenarios/jits/temp-file.md');
    const { programs, settings } = await loadScenario(readFileSync(file, 'utf8'), {
      file,
      include,
    });
    const program = programs.find(({ name }) => name === 'in-tmp')!.elf;
    const explanation = await explain({ policy: 'nx', mounts: settings.mounts, program }, PATIENT);
    expect(explanation).toMatchObject({ class: 'errors', rule: undefined });
    const memfd = explanation?.remedies.find(({ text }) => text.includes('written to a memfd'));
    expect(memfd?.works).toBe(true);
  });
});

describe('the pages of policies', () => {
  const refusing = catalog.filter(
    ({ info }) => info.os.includes('linux') && Object.keys(info.rules).length > 0,
  );

  it.each(refusing.map(({ info }) => [info.name, info] as const))('%s says why', (_name, info) => {
    expect(info.why).toMatch(/\.$/);
  });

  it.each(refusing.map(({ info }) => [info.name, info] as const))(
    '%s has switches that its options know',
    async (name, { switches = [] }) => {
      for (const { set = {} } of switches) {
        const options = Object.entries(set).map(([key, value]) => `${key}=${value}`);
        const policy = options.length === 0 ? name : `${name}:${options.join(',')}`;
        using sandbox = await Sandbox.create({ policy });
        expect(sandbox.policy).toBe(policy);
      }
    },
  );
});

/** Copies `code` to the stack and calls it there. */
const onStack = (code: string): string => `
    .globl _start
_start:
    sub rsp, 256
    lea rdi, [rsp + 64]
    lea rsi, [rip + code]
    mov ecx, offset end - code
    rep movsb
    lea rax, [rsp + 64]
    call rax
    mov eax, 60
    xor edi, edi
    syscall
code:
${code}
end:
`;

const explainSource = async (source: string, limits?: ExplainLimits) => {
  const { elf } = await assembleProgram(source, { arch: 'x86-64', file: 'given.s' });
  return explain({ policy: 'nx', program: elf }, { limits: { ...PATIENT.limits, ...limits } });
};

describe('what all runs of an explanation may cost', () => {
  it('ends a remedy that mends fault after fault, and says that it did not end', async () => {
    // Each turn stores to the page that it runs in.
    const counting = onStack('mov ecx, 100000\n1: inc dword ptr [rsp + 16]; dec ecx; jnz 1b; ret');
    const explanation = await explainSource(counting);
    expect(explanation?.unhindered).toEqual({ kind: 'exit', code: 0 });
    const flipped = explanation?.remedies.find(({ text }) => text.startsWith('mprotect'));
    expect(flipped).toMatchObject({ works: false, limit: 'blocks' });
    expect(explanation?.untried).toBe(undefined);
  });

  it('is spent on the likeliest first, and what is left untried is told, the same each time', async () => {
    const program = await programOf('jit-mmap-mprotect', 'x86-64');
    const limited = (blocks: number) =>
      explain({ policy: 'pax', program }, { limits: { ...PATIENT.limits, blocks } });
    const whole = await limited(40_000_000);
    const part = await limited(100_000);
    expect(await limited(100_000)).toEqual(part);
    const texts = whole?.remedies.map(({ text }) => text) ?? [];
    const tried = part?.remedies.map(({ text }) => text) ?? [];
    expect(tried).toEqual(texts.slice(0, tried.length));
    expect(tried.length).toBeLessThan(texts.length);
    expect(part?.untried).toEqual({
      spent: 'blocks',
      limit: 100_000,
      remedies: texts.slice(tried.length),
    });
  });

  it('is bounded by wall time as well', async () => {
    const program = await programOf('jit-mmap-mprotect', 'x86-64');
    const explanation = await explain({ policy: 'mdwe', program }, { limits: { seconds: 0 } });
    expect(explanation).toMatchObject({ remedies: [], untried: { spent: 'seconds', limit: 0 } });
  });

  it.each([
    [{ block: 1 }, "explain: limits: unknown option 'block'", "'blocks'"],
    [{ blocks: 0 }, 'limits.blocks of explain is 0', 'an integer from 1'],
    [{ seconds: -1 }, 'limits.seconds of explain is -1', 'a number from 0'],
    [{ memory: 1 }, 'limits.memory of explain is 1', 'an integer from 65536'],
  ])('rejects %o', async (limits, ...parts) => {
    const error = await explainSource('.globl _start\n_start: ret', limits as ExplainLimits).catch(
      String,
    );
    for (const part of parts) expect(error).toContain(part);
  });
});

describe('where nothing was refused no other call is tried', () => {
  it.each([
    ['a call to null', 'xor eax, eax; call rax'],
    ['a wild jump', 'mov rax, 0x123456789000; jmp rax'],
    ['a load from nowhere', 'mov eax, [0x1234]'],
    ['a store to code, with any policy', 'mov byte ptr [rip + _start], 1'],
    ['zeros on the stack', 'sub rsp, 4096; mov rax, rsp; call rax'],
  ])('%s', async (_what, code) => {
    expect(await explainSource(`.globl _start\n_start:\n${code}`)).toBe(undefined);
  });

  it('a program that dies without any policy too is told so, and nothing is tried', async () => {
    const explanation = await explainSource(onStack('ud2'));
    expect(explanation).toMatchObject({
      rule: 'nx/no-exec',
      unhindered: { kind: 'signal', signal: 'SIGILL' },
      remedies: [],
    });
  });
});

/**
 * The programs of asm/ under every policy, on both architectures: the class of each run and the rule
 * that decided. What is not in the table works, and nothing was refused.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import {
  classify,
  type FinishedRun,
  type OutcomeClass,
  refusedText,
} from '../../src/diagnosis/outcome/outcome-class.js';
import { listPolicies } from '../../src/policy/registry.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';

const ASM = fileURLToPath(new URL('../../asm/', import.meta.url));

function include(path: string): string | undefined {
  const file = [path, join(ASM, path)].find((each) => existsSync(each));
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}

async function run(elf: Uint8Array, policy: string): Promise<FinishedRun> {
  using sandbox = await Sandbox.create({ policy, program: elf });
  const outcome = sandbox.run();
  return { outcome, trace: [...sandbox.trace], stdout: sandbox.stdout.slice() };
}

const POLICIES = listPolicies().flatMap(({ name, os }) => (os.includes('linux') ? [name] : []));

/** What refuses mprotect to memory that was written. */
const GAIN: Readonly<Record<string, string>> = {
  'restricted-wx': 'mprotect refused with EACCES by restricted-wx/write-never-exec',
  mdwe: 'mprotect refused with EACCES by mdwe/gain-exec',
  pax: 'mprotect refused with EACCES by pax/mprotect-may',
  'systemd-mdwe': 'mprotect refused with EPERM by systemd-mdwe/mprotect',
  'netbsd-mprotect': 'mprotect refused with EACCES by netbsd-mprotect/beyond-maximum',
  hardenedbsd: 'mprotect refused with EACCES by hardenedbsd/gain-exec',
  'hardened-runtime': 'access refused by hardened-runtime/unsigned-memory',
};

type Refusals = Readonly<Record<string, string>>;

/** By program: the class where refused, and what refused it under which policy. */
const REFUSED: Readonly<Record<string, readonly [OutcomeClass, Refusals, Refusals?]>> = {
  'jit-checked': ['falls back', GAIN],
  'jit-unchecked': ['crashes', GAIN],
  'jit-mmap-mprotect': ['errors', GAIN],
  'jit-dev-zero': [
    'errors',
    { ...GAIN, selinux: 'mprotect refused with EACCES by selinux/execmod' },
  ],
  'jit-memalign': [
    'errors',
    {
      ...GAIN,
      'restricted-wx': 'mprotect refused with EACCES by restricted-wx/brk-never-exec',
      selinux: 'mprotect refused with EACCES by selinux/execheap',
    },
  ],
  'jit-dual-file': [
    'crashes',
    { 'hardened-runtime': 'access refused by hardened-runtime/code-signature' },
  ],
  'jit-dual-memfd': [
    'crashes',
    { 'hardened-runtime': 'access refused by hardened-runtime/unsigned-memory' },
  ],
  'jit-malloc': [
    'crashes',
    {
      ...Object.fromEntries(
        POLICIES.filter((name) => name !== 'none').map((name) => [
          name,
          'access refused by nx/no-exec',
        ]),
      ),
      pax: 'access refused by pax/no-exec',
    },
    { 'exec-shield': 'access refused by exec-shield/limit' },
  ],
  'jit-mmap-rwx': [
    'errors',
    {
      wx: 'mmap refused with EACCES by wx/write-exec',
      'restricted-wx': 'mmap refused with EACCES by restricted-wx/write-exec',
      mdwe: 'mmap refused with EACCES by mdwe/write-exec',
      pax: 'mmap refused with EPERM by pax/mprotect-mmap',
      'systemd-mdwe': 'mmap refused with EPERM by systemd-mdwe/mmap',
      openbsd: 'mmap refused with ENOTSUP by openbsd/write-exec',
      'netbsd-mprotect': 'mmap refused with EACCES by netbsd-mprotect/write-exec',
      hardenedbsd: 'mmap granted without PROT_EXEC by hardenedbsd/strip-exec',
      'hardened-runtime': 'mmap refused with EACCES by hardened-runtime/write-exec',
    },
  ],
};

const NOTHING: readonly [OutcomeClass, Refusals, Refusals?] = ['works', {}];

/** Denied in silence, it dies of the call that it took for granted; granted, of the first fetch. */
const CRASHES_INSTEAD = {
  'jit-mmap-rwx': ['hardenedbsd'],
  'jit-checked': ['hardened-runtime'],
  'jit-mmap-mprotect': ['hardened-runtime'],
  'jit-dev-zero': ['hardened-runtime'],
  'jit-memalign': ['hardened-runtime'],
} as const;

function expected(program: string, arch: Arch, policy: string): string {
  const [refusedClass, always, onI386] = REFUSED[program] ?? NOTHING;
  const refusal = (arch === 'i386' ? onI386?.[policy] : undefined) ?? always[policy];
  if (refusal === undefined) return 'works';
  const crashes: readonly string[] = CRASHES_INSTEAD[program as keyof typeof CRASHES_INSTEAD] ?? [];
  const outcome = crashes.includes(policy) ? 'crashes' : refusedClass;
  return `${outcome}: ${arch === 'i386' ? refusal.replace(/^mmap /, 'mmap2 ') : refusal}`;
}

describe.each<Arch>(['x86-64', 'i386'])('on %s', (arch) => {
  const programs = readdirSync(join(ASM, arch)).map((name) => name.replace('.s', ''));

  it('every program is known to this table', () => {
    const unknown = programs.filter((name) => !(name in REFUSED));
    expect(unknown).toEqual([]);
  });

  it.each(programs)('%s comes under each policy to what the table says', async (program) => {
    const file = join(ASM, arch, `${program}.s`);
    const source = readFileSync(file, 'utf8');
    const { elf } = await assembleProgram(source, { arch, file, include });
    const reference = await run(elf, 'none');
    for (const policy of POLICIES) {
      const { class: outcome, refused } = classify(await run(elf, policy), reference);
      const text = refused === undefined ? outcome : `${outcome}: ${refusedText(refused)}`;
      expect(text, `${program} under ${policy}`).toBe(expected(program, arch, policy));
    }
  });
});

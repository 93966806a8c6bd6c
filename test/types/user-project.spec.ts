/** The declarations of dist/types in a user's project, under tsc's own defaults: libraries are checked too. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

const LIBRARY = `
import { assemble, definePolicy, type Outcome, Sandbox } from 'mayexec';
const policy = definePolicy({ name: 'own', mprotect: () => undefined });
using sandbox = await Sandbox.create({ policy: ['nx', policy] });
const { bytes } = await assemble('mov eax, 1; ret', { arch: 'x86-64' });
const { value } = sandbox.syscall('mmap', 0, 4096, 7, 0x22, -1, 0);
sandbox.poke(value, bytes);
const outcome: Outcome = sandbox.call(value);
if (outcome.kind === 'return') { const result: bigint = outcome.value; void result; }
// @ts-expect-error an option that there is not
await Sandbox.create({ polcy: 'nx' });
`;

const MATCHERS = `
import { flags } from 'mayexec/fast-check';
import { compareWithHost } from 'mayexec/native';
import { call } from 'mayexec/vitest';
import { expect, test, vi } from 'vitest';
test('a function', () => {
  expect(call('mov eax, edi; ret', [1])).toReturn(1);
  expect('mov eax, edi; ret').toLeave({ rax: 0n });
  expect('ret').not.toFault({ access: 'write' });
  expect('ret').toFollow('sysv');
  expect(vi.fn()).not.toReturn();
  // @ts-expect-error a matcher that there is not
  expect('ret').toRetrun(1);
  // @ts-expect-error an option that there is not
  expect('ret').toFault({ acess: 'write' });
});
void flags;
void compareWithHost;
`;

const PARTS = `
import { assemble } from 'mayexec/toolchain';
import { Kit } from 'mayexec/kit';
import { explain } from 'mayexec/diagnosis';
import { identify } from 'mayexec/probe';
import { Sandbox, type SandboxOptions } from 'mayexec/sandbox';
import { runScenario } from 'mayexec/scenario';
const options: SandboxOptions = { policy: 'nx' };
using sandbox = await Sandbox.create(options);
void [assemble, Kit, explain, identify, runScenario];
`;

let folder: string;

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'mayexec-types-')));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/mayexec'));
  for (const name of ['vitest', 'fast-check']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'library.ts'), LIBRARY);
  writeFileSync(join(folder, 'parts.ts'), PARTS);
  writeFileSync(join(folder, 'a.test.ts'), MATCHERS);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What tsc says of these files; empty when all is well. */
function complaints(files: readonly string[], options: Readonly<Record<string, unknown>>): string {
  const config = { compilerOptions: { noEmit: true, ...options }, files };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { stdout, status } = spawnSync(process.execPath, [TSC, '-p', folder], { encoding: 'utf8' });
  return status === 0 ? stdout : `status ${status}\n${stdout}`;
}

describe("a user's project", () => {
  it("compiles with tsc's defaults", () => {
    expect(complaints(['library.ts', 'a.test.ts'], {})).toBe('');
  });

  it('compiles for an older target, without a page and without Node', () => {
    const options = { target: 'ES2022', lib: ['ES2022'], module: 'nodenext', types: [] };
    expect(complaints(['library.ts', 'parts.ts'], options)).toBe('');
  });

  it('compiles with every strictness that changes how declarations are read', () => {
    const options = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      module: 'nodenext',
    };
    expect(complaints(['library.ts', 'a.test.ts'], options)).toBe('');
  });
});

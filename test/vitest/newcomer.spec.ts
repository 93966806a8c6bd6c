/** The newcomer's path of docs/code-generators.md: its commands, run as they stand in an empty folder, on the packed package. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { findChromium, MISSING } from '../browser/chromium.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/code-generators.md'), 'utf8');
const PATH = /^```bash\n([\s\S]*?)^```/m.exec(PAGE)?.[1] ?? '';
const SHOWN = /^```text\n([\s\S]*?)^```/m.exec(PAGE)?.[1] ?? '';
const NO_NETWORK = /EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|ENOTCACHED|network/i;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayexec-newcomer-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Commands of the block; a here-document belongs to its command. */
function commandsOf(block: string): string[] {
  return block.match(/^.*<<'END'\n[\s\S]*?^END$|^.+$/gm) ?? [];
}

function shell(command: string): { status: number | null; output: string } {
  // As at a prompt: what this test's own runner set in the environment is not there, nor CI, which writes no snapshots.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(VITEST|VITE|NODE_ENV|TEST|npm_|CI$)/.test(name),
    ),
  );
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
    cwd: join(folder, 'empty'),
    encoding: 'utf8',
    env: { ...env, NO_COLOR: '1' },
  });
  return { status, output: stdout + stderr };
}

function locked(name: string): { readonly version: string } {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  const found = lock.packages[`node_modules/${name}`];
  if (found === undefined) throw new Error(`package-lock.json has no ${name}`);
  return found;
}

/** What comes after the first test needs what that one installs. */
function needsInstalled(ctx: TestContext): void {
  if (!existsSync(join(folder, 'empty/node_modules/mayexec'))) {
    ctx.skip('the package could not be installed');
  }
}

/** Packs the package and installs it as the README says, with the lock's version of vitest. */
function install(ctx: TestContext, command: string): void {
  mkdirSync(join(folder, 'empty'));
  const packed = spawnSync('npm', ['pack', '--ignore-scripts', ROOT], {
    cwd: folder,
    encoding: 'utf8',
  });
  const tarball = packed.stdout.trim().split('\n').at(-1);
  expect(tarball, packed.stderr).toMatch(/^mayexec-.*\.tgz$/);
  const real = command
    .replace('npm install', 'npm install --prefer-offline --no-audit --no-fund')
    .replace(/\bmayexec\b/, join(folder, tarball!))
    .replace(
      /\bvitest\b/,
      `vitest@${locked('vitest').version} typescript@${locked('typescript').version}`,
    );
  const { status, output } = shell(real);
  if (status !== 0 && NO_NETWORK.test(output)) ctx.skip('npm reaches no registry and has no cache');
  expect(status, output).toBe(0);
}

describe('the newcomer', () => {
  it('gets to a failing and then to a passing test in at most five commands', (ctx) => {
    const commands = commandsOf(PATH);
    expect(commands.length).toBeGreaterThan(2);
    expect(commands.length).toBeLessThanOrEqual(5);
    const [first, ...rest] = commands;
    install(ctx, first!);
    const runs = rest.map(shell);
    const failed = runs.at(-2)!;
    const passed = runs.at(-1)!;
    expect(failed.status, failed.output).toBe(1);
    for (const line of SHOWN.trim().split('\n')) expect(failed.output).toContain(line.trim());
    expect(passed.status, passed.output).toBe(0);
    expect(passed.output).toMatch(/1 passed/);
  });

  it('blesses a changed listing by vitest -u, and only then', (ctx) => {
    needsInstalled(ctx);
    const listing = (asm: string): string => `import { expect, test } from 'vitest';
import 'mayexec/vitest';
test('listing', () => expect('${asm}').toMatchListing());
`;
    const run = (asm: string, ...options: string[]) => {
      writeFileSync(join(folder, 'empty/listing.test.mjs'), listing(asm));
      return shell(`npx vitest run listing ${options.join(' ')}`);
    };
    expect(run('there: inc eax; jnz there; ret').output).toMatch(/1 written/);
    const changed = run('there: dec eax; jnz there; ret');
    expect(changed.status).toBe(1);
    expect(changed.output).toMatch(/- +10000000: +ff c0 +inc eax/);
    expect(changed.output).toMatch(/\+ +10000000: +ff c8 +dec eax/);
    expect(run('there: dec eax; jnz there; ret', '-u').output).toMatch(/1 updated/);
    expect(run('there: dec eax; jnz there; ret').status).toBe(0);
  });

  it.for(['threads', 'forks'])(
    'runs suites in parallel, a kit for each worker (%s)',
    (pool, ctx) => {
      needsInstalled(ctx);
      const names = ['one', 'two', 'three'].map((name) => `parallel-${name}.test.mjs`);
      for (const name of names) {
        writeFileSync(
          join(folder, 'empty', name),
          readFileSync(join(folder, 'empty/fixed.test.mjs')),
        );
      }
      const { status, output } = shell(`npx vitest run --pool=${pool} --maxWorkers=3 parallel`);
      expect(status, output).toBe(0);
      expect(output).toMatch(/3 passed/);
    },
  );

  it("runs in vitest's browser mode", (ctx) => {
    needsInstalled(ctx);
    const chromium = findChromium();
    if (chromium === undefined) ctx.skip(MISSING);
    const [{ version: vitest }, { version: playwright }] = [
      locked('vitest'),
      locked('playwright-core'),
    ];
    const { status, output } = shell(
      `npm install --prefer-offline --no-audit --no-fund @vitest/browser-playwright@${vitest} playwright@${playwright}`,
    );
    if (status !== 0 && NO_NETWORK.test(output))
      ctx.skip('npm reaches no registry and has no cache');
    expect(status, output).toBe(0);
    const options = JSON.stringify({
      executablePath: chromium,
      args: ['--no-sandbox', '--disable-gpu'],
    });
    const config = `import { playwright } from '@vitest/browser-playwright';
export default {
  optimizeDeps: { exclude: ['mayexec'] },
  test: {
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: ${options} }),
      instances: [{ browser: 'chromium' }],
    },
  },
};
`;
    writeFileSync(join(folder, 'empty/browser.config.mjs'), config);
    const run = shell('npx vitest run --config browser.config.mjs fixed listing');
    expect(run.status, run.output).toBe(0);
    expect(run.output).toMatch(/2 passed/);
  });

  it('has types for the matchers', (ctx) => {
    const source = `import { expect, test } from 'vitest';
import { arg, call, callback, explore } from 'mayexec/vitest';
import type { CallResult } from 'mayexec';
import { compareWithHost } from 'mayexec/native';
test('types', async () => {
  const result: CallResult = call(Uint8Array.of(0xc3), [1, arg.f32(2)], { abi: 'win64', policy: 'wx' });
  const nothing: void = expect(result).not.toReturn(3n);
  await expect(result).toFault({ access: 'read' });
  // @ts-expect-error: no such access
  expect(result).toFault({ access: 'reed' });
  // @ts-expect-error: no such convention
  call('ret', [], { abi: 'sysvi' });
  const value: bigint | undefined = explore('ret', { signature: 'void(i32)' })?.result.before.rax;
  callback('i32(i32)', (value: number) => value);
  await compareWithHost('ret', [{}]);
  return void [nothing, value];
});
`;
    needsInstalled(ctx);
    writeFileSync(join(folder, 'empty/types.test.ts'), source);
    // As tsc does it unasked: the declarations of packages are checked too.
    for (const target of ['es2022', 'esnext']) {
      const { status, output } = shell(
        `npx tsc --noEmit --strict --target ${target} --module nodenext types.test.ts`,
      );
      expect(output).toBe('');
      expect(status).toBe(0);
    }
  });
});

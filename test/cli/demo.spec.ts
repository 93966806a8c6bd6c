/** The main job as a process. */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandFolder } from './command.js';

interface Result {
  readonly program: string;
  readonly arch: string;
  readonly policy: string;
  readonly outcome: { readonly kind: string; readonly code?: unknown };
  readonly stdout: string;
  readonly reason?: string;
}

const PROGRAMS = readdirSync(new URL('../../asm/x86-64/', import.meta.url)).length;

let folder: CommandFolder;
let results: Result[];

beforeAll(() => {
  folder = new CommandFolder();
  results = JSON.parse(folder.mayexec(['demo', '--policies', 'none,nx', '--json']).stdout);
});

afterAll(() => folder[Symbol.dispose]());

describe('demo', () => {
  it('runs every program for both processors under each policy', () => {
    expect(results).toHaveLength(PROGRAMS * 2 * 2);
    expect(new Set(results.map(({ arch }) => arch))).toEqual(new Set(['x86-64', 'i386']));
  });

  it.each(['x86-64', 'i386'])('shows what NX changes for code in the heap on %s', (arch) => {
    const [none, nx] = results.filter((one) => one.program === 'jit-malloc' && one.arch === arch);
    expect(none).toMatchObject({
      policy: 'none',
      outcome: { kind: 'exit', code: 0 },
      stdout: 'f() = 1001',
    });
    expect(nx).toMatchObject({ policy: 'nx', outcome: { kind: 'signal', code: 'SEGV_ACCERR' } });
    expect(nx?.reason).toBe(
      'a fetch from [heap], which is rw-: the page was never made executable, and the NX bit makes the fetch fault (nx/no-exec)',
    );
  });

  it('prints a table with the reasons below it, and no progress outside a terminal', () => {
    const { status, stdout, stderr } = folder.mayexec(['demo', '--policies', 'nx']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^program +arch +nx\n/);
    expect(stdout).toMatch(/^jit-malloc +x86-64 +SIGSEGV \[1\]$/m);
    expect(stdout).toMatch(/^\[1\] a fetch from \[heap\]/m);
  });

  it('refuses an unknown policy', () => {
    expect(folder.mayexec(['demo', '--policies', 'nx,mdew'])).toMatchObject({
      status: 2,
      stdout: '',
    });
  });
});

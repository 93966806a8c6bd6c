/** The build step: pinned input, the same bytes each time, a cache that it can trust. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildUnicorn } from '../../../src/build/unicorn-wasm/build.js';
import { optimiserVersion } from '../../../src/build/unicorn-wasm/encode/optimise.js';
import { readSource, TranslateError } from '../../../src/build/unicorn-wasm/read/source.js';
import { translate } from '../../../src/build/unicorn-wasm/translate.js';
import { CACHE, INPUT } from './forms.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unicorn-wasm-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the input', () => {
  test('another file is refused by its hash, and nothing is written', async () => {
    const input = join(folder, 'other.js');
    await writeFile(input, `${await readFile(INPUT, 'utf8')} `);
    const outDir = join(folder, 'refused');
    const build = buildUnicorn({ input, outDir, cacheDir: CACHE, optimise: 'none' });
    await expect(build).rejects.toThrow(/is not the engine file of @specy\/x86@1\.1\.0.*SHA-256/);
    await expect(readdir(outDir)).rejects.toThrow('ENOENT');
  });

  test('a missing file is named', async () => {
    await expect(readSource(join(folder, 'missing.js'))).rejects.toThrow(TranslateError);
  });
});

describe('a build', () => {
  test('gives the same bytes each time, and all of the engine', async () => {
    const cacheDir = join(folder, 'cache');
    const options = { input: INPUT, outDir: join(folder, 'out'), cacheDir } as const;
    const first = await buildUnicorn({ ...options, optimise: 'none' });
    const { bytes, ...sizes } = translate(await readSource(INPUT));
    expect(Buffer.compare(bytes, await readFile(first.wasm))).toBe(0);
    expect(WebAssembly.validate(new Uint8Array(bytes))).toBe(true);
    // 2,384 functions of the engine and nine of ours.
    expect(sizes).toEqual({ functions: 2393, tableLength: 1064, imports: 28 });

    const kept = (await readdir(cacheDir)).sort();
    const names = kept.map((name) => name.replace(/^\w+-/, ''));
    expect(names.sort()).toEqual(['unicorn1-js.mjs', 'unicorn1.wasm']);
    // That the second build takes what is kept shows when it is something else.
    for (const name of kept) await writeFile(join(cacheDir, name), 'kept');
    const second = await buildUnicorn({ ...options, optimise: 'none' });
    expect(await readFile(second.wasm, 'utf8')).toBe('kept');
    expect(await readFile(second.jsForm, 'utf8')).toBe('kept');
  });

  test("is another one with another binaryen: its version is part of the cache's key", () => {
    expect(optimiserVersion('fast')).toMatch(/^\d+\.\d+\.\d+/);
    expect(optimiserVersion('none')).toBe('none');
  });

  test('a patched engine is another entry of the cache, and refused when it is not understood', async () => {
    const cacheDir = join(folder, 'cache');
    const options = { input: INPUT, outDir: join(folder, 'patched'), cacheDir } as const;
    const patch = (source: string): string =>
      source.replace('var r=new ArrayBuffer(', 'debugger;$&');
    const build = buildUnicorn({ ...options, optimise: 'none', patch });
    await expect(build).rejects.toThrow(/DebuggerStatement.*at offset \d+/);
  });
});

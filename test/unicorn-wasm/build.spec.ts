/** The build step: pinned input, the same bytes each time, a cache that it can trust. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildUnicorn } from '../../src/unicorn-wasm/build.js';
import { readSource, TranslateError } from '../../src/unicorn-wasm/source.js';
import { translate } from '../../src/unicorn-wasm/translate.js';
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

test('translating twice gives the same bytes, and all of the engine', async () => {
  const source = await readSource(INPUT);
  const [one, two] = [translate(source), translate(source)];
  expect(Buffer.compare(one.bytes, two.bytes)).toBe(0);
  const { bytes, ...sizes } = one;
  // 2,384 functions of the engine and nine of ours.
  expect(sizes).toEqual({ functions: 2393, tableLength: 1064, imports: 28 });
  expect(WebAssembly.validate(new Uint8Array(bytes))).toBe(true);
});

test('a second build comes from the cache; a patch is another entry', async () => {
  const cacheDir = join(folder, 'cache');
  const options = {
    input: INPUT,
    outDir: join(folder, 'out'),
    cacheDir,
    optimise: 'none',
  } as const;
  const first = await buildUnicorn(options);
  const kept = (await readdir(cacheDir)).sort();
  expect(kept.map((name) => name.replace(/^\w+-/, ''))).toEqual([
    'unicorn1-js.mjs',
    'unicorn1.wasm',
  ]);
  const bytes = await readFile(first.wasm);

  const wasm = kept.find((name) => name.endsWith('.wasm'));
  await writeFile(join(cacheDir, wasm ?? ''), 'from the cache');
  const second = await buildUnicorn(options);
  expect(await readFile(second.wasm, 'utf8')).toBe('from the cache');

  const patch = (source: string): string => source.replace('UC_ERR_NOMEM', 'UC_ERR_NOMEM');
  const third = await buildUnicorn({ ...options, patch });
  expect(await readFile(third.wasm, 'utf8')).toBe('from the cache');
  const changed = await buildUnicorn({ ...options, patch: (source) => `${source}\n` });
  expect(Buffer.compare(await readFile(changed.wasm), bytes)).toBe(0);
  expect(await readdir(cacheDir)).toHaveLength(4);
});

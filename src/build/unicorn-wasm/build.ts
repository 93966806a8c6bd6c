/**
 * The build step: from the installed package's engine file to the two forms that the engine port
 * loads. Results are kept in a cache by the hash of everything that can change them.
 */
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Optimisation, optimiseModule, optimiserVersion } from './encode/optimise.js';
import { jsForm, readSource, sha256 } from './read/source.js';
import { translate } from './translate.js';

/** The interpreter's missing loads: without it, PEXTRW aborts the engine. */
export { patchLoads } from './patches/patch-loads.js';
/** The patch that the engine port needs: see there. */
export { patchMmuFault } from './patches/patch-mmu-fault.js';

export interface BuildOptions {
  /** `dist/x86/deps/unicorn-x86.min.js` of the package. */
  readonly input: string;
  readonly outDir: string;
  readonly cacheDir: string;
  readonly optimise: Optimisation;
  /** Changes the engine's text before either form is made of it. */
  readonly patch?: (source: string) => string;
  readonly log?: (line: string) => void;
}

/** Paths of the files written. */
export interface BuildResult {
  /** For `loadWasmModule`. */
  readonly wasm: string;
  /** An ES module whose default export is for `loadJsModule`. */
  readonly jsForm: string;
}

/** Shorter steps are not worth a line. */
const LOG_AFTER_MS = 1000;

export async function buildUnicorn(options: BuildOptions): Promise<BuildResult> {
  const { input, outDir, cacheDir, optimise, log = () => undefined } = options;
  const original = await readSource(input);
  const source = options.patch?.(original) ?? original;
  const tools = `${await translatorVersion()} ${optimise} ${optimiserVersion(optimise)}`;
  const key = sha256(`${sha256(source)} ${tools}`).slice(0, 32);

  const step = async <T>(what: string, work: () => T | Promise<T>): Promise<T> => {
    const start = performance.now();
    const notice = setTimeout(() => log(`${what} ...`), LOG_AFTER_MS);
    const done = await work();
    clearTimeout(notice);
    const elapsed = performance.now() - start;
    if (elapsed > LOG_AFTER_MS) log(`${what}: ${(elapsed / 1000).toFixed(1)} s`);
    return done;
  };
  const cached = async (name: string, make: () => Promise<Uint8Array>): Promise<string> => {
    const kept = join(cacheDir, `${key}-${name}`);
    const known = await readFile(kept).catch(ignoreMissing);
    const data = known ?? (await make());
    if (!known) await writeWhole(kept, data);
    const path = join(outDir, name);
    await writeWhole(path, data);
    return path;
  };

  return {
    wasm: await cached('unicorn1.wasm', async () => {
      const { bytes } = await step('translating the engine to WebAssembly', () =>
        translate(source),
      );
      return step('optimising the engine', () => optimiseModule(bytes, optimise));
    }),
    jsForm: await cached('unicorn1-js.mjs', async () => new TextEncoder().encode(jsForm(source))),
  };
}

/**
 * A hash of the translator itself, so that a change of it is never hidden by the cache: its source
 * files, or the one file that they were bundled into.
 */
async function translatorVersion(): Promise<string> {
  const self = fileURLToPath(import.meta.url);
  const folder = dirname(self);
  const names = /^build\.[tj]s$/.test(basename(self))
    ? (await readdir(folder)).filter((name) => /\.[tj]s$/.test(name)).sort()
    : [basename(self)];
  const hashes = names.map(async (name) => `${name} ${sha256(await readFile(join(folder, name)))}`);
  return sha256((await Promise.all(hashes)).join('\n'));
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/** Writes under another name first: a reader or a second build never sees half a file. */
async function writeWhole(path: string, data: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.tmp`;
  await writeFile(partial, data);
  await rename(partial, path);
}

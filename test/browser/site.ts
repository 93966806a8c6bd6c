/** A site for the browser tests, in a folder of its own, with a browser and a host for it. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { launch, PAGE, type Visit, visit, WORKER } from './chromium.js';
import { serve } from './static-host.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const inRoot = (file: string): string => join(ROOT, file);

/** What pages take for what they lack. */
const ALIASES = { vitest: inRoot('test/browser/vitest-stand-in.ts') };
const INJECTED = inRoot('test/browser/process-stand-in.ts');

export class Site {
  readonly folder = mkdtempSync(join(tmpdir(), 'mayexec-site-'));
  readonly #closers: (() => Promise<void>)[] = [];
  #visit: ((path: string) => Promise<Visit>) | undefined;

  /** Starts a host for the site and a browser. */
  async open(executable: string): Promise<void> {
    const host = await serve(this.folder);
    this.#closers.push(host.close);
    const browser = await launch(executable);
    this.#closers.push(() => browser.close());
    this.#visit = (path) => visit(browser, new URL(path, host.origin).href);
  }

  /** A page of the site, by its path. */
  visit(path: string): Promise<Visit> {
    if (this.#visit === undefined) throw new Error('the site is not open');
    return this.#visit(path);
  }

  /** A folder with a page, which may not compile WebAssembly as `no-wasm.html`, and a worker's script. */
  addPages(path: string): void {
    const folder = join(this.folder, path);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'index.html'), PAGE);
    writeFileSync(join(folder, 'no-wasm.html'), PAGE);
    writeFileSync(join(folder, 'worker.js'), WORKER);
  }

  /** A file or folder of the project under another name. */
  link(file: string, path: string): void {
    symlinkSync(inRoot(file), join(this.folder, path));
  }

  async bundle(entry: string, path: string): Promise<void> {
    await build({
      absWorkingDir: ROOT,
      entryPoints: [entry],
      outfile: join(this.folder, path),
      alias: ALIASES,
      inject: [INJECTED],
      bundle: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      // Named in code for Node alone, which no page reaches.
      external: ['node:*', '@alexaltea/unicorn-js/*'],
      logLevel: 'silent',
    });
  }

  async close(): Promise<void> {
    for (const close of this.#closers.toReversed()) await close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

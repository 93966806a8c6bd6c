/** A copy of the project's build files in a folder of its own, with an npm that only pretends. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Notes its arguments, then does what `npm ci` does as far as build.mjs looks: tools and npm's own record. */
const PRETENDED_NPM = `
const fs = require('node:fs');
const path = require('node:path');
fs.appendFileSync('npm.log', process.argv.slice(2).join(' ') + '\\n');
if (process.env.NPM_FAILS) {
  process.stderr.write(process.env.NPM_FAILS);
  process.exit(1);
}
const tool = (file, text) => {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
};
tool('node_modules/typescript/bin/tsc', 'process.exitCode = Number(process.env.TSC_STATUS ?? 0)');
tool('node_modules/@biomejs/biome/bin/biome', 'console.log("biome", ...process.argv.slice(2))');
fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json');
`;

export interface BuildRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Workspace implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'mayexec-build-'));

  readonly #environment: NodeJS.ProcessEnv = { ...process.env };

  constructor() {
    for (const file of ['build.mjs', 'package.json', 'package-lock.json', 'tsconfig.json']) {
      copyFileSync(join(ROOT, file), this.path(file));
    }
    cpSync(join(ROOT, 'src/build'), this.path('src/build'), { recursive: true });
    // The pretended npm is CommonJS inside an ES module package.
    this.write('pretended/package.json', '{"type":"commonjs"}');
    this.write('pretended/npm.js', PRETENDED_NPM);
  }

  path(file: string): string {
    return join(this.folder, file);
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(this.path(file)), { recursive: true });
    writeFileSync(this.path(file), text);
  }

  read(file: string): string {
    return readFileSync(this.path(file), 'utf8');
  }

  /** The real dependencies, so that real builds run; npm then only fails, lest it writes through the links. */
  linkDependencies(): void {
    const modules = join(ROOT, 'node_modules');
    mkdirSync(this.path('node_modules'));
    for (const name of readdirSync(modules)) {
      if (name === '.mayexec-lock') continue;
      symlinkSync(join(modules, name), this.path(`node_modules/${name}`));
    }
    this.#environment.NPM_FAILS = 'node_modules is not what package-lock.json says';
  }

  /** What npm was asked so far, one line per call. */
  get npmCalls(): string[] {
    return existsSync(this.path('npm.log')) ? this.read('npm.log').trim().split('\n') : [];
  }

  build(args: readonly string[], env: NodeJS.ProcessEnv = {}): BuildRun {
    return spawnSync(process.execPath, [this.path('build.mjs'), ...args], {
      cwd: this.folder,
      encoding: 'utf8',
      env: { ...this.#environment, npm_execpath: this.path('pretended/npm.js'), ...env },
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

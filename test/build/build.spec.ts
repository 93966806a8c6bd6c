/** What build.mjs makes, on a small project in its own folder with the real tools. */
import { spawnSync } from 'node:child_process';
import { statSync, utimesSync } from 'node:fs';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Workspace } from './workspace.js';

const ENGINE = `
import { mkdirSync, writeFileSync } from 'node:fs';
export async function buildUnicorn({ outDir, log }) {
  mkdirSync(outDir, { recursive: true });
  log('translating');
  writeFileSync(outDir + '/unicorn1.wasm', 'wasm');
  writeFileSync(outDir + '/unicorn1-js.mjs', 'js');
}`;

const LIBRARY = 'export const secret: string = "only one copy";\n';
const COMMAND = `#!/usr/bin/env node
import { secret } from '../index.js';
console.log(secret, process.argv.slice(2).join(' '));
`;

const OTHER_ENTRIES = [
  ...['sandbox', 'diagnosis', 'toolchain', 'kit', 'scenario', 'probe', 'link'].map(
    (name) => `src/parts/${name}.ts`,
  ),
  'src/cli/lessons/worker.ts',
  'src/vitest/index.ts',
  'src/fast-check/index.ts',
  'src/native/index.ts',
];

/** The smallest page: what the build looks for, by name. */
const PAGE: Readonly<Record<string, string>> = {
  'src/web/main.tsx': 'document.title = "page";\n',
  'src/web/worker/main.ts': 'postMessage("ready");\n',
  'src/web/style.css': 'body { margin: 0; }\n',
  'src/web/index.html': '<!doctype html>\n',
  'src/web/icon.svg': '<svg xmlns="http://www.w3.org/2000/svg"></svg>\n',
  'src/web/service-worker.ts':
    'declare const FILES: string[], VERSION: string;\nconsole.log(FILES, VERSION);\n',
  'src/web/lessons/prepare.ts':
    'export const prepareLessons = (sources: unknown) => ({ "lessons.json": sources });\n',
  'scenarios/a.md': 'a lesson',
  'asm/a.inc': 'a macro',
};

let workspace: Workspace;

beforeEach(() => {
  workspace?.[Symbol.dispose]();
  workspace = new Workspace();
  workspace.linkDependencies();
  workspace.write('src/build/unicorn-wasm/build.ts', ENGINE);
  workspace.write('src/engine/unicorn1/offsets.ts', '');
  workspace.write('src/index.ts', LIBRARY);
  workspace.write('src/cli/main.ts', COMMAND);
  for (const entry of OTHER_ENTRIES) workspace.write(entry, 'export {};\n');
  for (const [file, text] of Object.entries(PAGE)) workspace.write(file, text);
});

afterAll(() => workspace?.[Symbol.dispose]());

describe('building', () => {
  it('makes the library, its types, the engine, the toolchain for pages and the command', () => {
    expect(workspace.build([]).status).toBe(0);
    expect(workspace.read('dist/types/index.d.ts')).toContain('secret: string');
    for (const folder of ['.cache', 'dist']) {
      expect(workspace.read(`${folder}/engine/unicorn1.wasm`)).toBe('wasm');
      expect(workspace.read(`${folder}/engine/unicorn1-js.mjs`)).toBe('js');
    }
    for (const name of ['keystone', 'capstone']) {
      expect(workspace.read(`dist/toolchain/${name}.js`)).toContain('export default');
      expect(statSync(workspace.path(`dist/toolchain/${name}.wasm`)).size).toBeGreaterThan(1e6);
    }
    expect(workspace.read('dist/index.js')).toContain('only one copy');
  });

  it('makes a page that has the lessons, the engine and the toolchain beside it, and a list of all for offline use', () => {
    expect(workspace.build([]).status).toBe(0);
    expect(JSON.parse(workspace.read('dist/web/lessons.json'))).toEqual({
      scenarios: { 'a.md': 'a lesson' },
      asm: { 'a.inc': 'a macro' },
    });
    const offline = workspace.read('dist/web/sw.js');
    for (const file of ['app.js', 'worker.js', 'style.css', 'engine/unicorn1.wasm']) {
      expect(statSync(workspace.path(`dist/web/${file}`)).size).toBeGreaterThan(0);
      expect(offline).toContain(`"${file}"`);
    }
    workspace.write('src/web/main.tsx', 'document.title = "other";\n');
    workspace.build([]);
    expect(workspace.read('dist/web/sw.js')).not.toBe(offline);
  });

  it('passes on the licence of each package whose code dist/ holds', () => {
    workspace.write(
      'src/index.ts',
      `${LIBRARY}export { parse } from '../node_modules/acorn/dist/acorn.mjs';\n`,
    );
    workspace.build([]);
    const notices = workspace.read('dist/THIRD-PARTY-NOTICES');
    for (const name of [
      '@specy/x86',
      '@alexaltea/capstone-js',
      '@alexaltea/keystone-js',
      'acorn',
    ]) {
      expect(notices).toMatch(new RegExp(`^${name} [0-9.]+ \\(`, 'm'));
    }
    expect(notices).toContain('Redistribution and use in source and binary forms');
    expect(notices).toContain('GNU GENERAL PUBLIC LICENSE');
  });

  it('refuses to bundle a package without a licence to pass on', () => {
    workspace.write('node_modules/bare/package.json', '{ "name": "bare", "version": "1.0.0" }');
    workspace.write('node_modules/bare/index.mjs', 'export const bare = 1;\n');
    workspace.write(
      'src/index.ts',
      `${LIBRARY}export { bare } from '../node_modules/bare/index.mjs';\n`,
    );
    const { status, stderr } = workspace.build([]);
    expect(stderr).toContain('bare is bundled, and has no licence file to pass on');
    expect(status).toBe(1);
  });

  it('makes a command that runs by itself and shares the one copy of the library', () => {
    workspace.build([]);
    const command = workspace.read('dist/cli.js');
    expect(command).not.toContain('only one copy');
    expect(command.startsWith('#!/usr/bin/env node\n')).toBe(true);
    const run = spawnSync(workspace.path('dist/cli.js'), ['x'], { encoding: 'utf8' });
    expect(run.stdout).toBe('only one copy x\n');
  });

  it('does nothing the second time', () => {
    workspace.build([]);
    expect(workspace.build([])).toMatchObject({ status: 0, stderr: '' });
  });

  it('builds what changed, and the engine only when its own sources did', () => {
    workspace.build([]);
    workspace.write('src/index.ts', LIBRARY.replace('one copy', 'two copies'));
    const { stderr } = workspace.build([]);
    expect(stderr).toContain('bundling');
    expect(stderr).not.toContain('engine');
    expect(workspace.read('dist/index.js')).toContain('only two copies');
    workspace.write('src/build/unicorn-wasm/build.ts', ENGINE.replace("'wasm'", "'other'"));
    expect(workspace.build([]).stderr).toContain('translating');
    expect(workspace.read('dist/engine/unicorn1.wasm')).toBe('other');
  });

  it('is not misled by a time stamp', () => {
    workspace.build([]);
    utimesSync(workspace.path('src/index.ts'), new Date(), new Date());
    expect(workspace.build([]).stderr).toBe('');
  });

  it('reports a source error with its place, keeps the old output and tries again', () => {
    workspace.build([]);
    const before = statSync(workspace.path('dist/index.js')).mtimeMs;
    workspace.write('src/index.ts', 'export const = 1;\n');
    const { status, stderr } = workspace.build([]);
    expect(status).toBe(1);
    expect(stderr).toContain('src/index.ts:1:13');
    expect(stderr).not.toContain('    at ');
    expect(statSync(workspace.path('dist/index.js')).mtimeMs).toBe(before);
    workspace.write('src/index.ts', LIBRARY);
    expect(workspace.build([])).toMatchObject({ status: 0 });
  });
});

describe('start', () => {
  it('runs the main job with the arguments given', () => {
    expect(workspace.build(['start', '--json']).stdout).toBe('only one copy demo --json\n');
  });

  it('passes the exit status on', () => {
    workspace.write('src/cli/main.ts', 'process.exitCode = 7;\n');
    expect(workspace.build(['start']).status).toBe(7);
  });
});

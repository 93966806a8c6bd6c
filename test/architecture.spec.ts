/** Who may import whom: dependencies point one way, and no two files need each other to load. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

/** Folders (or files of src itself) and what each may import, besides itself. `type:` is types only. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  'abi/linux': ['base'],
  x86: ['type:base'],
  formats: ['base'],
  engine: ['base', 'x86'],
  memory: ['base', 'type:engine'],
  policy: ['abi/linux', 'base', 'formats', 'type:memory', 'os/linux/hooks', 'os/linux/mm'],
  // What execve and the entry of a call ask policies, and show them.
  'os/linux/hooks': ['base', 'type:os/linux/mm'],
  'os/linux/mm': ['abi/linux', 'base', 'engine', 'memory', 'type:trace'],
  trace: ['abi/linux', 'abi/windows', 'base', 'type:memory'],
  kernel: ['base', 'type:engine', 'type:memory', 'type:policy', 'type:trace'],
  'os/linux': [
    'abi/linux',
    'base',
    'engine',
    'formats',
    'kernel',
    'memory',
    'type:os/linux/hooks',
    'os/linux/mm',
    'policy',
    'type:trace',
  ],
  // A machine at privilege level 0, and the kernel in it.
  'os/kernel': ['base', 'engine', 'formats', 'kernel', 'memory', 'type:trace', 'x86'],
  'abi/windows': ['base'],
  // Windows' memory manager; and the Win32 surface above it and above Wine's system calls.
  'os/windows': ['abi/windows', 'base', 'engine', 'formats', 'kernel', 'memory'],
  win32: [
    'abi/linux',
    'abi/windows',
    'base',
    'engine',
    'formats',
    'kernel',
    'memory',
    'os/linux',
    'os/linux/mm',
    'os/windows',
    'policy',
    'type:trace',
    'x86',
  ],
  inject: ['abi/linux', 'abi/windows', 'base', 'kernel'],
  'diagnosis/timeline': ['abi/linux', 'type:base', 'type:memory', 'trace'],
  'diagnosis/monitor': ['abi/linux', 'base', 'engine', 'kernel', 'memory', 'trace'],
  'diagnosis/outcome': ['base', 'memory', 'sandbox', 'trace'],
  'diagnosis/crash': ['abi/linux', 'base', 'formats', 'sandbox', 'type:trace', 'x86'],
  'diagnosis/explain': [
    'abi/linux',
    'abi/windows',
    'base',
    'diagnosis/crash',
    'diagnosis/outcome',
    'type:kernel',
    'memory',
    'policy',
    'sandbox',
    'trace',
  ],
  toolchain: ['abi/linux', 'base', 'formats', 'x86'],
  object: ['base', 'formats'],
  // Policies as text, in QuickJS.
  interpreter: ['abi/linux', 'base', 'type:memory', 'os/linux/mm', 'policy', 'toolchain'],
  'build/unicorn-wasm': ['engine'],
  sandbox: [
    'abi/linux',
    'base',
    'formats',
    'diagnosis/monitor',
    'engine',
    'inject',
    'kernel',
    'memory',
    'os/kernel',
    'os/linux',
    'policy',
    'trace',
    'win32',
  ],
  scenario: [
    'abi/linux',
    'base',
    'diagnosis/monitor',
    'diagnosis/outcome',
    'inject',
    'interpreter',
    'kit',
    'policy',
    'sandbox',
    'toolchain',
    'trace',
  ],
  kit: [
    'abi/linux',
    'abi/windows',
    'base',
    'formats',
    'memory',
    'object',
    'policy',
    'sandbox',
    'toolchain',
    'trace',
    'x86',
  ],
  // A program that runs cases, on the host and in a sandbox.
  runner: ['abi/linux', 'base', 'formats', 'kit', 'sandbox', 'toolchain', 'x86'],
  vitest: ['index.ts'],
  native: ['index.ts'],
  'fast-check': ['index.ts'],
  probe: ['abi/linux', 'abi/windows', 'base', 'formats', 'policy', 'sandbox', 'toolchain'],
  cli: ['index.ts'],
  // The page: of the library the parts that it needs, so that it loads no more.
  link: ['base'],
  web: ['link', 'parts'],
};

/** Front doors may import everything below them. */
const ANYTHING = ['parts', 'index.ts'];

/** The lowering of the translator is one recursive descent, cut into files by kind of construct. */
const ONE_DESCENT = /^build\/unicorn-wasm\/lower\//;

/** Where Node may be used: what runs in a browser too must not need it. */
const MAY_IMPORT_NODE = [
  /^(cli|vitest|native|build)\//,
  /^engine\/assets-node\.ts$/,
  /^toolchain\/modules\.ts$/,
];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = filesOf(SRC);
const KNOWN: ReadonlySet<string> = new Set(files);
const imports = files.flatMap(importsOf);

describe('dependencies', () => {
  it('are found by this test at all', () => {
    expect(imports.length).toBeGreaterThan(200);
  });

  it.each(Object.keys(MAY_IMPORT))('of %s point the allowed way', (part) => {
    const allowed = MAY_IMPORT[part]!;
    const wrong = imports.filter(({ from, to, typeOnly }) => {
      if (partOf(from) !== part || partOf(to) === part) return false;
      const target = partOf(to);
      return !allowed.includes(target) && !(typeOnly && allowed.includes(`type:${target}`));
    });
    expect(wrong).toEqual([]);
  });

  it('are stated for every part of src', () => {
    const parts = new Set(imports.map(({ from }) => partOf(from)));
    const unknown = [...parts].filter((part) => !(part in MAY_IMPORT) && !ANYTHING.includes(part));
    expect(unknown).toEqual([]);
  });

  it.each(Object.keys(MAY_IMPORT))('of %s are all in use', (part) => {
    const used = imports.filter(({ from, to }) => partOf(from) === part && partOf(to) !== part);
    const idle = MAY_IMPORT[part]!.filter((allowed) => {
      const [, types, target] = /^(type:)?(.*)$/.exec(allowed)!;
      // A permission to load what only its types are used of is one too many.
      return !used.some(({ to, typeOnly }) => partOf(to) === target && (types || !typeOnly));
    });
    expect(idle).toEqual([]);
  });

  it('make no cycle, of types neither', () => {
    const exempt = ({ from, to }: Import): boolean =>
      [from, to].every((file) => ONE_DESCENT.test(file));
    const graph = new Map<string, string[]>();
    for (const each of imports) {
      if (exempt(each)) continue;
      graph.set(each.from, [...(graph.get(each.from) ?? []), each.to]);
    }
    expect(findCycle(graph)).toBe(undefined);
  });

  it('on Node are where there is one', () => {
    const needed = files.filter((file) => {
      const text = readFileSync(join(SRC, file), 'utf8');
      return /(?:from\s+|import\(\s*)'node:/.test(text);
    });
    expect(needed.length).toBeGreaterThan(10);
    const wrong = needed.filter((file) => !MAY_IMPORT_NODE.some((place) => place.test(file)));
    expect(wrong).toEqual([]);
  });
});

describe('exported types', () => {
  it('have a name of their own each', () => {
    const places = new Map<string, string[]>();
    for (const file of files) {
      const text = readFileSync(join(SRC, file), 'utf8');
      const names = text.matchAll(/^export (?:abstract )?(?:interface|type|class) (\w+)/gm);
      for (const [, name] of names) places.set(name!, [...(places.get(name!) ?? []), file]);
    }
    expect(places.size).toBeGreaterThan(500);
    expect([...places].filter(([, found]) => found.length > 1)).toEqual([]);
  });
});

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.d.ts'))
    .map((name) => name.split(sep).join('/'));
}

function importsOf(from: string): Import[] {
  const text = readFileSync(join(SRC, from), 'utf8');
  const statement =
    /^(?:import|export)\s+(type\s)?[^;'"]*?from\s+'(\.[^']+)'|import\(\s*'(\.[^']+)'/gm;
  return [...text.matchAll(statement)].map(([, type, path, dynamic]) => {
    const target = normalize(join(SRC, dirname(from), (path ?? dynamic)!));
    const file = relative(SRC, target).split(sep).join('/');
    const to = file.replace(/\.js$/, KNOWN.has(file.replace(/\.js$/, '.tsx')) ? '.tsx' : '.ts');
    return { from, to, typeOnly: type !== undefined };
  });
}

function partOf(file: string): string {
  const folders = file.split('/');
  if (file.startsWith('os/linux/mm/')) return 'os/linux/mm';
  if (/^os\/linux\/\w+\/hooks\.ts$/.test(file)) return 'os/linux/hooks';
  const nested = ['abi', 'build', 'diagnosis', 'os'].includes(folders[0]!);
  return folders.slice(0, nested ? 2 : 1).join('/');
}

/** A path that comes back to its start, if there is one. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

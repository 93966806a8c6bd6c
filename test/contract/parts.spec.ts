/** The parts of the library that can be imported alone: together they are the library, and alone they are small. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  exports: Record<string, { types: string; default: string } | string>;
};
const PARTS = ['sandbox', 'diagnosis', 'toolchain', 'kit', 'scenario', 'probe', 'link'];

function fileOf(name: string): string {
  const entry = exports[name];
  if (entry === undefined || typeof entry === 'string') throw new Error(`no export ${name}`);
  return join(ROOT, entry.default);
}

const load = (name: string): Promise<Record<string, unknown>> => import(fileOf(name));

/** A bundle with all that it loads. */
function filesOf(file: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(file, 'utf8');
  for (const [, name] of text.matchAll(/^(?:import|\} from) ?.*"(\.\/[^"]+)"/gm)) {
    filesOf(join(dirname(file), name!), found);
  }
  return found;
}

const bytesOf = (file: string): number =>
  [...filesOf(file)].reduce((sum, name) => sum + readFileSync(name).length, 0);

describe('the parts of the library', () => {
  it('are together the whole, each name once', async () => {
    const names = (await Promise.all(PARTS.map((part) => load(`./${part}`)))).flatMap(Object.keys);
    expect(names.sort()).toEqual(Object.keys(await load('.')).sort());
  });

  it('share one copy of what they have in common', async () => {
    const { Sandbox } = await load('./sandbox');
    expect(Sandbox).toBe((await load('.')).Sandbox);
  });

  it.each(PARTS)('%s is exported with its types', (part) => {
    const entry = exports[`./${part}`] as { types: string };
    expect(readFileSync(join(ROOT, entry.types), 'utf8')).toContain('export');
  });

  it('are smaller than the whole: a page that needs the sandbox loads neither probe, kit nor lessons', () => {
    const whole = bytesOf(fileOf('.'));
    expect(whole).toBeGreaterThan(1e6);
    expect(bytesOf(fileOf('./sandbox'))).toBeLessThan(0.8 * whole);
    expect(bytesOf(fileOf('./toolchain'))).toBeLessThan(0.3 * whole);
  });
});

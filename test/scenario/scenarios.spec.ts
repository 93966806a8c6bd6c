/** Every file of scenarios/ under every policy that it names. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runScenario } from '../../src/scenario/judge/run.js';
import { differenceText } from '../../src/scenario/report/report-text.js';
import { include, ROOT } from './files.js';

const files = readdirSync(join(ROOT, 'scenarios'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(md|s)$/.test(name) && !/README\.md$/.test(name))
  .sort();

describe('scenarios', () => {
  it('are there', () => {
    expect(files.length).toBeGreaterThan(0);
  });

  it.each(files)('%s is as it says', async (name) => {
    const file = `scenarios/${name}`;
    const text = readFileSync(join(ROOT, file), 'utf8');
    const { problems, runs } = await runScenario(text, { file, include });
    expect(problems).toEqual([]);
    expect(runs.flatMap(({ error }) => error ?? [])).toEqual([]);
    expect(runs.flatMap(({ differences }) => differences.map(differenceText))).toEqual([]);
    expect(runs.length).toBeGreaterThan(0);
  });
});

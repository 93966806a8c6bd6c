/** scenarios/README.md: an ordered table of the lessons, so that a student finds where to begin. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scenarioFiles } from '../../src/cli/lessons/files.js';
import { loadScenario } from '../../src/scenario/read/load.js';
import { include, ROOT } from './files.js';

const text = readFileSync(join(ROOT, 'scenarios/README.md'), 'utf8');
/** `| [title](path) | difficulty | what it shows |` */
const rows = [...text.matchAll(/^\| \[(.+?)\]\((.+?)\) \| (\w+) \| (.+?) \|$/gm)].map(
  ([, title, path, difficulty, shows]) => ({ title, path: path!, difficulty, shows }),
);
const lessons = scenarioFiles([join(ROOT, 'scenarios')]);

describe('the table of lessons', () => {
  it('lists every lesson exactly once, and nothing else', () => {
    const listed = rows.map(({ path }) => join(ROOT, 'scenarios', path));
    expect(listed.toSorted()).toEqual(lessons.toSorted());
  });

  it('is no lesson itself', () => {
    expect(lessons.length).toBeGreaterThan(0);
    expect(lessons).not.toContain(join(ROOT, 'scenarios/README.md'));
  });

  it.each(rows)('calls $path by its title and difficulty', async ({ path, title, difficulty }) => {
    const file = join(ROOT, 'scenarios', path);
    const scenario = await loadScenario(readFileSync(file, 'utf8'), { file, include });
    expect({ title, difficulty }).toEqual({
      title: scenario.title,
      difficulty: scenario.difficulty,
    });
  });
});

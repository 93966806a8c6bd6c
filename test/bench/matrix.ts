/** `mayexec matrix` over all scenarios and policies, as a whole process, on one worker and on two. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scenarioFiles } from '../../src/cli/lessons/files.js';
import { listPolicies, loadScenario, policySystems } from '../../src/index.js';
import { ROOT } from './bare.js';
import { contest } from './measure.js';
import { wholeProcess } from './process.js';
import type { Row, Table } from './table.js';

const JOBS = [1, 2];
/** One takes a minute and more where others are at work. */
const ROUNDS = 2;

export async function matrixTables(): Promise<Table[]> {
  const { programs, files, runs } = await count();
  const best = await contest(
    JOBS.map((jobs) => () => wholeProcess(['dist/cli.js', 'matrix', '--jobs', String(jobs)])),
    ROUNDS,
  );
  const rows = JOBS.map(
    (jobs, i): Row => ({
      what: jobs === 1 ? '1 worker' : `${jobs} workers`,
      values: [best[i]! / 1000, (runs * 1000) / best[i]!, best[0]! / best[i]!],
    }),
  );
  return [
    {
      title: `mayexec matrix: ${files} scenarios, ${programs} programs, ${listPolicies().length} policies`,
      columns: ['s', 'runs/s', 'speed-up'],
      rows,
    },
  ];
}

async function count(): Promise<{ programs: number; files: number; runs: number }> {
  const root = fileURLToPath(ROOT);
  const files = scenarioFiles([join(root, 'scenarios')]);
  const systems = listPolicies().map(({ name }) => policySystems(name));
  let programs = 0;
  let runs = 0;
  for (const file of files) {
    const include = (name: string): string | undefined => {
      const found = [name, join(root, 'asm', name)].find((each) => existsSync(each));
      return found === undefined ? undefined : readFileSync(found, 'utf8');
    };
    const scenario = await loadScenario(readFileSync(file, 'utf8'), { file, include });
    programs += scenario.programs.length;
    // Each program runs once more than there are policies for it: without any, for comparison.
    const policies = systems.filter((each) => each.includes(scenario.os)).length;
    runs += scenario.programs.length * (policies + 1);
  }
  return { programs, files: files.length, runs };
}

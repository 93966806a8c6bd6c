/** Scenarios for tests: files of this package, and texts made up. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runScenario, type ScenarioOptions } from '../../src/scenario/judge/run.js';
import { loadScenario } from '../../src/scenario/read/load.js';
import { ScenarioError } from '../../src/scenario/read/scenario-error.js';
import type { FileReport } from '../../src/scenario/report/report.js';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export function include(name: string): string | undefined {
  const file = [join(ROOT, name), join(ROOT, 'asm', name)].find((each) => existsSync(each));
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}

/** A lesson around `code`; `front` and `table` replace the usual ones. */
export function lesson(
  code: string,
  { front = 'policies:\n  plain: nx', table = '' } = {},
): string {
  return `---\ntitle: A test\n${front}\n---\nText.\n\n\`\`\`asm\n${code}\n\`\`\`\n\n${table}\n`;
}

/** `line:column: message` of every mistake in a file; empty when it is right. */
export async function mistakes(text: string, file = 'x.md'): Promise<string[]> {
  try {
    await loadScenario(text, { file, include });
    return [];
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    return error.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
  }
}

export function run(text: string, options: Partial<ScenarioOptions> = {}): Promise<FileReport> {
  return runScenario(text, { file: 'x.md', include, ...options });
}

/** Messages of all differences, each with what happened. */
export async function differences(
  text: string,
  options: Partial<ScenarioOptions> = {},
): Promise<string[]> {
  const { runs, problems } = await run(text, options);
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'));
  return runs.flatMap((each) =>
    each.differences.map(
      ({ position, message, actual }) => `${each.run} ${position.line}: ${message}: ${actual}`,
    ),
  );
}

/** Lists what was skipped and why, after the summary: a skip that nobody sees is a test that nobody has. */
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Tests of one file and one reason that are named; of more, their number is told. */
const NAMED = 3;

export class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]);
    if (skipped.length === 0) return;
    const groups = new Map<string, string[]>();
    for (const test of skipped) {
      const key = `${test.module.relativeModuleId}: ${reason(test)}`;
      groups.set(key, [...(groups.get(key) ?? []), test.fullName]);
    }
    const lines = [...groups].flatMap(([key, names]) => {
      const rest = names.length - NAMED;
      const more = rest > 0 ? [`    and ${rest} more`] : [];
      return [`  ${key}`, ...names.slice(0, NAMED).map((name) => `    ${name}`), ...more];
    });
    process.stdout.write(`\nSkipped ${skipped.length}, and why:\n${lines.join('\n')}\n`);
  }
}

function reason(test: TestCase): string {
  const result = test.result();
  return (result.state === 'skipped' ? result.note : undefined) ?? 'no reason given';
}

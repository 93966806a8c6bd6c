/** Lists what was skipped and why, after the summary: a skip that nobody sees is a test that nobody has. */
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]);
    if (skipped.length === 0) return;
    const lines = skipped.map(
      (test) => `  ${test.module.relativeModuleId} > ${test.fullName}: ${reason(test)}`,
    );
    process.stdout.write(`\nSkipped, and why:\n${lines.join('\n')}\n`);
  }
}

function reason(test: TestCase): string {
  const result = test.result();
  return (result.state === 'skipped' ? result.note : undefined) ?? 'no reason given';
}

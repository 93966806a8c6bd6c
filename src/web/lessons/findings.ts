/** A lesson's report, by the line that each remark is about. Pure. */
import type { FileReport } from '../../parts/scenario.js';
import type { LessonOutline } from './lesson-file.js';

export interface LineFinding {
  readonly line: number;
  readonly kind: 'pass' | 'fail';
  /** A sentence each. */
  readonly messages: readonly string[];
}

/** What holds and what does not, in the order of lines. Nothing is said of a check whose runs did not run. */
export function lineFindings(report: FileReport, outline: LessonOutline): LineFinding[] {
  const wrong = new Map<number, string[]>();
  for (const { program, run, differences, error } of report.runs) {
    for (const { position, message, expected, actual } of differences) {
      const sentence = `${message} (${nameOfRun(program, run)})${differenceOf(expected, actual)}`;
      wrong.set(position.line, [...(wrong.get(position.line) ?? []), sentence]);
    }
    if (error !== undefined) wrong.set(1, [...(wrong.get(1) ?? []), firstLine(error)]);
  }
  const held = outline.programs.flatMap(({ name, checks }) =>
    checks.flatMap(({ line, text, runs }): LineFinding[] => {
      const ran = runs.filter((run) =>
        report.runs.some((each) => each.program === name && each.run === run),
      );
      if (ran.length === 0 || wrong.has(line)) return [];
      return [{ line, kind: 'pass', messages: [`${text}: holds (${ran.join(', ')})`] }];
    }),
  );
  const failed = [...wrong].map(
    ([line, messages]): LineFinding => ({ line, kind: 'fail', messages }),
  );
  return [...joined(held), ...failed].sort((a, b) => a.line - b.line);
}

/** A line may hold several checks, and a check may be one of two programs. */
function joined(findings: readonly LineFinding[]): LineFinding[] {
  const lines = new Map<number, LineFinding>();
  for (const each of findings) {
    const before = lines.get(each.line);
    lines.set(each.line, {
      ...each,
      messages: [...(before?.messages ?? []), ...each.messages],
    });
  }
  return [...lines.values()];
}

export function nameOfRun(program: string, run: string): string {
  return program === 'main' ? run : `${program} under ${run}`;
}

function differenceOf(expected: string | undefined, actual: string | undefined): string {
  if (expected === undefined && actual === undefined) return '';
  return `: expected ${expected ?? 'nothing'}, got ${actual ?? 'nothing'}`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

/** Report: what came of a file's runs. Plain data, so that workers can send it and reporters fold it. */

import { aNumber, aText, checkShape, listOf, objectOf, oneOf, optional } from '../../base/shape.js';
import type { OutcomeClass } from '../../diagnosis/outcome/outcome-class.js';
import type { AssemblyProblem } from '../../toolchain/assembly-error.js';
import type { Difference } from '../judge/difference.js';

/** `pass` and `fail` judge the scenario; `error` says that we broke, never the guest. */
export type RunResult = 'pass' | 'fail' | 'error';

export interface RunReport {
  readonly program: string;
  readonly run: string;
  readonly policy: string;
  readonly result: RunResult;
  readonly outcome: OutcomeClass;
  /** How it ended: `exited 0`, `killed SIGSEGV SEGV_ACCERR`. */
  readonly ending: string;
  /** What refused an execution first: `mprotect refused with EACCES by selinux/execmem`. */
  readonly refused: string | undefined;
  /** The deciding rule. */
  readonly rule: string | undefined;
  /** Every rule that decided something: what a mutation check looks at. */
  readonly rules: readonly string[];
  readonly differences: readonly Difference[];
  /** Of an error: its text. */
  readonly error: string | undefined;
  readonly milliseconds: number;
}

export interface FileReport {
  readonly file: string;
  readonly title: string;
  readonly arch: string;
  readonly runs: readonly RunReport[];
  /** What is wrong with the file itself; then nothing ran, unless it is the exercise only. */
  readonly problems: readonly AssemblyProblem[];
  /** The file as `--update` would write it; undefined when nothing would change. */
  readonly updated: string | undefined;
}

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly errors: number;
  readonly files: number;
  readonly brokenFiles: number;
}

const POSITION = { file: aText, line: aNumber };

export const DIFFERENCE = objectOf({
  position: objectOf(POSITION),
  message: aText,
  expected: optional(aText),
  actual: optional(aText),
  details: optional(listOf(aText)),
});

const RUN = {
  program: aText,
  run: aText,
  result: oneOf(['pass', 'fail', 'error']),
  differences: listOf(DIFFERENCE),
  error: optional(aText),
  milliseconds: aNumber,
};

const REPORTS = listOf(
  objectOf({
    file: aText,
    runs: listOf(objectOf(RUN)),
    problems: listOf(objectOf({ ...POSITION, column: aNumber, message: aText })),
  }),
  'a list of what runScenario gives',
);

/** @throws MayexecError for what are no reports. */
export function checkReports(door: string, reports: unknown): void {
  checkShape(`${door}: the reports`, reports, REPORTS);
}

export function totalsOf(reports: readonly FileReport[]): Totals {
  checkReports('totalsOf', reports);
  const runs = reports.flatMap((report) => report.runs);
  const count = (result: RunResult): number => runs.filter((run) => run.result === result).length;
  return {
    passed: count('pass'),
    failed: count('fail'),
    errors: count('error'),
    files: reports.length,
    brokenFiles: reports.filter(({ problems }) => problems.length > 0).length,
  };
}

/** 0: all passed. 1: something failed. 2: a file could not be read as a scenario. */
export function exitStatusOf(reports: readonly FileReport[]): 0 | 1 | 2 {
  checkReports('exitStatusOf', reports);
  const { failed, errors, brokenFiles } = totalsOf(reports);
  if (brokenFiles > 0) return 2;
  return failed + errors > 0 ? 1 : 0;
}

const LABEL = objectOf({ program: aText, run: aText });

/** `run` as a reader names it: the program comes first where there are several. */
export function runLabel(report: { program: string; run: string }): string {
  checkShape('runLabel: the run', report, LABEL);
  const { program, run } = report;
  return program === 'main' ? run : `${program}/${run}`;
}

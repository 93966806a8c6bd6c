/** `mayexec test`: runs scenarios, checks what they say, and reports. */
import { existsSync } from 'node:fs';
import {
  exitStatusOf,
  type FileReport,
  jsonReport,
  junitReport,
  listPolicies,
  tapReport,
  unknownValue,
} from '../../index.js';
import { type Command, type Given, integerOf, UsageError } from '../arguments.js';
import { readText, writeOutput } from '../host/file.js';
import { INCLUDE_OPTION, includeFolders } from '../host/include.js';
import { scenarioFiles } from '../lessons/files.js';
import { defaultJobs, performAll } from '../lessons/pool.js';
import { changeLines, prettyReport } from '../lessons/report.js';
import { isMerge, MERGE_OPTION, mergedReports, SHARD_OPTION, shardOf } from '../lessons/shard.js';
import type { Answer, FileTask } from '../lessons/worker.js';
import { POLICY_FILE_DETAILS, POLICY_FILE_OPTION, policyFilesOf } from '../program/policy-file.js';
import { splitSpecs } from '../program/policy-list.js';
import { stdout } from '../terminal/output.js';
import { Progress } from '../terminal/progress.js';
import { terminalOf } from '../terminal/terminal.js';

export const test: Command = {
  name: 'test',
  summary: 'run scenarios and check what they say',
  usage: '[FILES...] [OPTIONS]',
  options: [
    { name: 'policy', value: 'A,B', help: 'only the runs with these names or specs' },
    { name: 'update', help: 'rewrite tables of outcomes and recorded traces; shows what changes' },
    INCLUDE_OPTION,
    POLICY_FILE_OPTION,
    { name: 'jobs', value: 'N', help: 'files at a time; default: one for each processor' },
    { name: 'reporter', value: 'NAME', help: 'pretty (the default), json, junit or tap' },
    SHARD_OPTION,
    MERGE_OPTION,
  ],
  details: [
    'FILES are scenarios (.md), sources with ;@ directives (.s), or folders of them; default scenarios/.',
    'A test is one run of one program: expected and missing fails, and so does a denial or a fault that',
    'nothing expects. --update never writes expectations (;@). A source with ;@ call directives calls its',
    'functions instead: each call is a test (`;@ call add(1, 2) = 3`).',
    '',
    ...POLICY_FILE_DETAILS,
    '',
    'Exit status: 0 when all pass, 1 when one fails, 2 for a mistake in a file or the command line.',
  ].join('\n'),
  examples: [
    'mayexec test',
    'mayexec test scenarios/basics/whole-pages.md --update',
    'mayexec test --reporter junit > report.xml',
    'mayexec test --shard 1/3 --reporter json > 1.json',
    'mayexec test --merge 1.json 2.json 3.json --reporter junit',
  ],
  run: runTest,
};

const REPORTERS = ['pretty', 'json', 'junit', 'tap'];
/** What makes no sense where nothing runs. */
const RUNNING = ['policy', 'update', 'include', 'policy-file', 'jobs', 'shard'];

async function runTest(given: Given): Promise<number> {
  const reporter = given.values.get('reporter') ?? 'pretty';
  if (!REPORTERS.includes(reporter)) throw unknownValue('reporter', reporter, REPORTERS);
  if (isMerge(given, RUNNING)) return merge(reporter, given.positionals);
  const only = splitSpecs(given.values.get('policy'));
  const files = shardOf(given, scenarioFiles(given.positionals));
  const host = hostOf(given);
  const tasks = files.map(
    (file, id): FileTask => ({ id, file, text: readText(file), only, ...host }),
  );
  const answers = await performWithProgress(tasks, jobsOf(given));
  const reports = answers.map((answer, index) => reportOf(answer, tasks[index]!));
  checkAnyRan(reports, only);
  const text = new Map(tasks.map((task) => [task.file, task.text]));
  if (given.switches.has('update')) return update(reports, text, host);
  stdout.print(written(reporter, reports, (file) => text.get(file) ?? ''));
  return exitStatusOf(reports);
}

/** Sources are quoted where they are still there. */
function merge(reporter: string, files: readonly string[]): number {
  const reports = mergedReports(files);
  const source = (file: string): string => (existsSync(file) ? readText(file) : '');
  stdout.print(written(reporter, reports, source));
  return exitStatusOf(reports);
}

/** What the command lets a file use of this host. */
export function hostOf(given: Given): Pick<FileTask, 'folders' | 'policyFiles'> {
  return { folders: includeFolders(given), policyFiles: policyFilesOf(given) };
}

export function jobsOf(given: Given): number {
  const jobs = integerOf(given, 'jobs') ?? defaultJobs();
  if (jobs < 1) throw new UsageError('--jobs is 0: expected at least 1');
  return jobs;
}

export async function performWithProgress(
  tasks: readonly FileTask[],
  jobs: number,
): Promise<Answer[]> {
  const progress = new Progress(tasks.length);
  const answers = await performAll(tasks, jobs, (done, file) => progress.show(done, file));
  progress.done();
  return answers;
}

function reportOf(answer: Answer, { file }: FileTask): FileReport {
  if ('report' in answer) return answer.report;
  const error = 'error' in answer ? answer.error : 'unexpected answer';
  const run = {
    program: 'main',
    run: 'all',
    policy: '',
    result: 'error',
    outcome: 'crashes',
    ending: 'error',
    refused: undefined,
    rule: undefined,
    rules: [],
    differences: [],
    error,
    milliseconds: 0,
  } as const;
  return { file, title: file, arch: '', runs: [run], problems: [], updated: undefined };
}

function checkAnyRan(reports: readonly FileReport[], only: readonly string[] | undefined): void {
  if (
    only === undefined ||
    reports.some(({ runs, problems }) => runs.length + problems.length > 0)
  ) {
    return;
  }
  const names = listPolicies().map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name.split(/[:+]/)[0]!));
  if (unknown !== undefined) throw unknownValue('policy', unknown, names);
  throw new UsageError(
    `--policy ${only.join(',')}: no run of these scenarios has this name or policy`,
  );
}

function written(
  reporter: string,
  reports: readonly FileReport[],
  source: (file: string) => string,
): string {
  switch (reporter) {
    case 'json':
      return jsonReport(reports);
    case 'junit':
      return junitReport(reports);
    case 'tap':
      return tapReport(reports);
    default:
      return `${prettyReport(reports, source, terminalOf(stdout.stream)).join('\n')}\n`;
  }
}

/** Shows each change, then makes it; what expectations contradict stays as it is, and is reported. */
async function update(
  reports: readonly FileReport[],
  texts: ReadonlyMap<string, string>,
  host: Pick<FileTask, 'folders' | 'policyFiles'>,
): Promise<number> {
  const terminal = terminalOf(stdout.stream);
  const changed = reports.filter(({ updated }) => updated !== undefined);
  for (const { file, updated } of changed) {
    stdout.lines(changeLines(file, texts.get(file) ?? '', updated!, terminal));
    writeOutput(file, updated!);
  }
  const tasks = reports.map(
    ({ file, updated }, id): FileTask => ({ id, file, text: updated ?? texts.get(file)!, ...host }),
  );
  const again = await performWithProgress(tasks, 1);
  const after = again.map((answer, index) => reportOf(answer, tasks[index]!));
  const source = (file: string): string => tasks.find((task) => task.file === file)?.text ?? '';
  stdout.lines([
    `${changed.length} of ${reports.length} files changed`,
    '',
    ...prettyReport(after, source, terminal),
  ]);
  return exitStatusOf(after);
}

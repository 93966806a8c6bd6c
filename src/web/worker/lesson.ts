/** A lesson run: every program under each of its policies, judged by the lesson's own checks. */
import {
  loadScenario,
  type ReadyScenario,
  runScenario,
  ScenarioError,
} from '../../parts/scenario.js';
import { outlineOf } from '../lessons/outline.js';
import { bytesOf, preparedFor } from '../lessons/prepared.js';
import { asmInclude } from './files.js';
import type { AskOf, LessonReport, LessonRequest, ReadAnswer } from './protocol.js';

export async function runLesson(request: LessonRequest): Promise<LessonReport> {
  const { file, text, only } = request;
  const scenario = await readLesson(request);
  if ('report' in scenario) return { report: scenario.report, outline: undefined };
  const report = await runScenario(text, {
    file,
    kernel: scenario.kernel,
    assembled: ({ name }) => scenario.programs.find((program) => program.name === name),
    ...(only === undefined ? {} : { only }),
  });
  return { report, outline: outlineOf(scenario) };
}

export async function readOutline(request: AskOf<'read'>): Promise<ReadAnswer> {
  const read = await readLesson({ ...request, prepared: undefined });
  if (!('report' in read)) return { outline: outlineOf(read) };
  return {
    problems: read.report.problems.map(({ line, message }) => `line ${line}: ${message}`),
  };
}

/** The lesson with its programs; those that nobody changed are not assembled again. */
async function readLesson({
  file,
  text,
  prepared,
}: LessonRequest): Promise<ReadyScenario | Pick<LessonReport, 'report'>> {
  const include = text === prepared?.text ? undefined : await asmInclude();
  try {
    // A changed lesson may name another kernel.
    const kernel = text === prepared?.text ? prepared.kernel : undefined;
    return await loadScenario(text, {
      file,
      include,
      kernel: kernel === undefined ? undefined : bytesOf(kernel),
      assembled: preparedFor(prepared, file),
    });
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    const { problems } = error;
    return { report: { file, title: file, arch: '', runs: [], problems, updated: undefined } };
  }
}

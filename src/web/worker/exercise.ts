/** Attempts at a lesson's exercise, judged; and experiments under a policy that is not named. */
import { judgeAttempt, runHidden, ScenarioError } from '../../parts/scenario.js';
import { preparedFor } from '../lessons/prepared.js';
import { asmInclude } from './files.js';
import type {
  AttemptAnswer,
  AttemptMistakes,
  AttemptRequest,
  ExperimentAnswer,
  ExperimentRequest,
} from './protocol.js';

export async function attemptExercise(request: AttemptRequest): Promise<AttemptAnswer> {
  const { lesson, attempt } = request;
  return told(async () => ({
    report: await judgeAttempt(lesson.text, { ...(await optionsFor(request)), attempt }),
  }));
}

export async function runExperiment(request: ExperimentRequest): Promise<ExperimentAnswer> {
  const { lesson, attempt, run } = request;
  return told(async () => ({
    seen: await runHidden(lesson.text, { ...(await optionsFor(request)), attempt, run }),
  }));
}

async function optionsFor({ lesson }: AttemptRequest) {
  const { file } = lesson;
  return { file, include: await asmInclude(), assembled: preparedFor(lesson, file) };
}

/** Mistakes in what the reader wrote are answers, with their lines. */
async function told<T>(work: () => Promise<T>): Promise<T | AttemptMistakes> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ScenarioError) {
      return { problems: error.problems.map(({ line, message }) => `line ${line}: ${message}`) };
    }
    if (!(error instanceof Error)) throw error;
    return { problems: [error.message] };
  }
}

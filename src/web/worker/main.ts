/** The worker: engine, sandbox and assembler run here, so that the page answers whatever a program does. */
import { attemptExercise, runExperiment } from './exercise.js';
import { explainLab, policiesLab } from './lab/judge.js';
import { offeredPolicies } from './lab/program.js';
import { moveLab, openLab, stopLab } from './lab/session.js';
import { readOutline, runLesson } from './lesson.js';
import type { Methods, Question, Reply } from './protocol.js';

const METHODS: Methods = {
  lesson: runLesson,
  read: readOutline,
  attempt: attemptExercise,
  experiment: runExperiment,
  open: openLab,
  move: moveLab,
  stop: stopLab,
  offer: offeredPolicies,
  explain: explainLab,
  policies: policiesLab,
};

const post = (reply: Reply): void => postMessage(reply);

addEventListener('message', async ({ data: { id, method, params } }: MessageEvent<Question>) => {
  try {
    const ask = METHODS[method] as (
      params: unknown,
      progress: (value: unknown) => void,
    ) => Promise<unknown>;
    post({ id, value: await ask(params, (progress) => post({ id, progress })) });
  } catch (error) {
    post({ id, error: error instanceof Error ? error.message : String(error) });
  }
});

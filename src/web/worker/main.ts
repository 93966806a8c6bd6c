/** The worker: engine, sandbox and assembler run here, so that the page answers whatever a program does. */
import { readOutline, runLesson } from './lesson.js';
import type { Methods, Question, Reply } from './protocol.js';

/** What a lesson does not need comes when it is asked for. */
const METHODS: Methods = {
  lesson: runLesson,
  read: readOutline,
  attempt: async (request) => (await import('./exercise.js')).attemptExercise(request),
  experiment: async (request) => (await import('./exercise.js')).runExperiment(request),
  open: async (given) => (await import('./lab/session.js')).openLab(given),
  move: async (move) => (await import('./lab/session.js')).moveLab(move),
  stop: async () => (await import('./lab/session.js')).stopLab(),
  offer: async () => (await import('./lab/program.js')).offeredPolicies(),
  explain: async (given) => (await import('./lab/judge.js')).explainLab(given),
  policies: async (given, progress) =>
    (await import('./lab/judge.js')).policiesLab(given, progress),
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

/** The worker: engine, sandbox and assembler run here, so that the page answers whatever a program does. */
import { runLesson } from './lesson.js';
import type { Methods, Question, Reply } from './protocol.js';

const METHODS: Methods = { lesson: runLesson };

const post = (reply: Reply): void => postMessage(reply);

addEventListener('message', async ({ data: { id, method, params } }: MessageEvent<Question>) => {
  try {
    const ask = METHODS[method] as (params: unknown) => Promise<unknown>;
    post({ id, value: await ask(params) });
  } catch (error) {
    post({ id, error: error instanceof Error ? error.message : String(error) });
  }
});

/** A pool of workers: each takes the next file when it is done with one. One job needs no worker. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type Answer, type FileTask, perform } from './worker.js';

export function defaultJobs(): number {
  return availableParallelism();
}

/** Answers in the order of the tasks; `progress` is told of each as it comes. */
export async function performAll(
  tasks: readonly FileTask[],
  jobs: number,
  progress: (done: number, file: string) => void,
): Promise<Answer[]> {
  const answers = new Map<number, Answer>();
  const waiting = [...tasks];
  const file = new Map(tasks.map((task) => [task.id, task.file]));
  const take = (answer: Answer): void => {
    answers.set(answer.id, answer);
    progress(answers.size, file.get(answer.id) ?? '');
  };
  const count = Math.min(jobs, tasks.length);
  if (count <= 1) {
    for (const task of waiting) take(await perform(task));
  } else {
    await Promise.all(Array.from({ length: count }, () => work(waiting, take)));
  }
  return tasks.map(({ id }) => answers.get(id)!);
}

/** One worker until nothing waits. Its death is the error of the file that it had. */
async function work(waiting: FileTask[], take: (answer: Answer) => void): Promise<void> {
  let worker = start();
  for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
    const answer = await ask(worker, task);
    take(answer);
    if ('error' in answer) {
      await worker.terminate();
      worker = start();
    }
  }
  await worker.terminate();
}

function start(): Worker {
  return new Worker(new URL('./test-worker.js', import.meta.url));
}

function ask(worker: Worker, task: FileTask): Promise<Answer> {
  return new Promise((resolve) => {
    const died = (reason: unknown): void => {
      const text = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
      finish({ id: task.id, error: `the worker died: ${text}` });
    };
    const exited = (code: number): void => died(`exit status ${code}`);
    const finish = (answer: Answer): void => {
      worker.off('message', finish).off('error', died).off('exit', exited);
      resolve(answer);
    };
    worker.on('message', finish).on('error', died).on('exit', exited);
    worker.postMessage(task);
  });
}

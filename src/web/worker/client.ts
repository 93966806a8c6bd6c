/** A worker as the page sees it: questions by name, an answer each. */
import type { AnswerTo, AskOf, MethodName, Question, Reply } from './protocol.js';

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly progress: ((value: unknown) => void) | undefined;
}

/** Rejects what was open when its worker was ended. */
export class WorkerStopped extends Error {
  override readonly name = 'WorkerStopped';
}

/** Started when it is first asked something; a worker that was stopped is started anew. */
export class WorkerClient {
  #worker: Worker | undefined;
  #next = 1;
  readonly #pending = new Map<number, Pending>();

  ask<K extends MethodName>(
    method: K,
    params: AskOf<K>,
    progress?: (value: unknown) => void,
  ): Promise<AnswerTo<K>> {
    const worker = this.#started();
    const id = this.#next++;
    return new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, progress });
      worker.postMessage({ id, method, params } satisfies Question);
    }) as Promise<AnswerTo<K>>;
  }

  /** Ends whatever it is doing. */
  stop(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#rejectAll(new WorkerStopped('stopped'));
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#answered(data);
    worker.onerror = ({ message }) => {
      this.#worker = undefined;
      this.#rejectAll(new Error(message || 'the worker could not be loaded'));
    };
    this.#worker = worker;
    return worker;
  }

  #answered(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    if ('progress' in reply) {
      pending.progress?.(reply.progress);
      return;
    }
    this.#pending.delete(reply.id);
    if ('error' in reply) pending.reject(new Error(reply.error));
    else pending.resolve(reply.value);
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

/** How far the reader is: lessons whose checks all passed here, the last one opened. Kept on this computer only. */
import { forget, recall, remember } from './storage.js';

interface Progress {
  readonly done: readonly string[];
  readonly last: string | undefined;
}

const KEY = 'progress';

export function progress(): Progress {
  const found = recall<Partial<Progress>>(KEY);
  const done = Array.isArray(found?.done)
    ? found.done.filter((each) => typeof each === 'string')
    : [];
  return { done, last: typeof found?.last === 'string' ? found.last : undefined };
}

export function openedLesson(file: string): void {
  remember(KEY, { ...progress(), last: file });
}

export function finishedLesson(file: string): void {
  const { done, last } = progress();
  if (!done.includes(file)) remember(KEY, { done: [...done, file], last });
}

/** A change that the reader made to a lesson; undefined: none. */
export function ownVersion(file: string): string | undefined {
  const text = recall<unknown>(`lesson ${file}`);
  return typeof text === 'string' ? text : undefined;
}

export function keepVersion(file: string, text: string): void {
  remember(`lesson ${file}`, text);
}

export function dropVersion(file: string): void {
  forget(`lesson ${file}`);
}

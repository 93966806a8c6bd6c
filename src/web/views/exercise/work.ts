/** What the reader did in an exercise: kept on this computer, and gone when the reader starts anew. */
import { useState } from 'preact/hooks';
import type { LessonFile } from '../../lessons/lesson-file.js';
import { forget, recall, remember } from '../../parts/storage.js';
import type { WorkerClient } from '../../worker/client.js';

export interface ExerciseProps {
  readonly lesson: LessonFile;
  readonly judge: WorkerClient;
  readonly onSolved: () => void;
}

/** `read` makes sense of what was stored, by whichever version of the page. */
export function useKept<T>(
  file: string,
  read: (stored: unknown) => T,
): [value: T, keep: (value: T) => void, startAnew: () => void] {
  const key = `exercise ${file}`;
  const [value, setValue] = useState<T>(() => read(recall<unknown>(key)));
  return [
    value,
    (next) => {
      setValue(next);
      remember(key, next);
    },
    () => {
      forget(key);
      setValue(read(undefined));
    },
  ];
}

export type Work = 'idle' | 'working' | 'stopped';

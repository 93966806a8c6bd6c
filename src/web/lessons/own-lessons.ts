/** Lessons of a folder that `mayexec workshop` serves beside the page's own. A static host has none. */

import { fetchJson } from '../parts/fetch.js';
import type { WorkerClient } from '../worker/client.js';
import type { LessonFile, LessonIndex, PathSection } from './lesson-file.js';

const OWN = 'own/';

const served = document.querySelector('meta[name="mayexec-served"]')?.getAttribute('content');

/** The page comes from the command: files may change from one visit to the next. */
export const isServed = served !== undefined && served !== null;

const texts = (): Promise<Readonly<Record<string, string>>> =>
  served === 'own-lessons' ? fetchJson('own-lessons.json') : Promise.resolve({});

/** The learning path, with the folder's lessons first. */
export async function lessonIndex(): Promise<LessonIndex> {
  const [index, own] = await Promise.all([fetchJson<LessonIndex>('lessons.json'), texts()]);
  const lessons = Object.entries(own).map(([file, text]) => ({
    file,
    title: frontMatter(text, 'title') ?? file.slice(OWN.length),
    difficulty: frontMatter(text, 'difficulty'),
    os: frontMatter(text, 'os') ?? 'linux',
    shows: file.slice(OWN.length),
  }));
  const section: PathSection = { title: 'Lessons of your own', lessons };
  return { sections: [...(lessons.length === 0 ? [] : [section]), ...index.sections] };
}

/** @throws Error with a sentence for people: what is wrong with a lesson of one's own, with its lines. */
export async function openLesson(file: string, judge: WorkerClient): Promise<LessonFile> {
  if (!file.startsWith(OWN))
    return fetchJson<LessonFile>(`lessons/${file.replace(/\.md$/, '.json')}`);
  const text = (await texts())[file];
  if (text === undefined) throw new Error('the folder has no such file.');
  const read = await judge.ask('read', { file, text });
  if ('problems' in read) throw new Error(`it cannot be read yet.\n${read.problems.join('\n')}`);
  return { file, text, outline: read.outline, programs: [] };
}

/** For the list only: the lesson itself is read strictly. */
function frontMatter(text: string, key: string): string | undefined {
  const [, value] = new RegExp(`^${key}:\\s*"?(.*?)"?\\s*$`, 'm').exec(text) ?? [];
  return value === '' ? undefined : value;
}

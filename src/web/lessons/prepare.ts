/** Run by the build, in Node: every lesson read and assembled, and the learning path out of their README. */
import { loadScenario, type ReadyScenario } from '../../parts/scenario.js';
import { includeFrom } from './include.js';
import type { LessonFile, LessonIndex, PathEntry, PathSection } from './lesson-file.js';
import { outlineOf } from './outline.js';

type Texts = Readonly<Record<string, string>>;

export interface LessonSources {
  /** Path within the folder to text. */
  readonly scenarios: Texts;
  readonly asm: Texts;
}

/** Name of the file to what stands in it, as JSON. */
export async function prepareLessons({
  scenarios,
  asm,
}: LessonSources): Promise<Record<string, unknown>> {
  const files: Record<string, unknown> = {};
  const entries = new Map<string, PathEntry>();
  for (const [file, text] of Object.entries(scenarios)) {
    if (/(^|\/)README\.md$/.test(file) || !file.endsWith('.md')) continue;
    const lesson = await prepared(file, text, asm);
    files[`lessons/${file.replace(/\.md$/, '.json')}`] = lesson;
    const { title, difficulty, os } = lesson.outline;
    entries.set(file, { file, title, difficulty, os, shows: '' });
  }
  const index: LessonIndex = { sections: learningPath(scenarios['README.md'] ?? '', entries) };
  return {
    ...files,
    'lessons.json': index,
    'asm.json': Object.fromEntries(Object.entries(asm).filter(([name]) => !name.endsWith('.md'))),
  };
}

async function prepared(file: string, text: string, asm: Texts): Promise<LessonFile> {
  const scenario = await loadScenario(text, { file, include: includeFrom(asm) });
  return {
    file,
    text,
    ...(scenario.kernel === undefined
      ? {}
      : { kernel: Buffer.from(scenario.kernel).toString('base64') }),
    outline: outlineOf(scenario),
    programs: scenario.programs.map(({ name, source, elf, symbols, lines }: Program) => ({
      name,
      source,
      elf: Buffer.from(elf).toString('base64'),
      symbols: [...symbols].map(([label, address]) => [label, String(address)] as const),
      lines: lines.map(({ line, address, length }) => [line, String(address), length] as const),
    })),
  };
}

type Program = ReadyScenario['programs'][number];

/** Sections and rows in the order of the README; what it does not list comes last. */
function learningPath(readme: string, entries: Map<string, PathEntry>): PathSection[] {
  const left = new Map(entries);
  const sections: { title: string; lessons: PathEntry[] }[] = [];
  for (const line of readme.split('\n')) {
    const [, heading] = /^## (.+)$/.exec(line) ?? [];
    if (heading !== undefined) sections.push({ title: heading, lessons: [] });
    const [, file = '', shows = ''] =
      /^\| \[[^\]]+\]\(([^)]+)\) \| \w+ \| (.+) \|$/.exec(line) ?? [];
    const entry = left.get(file);
    if (entry === undefined) continue;
    left.delete(file);
    sections.at(-1)?.lessons.push({ ...entry, shows });
  }
  if (left.size > 0) sections.push({ title: 'More', lessons: [...left.values()] });
  return sections.filter(({ lessons }) => lessons.length > 0);
}

/** The front page: what this is, where to begin, and the learning path with what the reader has done of it. */
import { useEffect, useState } from 'preact/hooks';
import type { LessonIndex, PathSection } from '../lessons/lesson-file.js';
import { lessonIndex } from '../lessons/own-lessons.js';
import { useLoaded } from '../parts/async.js';
import { progress } from '../parts/progress.js';
import { lessonHash } from '../route.js';

const LEVELS = ['beginner', 'intermediate', 'advanced'] as const;

export function FrontView() {
  const index = useLoaded('lessons.json', () => lessonIndex());
  useEffect(() => {
    document.title = 'mayexec workshop';
  }, []);
  return (
    <div class="front">
      <section class="hero">
        <h1>May this code execute?</h1>
        <p>
          Real x86 machine code runs here, in your browser, under the memory rules of the system
          that you choose: SELinux, PaX, W^X, OpenBSD, Windows and more. Read a lesson, change its
          program, and see who says no, and why. Nothing leaves this page.
        </p>
        <Begin index={index.state === 'here' ? index.value : undefined} />
      </section>
      {index.state === 'failed' && <p role="alert">{index.error}</p>}
      {index.state === 'here' && <Path index={index.value} />}
    </div>
  );
}

function Begin({ index }: { index: LessonIndex | undefined }) {
  const { last, done } = progress();
  const all = index?.sections.flatMap(({ lessons }) => lessons) ?? [];
  const entry = all.find(({ file }) => file === last) ?? all[0];
  if (entry === undefined) return null;
  return (
    <p class="actions">
      <a class="button primary" href={lessonHash(entry.file)}>
        {last === undefined ? 'Begin with the first lesson' : `Continue: ${entry.title}`}
      </a>
      {done.length > 0 && (
        <span>
          {done.length} of {all.length} lessons done
        </span>
      )}
    </p>
  );
}

function Path({ index }: { index: LessonIndex }) {
  const [level, setLevel] = useState<string>('');
  const { done } = progress();
  return (
    <section aria-labelledby="path">
      <div class="path-head">
        <h2 id="path">Lessons</h2>
        <label>
          Difficulty{' '}
          <select value={level} onChange={(event) => setLevel(event.currentTarget.value)}>
            <option value="">all</option>
            {LEVELS.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </div>
      <div class="sections">
        {index.sections.map((section) => (
          <Section key={section.title} section={section} level={level} done={done} />
        ))}
      </div>
    </section>
  );
}

function Section({
  section: { title, lessons },
  level,
  done,
}: {
  section: PathSection;
  level: string;
  done: readonly string[];
}) {
  const shown = lessons.filter(({ difficulty }) => level === '' || difficulty === level);
  if (shown.length === 0) return null;
  const finished = lessons.filter(({ file }) => done.includes(file)).length;
  return (
    <section class="card">
      <h3>{title}</h3>
      <p class="path-count faint">
        {finished} of {lessons.length} done
      </p>
      <ol>
        {shown.map(({ file, title: name, difficulty, shows }) => (
          <li key={file} class={done.includes(file) ? 'done' : ''}>
            <a href={lessonHash(file)}>{name}</a>
            {done.includes(file) && <span class="good"> ✓ done</span>}
            <span class="tag">{difficulty}</span>
            <p class="path-shows">{shows.replaceAll('`', '')}</p>
          </li>
        ))}
      </ol>
    </section>
  );
}

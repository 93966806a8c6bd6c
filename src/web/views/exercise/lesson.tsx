/** A lesson with an exercise: its prose, what there is to do, and the solution for those who ask. */
import type { Root, RootContent } from 'mdast';
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { asmBlock, partsOf } from '../../lessons/body.js';
import { exerciseParts } from '../../lessons/exercise-parts.js';
import type { LessonFile, OutlineExercise } from '../../lessons/lesson-file.js';
import { plainSource } from '../../lessons/plain-source.js';
import { CodeEditor } from '../../parts/code-editor.js';
import { Markdown } from '../../parts/markdown.js';
import { finishedLesson, progress } from '../../parts/progress.js';
import type { WorkerClient } from '../../worker/client.js';
import { ExerciseView } from './exercise.js';

export interface ExerciseLessonProps {
  readonly lesson: LessonFile;
  readonly exercise: OutlineExercise;
  readonly root: Root;
  readonly judge: WorkerClient;
  /** The lesson as it is without an exercise, of that part of its text. */
  readonly solution: (rest: Root) => ComponentChildren;
}

export function ExerciseLesson({ lesson, exercise, root, judge, solution }: ExerciseLessonProps) {
  const { file, outline } = lesson;
  const parts = useMemo(() => exerciseParts(root, exercise), [root, exercise]);
  const [open, setOpen] = useState(false);
  const [solved, setSolved] = useState(() => progress().done.includes(file));
  return (
    <>
      <div class="prose">
        {partsOf(parts.first, outline.title).map((part, index) => (
          <Markdown
            key={index}
            nodes={part.kind === 'prose' ? [part.node] : part.nodes}
            custom={programOnly}
          />
        ))}
      </div>
      <ExerciseView
        lesson={lesson}
        judge={judge}
        onSolved={() => {
          finishedLesson(file);
          setSolved(true);
        }}
      />
      {solved && (
        <p class="solved">
          <b class="good">
            <span aria-hidden="true">✓</span> You have solved this.
          </b>
        </p>
      )}
      <details class="solution" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary class="ask">Show the solution, and what is behind it</summary>
        {open && solution(parts.solution)}
      </details>
    </>
  );
}

/** Programs without what is expected of them. */
function programOnly(node: RootContent, key: string) {
  const block = node.type === 'code' ? asmBlock(node) : undefined;
  if (block === undefined) return undefined;
  return (
    <section class="block" key={key} aria-label={`Program ${block.program}`}>
      <p class="block-name faint">{block.program}</p>
      <CodeEditor
        text={plainSource(block.text).trimEnd()}
        label={`Program ${block.program}`}
        readOnly
      />
    </section>
  );
}

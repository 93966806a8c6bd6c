/** A lesson: prose beside its programs, which can be changed and run under each of its policies. */
import type { Root, RootContent, Table } from 'mdast';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { encodeCase } from '../../link/codec.js';
import type { LineMark } from '../editor/marks.js';
import { caseOfLesson } from '../lab/from-lesson.js';
import { asmBlock, bodyOf, isAnswer, isOutcomeTable, partsOf, withBlock } from '../lessons/body.js';
import { type LineFinding, lineFindings } from '../lessons/findings.js';
import type { LessonFile, LessonOutline } from '../lessons/lesson-file.js';
import { lessonIndex, openLesson } from '../lessons/own-lessons.js';
import { messageOf, useLoaded } from '../parts/async.js';
import { CodeEditor } from '../parts/code-editor.js';
import { inline, Markdown, parseMarkdown } from '../parts/markdown.js';
import {
  dropVersion,
  finishedLesson,
  keepVersion,
  openedLesson,
  ownVersion,
} from '../parts/progress.js';
import { lessonHash } from '../route.js';
import { type WorkerClient, WorkerStopped } from '../worker/client.js';
import type { LessonReport } from '../worker/protocol.js';
import { ExerciseLesson } from './exercise/lesson.js';
import { LessonResults, type RunState } from './lesson-results.js';

export function LessonView({ file, judge }: { file: string; judge: WorkerClient }) {
  const lesson = useLoaded(file, () => openLesson(file, judge));
  if (lesson.state === 'loading') return <p role="status">Opening the lesson …</p>;
  if (lesson.state === 'failed') {
    return (
      <p role="alert" class="unopened">
        The lesson {file} does not open: {lesson.error} <a href="#/">All lessons</a>
      </p>
    );
  }
  return <Lesson key={file} lesson={lesson.value} judge={judge} />;
}

function Lesson({ lesson, judge }: { lesson: LessonFile; judge: WorkerClient }) {
  const { file } = lesson;
  const { exercise } = lesson.outline;
  const [text, setText] = useState(() => ownVersion(file) ?? lesson.text);
  const [result, setResult] = useState<LessonReport>();
  const [state, setState] = useState<RunState>('idle');
  const [trouble, setTrouble] = useState<string>();
  const ranText = useRef<string | undefined>(undefined);

  useEffect(() => {
    openedLesson(file);
    document.title = `${lesson.outline.title} – mayexec workshop`;
  }, [file]);

  const change = (changed: string): void => {
    setText(changed);
    if (changed === lesson.text) dropVersion(file);
    else keepVersion(file, changed);
  };

  const run = async (): Promise<void> => {
    setState('running');
    setTrouble(undefined);
    ranText.current = text;
    try {
      const answer = await judge.ask('lesson', { file, text, prepared: lesson });
      setResult(answer);
      setState('done');
      if (passed(answer) && exercise === undefined) finishedLesson(file);
    } catch (error) {
      setState('stopped');
      if (!(error instanceof WorkerStopped)) setTrouble(messageOf(error));
    }
  };

  const outline = result?.outline ?? lesson.outline;
  const current = ranText.current === text ? result : undefined;
  const findings = useMemo(
    () => (current?.outline === undefined ? [] : lineFindings(current.report, current.outline)),
    [current],
  );

  const root = useMemo(() => parseMarkdown(bodyOf(text)), [text]);
  const body = { text, outline, findings, onChange: change, onRun: run };
  const results = (
    <>
      <LessonResults
        file={file}
        outline={outline}
        report={current?.report}
        state={state}
        changed={text !== lesson.text}
        onRun={run}
        onStop={() => judge.stop()}
        onReset={() => change(lesson.text)}
        onOpen={(program, run) => {
          const found = caseOfLesson(root.children, outline, program, run);
          if (found !== undefined) location.hash = encodeCase(found);
        }}
      />
      {trouble !== undefined && <p role="alert">{trouble}</p>}
      {current !== undefined && <Problems report={current} />}
    </>
  );
  return (
    <article class="lesson">
      <header>
        <p class="crumbs">
          <a href="#/">Lessons</a> / {file}
        </p>
        <h1>{outline.title}</h1>
        <p class="tags">
          {outline.difficulty !== undefined && <span class="tag">{outline.difficulty}</span>}
          <span class="tag">{outline.os}</span>
          <span class="tag">{outline.arch}</span>
        </p>
      </header>
      {exercise === undefined ? (
        <>
          {results}
          <Body {...body} root={root} />
        </>
      ) : (
        <ExerciseLesson
          lesson={lesson}
          exercise={exercise}
          root={root}
          judge={judge}
          solution={(rest) => (
            <>
              {results}
              <Body {...body} root={rest} />
            </>
          )}
        />
      )}
      {outline.sources.length > 0 && (
        <footer class="sources">
          <h2>Where this comes from</h2>
          <ul>
            {outline.sources.map((source) => (
              <li key={source}>{source}</li>
            ))}
          </ul>
        </footer>
      )}
      <Neighbours file={file} />
    </article>
  );
}

function passed({ report }: LessonReport): boolean {
  return report.runs.length > 0 && report.runs.every(({ result }) => result === 'pass');
}

function Problems({ report: { report } }: { report: LessonReport }) {
  if (report.problems.length === 0) return null;
  return (
    <div role="alert" class="problems">
      <p>The lesson cannot run like this:</p>
      <ul>
        {report.problems.map(({ line, column, message }) => (
          <li key={`${line}:${column}:${message}`}>
            line {line}: {message}
          </li>
        ))}
      </ul>
    </div>
  );
}

interface BodyProps {
  readonly text: string;
  /** The part of the text that is shown. */
  readonly root: Root;
  readonly outline: LessonOutline;
  readonly findings: readonly LineFinding[];
  readonly onChange: (text: string) => void;
  readonly onRun: () => void;
}

function Body({ text, root, outline, findings, onChange, onRun }: BodyProps) {
  const parts = useMemo(() => partsOf(root, outline.title), [root, outline.title]);
  let blocks = 0;
  const custom = (node: RootContent, key: string) => {
    if (node.type === 'table' && isOutcomeTable(node)) {
      return <OutcomeTable key={key} table={node} findings={findings} />;
    }
    const block = node.type === 'code' ? asmBlock(node) : undefined;
    if (block === undefined) return undefined;
    blocks += 1;
    const inside = findings.filter(({ line }) => line >= block.first && line < block.end);
    return (
      <section
        class="block"
        key={`block ${blocks}`}
        aria-label={`Block ${blocks}, program ${block.program}`}
      >
        <CodeEditor
          text={block.text}
          label={`Program ${block.program}, from line ${block.first} of the lesson`}
          firstLine={block.first}
          marks={marksOf(inside, block.first)}
          onChange={(changed) => onChange(withBlock(text, block, changed))}
          onRun={onRun}
        />
        <Complaints findings={inside} />
      </section>
    );
  };
  return (
    <div class="prose">
      {parts.map((part, index) =>
        part.kind === 'prose' ? (
          <Markdown key={index} nodes={[part.node]} custom={custom} />
        ) : (
          <details key={index} class="try">
            <summary>{part.title}</summary>
            {part.nodes.map((node, at) =>
              isAnswer(node) ? (
                <details key={at} class="answer">
                  <summary>Show the answer</summary>
                  <Markdown nodes={[node]} />
                </details>
              ) : (
                <Markdown key={at} nodes={[node]} custom={custom} />
              ),
            )}
          </details>
        ),
      )}
    </div>
  );
}

function marksOf(findings: readonly LineFinding[], first: number): LineMark[] {
  return findings.map(({ line, kind, messages }) => ({
    line: line - first + 1,
    kind,
    title: messages.join('\n'),
  }));
}

/** What a mark in the margin says, for those who do not see or point at it. */
function Complaints({ findings }: { findings: readonly LineFinding[] }) {
  const failed = findings.filter(({ kind }) => kind === 'fail');
  if (failed.length === 0) return null;
  return (
    <ul class="complaints">
      {failed.map(({ line, messages }) =>
        messages.map((message) => (
          <li key={`${line} ${message}`}>
            <span aria-hidden="true">✗</span> line {line}: {message}
          </li>
        )),
      )}
    </ul>
  );
}

function OutcomeTable({ table, findings }: { table: Table; findings: readonly LineFinding[] }) {
  const [head, ...rows] = table.children;
  const ran = findings.length > 0;
  return (
    <div class="table-scroll">
      <table class="outcomes">
        <thead>
          <tr>
            {head?.children.map((cell, index) => (
              <th key={index} scope="col">
                {inline(cell.children)}
              </th>
            ))}
            <th scope="col">here</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const line = row.position?.start.line ?? 0;
            const found = findings.find((each) => each.line === line);
            return (
              <tr key={line}>
                {row.children.map((cell, index) => (
                  <td key={index}>{inline(cell.children)}</td>
                ))}
                <td class="verdict">{ran ? <RowResult found={found} /> : 'not run yet'}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function RowResult({ found }: { found: LineFinding | undefined }) {
  if (found === undefined) return <span class="good">✓ so it is</span>;
  return <span class="bad">✗ {found.messages.join('; ')}</span>;
}

function Neighbours({ file }: { file: string }) {
  const index = useLoaded('lessons.json', () => lessonIndex());
  if (index.state !== 'here') return null;
  const all = index.value.sections.flatMap(({ lessons }) => lessons);
  const at = all.findIndex((entry) => entry.file === file);
  const [before, after] = [all[at - 1], at === -1 ? undefined : all[at + 1]];
  return (
    <nav class="neighbours" aria-label="Neighbouring lessons">
      {before !== undefined && <a href={lessonHash(before.file)}>← {before.title}</a>}
      {after !== undefined && (
        <a class="next" href={lessonHash(after.file)}>
          {after.title} →
        </a>
      )}
    </nav>
  );
}

/** Which policy is it: experiments under a policy that is not named, as many as the budget allows, and then an answer. */
import { useState } from 'preact/hooks';
import type { HiddenRun } from '../../../parts/scenario.js';
import { plainSource } from '../../lessons/plain-source.js';
import { messageOf } from '../../parts/async.js';
import { CodeEditor } from '../../parts/code-editor.js';
import { WorkerStopped } from '../../worker/client.js';
import { Mark } from './attempt.js';
import { type ExerciseProps, useKept, type Work } from './work.js';

interface Puzzle {
  /** The run whose policy is in force. */
  readonly hidden: string;
  readonly seen: readonly { readonly name: string; readonly what: HiddenRun }[];
  readonly source: string;
  /** What the reader said in the end. */
  readonly said: string | undefined;
}

export function WhichForm({
  lesson,
  judge,
  onSolved,
  budget,
}: ExerciseProps & { readonly budget: number }) {
  const { runs } = lesson.outline;
  const sources = lesson.programs.map(({ name, source }) => ({
    name,
    source: plainSource(source),
  }));
  const [puzzle, keep, startAnew] = useKept<Puzzle>(
    lesson.file,
    (stored) =>
      puzzleOf(
        stored,
        runs.map(({ name }) => name),
      ) ?? {
        hidden: runs[Math.floor(Math.random() * runs.length)]?.name ?? '',
        seen: [],
        source: sources[0]?.source ?? '',
        said: undefined,
      },
  );
  const [choice, setChoice] = useState('');
  const [work, setWork] = useState<Work>('idle');
  const [problems, setProblems] = useState<readonly string[]>([]);
  const { hidden, seen, source, said } = puzzle;
  const left = budget - seen.length;
  const given = sources.find((each) => each.source === source)?.name;

  const experiment = async (): Promise<void> => {
    if (left <= 0 || said !== undefined || work === 'working') return;
    setWork('working');
    setProblems([]);
    try {
      const answer = await judge.ask('experiment', { lesson, attempt: source, run: hidden });
      setWork('idle');
      if ('problems' in answer) setProblems(answer.problems);
      else keep({ ...puzzle, seen: [...seen, { name: given ?? 'your own', what: answer.seen }] });
    } catch (error) {
      setWork(error instanceof WorkerStopped ? 'stopped' : 'idle');
      if (!(error instanceof WorkerStopped)) setProblems([messageOf(error)]);
    }
  };

  return (
    <>
      <p>
        <label>
          Experiment{' '}
          <select
            value={given ?? ''}
            onChange={({ currentTarget: { value } }) => {
              const found = sources.find(({ name }) => name === value);
              if (found !== undefined) keep({ ...puzzle, source: found.source });
            }}
          >
            {given === undefined && <option value="">your own</option>}
            {sources.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </p>
      <CodeEditor
        text={source}
        label="The program of the experiment"
        onChange={(changed) => keep({ ...puzzle, source: changed })}
        onRun={experiment}
      />
      <div class="bar">
        {work === 'working' ? (
          <button type="button" class="primary" onClick={() => judge.stop()}>
            Stop
          </button>
        ) : (
          <button
            type="button"
            class="primary"
            disabled={left <= 0 || said !== undefined}
            onClick={experiment}
          >
            Run the experiment
          </button>
        )}
        <p role="status" class="status" data-state={work}>
          {work === 'working' ? 'Running …' : `${left} of ${budget} experiments left.`}
        </p>
      </div>
      {problems.length > 0 && (
        <ul class="complaints exercise-problems" role="alert">
          {problems.map((problem) => (
            <li key={problem}>
              <span aria-hidden="true">✗</span> {problem}
            </li>
          ))}
        </ul>
      )}
      {seen.map(({ name, what }, index) => (
        <Seen key={index} title={`${index + 1}. ${name}: ${what.ending}`} seen={what} />
      ))}
      <fieldset class="exercise-answer" disabled={said !== undefined}>
        <legend>It is</legend>
        {runs.map(({ name, policy }) => (
          <label key={name} class="choice">
            <input
              type="radio"
              name="policy"
              value={name}
              checked={(said ?? choice) === name}
              onChange={() => setChoice(name)}
            />{' '}
            {name} {policy !== name && <code>{policy}</code>}
          </label>
        ))}
      </fieldset>
      <div class="bar">
        <button
          type="button"
          disabled={choice === '' || said !== undefined}
          onClick={() => {
            keep({ ...puzzle, said: choice });
            if (choice === hidden) onSolved();
          }}
        >
          Say so
        </button>
        {said !== undefined && (
          <button
            type="button"
            onClick={() => {
              setChoice('');
              startAnew();
            }}
          >
            Another one
          </button>
        )}
        <p role="status" class="answer-status">
          {said !== undefined && (
            <>
              <Mark good={said === hidden} />{' '}
              {said === hidden ? `Solved: it was ${hidden}.` : `It was ${hidden}, not ${said}.`}
            </>
          )}
        </p>
      </div>
    </>
  );
}

function Seen({ title, seen: { calls, stdout, stderr } }: { title: string; seen: HiddenRun }) {
  return (
    <section class="seen" aria-label={title}>
      <h3>{title}</h3>
      <pre>{calls}</pre>
      {stdout !== '' && <pre>{stdout}</pre>}
      {stderr !== '' && <pre>{stderr}</pre>}
    </section>
  );
}

/** What was stored, where it is a puzzle of this lesson as it is now. */
function puzzleOf(stored: unknown, runs: readonly string[]): Puzzle | undefined {
  if (typeof stored !== 'object' || stored === null) return undefined;
  const { hidden, seen, source, said } = stored as Partial<Puzzle>;
  const complete =
    typeof source === 'string' &&
    Array.isArray(seen) &&
    seen.every((each) => typeof each?.what?.calls === 'string' && typeof each.name === 'string');
  if (!complete || hidden === undefined || !runs.includes(hidden)) return undefined;
  return {
    hidden,
    seen,
    source,
    said: said !== undefined && runs.includes(said) ? said : undefined,
  };
}

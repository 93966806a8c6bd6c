/** Repair, break and write: an editor, a check, and what is still missing. */
import { useState } from 'preact/hooks';
import type { AttemptReport, AttemptRun } from '../../../parts/scenario.js';
import { messageOf } from '../../parts/async.js';
import { CodeEditor } from '../../parts/code-editor.js';
import { WorkerStopped } from '../../worker/client.js';
import type { AttemptAnswer } from '../../worker/protocol.js';
import { type ExerciseProps, useKept, type Work } from './work.js';

interface AttemptProps extends ExerciseProps {
  readonly start: string;
  readonly language: 'assembly' | 'text';
  /** What is written: a program or a policy. */
  readonly name: string;
}

export function AttemptForm({ lesson, judge, onSolved, start, language, name }: AttemptProps) {
  const [text, keep, startAnew] = useKept(lesson.file, (stored) =>
    typeof stored === 'string' ? stored : start,
  );
  const [answer, setAnswer] = useState<{ of: string; is: AttemptAnswer }>();
  const [work, setWork] = useState<Work>('idle');
  const current = answer?.of === text ? answer.is : undefined;

  const check = async (): Promise<void> => {
    setWork('working');
    try {
      const is = await judge.ask('attempt', { lesson, attempt: text });
      setAnswer({ of: text, is });
      setWork('idle');
      if ('report' in is && is.report.solved) onSolved();
    } catch (error) {
      setWork(error instanceof WorkerStopped ? 'stopped' : 'idle');
      if (!(error instanceof WorkerStopped)) {
        setAnswer({ of: text, is: { problems: [messageOf(error)] } });
      }
    }
  };

  return (
    <>
      <CodeEditor
        text={text}
        label={`Your ${name}`}
        language={language}
        onChange={keep}
        onRun={check}
      />
      <div class="bar">
        {work === 'working' ? (
          <button type="button" class="primary" onClick={() => judge.stop()}>
            Stop
          </button>
        ) : (
          <button type="button" class="primary" onClick={check}>
            Check my {name}
          </button>
        )}
        {text !== start && (
          <button type="button" onClick={startAnew}>
            Start anew
          </button>
        )}
        <p role="status" class="status" data-state={work === 'idle' && current ? 'done' : work}>
          {statusText(work, current)}
        </p>
      </div>
      {current !== undefined && 'problems' in current && (
        <ul class="complaints exercise-problems" role="alert">
          {current.problems.map((problem) => (
            <li key={problem}>
              <span aria-hidden="true">✗</span> {problem}
            </li>
          ))}
        </ul>
      )}
      {current !== undefined && 'report' in current && <Runs report={current.report} />}
    </>
  );
}

function statusText(work: Work, answer: AttemptAnswer | undefined): string {
  if (work === 'working') return 'Checking …';
  if (work === 'stopped') return 'Stopped.';
  if (answer === undefined) return '';
  if ('problems' in answer) return 'This cannot run yet.';
  const { solved, runs } = answer.report;
  const good = runs.filter((run) => run.solved).length;
  return solved ? 'Solved.' : `Not yet: ${good} of ${runs.length} as they should be.`;
}

function Runs({ report: { runs } }: { report: AttemptReport }) {
  return (
    <ul class="attempt-runs">
      {runs.map((run) => (
        <li key={`${run.program} ${run.run}`}>
          <Mark good={run.solved} /> {titleOf(run, runs)}: {run.outcome}, {run.ending}
          {run.refused === undefined ? '' : `; ${run.refused}`}
          {run.missing.length > 0 && (
            <ul>
              {run.missing.map((each) => (
                <li key={each}>{each}</li>
              ))}
            </ul>
          )}
        </li>
      ))}
    </ul>
  );
}

function titleOf({ program, run }: AttemptRun, all: readonly AttemptRun[]): string {
  const several = new Set(all.map((each) => each.program)).size > 1;
  return several ? program : `under ${run}`;
}

export function Mark({ good }: { good: boolean }) {
  return (
    <b class={good ? 'good' : 'bad'}>
      <span aria-hidden="true">{good ? '✓' : '✗'}</span>
      <span class="hidden">{good ? 'as it should be: ' : 'not as it should be: '}</span>
    </b>
  );
}

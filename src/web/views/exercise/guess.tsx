/** Guess the verdict: each program under each policy, first in the reader's opinion, then as it is. */
import { useState } from 'preact/hooks';
import type { RunReport } from '../../../parts/scenario.js';
import { messageOf } from '../../parts/async.js';
import { WorkerStopped } from '../../worker/client.js';
import { Mark } from './attempt.js';
import { type ExerciseProps, useKept, type Work } from './work.js';

const OUTCOMES = ['works', 'falls back', 'errors', 'crashes'] as const;

/** By `program/run`. */
type Guesses = Readonly<Record<string, string>>;

export function GuessForm({ lesson, judge, onSolved }: ExerciseProps) {
  const { programs, runs } = lesson.outline;
  const [guesses, keep, startAnew] = useKept<Guesses>(lesson.file, guessesOf);
  const [results, setResults] = useState<readonly RunReport[]>();
  const [work, setWork] = useState<Work>('idle');
  const [trouble, setTrouble] = useState<string>();
  const wanted = programs.flatMap((program) => program.runs.map((run) => `${program.name}/${run}`));
  const open = wanted.filter((each) => guesses[each] === undefined).length;

  const check = async (): Promise<void> => {
    setWork('working');
    setTrouble(undefined);
    try {
      const { file, text } = lesson;
      const { report } = await judge.ask('lesson', { file, text, prepared: lesson });
      setResults(report.runs);
      setWork('idle');
      if (report.runs.every((run) => guesses[`${run.program}/${run.run}`] === run.outcome)) {
        onSolved();
      }
    } catch (error) {
      setWork(error instanceof WorkerStopped ? 'stopped' : 'idle');
      if (!(error instanceof WorkerStopped)) setTrouble(messageOf(error));
    }
  };

  const right = results?.filter(({ program, run, outcome }) => {
    return guesses[`${program}/${run}`] === outcome;
  }).length;

  return (
    <>
      <div class="table-scroll">
        <table class="runs">
          <thead>
            <tr>
              <th scope="col">program</th>
              {runs.map(({ name, policy }) => (
                <th key={name} scope="col">
                  {name}
                  <small>{policy === name ? '' : policy}</small>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {programs.map((program) => (
              <tr key={program.name}>
                <th scope="row">{program.name}</th>
                {runs.map(({ name }) => {
                  const key = `${program.name}/${name}`;
                  const found = results?.find(
                    (each) => each.program === program.name && each.run === name,
                  );
                  return (
                    <td key={name}>
                      {program.runs.includes(name) && (
                        <Guess
                          label={`${program.name} under ${name}`}
                          value={guesses[key] ?? ''}
                          result={found}
                          onChange={(value) => {
                            setResults(undefined);
                            keep({ ...guesses, [key]: value });
                          }}
                        />
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="bar">
        <button
          type="button"
          class="primary"
          disabled={open > 0 || work === 'working'}
          onClick={check}
        >
          Run, and compare
        </button>
        {open < wanted.length && (
          <button
            type="button"
            onClick={() => {
              setResults(undefined);
              startAnew();
            }}
          >
            Start anew
          </button>
        )}
        <p role="status" class="status" data-state={results === undefined ? work : 'done'}>
          {work === 'working'
            ? 'Running …'
            : right === undefined
              ? `${wanted.length - open} of ${wanted.length} guessed.`
              : right === wanted.length
                ? 'Solved: all as you said.'
                : `${right} of ${wanted.length} as you said.`}
        </p>
      </div>
      {trouble !== undefined && <p role="alert">{trouble}</p>}
    </>
  );
}

interface GuessProps {
  readonly label: string;
  readonly value: string;
  readonly result: RunReport | undefined;
  readonly onChange: (value: string) => void;
}

function Guess({ label, value, result, onChange }: GuessProps) {
  return (
    <>
      <select
        aria-label={label}
        value={value}
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
      >
        <option value="" disabled={value !== ''}>
          ?
        </option>
        {OUTCOMES.map((outcome) => (
          <option key={outcome}>{outcome}</option>
        ))}
      </select>
      {result !== undefined && (
        <span class="cell">
          <Mark good={result.outcome === value} /> <span class="outcome">{result.outcome}</span>
          {result.rule !== undefined && <small class="rule">{result.rule}</small>}
        </span>
      )}
    </>
  );
}

function guessesOf(stored: unknown): Guesses {
  if (typeof stored !== 'object' || stored === null) return {};
  const known = Object.entries(stored).filter(([, value]) =>
    OUTCOMES.some((outcome) => outcome === value),
  );
  return Object.fromEntries(known) as Guesses;
}

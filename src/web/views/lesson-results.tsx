/** What came of a lesson: each program under each policy, and whether that is what the lesson says. */
import type { FileReport } from '../../parts/scenario.js';
import type { LessonOutline } from '../lessons/lesson-file.js';

export type RunState = 'idle' | 'running' | 'done' | 'stopped';

export interface LessonResultsProps {
  readonly file: string;
  readonly outline: LessonOutline;
  readonly report: FileReport | undefined;
  readonly state: RunState;
  /** The reader has changed the lesson. */
  readonly changed: boolean;
  readonly onRun: () => void;
  readonly onStop: () => void;
  readonly onReset: () => void;
  /** To the laboratory with this run. */
  readonly onOpen: (program: string, run: string) => void;
}

export function LessonResults(props: LessonResultsProps) {
  const { outline, report, state, changed, onRun, onStop, onReset, onOpen } = props;
  return (
    <section class="results" aria-label="Runs of this lesson">
      <div class="bar">
        {state === 'running' ? (
          <button type="button" class="primary" onClick={onStop}>
            Stop
          </button>
        ) : (
          <button type="button" class="primary" onClick={onRun}>
            Run under every policy
          </button>
        )}
        {changed && (
          <button type="button" onClick={onReset}>
            Undo my changes
          </button>
        )}
        <p role="status" class="status" data-state={state}>
          {statusText(state, report)}
        </p>
      </div>
      <div class="table-scroll">
        <table class="runs">
          <thead>
            <tr>
              <th scope="col">program</th>
              {outline.runs.map(({ name, policy, inject }) => (
                <th key={name} scope="col">
                  {name}
                  <small>{policy === name ? '' : policy}</small>
                  {inject !== undefined && <small>with {inject}</small>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {outline.programs.map(({ name, runs }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {outline.runs.map((run) => (
                  <td key={run.name}>
                    {runs.includes(run.name) ? (
                      <>
                        <Cell report={report} program={name} run={run.name} />
                        {outline.settings.kernel === undefined && outline.os !== 'kernel' && (
                          <button
                            type="button"
                            class="plain open"
                            onClick={() => onOpen(name, run.name)}
                          >
                            look inside
                            <span class="hidden">
                              : {name} under {run.name}, in the laboratory
                            </span>
                          </button>
                        )}
                      </>
                    ) : (
                      <span class="faint">–</span>
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Cell({
  report,
  program,
  run,
}: {
  report: FileReport | undefined;
  program: string;
  run: string;
}) {
  const found = report?.runs.find((each) => each.program === program && each.run === run);
  if (found === undefined) return <span class="faint">not run yet</span>;
  const agrees = found.result === 'pass';
  return (
    <span class="cell" data-outcome={found.outcome}>
      <b class={agrees ? 'good' : 'bad'}>
        <span aria-hidden="true">{agrees ? '✓' : '✗'}</span>
        <span class="hidden">{agrees ? 'as the lesson says: ' : 'not as the lesson says: '}</span>
      </b>{' '}
      <span class="outcome">{found.outcome}</span>
      <small>{found.ending}</small>
      {found.rule !== undefined && <small class="rule">{found.rule}</small>}
    </span>
  );
}

function statusText(state: RunState, report: FileReport | undefined): string {
  if (state === 'running') return 'Running …';
  if (state === 'stopped') return 'Stopped.';
  if (report === undefined)
    return state === 'done' ? 'Changed since it ran.' : 'Nothing has run yet.';
  const { runs, problems } = report;
  if (problems.length > 0) return 'This cannot run yet: see below.';
  const agree = runs.filter(({ result }) => result === 'pass').length;
  return agree === runs.length
    ? `All ${runs.length} runs go as the lesson says.`
    : `${agree} of ${runs.length} runs go as the lesson says.`;
}

/** The laboratory: any program in any world under any policy, forward and backward, and all that can be seen of it. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { WorkshopCase } from '../../link/workshop-case.js';
import type { LineMark } from '../editor/marks.js';
import { keepCase, openCase } from '../lab/case.js';
import type { ExplainView, LabProblem, Move, PolicyCell, RunView } from '../lab/view.js';
import { messageOf, useLoaded } from '../parts/async.js';
import { CodeEditor } from '../parts/code-editor.js';
import { type WorkerClient, WorkerStopped } from '../worker/client.js';
import { ExplanationPane, PoliciesTable } from './lab/answers.js';
import { CallsPane } from './lab/calls.js';
import { Controls, type Simple } from './lab/controls.js';
import { Files } from './lab/files.js';
import { ListingPane, OutputPane, RegistersPane } from './lab/machine.js';
import { MemoryMap } from './lab/memory-map.js';
import { Surroundings } from './lab/surroundings.js';
import { TimelinePane } from './lab/timeline.js';

export interface LabProps {
  /** A permalink's fragment. */
  readonly link: string | undefined;
  /** Has the run that is shown. */
  readonly runner: WorkerClient;
  /** Asked what takes runs of its own. */
  readonly judge: WorkerClient;
}

/** A run that does not hear the wish to stop within this time is ended from outside. */
const PATIENCE_MS = 5000;

export function LabView({ link, runner, judge }: LabProps) {
  const opened = useMemo(() => openCase(link), [link]);
  const policies = useLoaded('policies', () => runner.ask('offer', null));
  const [given, setGiven] = useState(opened.given);
  const [view, setView] = useState<RunView>();
  const [problems, setProblems] = useState<readonly LabProblem[]>([]);
  const [trouble, setTrouble] = useState(opened.trouble);
  const [busy, setBusy] = useState(false);
  const [breakpoints, setBreakpoints] = useState<readonly number[]>([]);
  const [explained, setExplained] = useState<{ found: ExplainView | undefined }>();
  const [cells, setCells] = useState<readonly PolicyCell[]>([]);
  const [asking, setAsking] = useState<string>();
  const [jump, setJump] = useState<{ line: number }>();
  const ran = useRef<WorkshopCase | undefined>(undefined);
  const stopping = useRef(false);

  useEffect(() => {
    document.title = 'Laboratory – mayexec workshop';
  }, []);
  useEffect(() => {
    setGiven(opened.given);
    setTrouble(opened.trouble);
    setView(undefined);
    if (link !== undefined && opened.trouble === undefined) void run(opened.given);
  }, [opened]);

  const change = (next: WorkshopCase): void => {
    setGiven(next);
    keepCase(next);
  };

  const working = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    stopping.current = false;
    setTrouble(undefined);
    try {
      await work();
    } catch (error) {
      setTrouble(
        error instanceof WorkerStopped
          ? 'The run was stopped and is gone: run it again.'
          : messageOf(error),
      );
      if (error instanceof WorkerStopped) setView(undefined);
    } finally {
      setBusy(false);
    }
  };

  const run = (next: WorkshopCase): Promise<void> =>
    working(async () => {
      ran.current = next;
      setExplained(undefined);
      setCells([]);
      const answer = await runner.ask('open', next);
      if ('problems' in answer) {
        setProblems(answer.problems);
        setView(undefined);
        setTrouble(answer.message);
        return;
      }
      setProblems([]);
      setView(answer.view);
      if (next.place === undefined && !stopping.current) {
        setView(await runner.ask('move', { to: 'end', lines: breakpoints }));
      }
    });

  const apply = (some: Partial<WorkshopCase>): void => {
    const next = { ...withoutPlace(given), ...some };
    change(next);
    void run(next);
  };

  const move = (to: Move): Promise<void> =>
    working(async () => setView(await runner.ask('move', to)));

  const simple = (to: Simple): Promise<void> =>
    move(to === 'end' || to === 'breakpoint-before' ? { to, lines: breakpoints } : { to });

  const stop = (): void => {
    stopping.current = true;
    void runner.ask('stop', null).catch(() => undefined);
    setTimeout(() => {
      if (stillBusy.current) runner.stop();
    }, PATIENCE_MS);
  };
  const stillBusy = useRef(busy);
  stillBusy.current = busy;

  const asked = async (what: string, work: () => Promise<void>): Promise<void> => {
    setAsking(what);
    try {
      await work();
    } catch (error) {
      if (!(error instanceof WorkerStopped)) setTrouble(messageOf(error));
    } finally {
      setAsking(undefined);
    }
  };

  const current = ran.current === given || sameProgram(ran.current, given);
  const marks = useMemo(
    () => (current ? marksOf(view, breakpoints) : marksOf(undefined, breakpoints)),
    [view, breakpoints, current],
  );

  return (
    <div class="lab">
      <h1 class="hidden">Laboratory</h1>
      <div class="lab-source">
        <Surroundings
          given={given}
          policies={policies.state === 'here' ? policies.value : []}
          onChange={change}
        />
        <Files
          given={given}
          ending={current ? view?.end : undefined}
          place={current && view?.end === undefined ? view?.place : undefined}
          checks={current ? (view?.checks ?? []) : []}
          onOpen={(next) => {
            change(next);
            setView(undefined);
            setProblems([]);
            setBreakpoints([]);
          }}
        />
        {given.binary === undefined ? (
          <section class="block" aria-label="Program">
            <CodeEditor
              text={given.source}
              label={`Program ${given.name}`}
              marks={marks}
              problems={problems}
              here={current ? view?.line : undefined}
              jump={jump}
              onChange={(source) => change({ ...given, source })}
              onGutter={(line) => setBreakpoints(toggled(breakpoints, line))}
              onRun={() => run(withoutPlace(given))}
            />
          </section>
        ) : (
          <p>
            {given.name}, a program of {given.binary.length.toLocaleString('en')} bytes
          </p>
        )}
        <p class="faint">
          Ctrl-Enter runs. A click beside a line's number sets or takes away a breakpoint.
        </p>
        <Problems problems={problems} />
      </div>
      <div class="lab-run">
        <div class="bar">
          <Controls
            busy={busy}
            place={view?.place}
            ended={view?.end !== undefined}
            onRun={() => run(withoutPlace(given))}
            onMove={simple}
            onStop={stop}
          />
          <p role="status" class="status" data-state={busy ? 'running' : 'done'}>
            {busy ? 'Running …' : statusText(view, given)}
            {!busy && view !== undefined && !current && ' The program has changed since.'}
          </p>
        </div>
        {trouble !== undefined && (
          <p role="alert" class="problems">
            {trouble}
          </p>
        )}
        {view !== undefined && (
          <>
            <section class="pane questions" aria-label="Questions">
              <button
                type="button"
                disabled={asking !== undefined}
                onClick={() =>
                  asked('explain', async () =>
                    setExplained({ found: await judge.ask('explain', given) }),
                  )
                }
              >
                Why, and what would work?
              </button>{' '}
              <button
                type="button"
                disabled={asking !== undefined}
                onClick={() =>
                  asked('policies', async () =>
                    setCells(
                      await judge.ask('policies', given, (some) =>
                        setCells(some as readonly PolicyCell[]),
                      ),
                    ),
                  )
                }
              >
                Under every policy
              </button>{' '}
              {asking !== undefined && (
                <button type="button" onClick={() => judge.stop()}>
                  Stop asking
                </button>
              )}
              {asking === 'explain' && <p role="status">Trying what would work …</p>}
              {explained !== undefined && (
                <ExplanationPane
                  found={explained.found}
                  onRewrite={({ source, line }) => {
                    setJump({ line });
                    apply({ source });
                  }}
                  onPolicy={(policy) => apply({ policy })}
                />
              )}
              {cells.length > 0 && (
                <PoliciesTable
                  cells={cells}
                  current={given.policy}
                  onChoose={(policy) => apply({ policy })}
                />
              )}
            </section>
            <MemoryMap mappings={view.mappings} pc={view.pc} />
            <CallsPane
              events={view.events}
              before={view.eventsBefore}
              reached={view.reached}
              onGo={(seq) => move({ to: 'event', seq })}
            />
            <TimelinePane
              timeline={view.timeline}
              reached={view.reached}
              onGo={(seq) => move({ to: 'event', seq })}
            />
            <ListingPane listing={view.listing} pc={view.pc} />
            <RegistersPane registers={view.registers} />
            <OutputPane stdout={view.stdout} stderr={view.stderr} findings={view.findings} />
          </>
        )}
      </div>
    </div>
  );
}

function Problems({ problems }: { problems: readonly LabProblem[] }) {
  if (problems.length === 0) return null;
  return (
    <ul class="complaints">
      {problems.map(({ line, column, message }) => (
        <li key={`${line}:${column}:${message}`}>
          line {line}: {message}
        </li>
      ))}
    </ul>
  );
}

function statusText(view: RunView | undefined, { expected }: WorkshopCase): string {
  if (view === undefined) return 'Nothing has run yet.';
  const { end, place } = view;
  const at = `${place.toLocaleString('en')} instructions`;
  if (end === undefined) return `Paused after ${at}.`;
  const said = `${end[0]?.toUpperCase()}${end.slice(1)}, after ${at}.`;
  if (expected === undefined) return said;
  return expected === end ? `${said} So the link says.` : `${said} The link says: ${expected}.`;
}

function marksOf(view: RunView | undefined, breakpoints: readonly number[]): LineMark[] {
  const stops = breakpoints.map(
    (line): LineMark => ({ line, kind: 'breakpoint', title: 'breakpoint' }),
  );
  const line = view?.line;
  if (line === undefined) return stops;
  return [...stops, { line, kind: 'here', title: 'the next instruction' }];
}

function toggled(lines: readonly number[], line: number): readonly number[] {
  return lines.includes(line) ? lines.filter((each) => each !== line) : [...lines, line];
}

function withoutPlace({ place, expected, ...given }: WorkshopCase): WorkshopCase {
  return given;
}

function sameProgram(a: WorkshopCase | undefined, b: WorkshopCase): boolean {
  if (a === undefined || a.binary !== b.binary) return false;
  return JSON.stringify(plain(a)) === JSON.stringify(plain(b));
}

function plain({ binary, place, expected, ...rest }: WorkshopCase): object {
  return Object.fromEntries(
    Object.entries(rest)
      .filter(([, value]) => value !== undefined)
      .sort(([x], [y]) => (x < y ? -1 : 1)),
  );
}

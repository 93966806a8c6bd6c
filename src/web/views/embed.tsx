/** A run for a blog or slides: program, how it ends, and the memory map; the rest is behind a link to the laboratory. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { openCase } from '../lab/case.js';
import type { RunView } from '../lab/view.js';
import { messageOf } from '../parts/async.js';
import { CodeEditor } from '../parts/code-editor.js';
import type { WorkerClient } from '../worker/client.js';
import { MemoryMap } from './lab/memory-map.js';

/** Longer than any program that is worth showing; then it is shown where it has come to. */
const PATIENCE_MS = 4000;

export function EmbedView({ link, runner }: { link: string; runner: WorkerClient }) {
  const { given, trouble } = useMemo(() => openCase(link), [link]);
  const [view, setView] = useState<RunView>();
  const [failed, setFailed] = useState(trouble);

  useEffect(() => {
    document.title = `${given.name} under ${given.policy} – mayexec workshop`;
    if (trouble !== undefined) return;
    const timer = setTimeout(() => void runner.ask('stop', null), PATIENCE_MS);
    run().catch((error) => setFailed(messageOf(error)));
    return () => clearTimeout(timer);
  }, [link]);

  const run = async (): Promise<void> => {
    const answer = await runner.ask('open', given);
    if ('problems' in answer) throw new Error(answer.message);
    setView(
      given.place === undefined ? await runner.ask('move', { to: 'end', lines: [] }) : answer.view,
    );
  };

  const end = view?.end;
  return (
    <main class="embed" id="main">
      <h1 class="embed-title">
        {given.name} <span class="faint">under {given.policy}</span>
      </h1>
      {given.binary === undefined && (
        <CodeEditor
          text={given.source.trimEnd()}
          label={`Program ${given.name}`}
          readOnly
          here={view?.line}
          marks={
            view?.line === undefined
              ? []
              : [{ line: view.line, kind: 'here', title: 'the next instruction' }]
          }
        />
      )}
      <p role="status" class="status" data-state={view === undefined ? 'running' : 'done'}>
        {failed ??
          (view === undefined
            ? 'Running …'
            : end === undefined
              ? `Paused after ${view.place.toLocaleString('en')} instructions.`
              : `${end[0]?.toUpperCase()}${end.slice(1)}.`)}
      </p>
      {view !== undefined && <MemoryMap mappings={view.mappings} pc={view.pc} />}
      <p>
        <a href={`${location.pathname}#${link}`} target="_blank" rel="noopener">
          Open in the workshop
        </a>
      </p>
    </main>
  );
}

/** The page: its frame, the view that the URL names, and what happens once for all views. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { keepOffline } from './parts/offline.js';
import { onStorageTrouble } from './parts/storage.js';
import { ThemeChoice } from './parts/theme.js';
import { type Route, useRoute } from './route.js';
import { EmbedView } from './views/embed.js';
import { FrontView } from './views/front.js';
import { LabView } from './views/lab.js';
import { LessonView } from './views/lesson.js';
import { WorkerClient } from './worker/client.js';

/** Judges lessons; it is ended when that takes too long for the reader. */
const judge = new WorkerClient();
/** Has the run of the laboratory. */
const runner = new WorkerClient();

/** `?embed` before the fragment: a run without the rest of the page. */
const isEmbedded = new URLSearchParams(location.search).has('embed');

function Page() {
  const route = useRoute();
  if (isEmbedded && route.view === 'lab' && route.link !== undefined) {
    return <EmbedView link={route.link} runner={runner} />;
  }
  return <App route={route} />;
}

function App({ route }: { route: Route }) {
  const [notice, setNotice] = useState<string>();
  useEffect(() => onStorageTrouble(setNotice), []);
  return (
    <>
      <button type="button" class="skip" onClick={skipToMain}>
        Skip to the content
      </button>
      <header class="top">
        <a class="brand" href="#/">
          <img src="icon.svg" alt="" width="28" height="28" /> mayexec <span>workshop</span>
        </a>
        <nav aria-label="Main">
          <a href="#/" aria-current={route.view === 'front' ? 'page' : undefined}>
            Lessons
          </a>
          <a href="#/lab" aria-current={route.view === 'lab' ? 'page' : undefined}>
            Laboratory
          </a>
        </nav>
        <ThemeChoice />
      </header>
      {notice !== undefined && (
        <p class="notice" role="status">
          {notice}
        </p>
      )}
      <main id="main" tabIndex={-1}>
        {route.view === 'front' && <FrontView />}
        {route.view === 'lesson' && <LessonView file={route.file} judge={judge} />}
        {route.view === 'lab' && <LabView link={route.link} runner={runner} judge={judge} />}
        {route.view === 'unknown' && (
          <p>
            There is nothing at “{route.fragment.slice(0, 80)}”. <a href="#/">All lessons</a>
          </p>
        )}
      </main>
    </>
  );
}

/** A button: the fragment names the view, so a link to an element would leave it. */
function skipToMain(): void {
  document.querySelector<HTMLElement>('main')?.focus();
}

const root = document.querySelector('#app');
if (root !== null) {
  root.textContent = '';
  render(<Page />, root);
}
keepOffline();

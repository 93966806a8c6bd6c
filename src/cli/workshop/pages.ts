/** What is served differently from a static host: a page that knows of a teacher's lessons, and these. */
import { readFileSync } from 'node:fs';
import { ownTexts } from './folder.js';

const WEB = new URL('./web/', import.meta.url);

/** The page learns from this that it is served by the command, and whether there are lessons of one's own. */
function marked(own: boolean): string {
  const page = readFileSync(new URL('index.html', WEB), 'utf8');
  const mark = `<meta name="mayexec-served" content="${own ? 'own-lessons' : 'link'}">`;
  return page.replace('<title>', `${mark}\n    <title>`);
}

/** Answers by name, made at each request: who changes a lesson loads the page again. */
export function servedPages(folder: string | undefined): Record<string, () => string> {
  const page = { 'index.html': () => marked(folder !== undefined) };
  if (folder === undefined) return page;
  return {
    ...page,
    'own-lessons.json': () => JSON.stringify(ownTexts(folder).lessons),
    'asm.json': () => {
      const asm: object = JSON.parse(readFileSync(new URL('asm.json', WEB), 'utf8'));
      return JSON.stringify({ ...asm, ...ownTexts(folder).includes });
    },
  };
}

/** `mayexec workshop`: the page, with a teacher's own lessons. */
import { type Command, type Given, UsageError } from '../arguments.js';
import { stdout } from '../terminal/output.js';
import { checkOwnFolder } from '../workshop/folder.js';
import { servedPages } from '../workshop/pages.js';
import { PORT_OPTION, portOf } from '../workshop/port.js';
import { serveUntilEnded } from '../workshop/serve.js';

export const workshop: Command = {
  name: 'workshop',
  summary: 'serve the page of lessons to this computer, with lessons of your own',
  usage: '[FOLDER] [OPTIONS]',
  options: [PORT_OPTION],
  details: [
    'FOLDER has lessons (.md, as mayexec test takes them) and what they include. They stand first on the page, and are read',
    'anew whenever the page is loaded. What readers do is kept in their browser, for this port.',
  ].join('\n'),
  examples: ['mayexec workshop', 'mayexec workshop my-lessons --port 8000'],
  run: runWorkshop,
};

async function runWorkshop(given: Given): Promise<number> {
  const [folder, second] = given.positionals;
  if (second !== undefined) throw new UsageError(`'${second}' is one argument too many`);
  if (folder !== undefined) checkOwnFolder(folder);
  return serveUntilEnded({ port: portOf(given), made: servedPages(folder) }, async ({ origin }) => {
    stdout.lines([`The workshop is at ${origin}`]);
  });
}

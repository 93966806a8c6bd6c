/** `mayexec open`: a link of the workshop in the browser, from the page that is in this package. */
import type { Command, Given } from '../arguments.js';
import { UsageError } from '../arguments.js';
import { linkedCase } from '../program/link.js';
import { stdout } from '../terminal/output.js';
import { openBrowser } from '../workshop/browser.js';
import { servedPages } from '../workshop/pages.js';
import { PORT_OPTION, portOf } from '../workshop/port.js';
import { serveUntilEnded } from '../workshop/serve.js';

export const open: Command = {
  name: 'open',
  summary: 'open a link of the workshop in the browser, without the network',
  usage: 'LINK [OPTIONS]',
  options: [PORT_OPTION],
  details: [
    'LINK is what mayexec run --link or the page itself gives: an address with #m1. in it, or that part alone. Only what',
    'stands behind # is read. The page comes from this package, on 127.0.0.1; no other host is asked for anything. The',
    'browser is that of the variable BROWSER, or what this system opens addresses with.',
  ].join('\n'),
  examples: ["mayexec open 'https://example.org/workshop/#m1.q1Yq...'"],
  run: openLink,
};

async function openLink(given: Given): Promise<number> {
  const [link, second] = given.positionals;
  if (link === undefined) throw new UsageError('no LINK given: expected one such as #m1.q1Yq...');
  if (second !== undefined) throw new UsageError(`'${second}' is one argument too many`);
  linkedCase(link);
  const fragment = link.slice(link.search(/m\d+\./));
  return serveUntilEnded(
    { port: portOf(given), made: servedPages(undefined) },
    async ({ origin }) => {
      const url = `${origin}#${fragment}`;
      const opened = await openBrowser(url);
      stdout.lines([opened ? `Opened ${url}` : `No browser could be started: open ${url}`]);
    },
  );
}

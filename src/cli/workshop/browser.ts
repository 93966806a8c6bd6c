/** Opens the browser that this computer opens addresses with. */
import { spawn } from 'node:child_process';

/** False where there is none. */
export function openBrowser(url: string): Promise<boolean> {
  const [program, ...before] = opener();
  return new Promise((resolve) => {
    const child = spawn(program, [...before, url], { stdio: 'ignore', detached: true });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}

/** BROWSER is asked first, as by other commands. */
function opener(): readonly [string, ...string[]] {
  const { BROWSER } = process.env;
  if (BROWSER !== undefined && BROWSER !== '') return [BROWSER];
  switch (process.platform) {
    case 'darwin':
      return ['open'];
    case 'win32':
      return ['rundll32', 'url.dll,FileProtocolHandler'];
    default:
      return ['xdg-open'];
  }
}

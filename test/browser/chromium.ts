/** Headless Chromium, where one is installed, and modules run in its pages and workers. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** No sandbox within the sandbox of a root user; nothing that calls home. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const MISSING = 'chromium is not installed: apt-get install chromium';

/** The program, or undefined where there is none. */
export function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: FLAGS });
}

/** Where a module runs: on the page itself, or in a worker that the page starts. */
export const HOSTS = ['page', 'worker'] as const;
export type Host = (typeof HOSTS)[number];

export interface Visit extends AsyncDisposable {
  readonly url: string;
  /** Everything that the browser's console showed, errors that nobody caught included. */
  readonly noise: readonly string[];
  /** Calls an exported function of the module at `url`. Argument and result are copied. */
  call(host: Host, url: string, name: string, argument?: unknown): Promise<unknown>;
}

export async function visit(browser: Browser, url: string): Promise<Visit> {
  const page = await browser.newPage();
  // The suite runs as long as it takes: no test is judged by the clock.
  page.setDefaultTimeout(0);
  const noise: string[] = [];
  page.on('console', (message) => noise.push(message.text()));
  page.on('pageerror', (error) => noise.push(String(error)));
  await page.goto(url);
  return {
    url,
    noise,
    call: (host, module, name, argument) =>
      page.evaluate(script(host, module, name, argument)) as Promise<unknown>,
    [Symbol.asyncDispose]: () => page.close(),
  };
}

/** As text: a function would first be rewritten by the test runner, `import` and all. */
function script(host: Host, module: string, name: string, argument: unknown): string {
  const values = [module, name, argument ?? null].map((value) => JSON.stringify(value)).join(', ');
  if (host === 'page') {
    return `(async (url, name, argument) => (await import(url))[name](argument))(${values})`;
  }
  return `new Promise((resolve, reject) => {
    const worker = new Worker('worker.js', { type: 'module' });
    const done = (settle, value) => { worker.terminate(); settle(value); };
    worker.onmessage = ({ data }) =>
      'error' in data ? done(reject, new Error(data.error)) : done(resolve, data.value);
    worker.onerror = ({ message }) => done(reject, new Error(message));
    worker.postMessage([${values}]);
  })`;
}

/** What a page of these tests has beside it, as `worker.js`. */
export const WORKER = `onmessage = async ({ data: [url, name, argument] }) => {
  try {
    postMessage({ value: await (await import(url))[name](argument) });
  } catch (error) {
    postMessage({ error: String(error?.stack ?? error) });
  }
};`;

export const PAGE = '<!doctype html><title>mayexec</title><link rel="icon" href="data:,">';

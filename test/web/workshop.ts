/** The built workshop in headless Chromium, served from a path that nobody foresaw. One browser for a file's tests. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launch } from '../browser/chromium.js';
import { type StaticHost, serve } from '../browser/static-host.js';

const WEB = fileURLToPath(new URL('../../dist/web', import.meta.url));
/** What the driver says of a page whose service worker it keeps out. */
const BLOCKED = 'Service Worker registration blocked by Playwright';
const PLACE = 'courses/winter term/workshop';

/** A window of a fresh profile. */
export interface Window extends AsyncDisposable {
  readonly page: Page;
  /** Console messages and errors that nobody caught: of a strict policy's violations too. */
  readonly noise: readonly string[];
  /** Requests to anywhere but the page's own host. */
  readonly strangers: readonly string[];
}

export class Workshop implements AsyncDisposable {
  readonly #folder: string;
  readonly #host: StaticHost;
  readonly #browser: Browser;

  private constructor(folder: string, host: StaticHost, browser: Browser) {
    this.#folder = folder;
    this.#host = host;
    this.#browser = browser;
  }

  static async open(executable: string): Promise<Workshop> {
    const folder = mkdtempSync(join(tmpdir(), 'mayexec-workshop-'));
    const place = join(folder, PLACE);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(WEB, place);
    return new Workshop(folder, await serve(folder), await launch(executable));
  }

  /** The page's address, with `fragment` behind it. */
  url(fragment = ''): string {
    return new URL(`${encodeURI(PLACE)}/${fragment}`, this.#host.origin).href;
  }

  async visit(fragment = '', options: BrowserContextOptions = {}): Promise<Window> {
    const context = await this.#browser.newContext({ serviceWorkers: 'block', ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(120_000);
    const noise: string[] = [];
    const strangers: string[] = [];
    page.on('console', (message) => {
      if (message.text() !== BLOCKED) noise.push(message.text());
    });
    page.on('pageerror', (error) => noise.push(String(error)));
    context.on('request', (request) => {
      if (!request.url().startsWith(this.#host.origin)) strangers.push(request.url());
    });
    await page.goto(this.url(fragment));
    return { page, noise, strangers, [Symbol.asyncDispose]: () => context.close() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    await this.#host.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

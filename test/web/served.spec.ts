/** `mayexec workshop` and `mayexec open`: a teacher adds a lesson, a reader opens a link, and nobody else is asked or let in. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeCase } from '../../src/link/codec.js';
import { findChromium, launch, MISSING } from '../browser/chromium.js';
import { CommandFolder } from '../cli/command.js';
import { ROOT } from '../scenario/files.js';

const chromium = findChromium();
const COMMAND = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mayexec-lessons-'));
const LESSON = readFileSync(join(ROOT, 'scenarios/exercises/repair-both-at-once.md'), 'utf8');
let browser: Browser;

beforeAll(async () => {
  mkdirSync(join(folder, 'week 1'));
  writeFileSync(
    join(folder, 'week 1/first.md'),
    LESSON.replace(/title: .*/, 'title: My first lesson'),
  );
  if (chromium !== undefined) browser = await launch(chromium);
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach((context) => context.skip(chromium === undefined, MISSING));

interface Served extends AsyncDisposable {
  readonly origin: string;
  readonly said: string;
}

/** The command as a process of its own, once it says where it serves. */
async function served(args: readonly string[], env: Record<string, string> = {}): Promise<Served> {
  const child = spawn(process.execPath, [COMMAND, ...args], { env: { ...process.env, ...env } });
  const said = await untilServed(child);
  const [origin = ''] = /http:\/\/127\.0\.0\.1:\d+\//.exec(said) ?? [];
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    origin,
    said,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function untilServed(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stdout?.on('data', (text) => {
      said += String(text);
      if (said.includes('until Ctrl-C')) resolve(said);
    });
    child.stderr?.on('data', (text) => reject(new Error(String(text))));
  });
}

interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** Messages of the page, and requests to anybody else. */
  readonly wrong: readonly string[];
}

async function visit(origin: string, rest = ''): Promise<Visit> {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const wrong: string[] = [];
  page.on('console', (message) => wrong.push(message.text()));
  page.on('pageerror', (error) => wrong.push(String(error)));
  context.on('request', (asked) => {
    if (!asked.url().startsWith(origin)) wrong.push(asked.url());
  });
  await page.goto(`${origin}${rest}`);
  return { page, wrong, [Symbol.asyncDispose]: () => context.close() };
}

function statusOf(origin: string, path: string, headers: Record<string, string>): Promise<number> {
  const { port } = new URL(origin);
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

describe('mayexec workshop FOLDER', () => {
  it('shows a teacher the lessons of the folder, and what is wrong with one that does not read yet', async () => {
    await using workshop = await served(['workshop', folder]);
    await using window = await visit(workshop.origin);
    const { page } = window;
    await page.getByRole('heading', { name: 'Lessons of your own' }).waitFor();
    await page.getByRole('link', { name: 'My first lesson' }).first().click();
    await page.getByRole('heading', { name: 'My first lesson', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Check my program' }).click();
    await page.getByText('mmap refused with EACCES by wx/write-exec').first().waitFor();
    const broken = LESSON.replace('kind: repair', 'kind: repare');
    writeFileSync(join(folder, 'week 1/first.md'), broken);
    await page.reload();
    await page.getByText("line 6: unknown kind of exercise 'repare'").waitFor();
    expect(window.wrong).toEqual([]);
  });

  it('answers this computer only, and with the files of the page only', async () => {
    await using workshop = await served(['workshop']);
    const { origin } = workshop;
    const { host } = new URL(origin);
    expect(await statusOf(origin, '/', { host })).toBe(200);
    expect(await statusOf(origin, '/', { host: 'rebound.example' })).toBe(421);
    for (const path of ['/../cli.js', '/%2e%2e/cli.js', '/lessons', '/own-lessons.json']) {
      expect(await statusOf(origin, path, { host }), path).toBe(404);
    }
  });
});

describe('mayexec open LINK', () => {
  const LINK = encodeCase({
    source: '    .globl _start\n_start:\n    mov eax, SYS_exit\n    mov edi, 3\n    syscall\n',
    name: 'three.s',
    os: 'linux',
    arch: 'x86-64',
    policy: 'nx',
    expected: 'exited with 3',
  });

  it('opens the page of this package on it, whatever host the link names', async () => {
    const script = join(folder, 'browser.sh');
    const asked = join(folder, 'asked');
    writeFileSync(script, `#!/bin/sh\nprintf %s "$1" > '${asked}'\n`);
    chmodSync(script, 0o755);
    const link = `https://example.org/somewhere/?x=1#${LINK}`;
    await using workshop = await served(['open', link], { BROWSER: script });
    expect(workshop.said).toContain(`Opened ${workshop.origin}#${LINK}`);
    await expect.poll(() => readFileSync(asked, 'utf8')).toBe(`${workshop.origin}#${LINK}`);
    await using window = await visit(workshop.origin, `#${LINK}`);
    await window.page.getByText('Exited with 3, after 3 instructions. So the link says.').waitFor();
    expect(window.wrong).toEqual([]);
  });

  it('names the address where no browser can be started', async () => {
    await using workshop = await served(['open', LINK], { BROWSER: join(folder, 'missing') });
    expect(workshop.said).toContain(`No browser could be started: open ${workshop.origin}#m1.`);
  });

  it.each([
    [['open'], 'no LINK given'],
    [['open', 'm1.AAAA'], 'this link is cut off or damaged'],
    [['open', 'https://example.org/'], 'this is no link of the workshop'],
    [['workshop', join(folder, 'missing')], 'no such folder'],
    [['workshop', '--port', '0x10000'], '--port is 65536: expected 1 to 65535'],
  ])('refuses %j', (args, message) => {
    using command = new CommandFolder();
    const { status, stderr } = command.mayexec(args);
    expect({ status, stderr }).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(message),
    });
  });
});

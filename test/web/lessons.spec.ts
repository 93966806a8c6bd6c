/** Lessons on the page, in headless Chromium: they open, run under their policies, and agree with their own checks. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findChromium, MISSING } from '../browser/chromium.js';
import { Workshop } from './workshop.js';

const chromium = findChromium();
let workshop: Workshop;
/** One window for all of them: its worker has the engine already. */
let allLessons: ReturnType<Workshop['visit']>;

beforeAll(async () => {
  if (chromium === undefined) return;
  workshop = await Workshop.open(chromium);
  allLessons = workshop.visit();
});
afterAll(() => workshop?.[Symbol.asyncDispose]());
beforeEach((context) => context.skip(chromium === undefined, MISSING));

const LESSONS = readdirSync(fileURLToPath(new URL('../../scenarios', import.meta.url)), {
  recursive: true,
  encoding: 'utf8',
}).filter((name) => /[\\/].+\.md$/.test(name) && !name.endsWith('README.md'));

const FIRST = '#/lesson/basics/unchecked-mprotect.md';

/** An exercise has its lesson's own runs with the solution. */
async function run(page: Page): Promise<string> {
  await page.locator('.lesson').waitFor();
  const solution = page.locator('details.solution:not([open]) > summary');
  if ((await solution.count()) > 0) await solution.click();
  await page.getByRole('button', { name: 'Run under every policy' }).click();
  await page.waitForSelector('.results .status[data-state=done]');
  return (await page.locator('.results .status').textContent()) ?? '';
}

describe('a lesson', () => {
  it('shows what holds where it stands, keeps progress, and asks nobody else', async () => {
    await using window = await workshop.visit();
    const { page } = window;
    await page.getByRole('link', { name: 'The mprotect that nobody checked' }).click();
    await page
      .getByRole('heading', { level: 1, name: 'The mprotect that nobody checked' })
      .waitFor();
    expect(await run(page)).toBe('All 4 runs go as the lesson says.');
    expect(await page.locator('.cm-mark-pass').count()).toBeGreaterThan(8);
    expect(await page.locator('.outcomes .good').count()).toBe(4);
    const answer = page.getByText('it lists the calls that the policy refused');
    expect(await answer.isVisible()).toBe(false);
    await page.getByText('Try it yourself').click();
    await page.getByText('Show the answer').click();
    expect(await answer.isVisible()).toBe(true);
    await page.getByRole('link', { name: 'Lessons' }).first().click();
    await page.getByText('1 of 12 done').waitFor();
    await page.getByRole('link', { name: 'Continue: The mprotect that nobody checked' }).waitFor();
    expect(window.noise).toEqual([]);
    expect(window.strangers).toEqual([]);
  });

  it('can be changed: what does not hold any more is red, in words too, and kept when one comes back', async () => {
    await using window = await workshop.visit(FIRST);
    const { page } = window;
    const line = page.locator('.cm-line', { hasText: 'plain: exited 0' }).first();
    await line.click();
    await page.keyboard.press('End');
    await page.keyboard.press('Backspace');
    await page.keyboard.type('7');
    expect(await run(page)).toBe('3 of 4 runs go as the lesson says.');
    expect(await page.locator('.complaints').innerText()).toMatch(/line 50: .*exited 7.*exited 0/s);
    await page.reload();
    await page.locator('.cm-line', { hasText: 'plain: exited 7' }).waitFor();
    await page.getByRole('button', { name: 'Undo my changes' }).click();
    await line.waitFor();
    expect(window.noise).toEqual([]);
  });

  it('tells of a mistake in a program by its line', async () => {
    await using window = await workshop.visit(FIRST);
    const { page } = window;
    await page.locator('.cm-line', { hasText: 'xor edi, edi' }).first().click();
    await page.keyboard.press('Home');
    await page.keyboard.type('q');
    expect(await run(page)).toBe('This cannot run yet: see below.');
    expect(await page.locator('.problems').innerText()).toMatch(/line 21: .*qxor/);
  });

  it('opens and runs without the network once the page has been there', async () => {
    await using window = await workshop.visit('', { serviceWorkers: 'allow' });
    const { page } = window;
    // What the page itself does when it has been quiet for a while.
    await page.evaluate(
      "navigator.serviceWorker.ready.then(({ active }) => active.postMessage('keep all'))",
    );
    await page.evaluate(`(async () => {
      while ((await caches.match('worker.js')) === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })()`);
    await page.context().setOffline(true);
    await page.goto(workshop.url(FIRST));
    await page.reload();
    await page.locator('.cm-line', { hasText: 'xor edi, edi' }).first().click();
    await page.keyboard.press('End');
    await page.keyboard.type(' # changed');
    expect(await run(page)).toBe('All 4 runs go as the lesson says.');
    expect(window.noise).toEqual([]);
  });

  it.each(LESSONS)('%s agrees with its checks under each of its policies', async (name) => {
    const file = name.replaceAll('\\', '/');
    const { page } = await allLessons;
    await page.goto(workshop.url(`#/lesson/${file}`));
    await page.locator('.crumbs', { hasText: file }).waitFor();
    expect(await run(page)).toMatch(/^All \d+ runs go as the lesson says\.$/);
  });
});

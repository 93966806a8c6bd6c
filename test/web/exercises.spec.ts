/** Exercises on the page, in headless Chromium: one of each kind from the first try to the solution, kept in between. */
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findChromium, MISSING } from '../browser/chromium.js';
import { violations } from './axe.js';
import { Workshop } from './workshop.js';

const chromium = findChromium();
let workshop: Workshop;

beforeAll(async () => {
  if (chromium !== undefined) workshop = await Workshop.open(chromium);
});
afterAll(() => workshop?.[Symbol.asyncDispose]());
beforeEach((context) => context.skip(chromium === undefined, MISSING));

const open = (name: string) => workshop.visit(`#/lesson/exercises/${name}.md`);

async function check(page: Page, button: string): Promise<string> {
  await page.getByRole('button', { name: button }).click();
  const status = page.locator('.exercise .status[data-state=done]');
  await status.waitFor();
  return (await status.textContent()) ?? '';
}

async function solvedAndKept(page: Page): Promise<void> {
  await page.getByText('You have solved this.').waitFor();
  await page.goto(workshop.url('#/'));
  await page.locator('.sections li.done').waitFor();
}

async function replace(page: Page, editor: Locator, text: string): Promise<void> {
  await editor.locator('.cm-content').click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(text);
}

describe('exercises', () => {
  it('guess: all cells first, then what is so, and again', async () => {
    await using window = await open('guess-which-memory');
    const { page } = window;
    const cells = page.locator('.exercise select');
    const compare = page.getByRole('button', { name: 'Run, and compare' });
    await cells.first().waitFor();
    expect(await compare.isDisabled()).toBe(true);
    expect(await page.locator('main').innerText()).not.toContain('execheap\n');
    for (const cell of await cells.all()) await cell.selectOption('errors');
    expect(await check(page, 'Run, and compare')).toBe('6 of 9 as you said.');
    expect(await page.locator('.exercise .rule').allInnerTexts()).toContain('selinux/execmod');
    await page.reload();
    expect(await cells.first().inputValue()).toBe('errors');
    for (const name of [
      'heap under heap-allowed',
      'anonymous under selinux',
      'anonymous under heap-allowed',
    ]) {
      await page.getByLabel(name, { exact: true }).selectOption('works');
    }
    expect(await check(page, 'Run, and compare')).toBe('Solved: all as you said.');
    await solvedAndKept(page);
    expect(window.noise).toEqual([]);
    expect(window.strangers).toEqual([]);
  });

  it('repair: says what is missing, keeps what was typed, takes the solution', async () => {
    await using window = await open('repair-both-at-once');
    const { page } = window;
    const editor = page.locator('.exercise .editor');
    expect(await check(page, 'Check my program')).toBe('Not yet: 0 of 1 as they should be.');
    expect(await page.locator('.attempt-runs').innerText()).toContain(
      'mmap refused with EACCES by wx/write-exec',
    );
    const line = editor.locator('.cm-line', { hasText: 'PROT_EXEC' });
    await line.click();
    await page.keyboard.press('Home');
    await page.keyboard.type('q');
    expect(await check(page, 'Check my program')).toBe('This cannot run yet.');
    expect(await page.locator('.exercise .complaints').innerText()).toMatch(/line 4: /);
    await page.reload();
    await page.getByRole('button', { name: 'Start anew' }).waitFor();
    await page.getByText('Show the solution').click();
    const solution = await page
      .locator('details.solution .block')
      .nth(1)
      .locator('.cm-content')
      .innerText();
    await replace(page, editor, solution);
    expect(await check(page, 'Check my program')).toBe('Solved.');
    await solvedAndKept(page);
    expect(window.noise).toEqual([]);
  });

  it('break: counts when the monitors find it', async () => {
    await using window = await open('break-the-list');
    const { page } = window;
    const line = page.locator('.exercise .cm-line', { hasText: 'must mprotect' });
    await line.click();
    await page.keyboard.press('End');
    await page.keyboard.type(', -1');
    await page.keyboard.press('Home');
    for (let i = 0; i < 'must '.length; i++) await page.keyboard.press('ArrowRight');
    await page.keyboard.type('pkey_');
    await page.keyboard.press('Control+Enter');
    await page.getByText('Solved.').waitFor();
    await solvedAndKept(page);
    expect(window.noise).toEqual([]);
  });

  it('which: a budget that a reload does not fill again, and one answer', async () => {
    await using window = await open('which-selinux');
    const { page } = window;
    const run = page.getByRole('button', { name: 'Run the experiment' });
    await run.click();
    await page.locator('.seen').first().waitFor();
    await page.reload();
    await page.getByText('1 of 2 experiments left.').waitFor();
    await page.locator('.exercise select').selectOption('mapping');
    await run.click();
    await page.getByText('0 of 2 experiments left.').waitFor();
    expect(await run.isDisabled()).toBe(true);
    const [heap = '', mapping = ''] = await page.locator('.seen').allInnerTexts();
    expect(heap + mapping).not.toMatch(/selinux|execmem|execheap/);
    const refused = (text: string): boolean => text.includes('EACCES');
    const answer = refused(mapping) ? 'execmem' : refused(heap) ? 'execheap' : 'none-of-them';
    await page.getByRole('radio', { name: new RegExp(`^${answer}`) }).check();
    await page.getByRole('button', { name: 'Say so' }).click();
    await page.getByText(`Solved: it was ${answer}.`).waitFor();
    await solvedAndKept(page);
    expect(window.noise).toEqual([]);
  });

  it('write: a policy that does not end is stopped, a good one is judged by all programs', async () => {
    await using window = await open('write-no-temporary-code');
    const { page } = window;
    const editor = page.locator('.exercise .editor');
    expect(await check(page, 'Check my policy')).toBe('Not yet: 1 of 2 as they should be.');
    const policy = (body: string): string =>
      `definePolicy({ name: 'mine', mmapFile: (r) => { ${body} } });`;
    await replace(page, editor, policy('for (;;);'));
    expect(await check(page, 'Check my policy')).toBe('This cannot run yet.');
    expect(await page.locator('.exercise .complaints').innerText()).toContain(
      'did not come to an end',
    );
    await replace(page, editor, policy('return fetch("https://example.org");'));
    await check(page, 'Check my policy');
    expect(await page.locator('.exercise .complaints').innerText()).toContain(
      "'fetch' is not defined",
    );
    await replace(
      page,
      editor,
      policy(
        "if (r.prot & 4 && r.object?.path.startsWith('/tmp')) return { errno: 'EPERM', reason: 'no' };",
      ),
    );
    expect(await check(page, 'Check my policy')).toBe('Solved.');
    await solvedAndKept(page);
    expect(window.noise).toEqual([]);
    expect(window.strangers).toEqual([]);
  });

  it.each(['guess-three-ways', 'repair-both-at-once', 'which-linux', 'write-no-gain'])(
    '%s has nothing that axe-core complains about, light and dark',
    async (name) => {
      await using window = await open(name);
      const { page } = window;
      await page.locator('.exercise').waitFor();
      if (name.startsWith('repair')) await check(page, 'Check my program');
      await page.getByText('Show the solution').click();
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        expect(await violations(page)).toEqual([]);
      }
    },
  );
});

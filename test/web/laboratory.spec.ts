/** The laboratory, in headless Chromium: a program run, walked through in both directions, asked about, and passed on. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runScenario } from '../../src/index.js';
import { decodeCase, encodeCase } from '../../src/link/codec.js';
import { findChromium, MISSING } from '../browser/chromium.js';
import { include } from '../scenario/files.js';
import { violations } from './axe.js';
import { Workshop } from './workshop.js';

const chromium = findChromium();
let workshop: Workshop;

beforeAll(async () => {
  if (chromium !== undefined) workshop = await Workshop.open(chromium);
});
afterAll(() => workshop?.[Symbol.asyncDispose]());
beforeEach((context) => context.skip(chromium === undefined, MISSING));

const CRASHES = 'Killed by SIGSEGV (SEGV_ACCERR), after 25 instructions.';

async function status(page: Page): Promise<string> {
  await page.waitForSelector('.lab-run .status[data-state=done]');
  return (await page.locator('.lab-run .status').textContent()) ?? '';
}

async function press(page: Page, name: string): Promise<string> {
  await page.getByRole('button', { name, exact: true }).click();
  return status(page);
}

async function type(page: Page, source: string): Promise<void> {
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(source);
}

describe('the laboratory', () => {
  it('runs a program, goes back and forth in it, and asks what else would work', async () => {
    await using window = await workshop.visit('#/lab');
    const { page } = window;
    expect(await press(page, 'Run')).toBe(CRASHES);
    const here = page.locator('.listing li[aria-current]');
    expect(await here.innerText()).toContain('mov eax, 0x3e9');
    expect(await page.locator('.calls .refused').innerText()).toMatch(/mprotect.*EACCES/s);

    expect(await press(page, '◀ Step')).toBe('Paused after 24 instructions.');
    expect(await here.innerText()).toContain('call rbx');
    expect(await page.locator('.cm-mark-here').count()).toBe(1);
    await press(page, '◀ Step');
    expect(await press(page, 'Step ▶')).toBe('Paused after 24 instructions.');
    await page.locator('.calls').getByText('mmap(NULL').click();
    expect(await status(page)).toMatch(/^Paused after \d+ instructions\.$/);
    expect(await page.locator('.maps').innerText()).toContain('memory without a name');
    await press(page, 'Event ▶');
    expect(await page.locator('.calls [aria-current]').innerText()).toContain('mprotect');
    await press(page, '◀ Event');
    expect(await page.locator('.calls [aria-current]').innerText()).toContain('mmap');
    expect(await press(page, 'Start')).toBe('Paused after 0 instructions.');
    expect(await press(page, 'Go on ▶')).toBe(CRASHES);

    await page.getByRole('button', { name: 'Why, and what would work?' }).click();
    await page.locator('.explanation').waitFor();
    expect(await page.locator('.explanation').innerText()).toContain('selinux/execmem');
    await page.getByRole('button', { name: 'Under every policy' }).click();
    await page.locator('.policies').getByRole('button', { name: 'nx', exact: true }).click();
    await page.waitForFunction(() =>
      document.querySelector('.lab-run .status')?.textContent?.startsWith('Exited with 0'),
    );
    expect(await page.locator('.output pre').innerText()).toBe('f() = 1001\n');
    expect(window.noise).toEqual([]);
    expect(window.strangers).toEqual([]);
  });

  it('passes a run on: from a lesson to a link, which says the same in a fresh browser, and to a test', async () => {
    await using first = await workshop.visit('#/lesson/basics/unchecked-mprotect.md');
    const { page } = first;
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: /look inside ?: unchecked under hard/ }).click();
    expect(await status(page)).toMatch(/^Nothing has run yet|^Killed by SIGSEGV/);
    await page
      .getByText(/^Killed by SIGSEGV/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Copy a link' }).click();
    await page.getByText('The link is in the clipboard.').waitFor();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    await page.getByRole('button', { name: 'Copy as a test' }).click();
    await page.getByText('The test, a file for mayexec test, is in the clipboard.').waitFor();
    const test = await page.evaluate(() => navigator.clipboard.readText());

    const fragment = link.slice(link.indexOf('#'));
    expect(decodeCase(fragment)).toMatchObject({ policy: 'selinux:execmem=deny', os: 'linux' });
    await using second = await workshop.visit(fragment);
    await second.page.getByText(/^Killed by SIGSEGV .* So the link says\.$/).waitFor();
    expect(second.noise).toEqual([]);

    const report = await runScenario(test, { file: 'copied.s', include });
    expect(report.problems).toEqual([]);
    expect(report.runs.map(({ result }) => result)).toEqual(['pass']);
  });

  it('applies what would work with one click, where it can be seen', async () => {
    await using window = await workshop.visit('#/lab');
    const { page } = window;
    const ask = page.getByRole('button', { name: 'Why, and what would work?' });
    expect(await press(page, 'Run')).toBe(CRASHES);
    await ask.click();
    await page.getByRole('button', { name: 'Change the program: two views of a memfd' }).click();
    await page.getByText(/^Exited with 0/).waitFor();
    expect(await page.locator('.cm-content').innerText()).toMatch(/call two_views.*call rbx/s);
    await page.locator('.cm-content').click();
    await page.keyboard.press('Control+z');
    expect(await page.locator('.cm-content').innerText()).toContain('sys mprotect');
    expect(await press(page, 'Run')).toBe(CRASHES);
    await ask.click();
    await page
      .getByRole('button', { name: /^Change the policy: / })
      .first()
      .click();
    await page.getByText(/^Exited with 0/).waitFor();
    expect(await page.getByLabel('Policy').inputValue()).not.toContain('execmem=deny');
    expect(window.noise).toEqual([]);
  });

  it("shows a run in somebody else's page: program, outcome, map, and a way back", async () => {
    const source = '    .globl _start\n_start:\n    mov eax, SYS_exit\n    syscall\n';
    const link = encodeCase({ source, name: 'x.s', os: 'linux', arch: 'x86-64', policy: 'nx' });
    await using window = await workshop.visit(`?embed#${link}`);
    const { page } = window;
    await page.getByText('Exited with 0.').waitFor();
    expect(await page.locator('.cm-content').innerText()).toContain('SYS_exit');
    await page.getByRole('region', { name: 'Memory map' }).waitFor();
    expect(await page.locator('.cm-mark-here').count()).toBe(0);
    expect(await page.locator('header.top').count()).toBe(0);
    const href = await page
      .getByRole('link', { name: 'Open in the workshop' })
      .getAttribute('href');
    expect(href?.endsWith(`/#${link}`)).toBe(true);
    expect(await violations(page)).toEqual([]);
    expect(window.noise).toEqual([]);
  });

  it('stays responsive while a program loops for ever, and keeps what was typed', async () => {
    await using window = await workshop.visit('#/lab');
    const { page } = window;
    const source = '    .globl _start\n_start:\n    inc rax\n    jmp _start\n';
    await type(page, source);
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    expect(await status(page)).toMatch(/^Paused after [\d,]+ instructions\.$/);
    await page.reload();
    await page.locator('.cm-line', { hasText: 'inc rax' }).waitFor();
  });

  it('tells what is wrong with a program, a policy and a link', async () => {
    await using window = await workshop.visit('#/lab');
    const { page } = window;
    await type(page, '_start:\n    qxor eax, eax\n');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.locator('.lab-source .complaints').waitFor();
    expect(await page.locator('.lab-source .complaints').innerText()).toMatch(/line 2: .*qxor/);
    await type(page, '_start:\n    ret\n');
    await page.getByLabel('Policy').fill('selinus');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByText(/selinus.*selinux/).waitFor();
    await page.goto(workshop.url('#m1.AAAA'));
    await page
      .getByText('This link is cut off or damaged. Nothing of it could be saved.')
      .waitFor();
  });

  it.each([
    ['the front page', '#/', 'h1'],
    ['a lesson', '#/lesson/basics/unchecked-mprotect.md', '.runs'],
    ['the laboratory', '#/lab', '.lab'],
  ])('%s has nothing that axe-core complains about, light and dark', async (_, fragment, ready) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await using window = await workshop.visit(fragment);
      const { page } = window;
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.locator(ready).first().waitFor();
      if (ready === '.lab') await press(page, 'Run');
      expect(await violations(page)).toEqual([]);
    }
  });
});

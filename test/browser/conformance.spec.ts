/** The engine's conformance suite in headless Chromium: on a page and in a worker, in both forms. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findChromium, HOSTS, MISSING } from './chromium.js';
import { Site } from './site.js';
import type { CaseResult } from './vitest-stand-in.js';

const site = new Site();
const chromium = findChromium();

beforeAll(async () => {
  if (chromium === undefined) return;
  site.addPages('suite');
  site.link('dist/engine', 'suite/engine');
  site.link('node_modules/@alexaltea/keystone-js/dist/keystone.wasm', 'suite/keystone.wasm');
  await site.bundle('test/browser/conformance-page.ts', 'suite/suite.js');
  await site.open(chromium);
});
afterAll(() => site.close());
beforeEach((context) => context.skip(chromium === undefined, MISSING));

describe.each(HOSTS)('the conformance suite on a %s', (host) => {
  it('passes in both forms, and nothing reaches the console', async () => {
    await using page = await site.visit('suite/index.html');
    const url = new URL('suite.js', page.url).href;
    const results = (await page.call(host, url, 'runCases')) as CaseResult[];
    expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
    const inForm = (form: string) =>
      results
        .filter(({ name }) => name.startsWith(`${form} > `))
        .map(({ name }) => name.slice(form.length));
    expect(inForm('unicorn1').length).toBeGreaterThan(200);
    expect(inForm('unicorn1-js')).toEqual(inForm('unicorn1'));
    expect(page.noise).toEqual([]);
  });
});

/** The kit of the built library in headless Chromium, on a page and in a worker. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findChromium, HOSTS, MISSING } from './chromium.js';
import { Site } from './site.js';

const FOLDER = 'kit';

const site = new Site();
const chromium = findChromium();

beforeAll(async () => {
  if (chromium === undefined) return;
  site.addPages(FOLDER);
  site.link('dist', `${FOLDER}/mayexec`);
  await site.bundle('test/browser/kit-page.ts', `${FOLDER}/user.js`);
  await site.open(chromium);
});
afterAll(() => site.close());
beforeEach((context) => context.skip(chromium === undefined, MISSING));

describe.each(HOSTS)('the kit on a %s', (host) => {
  it('calls code, and says what is wrong with it', async () => {
    await using page = await site.visit(`${FOLDER}/index.html`);
    const user = new URL('user.js', page.url).href;
    const report = await page.call(host, user, 'testCode', { url: './mayexec/index.js' });
    expect(report).toMatchObject({
      value: 7,
      returns: true,
      message: expect.stringMatching(
        /ebx is not preserved.*=> 10000000: {2}bb 01 00 00 00 {2}mov ebx, 1/s,
      ),
      found: 'signal',
    });
    expect(page.noise).toEqual([]);
  });
});

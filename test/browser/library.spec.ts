/** The built library in headless Chromium, served by a static host from a path that nobody foresaw. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findChromium, HOSTS, MISSING } from './chromium.js';
import { Site } from './site.js';

const FOLDER = 'some/deep path/v1.0';
/** Seen from the module that uses it. */
const LIBRARY = './mayexec/index.js';

const site = new Site();
const chromium = findChromium();

beforeAll(async () => {
  if (chromium === undefined) return;
  site.addPages(FOLDER);
  site.link('dist', `${FOLDER}/mayexec`);
  await site.bundle('test/browser/library-page.ts', `${FOLDER}/user.js`);
  await site.open(chromium);
});
afterAll(() => site.close());
beforeEach((context) => context.skip(chromium === undefined, MISSING));

const userOf = (page: { readonly url: string }): string => new URL('user.js', page.url).href;

describe.each(HOSTS)('the library on a %s', (host) => {
  it.each([
    ['auto', 'unicorn1 wasm'],
    ['unicorn1-js', 'unicorn1 js'],
  ])(
    'runs and refuses code, with engine %s, without a word on the console',
    async (engine, name) => {
      await using page = await site.visit(`${FOLDER}/index.html`);
      const report = await page.call(host, userOf(page), 'callCode', { url: LIBRARY, engine });
      expect(report).toMatchObject({
        engine: name,
        refused: { kind: 'signal', signal: 'SIGSEGV', code: 'SEGV_ACCERR', access: 'exec' },
        outcome: { kind: 'return', value: 1001n },
      });
      expect(page.noise).toEqual([]);
    },
  );

  it('assembles, runs a program and disassembles', async () => {
    await using page = await site.visit(`${FOLDER}/index.html`);
    const report = await page.call(host, userOf(page), 'runProgram', { url: LIBRARY });
    expect(report).toEqual({
      printed: 'hello\n',
      listing: ['mov eax, 0x3e9', 'ret'],
      complaint: expect.stringContaining('movv'),
    });
    expect(page.noise).toEqual([]);
  });
});

describe('a page that may not compile WebAssembly', () => {
  it('gets the JavaScript form of the engine, and the reason', async () => {
    await using page = await site.visit(`${FOLDER}/no-wasm.html`);
    const where = { url: LIBRARY, engine: 'auto' };
    const report = await page.call('page', userOf(page), 'callCode', where);
    expect(report).toMatchObject({
      engine: 'unicorn1 js',
      why: expect.stringMatching(/WebAssembly/),
      outcome: { kind: 'return', value: 1001n },
    });
  });
});

/**
 * Figures of the page for docs/workshop.md, in headless Chromium over loopback: node test/web/measure.mjs (after
 * npm run build). Bytes are those of gzip -9, as a static host would send them.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';

const WEB = fileURLToPath(new URL('../../dist/web/', import.meta.url));
const LESSON = '#/lesson/basics/unchecked-mprotect.md';
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'];
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
};
/** 5 instructions a turn. */
const LOOP = `    .globl _start
_start:
    mov ecx, 20000
1:  mov eax, [rip + sum]
    add eax, ecx
    mov [rip + sum], eax
    dec ecx
    jnz 1b
    mov eax, SYS_exit
    xor edi, edi
    syscall
    .bss
sum: .skip 4
`;

const sent = new Map();
const server = createServer(({ url = '/' }, response) => {
  const { pathname } = new URL(url, 'http://localhost');
  const name = normalize(decodeURIComponent(pathname)).replace(/^\/$/, '/index.html');
  try {
    const bytes = readFileSync(join(WEB, name));
    sent.set(name, gzipSync(bytes, { level: 9 }).length);
    response.writeHead(200, { 'Content-Type': TYPES[extname(name)] ?? 'text/plain' }).end(bytes);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });

/** Milliseconds from navigation to the first verdict, as a reader who presses the button at once has it. */
async function firstVerdict(throttling) {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: throttling });
  const start = performance.now();
  await page.goto(`${origin}${LESSON}`);
  await page.getByRole('button', { name: 'Run under every policy' }).click();
  await page.waitForSelector('.results .status[data-state=done]');
  const spent = performance.now() - start;
  await context.close();
  return spent;
}

/** Milliseconds of each of some steps back from 100,000 instructions, seen on the page. */
async function stepsBack() {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const page = await context.newPage();
  await page.goto(`${origin}#/lab`);
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(LOOP);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByText('Exited with 0, after 100,004 instructions.').waitFor();
  const spent = [];
  for (let at = 100_003; at > 99_993; at--) {
    const start = performance.now();
    await page.getByRole('button', { name: '◀ Step', exact: true }).click();
    await page.getByText(`Paused after ${at.toLocaleString('en')} instructions.`).waitFor();
    spent.push(performance.now() - start);
  }
  await context.close();
  return spent;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const of = async (count, measure) => {
  const values = [];
  for (let i = 0; i < count; i++) values.push(await measure());
  return median(values);
};

console.log(
  `time to the first verdict, median of 5: ${Math.round(await of(5, () => firstVerdict(1)))} ms`,
);
const files = [...sent].toSorted(([, a], [, b]) => b - a);
console.log(
  `time to the first verdict, page 4x slowed: ${Math.round(await of(5, () => firstVerdict(4)))} ms`,
);
const total = files.reduce((sum, [, bytes]) => sum + bytes, 0);
console.log(`bytes until then, compressed: ${Math.round(total / 1000)} kB`);
for (const [name, bytes] of files)
  console.log(`  ${String(Math.round(bytes / 1000)).padStart(4)} kB  ${name}`);
const steps = await stepsBack();
console.log(
  `a step back from 100,000 instructions: first ${Math.round(steps[0])} ms, median ${Math.round(median(steps))} ms, longest ${Math.round(Math.max(...steps))} ms`,
);
await browser.close();
server.close();

/** What a sandbox costs: computing, flipping rights, being made and restored, and starting from cold. */
import { Sandbox } from '../../src/index.js';
import { Bare, buildBare, loadBare } from './bare.js';
import { guestCycle, hostCycle } from './cycles.js';
import { codeOf } from './loop-code.js';
import { LOOPS, rate } from './loops.js';
import { contest, duel, each } from './measure.js';
import { wholeProcess } from './process.js';
import type { Row, Table } from './table.js';

const PROT_ALL = 7;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const PAGES = 16;
const PROGRAM = 'asm/x86-64/jit-mmap-mprotect.s';

export async function sandboxTables(): Promise<Table[]> {
  return [await computing(), await rights(), await times()];
}

async function computing(): Promise<Table> {
  const bare = new Bare(await loadBare('wasm', await buildBare()));
  using sandbox = await Sandbox.create({ policy: 'nx' });
  const code = map(sandbox, 1);
  const data = map(sandbox, 1);
  const rows: Row[] = [];
  for (const loop of LOOPS) {
    const bytes = await codeOf(loop);
    sandbox.poke(code, bytes);
    bare.write(bytes);
    const { first, second, ratio } = duel(
      () => bare.run(bytes.length),
      () => sandbox.call(code, data),
    );
    rows.push({ what: loop.name, values: [rate(loop, first), rate(loop, second), ratio] });
  }
  const title = 'sandbox: computing, M instructions/s';
  return { title, columns: ['bare engine', 'sandbox', 'sandbox/bare'], rows };
}

async function rights(): Promise<Table> {
  const [host, guest] = await contest([() => hostCycle('nx', true), () => guestCycle('nx', true)]);
  return {
    title: 'sandbox: mmap + write + mprotect + call + munmap',
    columns: ['cycles/s'],
    rows: [
      { what: 'by the library', values: [1000 / host!] },
      { what: 'by a guest program', values: [1000 / guest!] },
    ],
  };
}

async function times(): Promise<Table> {
  using sandbox = await Sandbox.create();
  const page = map(sandbox, PAGES);
  sandbox.store(page, new Uint8Array(PAGES * 4096).fill(1));
  const snapshot = sandbox.snapshot();
  const restore = () =>
    each(200, () => {
      sandbox.store(page, Uint8Array.of(2));
      sandbox.restore(snapshot);
    });
  const best = await contest([
    create,
    () => each(50, () => void sandbox.snapshot()),
    restore,
    () => wholeProcess(['-e', '0']),
    () => wholeProcess(['dist/cli.js', 'run', PROGRAM]),
  ]);
  const names = [
    'create and close',
    `snapshot of ${PAGES} pages in use`,
    'write to one of them, restore',
    'process: node alone',
    `process: mayexec run ${PROGRAM}`,
  ];
  const rows = names.map((what, i) => ({ what, values: [best[i]] }));
  return { title: 'sandbox: time', columns: ['ms'], rows };
}

async function create(): Promise<number> {
  const times = 30;
  const begin = performance.now();
  for (let i = 0; i < times; i++) (await Sandbox.create()).close();
  return (performance.now() - begin) / times;
}

function map(sandbox: Sandbox, pages: number): bigint {
  return sandbox.syscall('mmap', 0, pages * 4096, PROT_ALL, MAP_PRIVATE_ANONYMOUS, -1, 0).value;
}

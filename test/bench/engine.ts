/** The engine's two forms in one run: the package's JavaScript, and the WebAssembly that the build makes of it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { BuildResult } from '../../src/build/unicorn-wasm/build.js';
import { Bare, buildBare, type Form, loadBare, UC_HOOK_BLOCK, UC_HOOK_CODE } from './bare.js';
import { codeOf } from './loop-code.js';
import { LOAD_STORE, type Loop, REGISTERS, rate } from './loops.js';
import { contest, each } from './measure.js';
import type { Row, Table } from './table.js';

const FORMS = ['js', 'wasm'] as const;
const FAR = 0x1000_0000;
const LARGE = 256 << 20;

export async function engineTables(): Promise<Table[]> {
  const built = await buildBare();
  const modules = { js: await loadBare('js', built), wasm: await loadBare('wasm', built) };
  const bare = { js: new Bare(modules.js), wasm: new Bare(modules.wasm) };
  const speed = async (what: string, loop: Loop, hook?: number): Promise<Row> => {
    const code = await codeOf(loop);
    const best = await contest(FORMS.map((form) => () => runLoop(bare[form], code, hook)));
    return faster(`${what}, M instructions/s`, best, (ms) => rate(loop, ms));
  };
  const time = async (what: string, factor: number, work: (form: Form) => number): Promise<Row> =>
    quicker(what, await contest(FORMS.map((form) => () => work(form) * factor)));
  const short = await codeOf({ ...REGISTERS, turns: 1 });

  const rows = [
    await speed(REGISTERS.name, REGISTERS),
    await speed(LOAD_STORE.name, LOAD_STORE),
    await speed('the same, a callback per instruction', fewer(LOAD_STORE), UC_HOOK_CODE),
    await speed('the same, a callback per block', fewer(LOAD_STORE), UC_HOOK_BLOCK),
    await time('open, map, write and close, ms', 1, (form) =>
      each(50, () => {
        const opened = new Bare(modules[form]);
        opened.write(short);
        opened.close();
      }),
    ),
    await time('one short run, us', 1000, (form) => {
      bare[form].write(short);
      return each(500, () => bare[form].run(short.length));
    }),
    await time('mem_protect, us', 1000, (form) => each(500, () => bare[form].protect(3))),
    ...(await starts(built)),
    // Last: it leaves a large heap.
    quicker(
      'map and unmap 256 MiB, ms',
      await contest(
        FORMS.map((form) => () => each(1, () => bare[form].mapAndUnmap(FAR, LARGE))),
        2,
      ),
    ),
    sizes(built),
  ];
  return [{ title: 'engine: forms', columns: ['js', 'wasm', 'wasm better by'], rows }];
}

function fewer(loop: Loop): Loop {
  return { ...loop, turns: loop.turns / 10 };
}

function runLoop(bare: Bare, code: Uint8Array, hook: number | undefined): number {
  bare.write(code);
  const remove = hook === undefined ? undefined : bare.hook(hook, () => 0);
  const ms = each(1, () => bare.run(code.length));
  remove?.();
  return ms;
}

function faster(what: string, [js, wasm]: number[], toRate: (ms: number) => number): Row {
  return { what, values: [toRate(js!), toRate(wasm!), js! / wasm!] };
}

function quicker(what: string, [js, wasm]: number[]): Row {
  return { what, values: [js, wasm, js! / wasm!] };
}

interface StartUp {
  readonly load: number;
  readonly firstRun: number;
  readonly longRun: number;
}

/** What a process of its own is told to do. */
interface StartUpTask {
  readonly form: Form;
  readonly built: BuildResult;
  readonly short: readonly number[];
  readonly long: readonly number[];
}

/** Each in a process of its own, which does nothing else: neither is anything warm, nor in the way. */
async function starts(built: BuildResult): Promise<Row[]> {
  const short = [...(await codeOf({ ...REGISTERS, turns: 10 }))];
  const long = [...(await codeOf({ ...REGISTERS, turns: 1e5 }))];
  const started = { js: [] as StartUp[], wasm: [] as StartUp[] };
  for (let round = 0; round < 5; round++)
    for (const form of FORMS) started[form].push(start({ form, built, short, long }));
  const best = (part: keyof StartUp) =>
    FORMS.map((form) => Math.min(...started[form].map((one) => one[part])));
  return [
    quicker('load the module, ms', best('load')),
    quicker('then open and run 30 instructions, ms', best('firstRun')),
    quicker('then run 300,000 at once, ms', best('longRun')),
  ];
}

function start(task: StartUpTask): StartUp {
  const args = [process.argv[1]!, 'start-up', JSON.stringify(task)];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (stdout === '') throw new Error(`the ${task.form} form did not start\n${stderr}`);
  return JSON.parse(stdout) as StartUp;
}

/** What the process of `start` does. */
export async function measureStart(task: string): Promise<StartUp> {
  const { form, built, short, long } = JSON.parse(task) as StartUpTask;
  const begin = performance.now();
  const module = await loadBare(form, built);
  const load = performance.now() - begin;
  let bare: Bare | undefined;
  const run = (code: readonly number[]) =>
    each(1, () => {
      bare ??= new Bare(module);
      bare.write(Uint8Array.from(code));
      bare.run(code.length);
    });
  return { load, firstRun: run(short), longRun: run(long) };
}

function sizes({ wasm, jsForm }: BuildResult): Row {
  const kib = [jsForm, wasm].map((file) => gzipSync(readFileSync(file)).length / 1024);
  return quicker('size with gzip, KiB', kib);
}

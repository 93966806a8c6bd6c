/** The engine port against the bare engine: the same loops, both forms, in one run. */
import type { Engine } from '../../src/engine/engine.js';
import { openEngine } from '../../src/engine/open.js';
import { assemble } from '../../src/index.js';
import { Bare, buildBare, type Form, loadBare } from './bare.js';
import { codeOf } from './loop-code.js';
import { CODE, DATA, LOOPS, rate, STACK } from './loops.js';
import { contest, duel, each } from './measure.js';
import type { Row, Table } from './table.js';

const FORMS = ['wasm', 'js'] as const;

export async function portTables(): Promise<Table[]> {
  const built = await buildBare();
  const tables: Table[] = [];
  for (const form of FORMS) {
    const bare = new Bare(await loadBare(form, built));
    const title = `port (${form}), M instructions/s`;
    tables.push({ title, columns: ['bare', 'port', 'port/bare'], rows: await loops(form, bare) });
  }
  const rows = await costs();
  tables.push({ title: 'port, us', columns: [...FORMS], rows });
  return tables;
}

interface Machine {
  readonly engine: Engine;
  readonly code: Uint8Array;
}

async function open(form: Form): Promise<Machine> {
  const kind = form === 'wasm' ? 'unicorn1' : 'unicorn1-js';
  const { engine } = await openEngine(kind, { arch: 'x86-64', memory: 1 << 20 });
  const pages = new Map<number, number>();
  for (const address of [CODE, DATA, STACK]) {
    pages.set(address >> 12, (engine.memory.allocate() ?? 0) * 8 + 7);
  }
  engine.setTranslate((page) => pages.get(page) ?? -1);
  return { engine, code: engine.memory.bytes((pages.get(CODE >> 12) ?? 0) >> 3) };
}

function run({ engine }: Machine): void {
  engine.writeRegister('rip', BigInt(CODE));
  engine.writeRegister('rdi', BigInt(DATA));
  engine.writeRegister('rsp', BigInt(STACK + 2048));
  engine.run({ blocks: 1e12 });
}

async function loops(form: Form, bare: Bare): Promise<Row[]> {
  const machine = await open(form);
  const rows: Row[] = [];
  for (const loop of LOOPS) {
    const code = await codeOf(loop, 'hlt');
    machine.code.set(code);
    bare.write(code);
    const { first, second, ratio } = duel(
      () => bare.run(code.length),
      () => run(machine),
    );
    rows.push({ what: loop.name, values: [rate(loop, first), rate(loop, second), ratio] });
  }
  machine.engine.close();
  return rows;
}

async function costs(): Promise<Row[]> {
  const machines = { wasm: await open('wasm'), js: await open('js') };
  const of = async (
    what: string,
    work: (machine: Machine, form: Form) => number | Promise<number>,
  ) => {
    const best = await contest(FORMS.map((form) => () => work(machines[form], form)));
    return { what, values: best.map((ms) => ms * 1000) };
  };
  const { bytes } = await assemble('mov eax, 1\nsyscall', { arch: 'x86-64', address: CODE });
  for (const form of FORMS) machines[form].code.set(bytes);
  const rows = [
    await of('a run up to a system call', (machine) => each(1000, () => run(machine))),
    await of('save and load a CPU', ({ engine }) =>
      each(1000, () => engine.loadCpu(engine.saveCpu())),
    ),
    await of('open and close', async (_, form) => {
      const begin = performance.now();
      for (let i = 0; i < 50; i++) (await open(form)).engine.close();
      return (performance.now() - begin) / 50;
    }),
  ];
  for (const form of FORMS) machines[form].engine.close();
  return rows;
}

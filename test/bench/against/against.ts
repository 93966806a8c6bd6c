/**
 * `npm run bench -- --against COMMIT`: this tree against another commit, built beside it. Each version runs in a
 * process of its own; they take turns, and each round gives one ratio of processor times.
 */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Row, Table } from '../table.js';
import { builtCommit } from './commit.js';
import { type Estimate, estimate } from './statistics.js';
import type { Answer } from './worker.js';
import { WORKLOADS } from './workloads.js';

const ROUNDS = 31;
const WARM_UP = 6;

/** Whole commands: processor time of the process and all its threads. */
const COMMANDS: readonly (readonly string[])[] = [
  ['--version'],
  ['run', 'asm/x86-64/jit-dev-zero.s', '--policy', 'selinux', '--trace'],
  ['test', 'scenarios/basics'],
];
const PROCESS_ROUNDS = 11;

export async function againstTables(root: string, commit: string): Promise<Table[]> {
  const other = builtCommit(root, commit);
  const worker = join(root, '.cache/bundled/bench-worker.mjs');
  const start = (folder: string): Contender =>
    new Contender(worker, pathToFileURL(join(folder, 'dist/index.js')).href);
  const contenders = [start(root), start(other.folder)] as const;
  const rows: Row[] = [];
  try {
    for (const [index, { name }] of WORKLOADS.entries()) {
      const rounds = WARM_UP + ROUNDS;
      const times = await alternate(rounds, WARM_UP, (which) => contenders[which].measure(index));
      rows.push(row(name, times));
    }
  } finally {
    for (const contender of contenders) contender.close();
  }
  const folders = [root, other.folder] as const;
  for (const args of COMMANDS) {
    const times = await alternate(PROCESS_ROUNDS + 1, 1, (which) => command(folders[which], args));
    rows.push(row(`mayexec ${args.join(' ')}`, times));
  }
  return [
    {
      title: `ms of processor time; then: ${other.name.slice(0, 40)}`,
      columns: ['now', 'then', 'then/now', 'from', 'to'],
      rows,
    },
  ];
}

type Times = readonly (readonly [now: number, then: number])[];

/** `rounds` rounds, of which the first do not count; who begins changes from round to round. */
async function alternate(
  rounds: number,
  warmUp: number,
  measure: (which: 0 | 1) => Promise<number> | number,
): Promise<Times> {
  const times: [number, number][] = [];
  for (let i = 0; i < rounds; i++) {
    const order = i % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
    const pair: [number, number] = [0, 0];
    for (const which of order) pair[which] = await measure(which);
    if (i >= warmUp) times.push(pair);
  }
  return times;
}

function row(what: string, times: Times): Row {
  const of = (pick: (pair: readonly [number, number]) => number): Estimate =>
    estimate(times.map(pick));
  const ratio = of(([now, then]) => then / now);
  const values = [of(([now]) => now).median, of(([, then]) => then).median];
  return { what, values: [...values, ratio.median, ratio.low, ratio.high] };
}

class Contender {
  readonly #child: ChildProcess;
  readonly #ready: Promise<unknown>;
  readonly #ended: Promise<Answer>;

  constructor(worker: string, library: string) {
    this.#child = fork(worker, [library], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', (status) => resolve({ error: `the worker ended with ${status}` }));
    });
    this.#ready = this.#answer();
  }

  async measure(index: number): Promise<number> {
    await this.#ready;
    const answer = this.#answer();
    this.#child.send(index);
    const result = await answer;
    if ('error' in result) throw new Error(`${WORKLOADS[index]!.name}: ${result.error}`);
    return result.ms;
  }

  close(): void {
    this.#child.kill();
  }

  #answer(): Promise<Answer> {
    return Promise.race([
      new Promise<Answer>((resolve) => {
        this.#child.once('message', (answer) => resolve(answer as Answer));
      }),
      this.#ended,
    ]);
  }
}

/** The shell's `times` knows what its children used, in milliseconds. */
function command(folder: string, args: readonly string[]): number {
  const script = '"$0" dist/cli.js "$@" >/dev/null 2>&1 </dev/null; times';
  const { stdout } = spawnSync('bash', ['-c', script, process.execPath, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  const [, children = ''] = stdout.trim().split('\n');
  const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest),
  );
  return 1000 * seconds.reduce((sum, value) => sum + value, 0);
}

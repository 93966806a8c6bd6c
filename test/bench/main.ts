/**
 * `npm run bench`: everything. `npm run bench -- engine port --json`: some of it, for machines.
 * `npm run bench -- sealed --html FILE`: also as an HTML file, with charts.
 * `npm run bench -- --against COMMIT`: this tree against that commit, with a 95 % interval for each ratio.
 * Figures vary with the machine and what else it does; the ratios are what counts.
 */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { againstTables } from './against/against.js';
import { ROOT } from './bare.js';
import { tablesHtml } from './chart.js';
import { engineTables, measureStart } from './engine.js';
import { hostileTables } from './hostile.js';
import { kitTables } from './kit.js';
import { matrixTables } from './matrix.js';
import { policiesTables } from './policies.js';
import { portTables } from './port.js';
import { sandboxTables } from './sandbox.js';
import { sealedTables } from './sealed.js';
import { formatTable, type Table } from './table.js';

const BENCHMARKS: Readonly<Record<string, () => Promise<Table[]>>> = {
  engine: engineTables,
  port: portTables,
  sandbox: sandboxTables,
  policies: policiesTables,
  kit: kitTables,
  matrix: matrixTables,
  hostile: hostileTables,
  sealed: sealedTables,
};

/** Of the machine, since every figure depends on it. */
function machine(): { node: string; cpu: string; cpus: number; load: number } {
  const { length, 0: first } = cpus();
  const load = loadavg()[0] ?? 0;
  return { node: process.versions.node, cpu: first?.model ?? 'unknown', cpus: length, load };
}

async function main(args: readonly string[]): Promise<number> {
  const [first, second] = args;
  if (first === 'start-up' && second !== undefined) {
    process.stdout.write(JSON.stringify(await measureStart(second)));
    return 0;
  }
  const json = args.includes('--json');
  const against = args.indexOf('--against');
  const commit = against < 0 ? undefined : (args[against + 1] ?? 'HEAD');
  const html = args.indexOf('--html');
  const file = args[html + 1];
  if (html >= 0 && (file === undefined || file.startsWith('--'))) {
    process.stderr.write('bench: --html needs the name of a file\n');
    return 2;
  }
  const within = (at: number, i: number): boolean => at >= 0 && i - at >= 0 && i - at <= 1;
  const wanted = args.filter(
    (arg, i) => arg !== '--json' && !within(against, i) && !within(html, i),
  );
  const unknown = wanted.find((name) => !Object.hasOwn(BENCHMARKS, name));
  if (unknown !== undefined) {
    const known = Object.keys(BENCHMARKS).join(', ');
    process.stderr.write(
      `bench: unknown argument '${unknown}': expected --json, --html FILE, --against COMMIT, or any of ${known}\n`,
    );
    return 2;
  }
  const host = machine();
  if (!json) {
    const { node, cpu, cpus: count, load } = host;
    process.stdout.write(`Node ${node}, ${count} x ${cpu}, load ${load.toFixed(1)}\n`);
  }
  const tables: Table[] = [];
  const show = (made: readonly Table[]): void => {
    for (const table of made) {
      tables.push(table);
      if (!json) process.stdout.write(`\n${formatTable(table)}`);
    }
  };
  if (commit !== undefined) show(await againstTables(fileURLToPath(ROOT), commit));
  const all = wanted.length === 0 && commit === undefined;
  for (const name of all ? Object.keys(BENCHMARKS) : wanted) show(await BENCHMARKS[name]!());
  if (html >= 0) writeFileSync(file!, tablesHtml(tables, `npm run bench -- ${args.join(' ')}`));
  if (json) process.stdout.write(`${JSON.stringify({ machine: host, tables }, null, 2)}\n`);
  else process.stdout.write(`\nnpm run bench${args.length === 0 ? '' : ` -- ${args.join(' ')}`}\n`);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));

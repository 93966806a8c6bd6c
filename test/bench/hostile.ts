/** What hostile programs cost: processor seconds, and memory over that of a process with an idle sandbox. */
import { fileURLToPath } from 'node:url';
import { Sandbox } from '../../src/index.js';
import type { HostileCase } from '../hostile/cases.js';
import { HOSTILE } from '../hostile/cases.js';
import { type HostileResult, runHostile } from '../hostile/run.js';
import { HOSTILE_WINDOWS } from '../hostile/windows-cases.js';
import { ROOT } from './bare.js';
import { duel } from './measure.js';
import type { Table } from './table.js';

const IDLE: HostileCase = {
  name: 'idle',
  source: '.globl _start\n_start: xor edi, edi\n mov eax, SYS_exit_group\n syscall\n',
  ends: 'exit 0',
};
const FEW = 1000;
const MANY = 20_000;
const MAP_PRIVATE_ANONYMOUS = 0x22;

export async function hostileTables(): Promise<Table[]> {
  return [await growth(), programs()];
}

/** In a process each, so that nobody's memory is counted for another. */
function programs(): Table {
  const idle = alone(IDLE);
  const rows = [...HOSTILE, ...HOSTILE_WINDOWS].map((each) => {
    const { seconds, peak } = alone(each);
    return { what: each.name, values: [seconds, (peak - idle.peak) / 1e6] };
  });
  return { title: 'hostile: programs', columns: ['seconds', 'MB over idle'], rows };
}

function alone(each: HostileCase): HostileResult {
  const [result] = runHostile([each], { heap: 192, watchdog: 300, root: fileURLToPath(ROOT) });
  if (result?.ends !== each.ends) throw new Error(`${each.name}: ${result?.ends}`);
  return result;
}

/** One mmap of a page where there are few mappings already, and where there are many. */
async function growth(): Promise<Table> {
  using few = await withMappings(FEW);
  using many = await withMappings(MANY);
  const { first, second, ratio } = duel(
    () => mapAndUnmap(many),
    () => mapAndUnmap(few),
  );
  const microseconds = (milliseconds: number): number => (1000 * milliseconds) / TIMES;
  const values = [microseconds(second), microseconds(first), ratio];
  const columns = [`among ${FEW}`, `among ${MANY}`, 'ratio'];
  return {
    title: 'hostile: mmap and munmap of a page, microseconds',
    columns,
    rows: [{ what: 'mappings that do not merge', values }],
  };
}

async function withMappings(count: number): Promise<Sandbox> {
  const sandbox = await Sandbox.create();
  for (let i = 0; i < count; i++) mapPage(sandbox, i % 2);
  return sandbox;
}

const TIMES = 200;

function mapAndUnmap(sandbox: Sandbox): void {
  for (let i = 0; i < TIMES; i++) sandbox.syscall('munmap', mapPage(sandbox, 7), 4096);
}

function mapPage(sandbox: Sandbox, prot: number): bigint {
  return sandbox.syscall('mmap', 0, 4096, prot, MAP_PRIVATE_ANONYMOUS, -1, 0).value;
}

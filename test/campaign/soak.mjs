/**
 * Soak: very many sandboxes and kit cases in one process, whose memory must not grow. `npm run campaign soak`, with
 * `--sandboxes=N` and `--cases=N` behind `--` for less. Status 1 when memory grows by 5 % or more between a tenth of
 * the way and the end.
 */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Kit, Sandbox } from '../../dist/index.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

const MOST_GROWTH = 0.05;
const { values } = parseArgs({
  options: {
    sandboxes: { type: 'string', default: '100000' },
    cases: { type: 'string', default: '1000000' },
  },
});
const sandboxes = Number(values.sandboxes);
const cases = Number(values.cases);
/** mov eax, 1001; ret */
const RETURN_1001 = Uint8Array.of(0xb8, 0xe9, 0x03, 0, 0, 0xc3);
/** lea rax, [rdi+rsi]; ret */
const ADD = Uint8Array.of(0x48, 0x8d, 0x04, 0x37, 0xc3);
const MAP_PRIVATE_ANONYMOUS = 0x22;

/** Megabytes: what is alive on and beside JavaScript's heap, and what the process holds. */
async function megabytes() {
  // Finalizers, which give back what snapshots held, run between turns.
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { alive: (heapUsed + external) / 1e6, resident: rss / 1e6 };
}

/** Does `one` so often, and says how memory grew after the first tenth; each tenth is told on standard error. */
async function soak(what, times, one) {
  const tenth = Math.ceil(times / 10);
  let early;
  for (let i = 0; i < times; i++) {
    if (i > 0 && i % tenth === 0) {
      const now = await megabytes();
      early ??= now;
      const megabytesNow = `${now.alive.toFixed(1)} MB alive, ${now.resident.toFixed(0)} MB resident`;
      process.stderr.write(`${i} of ${times} ${what}: ${megabytesNow}\n`);
    }
    await one(i);
  }
  const late = await megabytes();
  const growth = late.alive / early.alive - 1;
  const resident = late.resident / early.resident - 1;
  const percent = (value) => `${(100 * value).toFixed(1)} %`;
  const line = `${times} ${what}: ${early.alive.toFixed(1)} to ${late.alive.toFixed(1)} MB alive (${percent(growth)}), ${early.resident.toFixed(0)} to ${late.resident.toFixed(0)} MB resident (${percent(resident)})`;
  process.stdout.write(`${line}\n`);
  return growth < MOST_GROWTH && resident < MOST_GROWTH;
}

async function useSandbox(seed) {
  const sandbox = await Sandbox.create({ seed: seed % 1000, policy: seed % 2 ? 'nx' : 'mdwe' });
  const page = sandbox.syscall('mmap', 0, 8192, 3, MAP_PRIVATE_ANONYMOUS, -1, 0).value;
  sandbox.store(page, RETURN_1001);
  sandbox.syscall('mprotect', page, 4096, 5);
  const snapshot = sandbox.snapshot();
  sandbox.call(page);
  sandbox.syscall('fork');
  sandbox.restore(snapshot);
  sandbox.close();
}

const kit = await Kit.open();
const code = await kit.load(ADD);
const useKit = (i) => {
  const { value } = kit.call(code, [i, 2]);
  if (value !== BigInt(i + 2)) throw new Error(`case ${i} gave ${value}`);
};

const steady = [
  await soak('sandboxes', sandboxes, useSandbox),
  await soak('kit cases', cases, useKit),
];
process.exitCode = steady.every(Boolean) ? 0 : 1;

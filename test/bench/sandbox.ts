/** What a sandbox costs: computing, flipping rights, being made and restored, and starting from cold. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Sandbox } from '../../src/index.js';
import { median, type Row, time } from './measure.js';

const RETURN_1001 = Uint8Array.of(0xb8, 0xe9, 0x03, 0, 0, 0xc3);
const FIVE_POLICIES = 'nx+wx+selinux+exec-shield+memfd-noexec';

export async function sandboxRows(): Promise<Row[]> {
  return [
    ...(await cycles()),
    ...(await policyCost()),
    await created(),
    await restored(),
    coldStart(),
  ];
}

/** mmap, write, mprotect, call, munmap: what a JIT does for one function. */
async function cycles(): Promise<Row[]> {
  using sandbox = await Sandbox.create({ policy: 'nx' });
  const rate = 1 / (await time(300, () => cycle(sandbox, true)));
  return [{ what: 'mmap + write + mprotect + call + munmap', value: rate, unit: 'cycles/s' }];
}

/** The same without the call, under no policy and under five. */
async function policyCost(): Promise<Row[]> {
  using none = await Sandbox.create({ policy: 'none' });
  using five = await Sandbox.create({ policy: FIVE_POLICIES });
  const pairs: [number, number][] = [];
  for (let round = 0; round < 7; round++) {
    pairs.push([
      await time(200, () => cycle(none, false)),
      await time(200, () => cycle(five, false)),
    ]);
  }
  const plain = 1 / median(pairs.map(([a]) => a));
  return [
    { what: 'mmap + mprotect + munmap, policy none', value: plain, unit: 'cycles/s' },
    {
      what: `the same under five policies (${FIVE_POLICIES})`,
      value: 1 / median(pairs.map(([, b]) => b)),
      unit: 'cycles/s',
      ratio: median(pairs.map(([a, b]) => a / b)),
    },
  ];
}

function cycle(sandbox: Sandbox, call: boolean): void {
  const { value: page } = sandbox.syscall('mmap', 0, 4096, 3, 0x22, -1, 0);
  if (call) sandbox.store(page, RETURN_1001);
  sandbox.syscall('mprotect', page, 4096, 5);
  if (call) {
    const outcome = sandbox.call(page);
    if (outcome.kind !== 'return' || outcome.value !== 1001n) throw new Error(outcome.kind);
  }
  sandbox.syscall('munmap', page, 4096);
}

async function created(): Promise<Row> {
  const seconds = await time(50, async () => (await Sandbox.create()).close());
  return { what: 'create and close a sandbox', value: seconds * 1e3, unit: 'ms' };
}

/** 16 pages in use, one of them written since the snapshot. */
async function restored(): Promise<Row> {
  using sandbox = await Sandbox.create();
  const { value: page } = sandbox.syscall('mmap', 0, 65536, 3, 0x22, -1, 0);
  sandbox.store(page, new Uint8Array(65536).fill(1));
  const snapshot = sandbox.snapshot();
  const seconds = await time(300, () => {
    sandbox.store(page, RETURN_1001);
    sandbox.restore(snapshot);
  });
  return { what: 'write one page, restore a snapshot', value: seconds * 1e3, unit: 'ms' };
}

/** `mayexec run` as a process of its own: Node, the engine, the assembler and the program. */
function coldStart(): Row {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const args = ['dist/cli.js', 'run', 'asm/x86-64/jit-mmap-mprotect.s'];
  const runs = Array.from({ length: 5 }, () => {
    const start = performance.now();
    const { status } = spawnSync(process.execPath, args, { cwd: root });
    if (status !== 0) throw new Error(`mayexec run ended with ${status}`);
    return performance.now() - start;
  });
  return {
    what: 'mayexec run asm/x86-64/jit-mmap-mprotect.s, whole process',
    value: median(runs),
    unit: 'ms',
  };
}

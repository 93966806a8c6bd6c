/** Every recorded kind of access, done by a guest program: the outcome and the text of three real kernels. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KernelVersion } from '../../../src/kernel/world.js';
import type { Sandbox } from '../../../src/sandbox/sandbox.js';
import { asFirst, normaliseReport } from './normalise.js';
import { bootKernel, kernelElf } from './runtime.js';

const HERE = new URL('./', import.meta.url);

interface Recording {
  readonly version: KernelVersion;
  readonly run: string;
  readonly name: string;
  /** Of the shell that made the access, or how the machine ended. */
  readonly exit: string;
  readonly lines: readonly string[];
}

const RECORDINGS = readRecordings(readFileSync(new URL('recordings.txt', HERE), 'utf8'));

/** Distinct lines, an empty line, and for each recording the numbers of its lines. */
function readRecordings(text: string): Recording[] {
  const [table, cases] = text.split('\n\n').map((part) => part.replace(/\n$/, '').split('\n'));
  return cases!.map((line) => {
    const [head, numbers] = line.split(':');
    const [version, run, name, exit] = head!.split(' ');
    const lines =
      numbers!.trim() === ''
        ? []
        : numbers!
            .trim()
            .split(' ')
            .map((n) => table![Number(n)]!);
    return { version: version as KernelVersion, run: run!, name: name!, exit: exit!, lines };
  });
}

const TASKS: Readonly<Record<string, readonly [flags: bigint, comm: string]>> = {
  WRITE_RO_KTHREAD: [1n, 'comm_thread'],
  WRITE_RO_WORKQUEUE: [3n, 'comm_worker'],
  SYSRQC: [0n, 'comm_init'],
};

const WORDS: Readonly<Record<string, string>> = {
  nosmep: 'clearcpuid=smep,smap',
  nonx: 'clearcpuid=nx',
  pti: 'pti=on',
  preemptfull: 'preempt=full',
  preemptnone: 'preempt=none',
};

/** Several cases of one boot, whose counters and taints accumulate. */
const OF_ONE_BOOT = [
  'rodataoff',
  'nosmep',
  'nonx',
  'pti',
  'preemptfull',
  'clean-seq',
  'clean-WARN',
  'seqA',
];

/** The command line of a run of the recordings. */
function commandLine(run: string): string[] {
  const words = run === 'rodataoff' ? ['rodata=off'] : [];
  const features = Object.hasOwn(WORDS, run) ? [WORDS[run]!] : [];
  const oops = run.startsWith('panic') ? ['oops=panic'] : [];
  const warn = run === 'panic-WARN' ? ['panic_on_warn=1'] : [];
  const timeout = run.startsWith('panicstay') ? 0 : run.startsWith('panic5') ? 3 : -1;
  return [...words, ...features, ...oops, ...warn, `panic=${timeout}`];
}

let elf: Uint8Array;

beforeAll(async () => {
  elf = await kernelElf(readFileSync(new URL('cases.s', HERE), 'utf8'));
});

function setWord(sandbox: Sandbox, name: string, value: bigint): void {
  const bytes = new Uint8Array(BigUint64Array.of(value).buffer);
  sandbox.poke(sandbox.symbols.get(name)!, bytes);
}

async function perform({ version, run, name }: Recording) {
  using sandbox = await bootKernel(elf, commandLine(run), { kernelVersion: version });
  const address = (label: string): bigint => sandbox.symbols.get(label)!;
  setWord(sandbox, 'selected', address(`case_${name}`));
  const [flags, comm] = TASKS[name] ?? [0n, 'comm_cat'];
  setWord(sandbox, 'selected_flags', flags);
  setWord(sandbox, 'selected_comm', address(comm));
  if (run.startsWith('clean-')) setWord(sandbox, 'clean', 1n);
  if (name === 'WRITE_RO_INTERRUPT') setWord(sandbox, 'in_timer', 1n);
  const outcome = sandbox.run();
  const status = new DataView(sandbox.peek(address('status'), 8).slice().buffer).getBigInt64(
    0,
    true,
  );
  const lines = normaliseReport(sandbox.kernelLog);
  // Those of these runs are of one boot each.
  const many = OF_ONE_BOOT.includes(run);
  return { outcome, status, lines: many ? asFirst(lines) : lines };
}

describe.each(['6.1', '6.12', '7.3'] as const)('a kernel of version %s', (version) => {
  it.each(RECORDINGS.filter((each) => each.version === version))(
    '$run $name: as recorded',
    async (recording) => {
      const { outcome, status, lines } = await perform(recording);
      expect(lines).toEqual(recording.lines);
      const other = Object.hasOwn(TASKS, recording.name);
      if (recording.exit === 'panic') expect(outcome.kind).toBe('oops');
      else {
        expect(outcome.kind).toBe('halt');
        if (!other) expect(status).toBe(BigInt(recording.exit));
      }
    },
  );
});

it('has all kinds of access of the recordings, in each kernel', () => {
  const count = (version: string): number =>
    RECORDINGS.filter((each) => each.version === version && each.run === '-').length;
  expect([count('6.1'), count('6.12'), count('7.3')]).toEqual([75, 75, 75]);
  // 493 less those of user programs, KASLR, 5-level paging, two CPUs, demand paging, and bytes that were no code.
  expect(RECORDINGS).toHaveLength(387);
});

it('repeats the registers of the first oops at the end of the second, but for the control registers', async () => {
  using sandbox = await bootKernel(elf);
  const address = (label: string): bigint => sandbox.symbols.get(label)!;
  setWord(sandbox, 'selected', address('case_WRITE_RO'));
  setWord(sandbox, 'selected_flags', 0n);
  setWord(sandbox, 'selected_comm', address('comm_cat'));
  sandbox.run();
  const first = sandbox.kernelLog.length;
  setWord(sandbox, 'selected', address('case_READ_NULL'));
  sandbox.call(address('kernel_main'));
  const [one, two] = [sandbox.kernelLog.slice(0, first), sandbox.kernelLog.slice(first)];
  const after = (lines: readonly string[], start: string): string =>
    lines
      .slice(lines.findIndex((line) => line.startsWith('---[ end trace')))
      .find((line) => line.startsWith(start))!;
  expect(two.find((line) => line.includes('Oops:'))).toContain('[#2]');
  for (const start of ['RIP: ', 'Code: ', 'RSP: ', 'RAX: ', 'R13: ']) {
    expect(after(two, start)).toBe(after(one, start));
  }
  expect(two.find((line) => line.startsWith('RIP: 0010:'))).toContain('load_ulong');
  expect(after(two, 'RIP: ')).toContain('store_ulong');
  expect(after(two, 'CR2: ')).toContain('CR2: 0000000000000000 ');
});

/** Runs hostile programs in a child process, which a watchdog ends when it hangs. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { DEFAULT_HOSTILE_BLOCKS, type HostileCase } from './cases.js';

/** What a run came to. */
export interface HostileResult {
  readonly name: string;
  /** As HostileCase.ends. */
  readonly ends: string;
  /** Of the processor. */
  readonly seconds: number;
  /** The most memory that the process had up to then, in bytes. */
  readonly peak: number;
}

export interface ChildOptions {
  /** Megabytes of JavaScript's heap. */
  readonly heap: number;
  /** Seconds after which the child is ended. */
  readonly watchdog: number;
  /** The folder of the project. */
  readonly root: string;
}

/** The results of all cases. @throws Error that names the case at which the child ended early. */
export function runHostile(
  cases: readonly HostileCase[],
  { heap, watchdog, root }: ChildOptions,
): HostileResult[] {
  const given = cases.map((each) => ({ blocks: DEFAULT_HOSTILE_BLOCKS, ...each }));
  const { stdout, stderr, signal, status } = spawnSync(
    process.execPath,
    [`--max-old-space-size=${heap}`, join(root, 'test/hostile/child.mjs')],
    {
      encoding: 'utf8',
      input: JSON.stringify(given),
      timeout: watchdog * 1000,
      killSignal: 'SIGKILL',
    },
  );
  const lines = stdout.split('\n').filter((line) => line !== '');
  const told = lines.map((line) => JSON.parse(line) as HostileResult & { begins?: string });
  const last = told.at(-1);
  if (status !== 0 || last?.begins !== undefined) {
    throw new Error(
      `'${last?.begins}' ended the child: ${signal ?? status}\n${stderr.slice(-2000)}`,
    );
  }
  return told.filter(({ begins }) => begins === undefined);
}

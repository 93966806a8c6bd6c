/**
 * Ends a run that hangs, and says where. A test's own timeout cannot: code that never gives way keeps its process
 * from noticing the time, and from saying which test it began. So this one, in the process that only waits, looks
 * at the clock.
 */
import { spawnSync } from 'node:child_process';
import type { Reporter, TestModule } from 'vitest/node';

export interface Limits {
  /** Milliseconds without a test that ends. */
  readonly quiet: number;
  /** Milliseconds for the whole run. */
  readonly run: number;
}

export class WatchdogReporter implements Reporter {
  readonly #limits: Limits;
  readonly #files = new Set<string>();
  #quiet: NodeJS.Timeout | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  onInit(): void {
    this.#after(this.#limits.run, 'the run did not end');
    this.onTestCaseResult();
  }

  onTestModuleQueued(module: TestModule): void {
    this.#files.add(module.relativeModuleId);
  }

  onTestModuleEnd(module: TestModule): void {
    this.#files.delete(module.relativeModuleId);
    this.onTestCaseResult();
  }

  onTestCaseResult(): void {
    clearTimeout(this.#quiet);
    this.#quiet = this.#after(this.#limits.quiet, 'no test ended');
  }

  #after(milliseconds: number, what: string): NodeJS.Timeout {
    const end = (): never => {
      const files = [...this.#files].map((file) => `  ${file}\n`).join('');
      process.stderr.write(
        `\nHangs: ${what} within ${milliseconds / 60_000} minutes. Not finished:\n${files}`,
      );
      endDescendants();
      process.exit(1);
    };
    return setTimeout(end, milliseconds).unref();
  }
}

/** What the workers started goes with them: none of them listens. */
function endDescendants(): void {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const pairs = (stdout ?? '').split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const found = new Set([process.pid]);
  for (let before = 0; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of pairs) if (found.has(parent!)) found.add(pid!);
  }
  found.delete(process.pid);
  for (const pid of found) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
}

/** The other end of warm-command.mjs: asks it, and waits for its answer without giving way to other work. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CommandRun } from './command.js';

const SERVER = fileURLToPath(new URL('warm-command.mjs', import.meta.url));
/** A shell opens the pipes, so that they end when the process ends, however that comes. */
const START = 'exec "$0" "$@" 3<requests 4>answers </dev/null';

export class WarmCommand {
  readonly #requests: number;
  readonly #answers: number;

  constructor(command: string) {
    const cwd = mkdtempSync(join(tmpdir(), 'mayexec-warm-'));
    try {
      spawnSync('mkfifo', ['requests', 'answers'], { cwd });
      const child = spawn('sh', ['-c', START, process.execPath, SERVER, command], {
        cwd,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      child.unref();
      this.#requests = openSync(join(cwd, 'requests'), 'w');
      this.#answers = openSync(join(cwd, 'answers'), 'r');
    } finally {
      rmSync(cwd, { recursive: true });
    }
  }

  run(cwd: string, args: readonly string[]): CommandRun {
    writeSync(this.#requests, `${JSON.stringify({ cwd, args })}\n`);
    return JSON.parse(this.#line()) as CommandRun;
  }

  #line(): string {
    const chunks: Buffer[] = [];
    for (;;) {
      const chunk = Buffer.alloc(1 << 16);
      const length = readSync(this.#answers, chunk);
      if (length === 0) throw new Error('the process that runs the command ended in the middle');
      chunks.push(chunk.subarray(0, length));
      if (chunk[length - 1] === 10) return Buffer.concat(chunks).toString('utf8');
    }
  }
}

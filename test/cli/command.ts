/** Runs the built command on files in a folder of its own. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WarmCommand } from './warm-command.js';

const COMMAND = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface CommandRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let warm: WarmCommand | undefined;

export class CommandFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'mayexec-cli-'));

  write(name: string, content: string | Uint8Array): string {
    mkdirSync(dirname(join(this.path, name)), { recursive: true });
    writeFileSync(join(this.path, name), content);
    return name;
  }

  /**
   * With input: as a process of its own. Without: in one that is kept, as most of a short run is its start.
   * Where that cannot be, as on Windows, always as a process of its own.
   */
  mayexec(
    args: readonly string[],
    input?: string | Uint8Array,
    encoding?: BufferEncoding,
  ): CommandRun {
    const own = input !== undefined || encoding !== undefined || process.platform === 'win32';
    if (own) return this.process(args, input, encoding);
    warm ??= new WarmCommand(COMMAND);
    return warm.run(this.path, args);
  }

  process(
    args: readonly string[],
    input: string | Uint8Array = '',
    encoding: BufferEncoding = 'utf8',
  ): CommandRun {
    return spawnSync(process.execPath, [COMMAND, ...args], { cwd: this.path, encoding, input });
  }

  /** The command's arguments as a shell reads them, with redirections and pipes behind. */
  shell(line: string): CommandRun {
    return spawnSync('sh', ['-c', `"$0" "$1" ${line}`, process.execPath, COMMAND], {
      cwd: this.path,
      encoding: 'utf8',
      input: '',
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

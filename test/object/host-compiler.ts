/** Object files by the host's compiler and assemblers, where there are any. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Made = { readonly bytes: Uint8Array } | { readonly why: string };

export const sources = fileURLToPath(new URL('./sources/', import.meta.url));

/** `command` gets `arguments`, then `-o` and a file's name; `input` goes to its standard input. */
export function makeObject(command: string, args: readonly string[], input = ''): Made {
  const directory = mkdtempSync(join(tmpdir(), 'mayexec-'));
  try {
    const target = join(directory, 'made.o');
    const done = spawnSync(command, [...args, '-o', target], { encoding: 'utf8', input });
    if (done.error !== undefined) return { why: `${command} is not installed` };
    if (done.status !== 0) {
      return { why: `${command} ${args.join(' ')} fails: ${done.stderr.split('\n')[0]}` };
    }
    return { bytes: new Uint8Array(readFileSync(target)) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

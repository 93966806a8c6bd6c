/** Another commit of this repository, built in a folder of its own beside the working tree's. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Builds `commit` below `root`/.cache/against, unless it is built already, and returns its folder. */
export function builtCommit(root: string, commit: string): { folder: string; name: string } {
  const git = (...args: string[]): string => output(root, 'git', args);
  const sha = git('rev-parse', '--verify', `${commit}^{commit}`).trim();
  const name = git('log', '-1', '--format=%h %s', sha).trim();
  const folder = join(root, '.cache/against', sha);
  if (existsSync(join(folder, 'dist/types'))) return { folder, name };
  process.stderr.write(`building ${name}\n`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  output(root, 'sh', ['-c', `git archive ${sha} | tar -x -C '${folder}'`]);
  // The same dependencies need not be installed twice.
  const lock = (of: string): string => readFileSync(join(of, 'package-lock.json'), 'utf8');
  if (lock(folder) === lock(root)) {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  }
  output(folder, process.execPath, ['build.mjs']);
  return { folder, name };
}

function output(cwd: string, command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed\n${stderr}`);
  return stdout;
}

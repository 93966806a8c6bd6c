/**
 * One run of a program in a sandbox of its own, which is closed when it has ended; and the options of a run
 * where nothing stands in the program's way.
 */
import { MayexecError } from '../../base/errors.js';
import type { SandboxOptions } from '../../sandbox/options.js';
import { Sandbox } from '../../sandbox/sandbox.js';
import type { FinishedRun } from './outcome-class.js';

/**
 * Runs a program to its end, for `classify` to compare. With `entry`, a label of the program, that
 * is called as a function instead.
 * @throws MayexecError as Sandbox.create does, and for a label that the program has not.
 */
export async function finishedRun(options: SandboxOptions, entry?: string): Promise<FinishedRun> {
  using sandbox = await Sandbox.create(options);
  const address = entry === undefined ? undefined : sandbox.symbols.get(entry);
  if (entry !== undefined && address === undefined) {
    throw new MayexecError(`the program has no label '${entry}' to call`);
  }
  const outcome = address === undefined ? sandbox.run() : sandbox.call(address);
  return { outcome, trace: [...sandbox.trace], stdout: sandbox.stdout.slice() };
}

/** For a run to compare with: no policy, no failed calls, and no mount that forbids execution. */
export function unhindered(options: SandboxOptions): SandboxOptions {
  const mounts = Object.entries(options.mounts ?? {}).map(([path, given]) => [
    path,
    given.filter((option) => option !== 'noexec'),
  ]);
  return { ...options, policy: 'none', inject: undefined, mounts: Object.fromEntries(mounts) };
}

/** One run of a program in a sandbox of its own, which is closed when it has ended. */
import { MayexecError } from '../abi/errors.js';
import { Sandbox } from '../sandbox.js';
import type { SandboxOptions } from '../sandbox-options.js';
import type { FinishedRun } from '../scenario/outcome-class.js';

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

/**
 * One run of a program in a sandbox of its own, which is closed when it has ended; and the options of a run
 * where nothing stands in the program's way.
 */

import { checkFunction, checkRecord, checkText } from '../../base/arguments.js';
import { MayexecError } from '../../base/errors.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import type { Outcome } from '../../base/outcome.js';
import { checkMounts, type SandboxOptions } from '../../sandbox/options.js';
import { Sandbox } from '../../sandbox/sandbox.js';
import type { FinishedRun } from './outcome-class.js';

/** A run with what it took. */
export interface MeasuredRun extends FinishedRun {
  readonly blocks: number;
}

export interface RunHooks {
  /**
   * Asked when a program (not a function) has met its limit of blocks, with those begun so far: true lets
   * it run for as many again. Default: the limit ends the run.
   */
  readonly goesOn?: (blocks: number) => boolean;
  /** Shown the sandbox before it is closed. */
  readonly ended?: (sandbox: Sandbox, outcome: Outcome) => void;
}

const HOOKS: OptionNames<RunHooks> = { goesOn: true, ended: true };

/**
 * Runs a program to its end, for `classify` to compare. With `entry`, a label of the program, that
 * is called as a function instead.
 * @throws MayexecError as Sandbox.create does, and for a label that the program has not.
 */
export async function finishedRun(
  options: SandboxOptions,
  entry?: string,
  hooks: RunHooks = {},
): Promise<MeasuredRun> {
  if (entry !== undefined) checkText('finishedRun: the label', entry);
  checkOptionNames('finishedRun', hooks, HOOKS);
  const { goesOn = () => false, ended } = hooks;
  checkFunction('goesOn', goesOn);
  checkFunction('ended', ended);
  using sandbox = await Sandbox.create(options);
  const address = entry === undefined ? undefined : sandbox.symbols.get(entry);
  if (entry !== undefined && address === undefined) {
    throw new MayexecError(`the program has no label '${entry}' to call`);
  }
  let outcome = address === undefined ? sandbox.run() : sandbox.call(address);
  // One that begins no block any more sleeps for ever.
  for (let before = -1; before < sandbox.blocks; ) {
    before = sandbox.blocks;
    if (address !== undefined || !isOutOfBlocks(outcome) || !goesOn(before)) break;
    outcome = sandbox.run();
  }
  ended?.(sandbox, outcome);
  const { blocks, trace, stdout } = sandbox;
  return { outcome, trace: [...trace], stdout: stdout.slice(), blocks };
}

function isOutOfBlocks(outcome: Outcome): boolean {
  return outcome.kind === 'limit' && outcome.limit === 'blocks';
}

/** For a run to compare with: no policy, no failed calls, and no mount that forbids execution. */
export function unhindered(options: SandboxOptions): SandboxOptions {
  checkRecord('unhindered: the options', options, 'an object of options of Sandbox.create');
  checkMounts(options.mounts);
  const mounts = Object.entries(options.mounts ?? {}).map(([path, given]) => [
    path,
    given.filter((option) => option !== 'noexec'),
  ]);
  // What stands in a kernel's way is its own page tables.
  const policy = options.os === 'kernel' ? options.policy : 'none';
  return { ...options, policy, inject: undefined, mounts: Object.fromEntries(mounts) };
}

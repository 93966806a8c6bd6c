/** A worker of `mayexec test` and `mayexec matrix`: takes a file at a time, sends back what came of it. */
import { parentPort } from 'node:worker_threads';
import {
  type FileReport,
  type MatrixRow,
  matrixRows,
  runScenario,
  ScenarioError,
} from '../../index.js';
import { includeFor } from '../host/include.js';
import { prepareForShortRuns } from '../host/short-runs.js';
import { loadPolicies, type PolicyFile } from '../program/policy-file.js';

export interface FileTask {
  readonly id: number;
  readonly file: string;
  readonly text: string;
  /** Of `test`: names or specs of the runs wanted. */
  readonly only?: readonly string[] | undefined;
  /** Of `matrix`: its columns. */
  readonly policies?: readonly string[] | undefined;
  /** `-I`. */
  readonly folders?: readonly string[];
  /** `--policy-file`: a function cannot be sent to a worker, which loads it itself. */
  readonly policyFiles?: readonly PolicyFile[];
}

export type Answer =
  | { readonly id: number; readonly report: FileReport }
  | { readonly id: number; readonly rows: readonly MatrixRow[] }
  | { readonly id: number; readonly mistake: string }
  | { readonly id: number; readonly error: string };

export async function perform(task: FileTask): Promise<Answer> {
  const { id, file, text, only, policies, folders, policyFiles = [] } = task;
  try {
    const ownPolicies = await loadPolicies(policyFiles);
    const options = { file, include: includeFor(file, folders), ownPolicies };
    if (policies !== undefined)
      return { id, rows: await matrixRows(text, { ...options, policies }) };
    const wanted = only === undefined ? options : { ...options, only };
    return { id, report: await runScenario(text, wanted) };
  } catch (error) {
    if (error instanceof ScenarioError) return { id, mistake: error.message };
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

if (parentPort !== null) prepareForShortRuns();
parentPort?.on('message', async (task: FileTask) => {
  parentPort?.postMessage(await perform(task));
});

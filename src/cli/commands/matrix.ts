/** `mayexec matrix`: what each scenario comes to under each policy, and which rule decided. */
import {
  type MatrixRow,
  matrixHtml,
  ownPoliciesOf,
  type Policy,
  policySystems,
  Sandbox,
  withOwnPolicies,
} from '../../index.js';
import { type Command, type Given, UsageError } from '../arguments.js';
import { readText, writeOutput } from '../host/file.js';
import { INCLUDE_OPTION } from '../host/include.js';
import { scenarioFiles } from '../lessons/files.js';
import { isMerge, MERGE_OPTION, mergedRows, SHARD_OPTION, shardOf } from '../lessons/shard.js';
import type { FileTask } from '../lessons/worker.js';
import { loadPolicies, POLICY_FILE_DETAILS, POLICY_FILE_OPTION } from '../program/policy-file.js';
import { allPolicies, splitSpecs } from '../program/policy-list.js';
import { toJson } from '../report/json.js';
import { matrixTable } from '../report/matrix-table.js';
import { stdout } from '../terminal/output.js';
import { terminalOf } from '../terminal/terminal.js';
import { hostOf, jobsOf, performWithProgress } from './test.js';

export const matrix: Command = {
  name: 'matrix',
  summary: 'print the outcome of every scenario under every policy, and the rule that decided',
  usage: '[FILES...] [OPTIONS]',
  options: [
    {
      name: 'policies',
      value: 'A,B',
      help: 'policy specs; default: each policy that governs one of them, as it is by default',
    },
    INCLUDE_OPTION,
    POLICY_FILE_OPTION,
    { name: 'jobs', value: 'N', help: 'files at a time; default: one for each processor' },
    { name: 'json', help: 'print one JSON array instead of a table' },
    { name: 'html', value: 'FILE', help: 'write the table to an HTML file as well' },
    SHARD_OPTION,
    MERGE_OPTION,
  ],
  details: [
    'FILES are scenarios (.md, .s) or folders of them; default scenarios/. Every program of a file runs',
    'under every policy. Outcomes: works, falls back (same output, but an execution was refused), errors',
    '(refused, orderly end), crashes, and - where the policy governs programs of another system. A number',
    'leads to the rule below the table. On a terminal that is too narrow, policies are letters and outcomes',
    'are marks, explained below the table.',
    '',
    ...POLICY_FILE_DETAILS,
  ].join('\n'),
  examples: [
    'mayexec matrix',
    'mayexec matrix scenarios/jits/unpacker.md --policies nx,mdwe --html matrix.html',
  ],
  run: runMatrix,
};

/** What makes no sense where nothing runs. */
const RUNNING = ['policies', 'include', 'policy-file', 'jobs', 'shard'];

async function runMatrix(given: Given): Promise<number> {
  if (isMerge(given, RUNNING)) {
    const { rows, policies } = mergedRows(given.positionals);
    const byItself = policies.join() === allPolicies().join();
    return print(given, byItself ? applicable(rows, policies) : { rows, policies });
  }
  const chosen = splitSpecs(given.values.get('policies'));
  const columns = chosen ?? allPolicies();
  const host = hostOf(given);
  await checkPolicies(columns, await loadPolicies(host.policyFiles ?? []));
  const files = shardOf(given, scenarioFiles(given.positionals));
  const tasks = files.map(
    (file, id): FileTask => ({ id, file, text: readText(file), policies: columns, ...host }),
  );
  const answers = await performWithProgress(tasks, jobsOf(given));
  const mistakes = answers.flatMap((answer) =>
    'mistake' in answer
      ? [answer.mistake]
      : 'error' in answer
        ? [`${files[answer.id]}: ${answer.error}`]
        : [],
  );
  if (mistakes.length > 0)
    throw new UsageError(
      'matrix: mistakes in scenarios',
      mistakes.flatMap((text) => text.split('\n')),
    );
  const found = answers.flatMap((answer) => ('rows' in answer ? answer.rows : []));
  // Shards have the same columns, whichever programs they have.
  const all = chosen !== undefined || given.values.has('shard');
  return print(given, all ? { rows: found, policies: columns } : applicable(found, columns));
}

function print(given: Given, { rows, policies }: ReturnType<typeof applicable>): number {
  const html = given.values.get('html');
  if (html !== undefined) writeOutput(html, matrixHtml(rows, policies));
  if (given.switches.has('json')) stdout.lines([toJson(rows)]);
  else stdout.lines(matrixTable(rows, policies, terminalOf(stdout.stream)));
  return 0;
}

/** Without the policies that govern none of the programs. */
function applicable(
  rows: readonly MatrixRow[],
  policies: readonly string[],
): { readonly rows: readonly MatrixRow[]; readonly policies: readonly string[] } {
  const isUsed = (_: unknown, column: number): boolean =>
    rows.some(({ cells }) => cells[column]?.outcome !== '-');
  return {
    rows: rows.map((row) => ({ ...row, cells: row.cells.filter(isUsed) })),
    policies: policies.filter(isUsed),
  };
}

/** A wrong spec is a mistake on the command line, not one of each file. */
async function checkPolicies(policies: readonly string[], own: readonly Policy[]): Promise<void> {
  const byName = ownPoliciesOf(own);
  for (const spec of policies) {
    const [os] = policySystems(spec);
    (await Sandbox.create({ policy: withOwnPolicies(spec, byName), os })).close();
  }
}

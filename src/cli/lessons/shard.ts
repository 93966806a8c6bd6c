/** `--shard K/N` and `--merge`: the files spread over several machines, and their reports put together again. */
import {
  exitStatusOf,
  type FileReport,
  jsonReport,
  type MatrixRow,
  MayexecError,
  matrixHtml,
} from '../../index.js';
import { type Given, UsageError } from '../arguments.js';
import { readText } from '../host/file.js';

export const SHARD_OPTION = {
  name: 'shard',
  value: 'K/N',
  help: 'only every N-th file, from the K-th on: 1/3, 2/3 and 3/3 are all',
} as const;
export const MERGE_OPTION = {
  name: 'merge',
  help: 'FILES are JSON reports of shards: print them as one, and run nothing',
} as const;

/** Every N-th: files that take long are often neighbours. @throws UsageError for what is no shard. */
export function shardOf(given: Given, files: readonly string[]): readonly string[] {
  const text = given.values.get('shard');
  if (text === undefined) return files;
  const [, part, parts] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
  const [k, n] = [Number(part), Number(parts)];
  if (part === undefined || k < 1 || k > n) {
    throw new UsageError(`--shard is '${text}': expected K/N, such as 1/3, with K from 1 to N`);
  }
  return files.filter((_, index) => index % n === k - 1);
}

/** Are the files given reports? @throws UsageError when something was to run as well, or nothing is given. */
export function isMerge(given: Given, others: readonly string[]): boolean {
  if (!given.switches.has('merge')) return false;
  const other = others.find((name) => given.values.has(name) || given.switches.has(name));
  if (other !== undefined) throw new UsageError(`--merge runs nothing: it takes no --${other}`);
  if (given.positionals.length === 0) {
    throw new UsageError('--merge: expected the JSON reports to put together');
  }
  return true;
}

/** Of `mayexec test --reporter json`, in the order of the scenarios' names. */
export function mergedReports(files: readonly string[]): FileReport[] {
  const all = files.flatMap((file) => {
    const found = parsed(file) as { files?: unknown };
    const reports = (typeof found === 'object' ? found?.files : undefined) as FileReport[];
    judge(file, 'mayexec test --reporter json', () => {
      exitStatusOf(reports);
      jsonReport(reports);
    });
    return reports;
  });
  return inOrder(all);
}

/** Of `mayexec matrix --json`; every one has the same columns. */
export function mergedRows(files: readonly string[]): { rows: MatrixRow[]; policies: string[] } {
  const all = files.flatMap((file) => {
    const rows = parsed(file) as MatrixRow[];
    judge(file, 'mayexec matrix --json', () => {
      matrixHtml(rows, []);
    });
    return rows.map((row) => ({ file, row }));
  });
  const columns = (row: MatrixRow): string[] => row.cells.map(({ policy }) => String(policy));
  const [first] = all;
  const policies = first === undefined ? [] : columns(first.row);
  const other = all.find(({ row }) => columns(row).join() !== policies.join());
  if (other !== undefined) {
    throw new UsageError(
      `${other.file} has other policies than ${first!.file}: expected shards of one matrix`,
    );
  }
  return { rows: inOrder(all.map(({ row }) => row)), policies };
}

function inOrder<T extends { readonly file: string }>(all: readonly T[]): T[] {
  return all.toSorted((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
}

function parsed(file: string): unknown {
  const text = readText(file);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file}: is no JSON: ${error instanceof Error ? error.message : error}`);
  }
}

/** The reports' own checks say what is wrong. */
function judge(file: string, command: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof MayexecError)) throw error;
    throw new UsageError(`${file}: is no report of ${command}: ${error.message}`);
  }
}

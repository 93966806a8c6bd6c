/**
 * The answers of test/win32/oracle/probe.c, as real Wine 8.0 gave them, and as Windows is documented to differ: files
 * of lines `case | result | error | query`. A case may occur several times: the key of a line has its number.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('./oracle/', import.meta.url));

/** Lines that say where things lie, and how many cases there were, are of one run. */
const OF_THE_RUN = /^(map |layout |# \d+ cases|environment )/;

export function recording(name: string): string {
  return readFileSync(`${FOLDER}${name}.txt`, 'utf8');
}

export function probeSource(): string {
  return readFileSync(`${FOLDER}probe.c`, 'utf8');
}

/** Lines by key, without those of the run. */
export function answers(text: string): Map<string, string> {
  const counts = new Map<string, number>();
  const found = new Map<string, string>();
  for (const line of text.replaceAll('\r', '').split('\n')) {
    if (line === '' || line.startsWith('#') || OF_THE_RUN.test(line)) continue;
    const name = line.split(' | ')[0]!;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    found.set(count === 1 ? name : `${name} (${count})`, line);
  }
  return found;
}

/** Differences that are expected: lines `key => line`, or `key =>` for one that must not come. */
export function differences(name: string): Map<string, string> {
  const lines = recording(name)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [key = '', value = ''] = line.split(/ =>(?: |$)/);
      return [key, value];
    }),
  );
}

export interface Comparison {
  readonly equal: number;
  readonly all: number;
  /** Lines `key => line` of what was not as recorded. */
  readonly differing: readonly string[];
}

export function compare(
  recorded: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): Comparison {
  const keys = [...new Set([...recorded.keys(), ...found.keys()])];
  const differing = keys
    .filter((key) => recorded.get(key) !== found.get(key))
    .map((key) => `${key} => ${found.get(key) ?? ''}`.trimEnd());
  return { equal: keys.length - differing.length, all: keys.length, differing };
}

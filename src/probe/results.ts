/**
 * The results of a probe: a header, a line for each experiment, a count at the end. What is wrong with
 * a text is said in sentences; what it holds all the same is still read.
 *
 *   mayexec-probe 1 x86-64 Linux 6.18.0 x86_64
 *   anon-rw-rx mprotect:r-x EACCES
 *   heap-run run SIGSEGV SEGV_ACCERR
 *   anon-rwx ok
 *   mdwe-own ok 1
 *   end 4
 */

import type { Arch } from '../base/address.js';
import { checkText, isRecord, wrongArgument } from '../base/arguments.js';
import { listed, MayexecError } from '../base/errors.js';
import { shorten } from '../base/text.js';
import { type ProbedSystem, probeExperiments } from './experiments.js';

export const FORMAT_NAME = 'mayexec-probe';
export const FORMAT_VERSION = 1;

export interface ProbeResults {
  readonly arch: Arch;
  /** As uname gives it: system, release, machine. 'Windows' or 'Wine' with its version from the probe for these. */
  readonly system: string;
  readonly release: string;
  readonly machine: string;
  /**
   * By experiment, in the order of the lines: `ok`, `ok VALUE`, or the step that failed and how: `mprotect:r-x EACCES`,
   * `run SIGSEGV SEGV_ACCERR`; of Windows and Wine `VirtualProtect:RX 5` and `run C0000005 8`.
   */
  readonly outcomes: ReadonlyMap<string, string>;
  /** What is wrong with the text; empty when it is whole and of this version. */
  readonly problems: readonly string[];
}

/** One outcome, taken apart. */
export type ProbeOutcome =
  | { readonly kind: 'ok'; readonly value?: number }
  | {
      readonly kind: 'errno' | 'signal' | 'mismatch';
      readonly step: string;
      readonly what: string;
    };

const HEADER = new RegExp(`^${FORMAT_NAME} (\\d+) (x86-64|i386) (\\S+) (\\S+) (\\S+)$`);
const OUTCOME =
  /^([\w-]+) (ok(?: \d+)?|\S+ (?:no|missing|killed|E[A-Z0-9]+|[CE8][0-9A-F]{7}(?: \d+)?|\d+|SIG[A-Z0-9]+(?: (?:[A-Z]+_[A-Z]+|\d+))?))$/;
const END = /^end (\d+)$/;
/** Where Wine does not start the probe there is no more than its own line. */
const NOT_STARTED = /^wine: failed to load .*: ([0-9a-f]{8})$/;
/** Behind it nothing comes: Wine did not start the probe, or it was killed. */
const LAST = /^(?:load \S+|run killed)$/;
/** What kills the process of the probe for Windows leaves a line without a result, and nothing after it. */
const UNFINISHED = /^([\w-]+)$/;

/** A probe of all experiments prints some kilobytes; there may be others' output before it. */
const LONGEST_TEXT = 1 << 20;
/** Beyond them the rest are counted. */
const MOST_PROBLEMS = 20;

/**
 * Reads the output of a probe; what stands before its header is passed over.
 * @throws MayexecError for a text without a header.
 */
export function parseProbe(text: string): ProbeResults {
  checkText('the output of a probe', text);
  if (text.length > LONGEST_TEXT) {
    throw new MayexecError(
      `not the output of a probe: ${text.length} characters, where at most ${LONGEST_TEXT} are expected`,
    );
  }
  const lines = text.split('\n').map((line) => line.trim());
  const start = lines.findIndex((line) => HEADER.test(line));
  if (start === -1) {
    const refused = lines.map((line) => NOT_STARTED.exec(line)).find((match) => match !== null);
    if (refused != null) return notStarted('x86-64', refused[1]!.toUpperCase());
    throw new MayexecError(
      `not the output of a probe: no line such as '${FORMAT_NAME} ${FORMAT_VERSION} x86-64 Linux 6.18.0 x86_64'`,
    );
  }
  const [, version = '', arch, system = '', release = '', machine = ''] = HEADER.exec(
    lines[start]!,
  )!;
  const reader = new ResultReader(arch as Arch, systemOf({ system }));
  if (Number(version) !== FORMAT_VERSION) {
    reader.problems.push(
      `format ${shorten(version)}: this mayexec knows format ${FORMAT_VERSION}, and reads what it can`,
    );
  }
  const rest = lines.slice(start + 1).map((line, index) => [line, start + index + 2] as const);
  for (const [line, number] of rest) if (line !== '') reader.line(line, number);
  reader.finish();
  const { outcomes } = reader;
  const problems = reader.listed();
  return { arch: arch as Arch, system, release, machine, outcomes, problems };
}

/** Which probe printed it. */
export function systemOf({ system }: Pick<ProbeResults, 'system'>): ProbedSystem {
  if (system === 'Windows') return 'windows';
  return system === 'Wine' ? 'wine' : 'linux';
}

/**
 * Wine did not start the probe: with a status, or silently. A text that has only Wine's line does not say for which
 * architecture: what keeps Wine from starting does so on both.
 */
export function notStarted(arch: Arch, status = 'no'): ProbeResults {
  const outcomes = new Map([['start', `load ${status}`]]);
  return { arch, system: 'Wine', release: '-', machine: '-', outcomes, problems: [] };
}

class ResultReader {
  readonly outcomes = new Map<string, string>();
  readonly problems: string[] = [];
  readonly #known: ReadonlySet<string>;
  readonly #unknown: string[] = [];
  readonly #system: ProbedSystem;
  #count: number | undefined;
  #lines = 0;

  constructor(arch: Arch, system: ProbedSystem) {
    this.#system = system;
    this.#known = new Set(probeExperiments(arch, system).map(({ name }) => name));
  }

  line(line: string, number: number): void {
    const end = END.exec(line);
    if (end !== null) {
      this.#count = Number(end[1]);
      return;
    }
    const unfinished = this.#system === 'linux' ? null : UNFINISHED.exec(line);
    if (unfinished !== null && this.#known.has(unfinished[1]!)) {
      this.#keep(unfinished[1]!, 'run killed', number);
      return;
    }
    const [, name = '', outcome = ''] = OUTCOME.exec(line) ?? [];
    if (name === '') {
      this.problems.push(`line ${number}: '${shorten(line)}' is no result of an experiment`);
      return;
    }
    this.#lines++;
    if (!this.#known.has(name)) this.#unknown.push(name);
    else this.#keep(name, outcome, number);
  }

  #keep(name: string, outcome: string, number: number): void {
    const before = this.outcomes.get(name);
    if (before === undefined) this.outcomes.set(name, outcome);
    else if (before !== outcome) {
      this.problems.push(
        `line ${number}: ${name} is '${shorten(outcome)}', and was '${before}' before: the first counts`,
      );
    }
  }

  /** The first problems, and how many more there are. */
  listed(): string[] {
    const more = this.problems.length - MOST_PROBLEMS;
    const first = this.problems.slice(0, MOST_PROBLEMS).map((problem) => shorten(problem, 1000));
    return more > 0 ? [...first, `and ${more} more`] : first;
  }

  finish(): void {
    if ([...this.outcomes.values()].some((outcome) => LAST.test(outcome))) return;
    if (this.#count === undefined) {
      this.problems.push(`cut off: no closing line 'end ${this.#lines}'`);
    } else if (this.#count !== this.#lines) {
      this.problems.push(
        `incomplete: ${this.#lines} results, and the probe counted ${this.#count}`,
      );
    }
    if (this.#unknown.length > 0) {
      this.problems.push(`from another version: unknown experiments ${listed(this.#unknown)}`);
    }
    const missing = [...this.#known].filter((name) => !this.outcomes.has(name));
    if (missing.length > 0) {
      this.problems.push(`${missing.length} of ${this.#known.size} experiments are missing`);
    }
  }
}

/** An exception of Windows is shown as one, and so is the end of the process. */
const SIGNAL = /^(?:SIG|killed$|[CE8][0-9A-F]{7}$)/;

/** `ok`, `ok 3`, `run SIGSEGV SEGV_ACCERR` and the like. */
export function outcomeOf(text: string): ProbeOutcome {
  checkText('the outcome', text);
  const [first = '', second = '', ...code] = text.split(' ');
  if (first === 'ok') return second === '' ? { kind: 'ok' } : { kind: 'ok', value: Number(second) };
  const what = [second, ...code].join(' ');
  const kind = second === 'no' ? 'mismatch' : SIGNAL.test(second) ? 'signal' : 'errno';
  return { kind, step: first, what };
}

/** @throws MayexecError for what `parseProbe` never gives. */
export function checkResults(results: unknown): void {
  if (isRecord(results) && results.outcomes instanceof Map && typeof results.arch === 'string')
    return;
  throw wrongArgument('the results', results, 'what parseProbe or runProbe gives');
}

/** The text that a probe would have printed. */
export function formatProbe(results: ProbeResults): string {
  checkResults(results);
  const { arch, system, release, machine, outcomes } = results;
  const lines = [...outcomes].map(([name, outcome]) => `${name} ${outcome}`);
  const header = `${FORMAT_NAME} ${FORMAT_VERSION} ${arch} ${system} ${release} ${machine}`;
  return `${[header, ...lines, `end ${lines.length}`].join('\n')}\n`;
}

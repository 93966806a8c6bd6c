/** The programs of a scenario: code without directives on its own lines, and what is expected of them. */
import { MayexecError, unknownValue } from '../../base/errors.js';
import type { GuestOs } from '../../sandbox/worlds.js';
import { directiveStart, parseCheck, splitRuns } from './directive.js';
import type { Expectation, ScenarioProgram } from './scenario.js';
import type { Problems } from './scenario-error.js';
import { checkParts } from './size.js';

/** A stretch of source lines. `words` are those of the fence. */
export interface CodeBlock {
  readonly words: readonly string[];
  /** Line of the first line of content. */
  readonly first: number;
  readonly content: readonly string[];
}

interface OpenProgram {
  readonly name: string;
  readonly line: number;
  readonly source: string[];
  readonly directives: { readonly line: number; readonly column: number; readonly text: string }[];
  readonly xattrs: Map<string, string>;
  under: readonly string[] | undefined;
}

/** `lineCount` is that of the file. */
export function programsOf(
  blocks: readonly CodeBlock[],
  lineCount: number,
  runs: readonly string[],
  problems: Problems,
): ScenarioProgram[] {
  const names = new Set(blocks.map(({ words: [name = ''] }) => name));
  checkParts(names.size, runs.length, problems);
  const open = new Map<string, OpenProgram>();
  for (const block of blocks) {
    const { name, attributes } = fenceWords(block, problems);
    const program = open.get(name) ?? newProgram(name, block.first, lineCount);
    open.set(name, program);
    for (const attribute of attributes) setAttribute(program, attribute, block, runs, problems);
    addLines(program, block, problems);
  }
  return [...open.values()].map((program) => finish(program, runs, problems));
}

/** Elsewhere an expectation of a kind that is not looked for would always fail, and `never` would hold of everything. */
export function checkFindings(
  programs: readonly ScenarioProgram[],
  os: GuestOs,
  problems: Problems,
): void {
  if (os === 'linux') return;
  for (const { check, position } of programs.flatMap(({ expectations }) => expectations)) {
    if (check.kind !== 'finding' || check.finding !== 'executed-after-write') continue;
    const message = `'executed-after-write' is looked for in programs of linux only, and these are of ${os}`;
    problems.add(position.line, position.column, message);
  }
}

function newProgram(name: string, line: number, lineCount: number): OpenProgram {
  const source = Array.from({ length: lineCount }, () => '');
  return { name, line, source, directives: [], xattrs: new Map(), under: undefined };
}

function fenceWords(
  { words, first }: CodeBlock,
  problems: Problems,
): { name: string; attributes: readonly string[] } {
  const [head = ''] = words;
  if (head === '' || head.includes(':')) return { name: 'main', attributes: words };
  if (!/^[A-Za-z][\w-]*$/.test(head)) {
    problems.add(first - 1, 1, `'${head}' is no name of a program: letters, digits, - and _`);
  }
  return { name: head, attributes: words.slice(1) };
}

function setAttribute(
  program: OpenProgram,
  attribute: string,
  { first }: CodeBlock,
  runs: readonly string[],
  problems: Problems,
): void {
  problems.attempt(first - 1, 1, () => {
    const [, key = '', value = ''] = /^(\w+):(.*)$/.exec(attribute) ?? [undefined, attribute];
    if (key === 'under') {
      program.under = value.split(',');
      for (const run of program.under) checkRun(run, runs);
    } else if (key === 'xattr') {
      const [, name, text] = /^([^=]+)=(.*)$/.exec(value) ?? [];
      if (name === undefined || text === undefined) {
        throw new MayexecError(`'${attribute}': expected xattr:NAME=VALUE`);
      }
      program.xattrs.set(name, text);
    } else {
      throw unknownValue('word after the name of the program', key, ['under', 'xattr']);
    }
  });
}

function checkRun(run: string, known: readonly string[]): void {
  if (!known.includes(run)) throw unknownValue('run', run, known);
}

function addLines(program: OpenProgram, { first, content }: CodeBlock, problems: Problems): void {
  for (const [index, text] of content.entries()) {
    const line = first + index;
    const start = directiveStart(text);
    program.source[line - 1] = start === -1 ? text : text.slice(0, start);
    if (start !== -1) {
      program.directives.push({ line, column: start + 3, text: text.slice(start + 2) });
    } else if (/(#|\/\/|; )@\s*\w/.test(text)) {
      const column = text.search(/(#|\/\/|; )@/) + 1;
      problems.add(line, column, "a directive begins with ';@'", text.slice(column - 1).trim());
    }
  }
}

function finish(program: OpenProgram, all: readonly string[], problems: Problems): ScenarioProgram {
  const { name, line, source, directives, under } = program;
  const xattrs = Object.fromEntries(program.xattrs);
  const runs = under === undefined ? all : all.filter((run) => under.includes(run));
  const position = { file: problems.file, line, column: 1 };
  const read = directives.map((directive) => expectationOf(directive, runs, problems));
  const expectations = read.filter((each) => each !== undefined);
  // Where a directive could not be read, the ending may be the very one that is missing.
  if (read.length === expectations.length) {
    for (const { at, message } of endingProblems(name, line, expectations, runs)) {
      problems.add(at, 1, message);
    }
  }
  return { name, source: source.join('\n'), expectations, xattrs, runs, position };
}

function expectationOf(
  { line, column, text }: OpenProgram['directives'][number],
  all: readonly string[],
  problems: Problems,
): Expectation | undefined {
  const { runs, rest, skipped } = splitRuns(text);
  const known = problems.attempt(line, column, () => {
    for (const run of runs ?? []) checkRun(run, all);
    return true;
  });
  const parsed = problems.attempt(line, column + skipped, () =>
    parseCheck(rest, problems.ownPolicies),
  );
  if (known === undefined || parsed === undefined) return undefined;
  const position = { file: problems.file, line, column: column + skipped };
  return { ...parsed, text: rest, position, runs: runs ?? all, anchor: undefined };
}

function endingProblems(
  program: string,
  line: number,
  expectations: readonly Expectation[],
  runs: readonly string[],
): { at: number; message: string }[] {
  if (expectations.length === 0) {
    return [
      {
        at: line,
        message: `program '${program}' has no expectations: a scenario says what happens, with ;@`,
      },
    ];
  }
  return runs.flatMap((run) => {
    const endings = expectations.filter(
      (each) => each.check.kind === 'end' && each.runs.includes(run),
    );
    if (endings.length === 1) return [];
    return endings.length === 0
      ? [
          {
            at: line,
            message: `run '${run}' of program '${program}' has no ending: ;@ ${run}: exited 0`,
          },
        ]
      : [{ at: endings[1]!.position.line, message: `run '${run}' has two endings` }];
  });
}

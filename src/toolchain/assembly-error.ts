/** AssemblyError: all that is wrong with a source, each with its place, its text and what to do. */
import { MayexecError } from '../base/errors.js';
import { shorten } from '../base/text.js';

/** Where a statement stands. Lines and columns count from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface AssemblyProblem extends SourcePosition {
  /** The offending text: a name, an operand or the whole statement. */
  readonly text: string;
  readonly message: string;
  /** What it has in common with those that follow from it; without it, message and text. */
  readonly kind?: string;
  /** Further ones of its kind, which are not listed. */
  readonly more?: number;
}

/** Problems beyond this number are counted, not listed: they are rarely causes. */
const LISTED = 20;

export class AssemblyError extends MayexecError {
  override readonly name = 'AssemblyError';
  readonly problems: readonly AssemblyProblem[];

  constructor(problems: readonly AssemblyProblem[]) {
    const sorted = firstOfEachKind(problems);
    super(problemList(sorted));
    this.problems = sorted;
  }
}

/** A line each; of very many the first. */
export function problemList(problems: readonly AssemblyProblem[]): string {
  const more = problems.length > LISTED ? [`and ${problems.length - LISTED} more`] : [];
  return [...problems.slice(0, LISTED).map(problemLine), ...more].join('\n');
}

/** `jit.s:3:5: unknown mnemonic 'mvo'; did you mean 'mov'?: mvo eax, 1` */
export function problemLine({ file, line, column, message, text, more }: AssemblyProblem): string {
  const where = `${shorten(file, MOST_NAME)}:${line}:${column}: ${shorten(message, MOST_MESSAGE)}`;
  const isSaid = text === '' || message.includes(`'${text}'`);
  const whole = isSaid ? where : `${where}: ${shorten(text)}`;
  return more === undefined ? whole : `${whole} (and ${more} more of this kind)`;
}

const MOST_NAME = 4096;
const MOST_MESSAGE = 500;

/** By place. A name that is not known is not known wherever it stands: one line says so, with the number of the others. */
export function firstOfEachKind(problems: readonly AssemblyProblem[]): AssemblyProblem[] {
  const kinds = new Map<string, AssemblyProblem[]>();
  for (const problem of [...problems].sort(byPlace)) {
    const { file, message, text, kind = `${file}\0${message}\0${text}` } = problem;
    const same = kinds.get(kind);
    if (same === undefined) kinds.set(kind, [problem]);
    else same.push(problem);
  }
  return [...kinds.values()].map(([first, ...rest]) => {
    const more = rest.reduce((sum, each) => sum + 1 + (each.more ?? 0), first?.more ?? 0);
    return more === 0 ? first! : { ...first!, more };
  });
}

/** Thrown while one statement is read; who reads the statements gives it its place and goes on. */
export class StatementError extends Error {
  /** Offset into the statement's text. */
  readonly offset: number;
  /** The offending part, when it is not the whole statement. */
  readonly part: string | undefined;
  /** See AssemblyProblem. */
  readonly kind: string | undefined;

  constructor(message: string, offset = 0, part?: string, kind?: string) {
    super(message);
    this.offset = offset;
    this.part = part;
    this.kind = kind;
  }
}

/** Order of files is the order in which they were read, so only places within a file are compared. */
function byPlace(a: AssemblyProblem, b: AssemblyProblem): number {
  return a.file === b.file ? a.line - b.line || a.column - b.column : 0;
}

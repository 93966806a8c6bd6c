/** AssemblyError: all that is wrong with a source, each with its place, its text and what to do. */
import { MayexecError } from '../base/errors.js';

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
}

/** Problems beyond this number are counted, not listed: they are rarely causes. */
const LISTED = 20;

export class AssemblyError extends MayexecError {
  override readonly name = 'AssemblyError';
  readonly problems: readonly AssemblyProblem[];

  constructor(problems: readonly AssemblyProblem[]) {
    const sorted = [...problems].sort(byPlace);
    const more = sorted.length > LISTED ? [`and ${sorted.length - LISTED} more`] : [];
    super([...sorted.slice(0, LISTED).map(problemLine), ...more].join('\n'));
    this.problems = sorted;
  }
}

/** `jit.s:3:5: unknown mnemonic 'mvo'; did you mean 'mov'?: mvo eax, 1` */
export function problemLine({ file, line, column, message, text }: AssemblyProblem): string {
  const where = `${file}:${line}:${column}: ${message}`;
  return text === '' ? where : `${where}: ${text}`;
}

/** Thrown while one statement is read; who reads the statements gives it its place and goes on. */
export class StatementError extends Error {
  /** Offset into the statement's text. */
  readonly offset: number;
  /** The offending part, when it is not the whole statement. */
  readonly part: string | undefined;

  constructor(message: string, offset = 0, part?: string) {
    super(message);
    this.offset = offset;
    this.part = part;
  }
}

/** Order of files is the order in which they were read, so only places within a file are compared. */
function byPlace(a: AssemblyProblem, b: AssemblyProblem): number {
  return a.file === b.file ? a.line - b.line || a.column - b.column : 0;
}

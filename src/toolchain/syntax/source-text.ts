/**
 * Cuts an assembly source into statements: comments go, strings stay whole, `;` separates.
 *
 * Comments are `# …`, `// …` and `/* … *\/`, as GNU as has them on x86. What `;` means differs between
 * assemblers: a separator here (`mov eax, 1001; ret`), a comment when asked (NASM's and MASM's way).
 */
import { AssemblyError, type AssemblyProblem, StatementError } from '../assembly-error.js';
import { type AssemblyBudget, LIMITS, OverBudget } from '../budget.js';
import { stringEnd } from './tokens.js';

export interface SourceStatement {
  /** Without comment and surrounding blanks. Never empty. */
  readonly text: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Macros that this came out of, innermost first: `print, used at jit.s:12`. */
  readonly via: readonly string[];
  /** Where the outermost of these macros was used; undefined outside of macros. */
  readonly used: SourceLocation | undefined;
}

export interface SourceLocation {
  readonly file: string;
  readonly line: number;
}

export type Semicolon = 'separator' | 'comment';

/** A line with its comments blanked, and whether a block comment goes on after it. */
interface CleanLine {
  readonly text: string;
  readonly inComment: boolean;
  /** Offsets of the separators. */
  readonly cuts: readonly number[];
}

export interface SplitOptions {
  readonly file: string;
  readonly semicolon: Semicolon;
  readonly report: (problem: AssemblyProblem) => void;
  readonly budget: AssemblyBudget;
}

export function splitSource(
  source: string,
  { file, semicolon, report, budget }: SplitOptions,
): SourceStatement[] {
  const statements: SourceStatement[] = [];
  let inComment = false;
  let line = 0;
  for (const raw of linesOf(source)) {
    line++;
    try {
      budget.checkLine(raw.length);
      const clean = cleanLine(raw, inComment, semicolon);
      inComment = clean.inComment;
      addStatements(clean, (text, column) => {
        statements.push({ text, file, line, column, via: [], used: undefined });
      });
      if (statements.length > LIMITS.statements) budget.spend('statements', statements.length);
    } catch (error) {
      const place = { file, line, text: raw.trim() };
      if (error instanceof OverBudget) {
        throw new AssemblyError([{ ...place, column: 1, message: error.message }]);
      }
      if (!(error instanceof StatementError)) throw error;
      const { message, offset } = error;
      report({ ...place, column: offset + 1, message });
    }
  }
  return statements;
}

/** One after the other: millions of empty lines need no room. */
function* linesOf(source: string): Generator<string> {
  const end = /\r\n|\n|\r/g;
  let start = 0;
  for (let match = end.exec(source); match !== null; match = end.exec(source)) {
    yield source.slice(start, match.index);
    start = end.lastIndex;
  }
  yield source.slice(start);
}

function addStatements(
  { text, cuts }: CleanLine,
  add: (text: string, column: number) => void,
): void {
  let start = 0;
  for (const end of [...cuts, text.length]) {
    const part = text.slice(start, end);
    const trimmed = part.trim();
    if (trimmed !== '') add(trimmed, start + part.indexOf(trimmed[0]!) + 1);
    start = end + 1;
  }
}

/** Comments become blanks, so that columns stay true. */
function cleanLine(raw: string, startsInComment: boolean, semicolon: Semicolon): CleanLine {
  let text = '';
  let inComment = startsInComment;
  const cuts: number[] = [];
  for (let i = 0; i < raw.length; ) {
    if (inComment) {
      const end = raw.indexOf('*/', i);
      const next = end < 0 ? raw.length : end + 2;
      text += ' '.repeat(next - i);
      inComment = end < 0;
      i = next;
      continue;
    }
    const char = raw[i]!;
    if (startsComment(raw, i, semicolon)) break;
    if (raw.startsWith('/*', i)) {
      inComment = true;
      text += '  ';
      i += 2;
      continue;
    }
    if (char === ';') cuts.push(i);
    const next = char === '"' || char === "'" ? stringEnd(raw, i) : i + 1;
    text += raw.slice(i, next);
    i = next;
  }
  return { text, inComment, cuts };
}

function startsComment(raw: string, index: number, semicolon: Semicolon): boolean {
  const char = raw[index];
  return char === '#' || raw.startsWith('//', index) || (char === ';' && semicolon === 'comment');
}

/** Preprocessor: `.include`, macros, repetition and conditions. Hands every other statement on. */
import { MayexecError } from '../../base/errors.js';
import { shorten } from '../../base/text.js';
import { AssemblyError, StatementError } from '../assembly-error.js';
import { type ProgramBuilder, problemOf } from '../encode/builder.js';
import { type BlockReader, findBlockEnd } from './blocks.js';
import { expandMacro, type Macro, parseMacro, substitute } from './macro.js';
import { type Semicolon, type SourceStatement, splitSource } from './source-text.js';

/** The text of a file, or undefined when there is none. A MayexecError says why it may not be had. */
export type Include = (path: string) => string | undefined;

export interface PreprocessOptions {
  readonly builder: ProgramBuilder;
  readonly include: Include;
  readonly semicolon: Semicolon;
  /** Takes a statement that is no business of the preprocessor. */
  readonly statement: (statement: SourceStatement) => void;
}

const MOST_REPETITIONS = 1_000_000n;

/** State of one `.if`. */
interface Condition {
  readonly opened: SourceStatement;
  /** Whether statements around it count. */
  readonly outer: boolean;
  /** Whether a branch was taken. */
  taken: boolean;
  active: boolean;
  elseSeen: boolean;
}

export class Preprocessor {
  readonly #options: PreprocessOptions;
  readonly #macros = new Map<string, Macro>();
  readonly #counter = { value: 0 };
  #depth = 0;

  constructor(options: PreprocessOptions) {
    this.#options = options;
  }

  source(text: string, file: string): void {
    const { semicolon, builder } = this.#options;
    builder.budget.spend('source', text.length);
    this.#run(
      splitSource(text, { file, semicolon, report: builder.report, budget: builder.budget }),
    );
  }

  #run(statements: readonly SourceStatement[]): void {
    const { budget } = this.#options.builder;
    budget.checkDepth(this.#depth);
    // One for the use or the repetition itself: its body may be empty.
    budget.spend('statements', statements.length + 1);
    const conditions: Condition[] = [];
    const block: BlockReader = { statements, next: 0 };
    this.#depth++;
    while (block.next < statements.length) {
      const statement = statements[block.next++]!;
      this.#options.builder.guarded(statement, () => this.#one(statement, block, conditions));
    }
    this.#depth--;
    for (const { opened } of conditions) {
      this.#options.builder.report(problemOf(new StatementError('.if without .endif'), opened));
    }
  }

  #one(statement: SourceStatement, block: BlockReader, conditions: Condition[]): void {
    const { word, rest } = firstWord(statement.text);
    if (isCondition(word)) {
      this.#condition(word, rest, statement, conditions);
      return;
    }
    if (conditions.at(-1)?.active === false) return;
    const unlabelled = this.#labels(statement);
    if (unlabelled !== statement) {
      if (unlabelled === undefined) return;
      this.#options.builder.guarded(unlabelled, () => this.#one(unlabelled, block, conditions));
      return;
    }
    switch (word) {
      case '.include':
        this.#include(rest, statement.file);
        return;
      case '.macro':
        this.#define(rest, findBlockEnd(block, statement, ['.macro'], '.endm'));
        return;
      case '.rept':
      case '.irp':
        this.#repeat(word, rest, findBlockEnd(block, statement, ['.rept', '.irp'], '.endr'));
        return;
      default:
        this.#other(word, rest, statement);
    }
  }

  /** Defines the labels that the statement begins with. What follows them; undefined when nothing does. */
  #labels(statement: SourceStatement): SourceStatement | undefined {
    let rest = statement;
    for (let label = labelOf(rest.text); label !== null; label = labelOf(rest.text)) {
      const [prefix, name = ''] = label;
      this.#options.builder.label(name);
      const text = rest.text.slice(prefix.length);
      const trimmed = text.trimStart();
      if (trimmed === '') return undefined;
      const column = rest.column + prefix.length + (text.length - trimmed.length);
      rest = { ...rest, text: trimmed, column };
    }
    return rest;
  }

  #other(word: string, rest: string, statement: SourceStatement): void {
    const macro = this.#macros.get(word);
    if (macro === undefined) {
      this.#options.statement(statement);
      return;
    }
    const { budget } = this.#options.builder;
    this.#run(expandMacro(macro, rest, { statement, counter: this.#counter, budget }));
  }

  #include(rest: string, from: string): void {
    const path = /^"([^"]+)"$/.exec(rest)?.[1];
    if (path === undefined) throw new StatementError('.include takes a file name in quotes');
    // As a C compiler: beside the including file first, then where the host looks.
    let refused: MayexecError | undefined;
    for (const candidate of [beside(from, path), path]) {
      try {
        const text = this.#options.include(candidate);
        if (text === undefined) continue;
        this.source(text, candidate);
        return;
      } catch (error) {
        if (!(error instanceof MayexecError) || error instanceof AssemblyError) throw error;
        refused ??= error;
      }
    }
    throw new StatementError(refused?.message ?? `'${shorten(path)}' cannot be found`, 0, path);
  }

  #define(rest: string, body: readonly SourceStatement[]): void {
    const macro = parseMacro(rest, body);
    this.#macros.set(macro.name.toLowerCase(), macro);
  }

  #repeat(word: string, rest: string, body: readonly SourceStatement[]): void {
    if (word === '.rept') {
      const count = this.#options.builder.constantOf(rest);
      if (count > MOST_REPETITIONS) throw new StatementError(`${count} repetitions are too many`);
      for (let i = 0n; i < count; i++) this.#run(body);
      return;
    }
    const [name = '', ...values] = rest.split(',').map((part) => part.trim());
    const { budget } = this.#options.builder;
    for (const value of values) {
      const values = new Map([[name, value]]);
      this.#run(body.map((each) => ({ ...each, text: substitute(each.text, values, budget) })));
    }
  }

  #condition(word: string, rest: string, opened: SourceStatement, stack: Condition[]): void {
    if (word.startsWith('.if')) {
      const outer = stack.at(-1)?.active ?? true;
      const active = outer && this.#holds(word, rest);
      stack.push({ opened, outer, taken: active, active, elseSeen: false });
      return;
    }
    const top = stack.at(-1);
    if (top === undefined || (top.elseSeen && word !== '.endif')) {
      throw new StatementError(`${word} without .if`);
    }
    if (word === '.endif') {
      stack.pop();
      return;
    }
    top.elseSeen = word === '.else';
    top.active = top.outer && !top.taken && (word === '.else' || this.#holds('.if', rest));
    top.taken ||= top.active;
  }

  #holds(word: string, rest: string): boolean {
    const { builder } = this.#options;
    if (word === '.ifdef') return builder.symbols.has(rest);
    if (word === '.ifndef' || word === '.ifnotdef') return !builder.symbols.has(rest);
    if (word === '.ifb') return rest === '';
    if (word === '.ifnb') return rest !== '';
    const value = builder.constantOf(rest);
    if (word === '.ifeq') return value === 0n;
    return value !== 0n;
  }
}

function labelOf(text: string): RegExpExecArray | null {
  return /^([A-Za-z_.?@][\w.$?@]*|\d+)\s*:/.exec(text);
}

const CONDITIONS = new Set(
  '.if .ifne .ifeq .ifdef .ifndef .ifnotdef .ifb .ifnb .elseif .else .endif'.split(' '),
);

function isCondition(word: string): boolean {
  return CONDITIONS.has(word);
}

export function firstWord(text: string): { word: string; rest: string } {
  const word = /^\S+/.exec(text)?.[0] ?? '';
  return { word: word.toLowerCase(), rest: text.slice(word.length).trim() };
}

/** `lib/x.inc` beside `asm/x86-64/jit.s` is `asm/x86-64/lib/x.inc`; `..` is resolved. */
function beside(file: string, path: string): string {
  const parts = [...file.split('/').slice(0, -1), ...path.split('/')];
  const resolved: string[] = [];
  for (const part of parts) {
    if (part === '..' && resolved.length > 0 && resolved.at(-1) !== '..') resolved.pop();
    else if (part !== '.') resolved.push(part);
  }
  return resolved.join('/');
}

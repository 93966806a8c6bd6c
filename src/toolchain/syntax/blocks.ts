/** Finds the end of `.macro … .endm` and `.rept … .endr`. */
import { StatementError } from '../assembly-error.js';
import type { SourceStatement } from './source-text.js';

/** A place in a list of statements. */
export interface BlockReader {
  readonly statements: readonly SourceStatement[];
  next: number;
}

/** The statements up to the matching end, which is passed over too. */
export function findBlockEnd(
  block: BlockReader,
  opened: SourceStatement,
  openers: readonly string[],
  closer: string,
): SourceStatement[] {
  const body: SourceStatement[] = [];
  let depth = 1;
  while (block.next < block.statements.length) {
    const statement = block.statements[block.next++]!;
    const word = /^\S+/.exec(statement.text)?.[0].toLowerCase() ?? '';
    if (openers.includes(word)) depth++;
    if (word === closer && --depth === 0) return body;
    body.push(statement);
  }
  throw new StatementError(`${/^\S+/.exec(opened.text)?.[0]} without ${closer}`);
}

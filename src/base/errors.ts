import { checkText, checkTextList, shownValue } from './arguments.js';
import { MayexecError } from './mayexec-error.js';
import { shorten } from './text.js';

export { MayexecError };

/** A program that cannot be started. `reason` follows the name that the user knows it by. */
export class ProgramError extends MayexecError {
  override readonly name = 'ProgramError';
  readonly reason: string;

  /** @param path Where the guest would see it. */
  constructor(path: string, reason: string) {
    super(`cannot execute '${path}': ${reason}`);
    this.reason = reason;
  }
}

/** A bug of ours: an assertion about our own state that does not hold. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Nobody misspells a longer name by a letter or two. */
const LONGEST_NAME = 64;
/** Cells of all the tables of one search together: a few milliseconds. What a source defines may be many names. */
const MOST_CELLS = 500_000;

/**
 * The spelling among `known` nearest to `value` (Levenshtein distance of at most 1 + length / 3); else one that it
 * abbreviates ('regs': registers), if any. It is a hint: long names get none, and of very many names only the
 * first are looked at.
 */
export function nearest(value: string, known: Iterable<string>): string | undefined {
  if (value.length > LONGEST_NAME) return undefined;
  const wanted = value.toLowerCase();
  let best: string | undefined;
  let bestDistance = 2 + Math.floor(wanted.length / 3);
  let longer: string | undefined;
  let cells = 0;
  for (const name of known) {
    if (longer === undefined && abbreviates(wanted, name.toLowerCase())) longer = name;
    cells += name.length;
    // Each letter more or less is one step.
    if (Math.abs(name.length - wanted.length) >= bestDistance) continue;
    cells += name.length * wanted.length;
    if (cells > MOST_CELLS) break;
    const distance = editDistance(wanted, name.toLowerCase());
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best ?? longer;
}

/** Three letters or more and two fifths of the name, the first the same, each in its order. */
function abbreviates(short: string, name: string): boolean {
  if (short.length < Math.max(3, 0.4 * name.length) || short[0] !== name[0]) return false;
  let at = 0;
  for (const letter of name) if (letter === short[at]) at++;
  return at === short.length;
}

/** `unknown policy 'slinux': expected one of none, nx, selinux; did you mean 'selinux'?` */
export function unknownValue(what: string, value: unknown, known: readonly string[]): MayexecError {
  checkText('what is unknown', what);
  checkTextList('the names that are known', known);
  const guess = typeof value === 'string' ? nearest(value, known) : undefined;
  const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
  const shown = typeof value === 'object' ? shownValue(value) : `'${shorten(String(value))}'`;
  return new MayexecError(`unknown ${what} ${shown}: expected one of ${listed(known)}${hint}`);
}

/** More than anybody reads: names that a source defines. */
const MOST_LISTED = 200;

/** For messages. */
export function listed(known: readonly string[]): string {
  const more = known.length - MOST_LISTED;
  const names = known.slice(0, MOST_LISTED).join(', ');
  return more > 0 ? `${names} and ${more} more` : names;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}

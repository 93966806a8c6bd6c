/**
 * What one assembly may cost. A source may be anybody's: a few lines can ask for endless repetition, for a
 * file of no end or for values that double at every step. Each kind of growth is counted over the whole
 * assembly, and the statement that goes beyond ends it.
 */

export const LIMITS = {
  /** Characters of the source and of what it includes, each time that it is included. */
  source: 16 << 20,
  /** Characters of one line, and of one statement that a macro makes. */
  line: 1 << 20,
  /** Characters that macros and repetitions make. */
  expansion: 32 << 20,
  /** Statements read, repetitions and uses of macros. */
  statements: 1_000_000,
  /** Names, numbers and marks in them. */
  tokens: 4_000_000,
  /** Files, macros and repetitions within each other. */
  depth: 64,
  /** Parts of expressions that are worked out, each time that they are. */
  evaluation: 10_000_000,
  /** Bytes of code and data in one round. */
  image: 64 << 20,
  sections: 1000,
} as const;

type Counted = Exclude<keyof typeof LIMITS, 'line' | 'depth'>;

const WHAT: Readonly<Record<Counted, string>> = {
  source: `the source and what it includes have more than ${LIMITS.source} characters`,
  expansion: `macros and repetitions make more than ${LIMITS.expansion} characters`,
  statements: `files, macros and repetitions make more than ${LIMITS.statements} statements`,
  tokens: `the source has more than ${LIMITS.tokens} names, numbers and marks`,
  evaluation: `its expressions take more than ${LIMITS.evaluation} steps`,
  image: `more than ${LIMITS.image} bytes of code and data`,
  sections: `more than ${LIMITS.sections} sections`,
};

/** Ends the assembly: there is no sense in reading on. */
export class OverBudget extends Error {
  override readonly name = 'OverBudget';
}

/** Counts for one assembly. */
export class AssemblyBudget {
  readonly #spent: Record<Counted, number> = {
    source: 0,
    expansion: 0,
    statements: 0,
    tokens: 0,
    evaluation: 0,
    image: 0,
    sections: 0,
  };

  /** @throws OverBudget */
  spend(what: Counted, amount = 1): void {
    this.#spent[what] += amount;
    if (this.#spent[what] > LIMITS[what]) throw new OverBudget(WHAT[what]);
  }

  /** A round of layout makes the image anew. */
  startRound(): void {
    this.#spent.image = 0;
  }

  /** @throws OverBudget for a line or a statement that is too long to be one. */
  checkLine(length: number): void {
    if (length > LIMITS.line) {
      throw new OverBudget(`a statement has more than ${LIMITS.line} characters`);
    }
  }

  /** @throws OverBudget */
  checkDepth(depth: number): void {
    if (depth >= LIMITS.depth) {
      throw new OverBudget(
        `files, macros and repetitions nest too deeply: more than ${LIMITS.depth}`,
      );
    }
  }
}

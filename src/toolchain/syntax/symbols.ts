/**
 * Names of one assembly: labels, numbered local labels, `.equ` symbols, built-in constants.
 *
 * A label may be used before it is defined, an `.equ` too. One that is assigned several times means
 * at each use its last assignment above. What a source defines hides a built-in constant.
 */
import { nearest } from '../../base/errors.js';
import { StatementError } from '../assembly-error.js';
import type { AssemblyBudget } from '../budget.js';
import {
  constantValue,
  evaluateLinear,
  evaluateNumber,
  type LinearValue,
  type Names,
} from './evaluate.js';
import { type Expression, heightOf } from './expression.js';

/** Where a name is used: which statement it is in the order of reading, and where that comes to lie. */
export interface Site {
  readonly sequence: number;
  readonly here: LinearValue;
}

interface Assignment {
  readonly site: Site;
  readonly value: Expression;
}

interface LocalLabel {
  readonly sequence: number;
  readonly place: LinearValue;
}

/** An `.equ` of an `.equ` of …, and all the operators within each other on the way. */
const DEEPEST = 100;
const HIGHEST = 1000;
/** Of one name: `x2 = x1 + x1`, `x3 = x2 + x2` and so on double with each. */
const MOST_STEPS = 1_000_000;

export class AssemblySymbols {
  readonly labels = new Map<string, LinearValue>();
  readonly #assignments = new Map<string, Assignment[]>();
  readonly #locals = new Map<string, LocalLabel[]>();
  readonly #constants: ReadonlyMap<string, bigint>;
  readonly #budget: AssemblyBudget;
  /** What is being worked out, one for the sake of the other. */
  readonly #path = new Set<Assignment>();
  #height = 0;
  /** Of the name that is being worked out for its own sake. */
  #steps = 0;

  constructor(constants: ReadonlyMap<string, bigint>, budget: AssemblyBudget) {
    this.#constants = constants;
    this.#budget = budget;
  }

  defineLabel(name: string, { sequence, here }: Site): void {
    if (/^\d+$/.test(name)) {
      const known = this.#locals.get(name) ?? [];
      known.push({ sequence, place: here });
      this.#locals.set(name, known);
      return;
    }
    if (this.labels.has(name) || this.#assignments.has(name)) {
      // What is included twice has all its names twice.
      throw new StatementError(`'${name}' is defined twice`, 0, name, 'defined twice');
    }
    this.labels.set(name, here);
  }

  assign(name: string, value: Expression, site: Site): void {
    if (this.labels.has(name)) throw new StatementError(`'${name}' is a label already`, 0, name);
    const known = this.#assignments.get(name) ?? [];
    known.push({ site, value });
    this.#assignments.set(name, known);
  }

  /** For `.ifdef`: what the source has defined so far, and built-in constants. */
  has(name: string): boolean {
    return this.labels.has(name) || this.#assignments.has(name) || this.#constants.has(name);
  }

  names(site: Site, addressOf: (anchor: number) => bigint): Names {
    return {
      linear: (name, offset) => this.#linear(name, offset, site, addressOf),
      number: (name, offset) => this.#number(name, offset, site, addressOf),
      spend: (steps) => this.#spend(steps),
    };
  }

  #linear(
    name: string,
    offset: number,
    site: Site,
    addressOf: (anchor: number) => bigint,
  ): LinearValue | undefined {
    const assigned = this.#assigned(name, site);
    if (assigned === undefined) return this.#place(name, offset, site);
    return this.#guarded(name, offset, assigned, () =>
      evaluateLinear(assigned.value, this.names(assigned.site, addressOf)),
    );
  }

  #number(name: string, offset: number, site: Site, addressOf: (anchor: number) => bigint): bigint {
    const assigned = this.#assigned(name, site);
    if (assigned !== undefined) {
      return this.#guarded(name, offset, assigned, () =>
        evaluateNumber(assigned.value, this.names(assigned.site, addressOf)),
      );
    }
    const { constant, anchors } = this.#place(name, offset, site);
    let sum = constant;
    for (const [anchor, factor] of anchors) sum += factor * addressOf(anchor);
    return sum;
  }

  #spend(steps: number): void {
    this.#budget.spend('evaluation', steps);
    this.#steps += steps;
    if (this.#path.size > 0 && this.#steps > MOST_STEPS) {
      throw new StatementError(`this value takes more than ${MOST_STEPS} steps to work out`);
    }
  }

  #guarded<T>(name: string, offset: number, assigned: Assignment, evaluate: () => T): T {
    if (this.#path.has(assigned)) {
      throw new StatementError(`'${name}' is defined by itself`, offset, name);
    }
    const height = heightOf(assigned.value) + 1;
    if (this.#path.size >= DEEPEST || this.#height + height > HIGHEST) {
      throw new StatementError(`'${name}' stands on too many other names`, offset, name);
    }
    if (this.#path.size === 0) this.#steps = 0;
    this.#path.add(assigned);
    this.#height += height;
    try {
      return evaluate();
    } catch (error) {
      // Places in the statements that assign mean nothing in the one that uses.
      if (!(error instanceof StatementError)) throw error;
      throw new StatementError(error.message, offset, error.part, error.kind);
    } finally {
      this.#path.delete(assigned);
      this.#height -= height;
    }
  }

  #assigned(name: string, site: Site): Assignment | undefined {
    const all = this.#assignments.get(name) ?? this.#assignments.get(name.replace(/@PLT$/, ''));
    if (all === undefined) return undefined;
    return all[countBefore(all, site.sequence, (each) => each.site.sequence) - 1] ?? all[0];
  }

  #place(name: string, offset: number, site: Site): LinearValue {
    if (name === '.') return site.here;
    // A call by the PLT of what is defined here goes to it at once.
    const label = this.labels.get(name) ?? this.labels.get(name.replace(/@PLT$/, ''));
    if (label !== undefined) return label;
    const constant = this.#constants.get(name);
    if (constant !== undefined) return constantValue(constant);
    if (/^\d+[fb]$/.test(name)) return this.#local(name, offset, site);
    throw new StatementError(this.#unknown(name), offset, name);
  }

  #local(name: string, offset: number, { sequence }: Site): LinearValue {
    const all = this.#locals.get(name.slice(0, -1)) ?? [];
    const before = countBefore(all, sequence, (each) => each.sequence);
    // Each label and each statement has a sequence number of its own: none is that of the use.
    const found = all[name.endsWith('f') ? before : before - 1];
    if (found !== undefined) return found.place;
    const where = name.endsWith('f') ? 'after' : 'before';
    throw new StatementError(`no label '${name.slice(0, -1)}:' ${where} this`, offset, name);
  }

  #unknown(name: string): string {
    // As compilers name what a linker brings: puts@PLT.
    if (/@(PLT|GOT\w*)$/i.test(name)) return `unknown label or constant '${name}': ${LINK}`;
    const own = nearest(name, [...this.labels.keys(), ...this.#assignments.keys()]);
    if (own === undefined && C_LIBRARY.has(name)) {
      return `unknown label or constant '${name}': ${LINK}`;
    }
    const guess = own ?? nearest(name, this.#constants.keys());
    const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
    return `unknown label or constant '${name}'${hint}`;
  }
}

const LINK = 'for C with a library, link it and run the ELF file';

/** Functions of the C library that programs in assembly call most. */
const C_LIBRARY: ReadonlySet<string> = new Set(
  (
    'abort atoi atol calloc exit fclose feof fflush fgetc fgets fopen fprintf fputc fputs fread free fscanf fwrite ' +
    'getchar gets getenv malloc memchr memcmp memcpy memmove memset mmap mprotect munmap perror printf pthread_create ' +
    'putchar puts qsort rand realloc scanf signal sleep snprintf sprintf srand sscanf strcat strchr strcmp strcpy ' +
    'strdup strlen strncmp strncpy strrchr strstr strtol system time usleep __libc_start_main __stack_chk_fail'
  ).split(' '),
);

/** How many of a list in the order of reading come before `sequence`. */
function countBefore<T>(
  list: readonly T[],
  sequence: number,
  sequenceOf: (item: T) => number,
): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sequenceOf(list[middle]!) < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}

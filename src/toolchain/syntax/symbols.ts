/**
 * Names of one assembly: labels, numbered local labels, `.equ` symbols, built-in constants.
 *
 * A label may be used before it is defined, an `.equ` too. One that is assigned several times means
 * at each use its last assignment above. What a source defines hides a built-in constant.
 */
import { nearest } from '../../base/errors.js';
import { StatementError } from '../assembly-error.js';
import {
  constantValue,
  evaluateLinear,
  evaluateNumber,
  type LinearValue,
  type Names,
} from './evaluate.js';
import type { Expression } from './expression.js';

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

/** An `.equ` of an `.equ` of … that ends nowhere is a cycle. */
const DEEPEST = 100;

export class SymbolTable {
  readonly labels = new Map<string, LinearValue>();
  readonly #assignments = new Map<string, Assignment[]>();
  readonly #locals = new Map<string, LocalLabel[]>();
  readonly #constants: ReadonlyMap<string, bigint>;
  #depth = 0;

  constructor(constants: ReadonlyMap<string, bigint>) {
    this.#constants = constants;
  }

  defineLabel(name: string, { sequence, here }: Site): void {
    if (/^\d+$/.test(name)) {
      const known = this.#locals.get(name) ?? [];
      known.push({ sequence, place: here });
      this.#locals.set(name, known);
      return;
    }
    if (this.labels.has(name) || this.#assignments.has(name)) {
      throw new StatementError(`'${name}' is defined twice`, 0, name);
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
    return this.#guarded(name, offset, () =>
      evaluateLinear(assigned.value, this.names(assigned.site, addressOf)),
    );
  }

  #number(name: string, offset: number, site: Site, addressOf: (anchor: number) => bigint): bigint {
    const assigned = this.#assigned(name, site);
    if (assigned !== undefined) {
      return this.#guarded(name, offset, () =>
        evaluateNumber(assigned.value, this.names(assigned.site, addressOf)),
      );
    }
    const { constant, anchors } = this.#place(name, offset, site);
    let sum = constant;
    for (const [anchor, factor] of anchors) sum += factor * addressOf(anchor);
    return sum;
  }

  #guarded<T>(name: string, offset: number, evaluate: () => T): T {
    if (this.#depth >= DEEPEST) {
      throw new StatementError(`'${name}' is defined by itself`, offset, name);
    }
    this.#depth++;
    try {
      return evaluate();
    } finally {
      this.#depth--;
    }
  }

  #assigned(name: string, site: Site): Assignment | undefined {
    const all = this.#assignments.get(name);
    return all?.findLast((each) => each.site.sequence < site.sequence) ?? all?.[0];
  }

  #place(name: string, offset: number, site: Site): LinearValue {
    if (name === '.') return site.here;
    const label = this.labels.get(name);
    if (label !== undefined) return label;
    const constant = this.#constants.get(name);
    if (constant !== undefined) return constantValue(constant);
    if (/^\d+[fb]$/.test(name)) return this.#local(name, offset, site);
    throw new StatementError(this.#unknown(name), offset, name);
  }

  #local(name: string, offset: number, { sequence }: Site): LinearValue {
    const all = this.#locals.get(name.slice(0, -1)) ?? [];
    const found = name.endsWith('f')
      ? all.find((each) => each.sequence > sequence)
      : all.findLast((each) => each.sequence < sequence);
    if (found !== undefined) return found.place;
    const where = name.endsWith('f') ? 'after' : 'before';
    throw new StatementError(`no label '${name.slice(0, -1)}:' ${where} this`, offset, name);
  }

  #unknown(name: string): string {
    const own = nearest(name, [...this.labels.keys(), ...this.#assignments.keys()]);
    const guess = own ?? nearest(name, this.#constants.keys());
    const hint = guess === undefined ? '' : `; did you mean '${guess}'?`;
    return `unknown label or constant '${name}'${hint}`;
  }
}

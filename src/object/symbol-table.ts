/** Which definition a name means, over all objects that are linked: strong before weak, the first weak one counts. */
import type { Addr } from '../base/address.js';
import { listed, MayexecError, nearest } from '../base/errors.js';
import { shorten, visible } from '../base/text.js';
import type { ObjectFile, ObjectSymbol, SymbolPlace } from '../formats/object-file.js';

/** An address of the host's for a name that no object defines. */
export type Externals = Readonly<Record<string, number | bigint>>;

export interface Definition {
  readonly file: ObjectFile;
  readonly symbol: ObjectSymbol;
}

export class SymbolTable {
  readonly #globals = new Map<string, Definition>();
  readonly #externals: Externals;

  /** @throws MayexecError for a name that two objects define. */
  constructor(files: readonly ObjectFile[], externals: Externals) {
    this.#externals = externals;
    for (const file of files) for (const symbol of file.symbols) this.#define({ file, symbol });
  }

  get globals(): ReadonlyMap<string, Definition> {
    return this.#globals;
  }

  /** What `symbol` of `file` means; undefined for a name that nobody defines. */
  definitionOf(file: ObjectFile, symbol: ObjectSymbol): Definition | undefined {
    if (symbol.binding === 'local') return { file, symbol };
    return this.#globals.get(symbol.name);
  }

  externalOf(name: string): Addr | undefined {
    return Object.hasOwn(this.#externals, name) ? BigInt(this.#externals[name]!) : undefined;
  }

  /** One error for all that is missing, each name with the first place that wants it. */
  undefinedError(missing: ReadonlyMap<string, string>): MayexecError {
    const known = [...this.#globals.keys(), ...Object.keys(this.#externals)];
    const each = [...missing].slice(0, MOST_NAMED).map(([name, where]) => {
      const guess = nearest(name, known);
      return `'${shorten(name)}' (${where})${guess === undefined ? '' : `; did you mean '${guess}'?`}`;
    });
    if (missing.size > MOST_NAMED) each.push(`and ${missing.size - MOST_NAMED} more`);
    const what = missing.size === 1 ? 'undefined symbol' : `${missing.size} undefined symbols:`;
    const names = known.length === 0 ? 'nothing is defined' : `defined are ${listed(known)}`;
    return new MayexecError(`${what} ${each.join(', ')}: ${names}`);
  }

  #define(next: Definition): void {
    const { symbol } = next;
    const { name, place } = symbol;
    if (symbol.binding === 'local' || place.kind === 'undefined') return;
    const known = this.#globals.get(name);
    if (known === undefined || rank(symbol) > rank(known.symbol)) {
      this.#globals.set(name, next);
    } else if (rank(symbol) === STRONG && rank(known.symbol) === STRONG) {
      throw new MayexecError(
        visible(`symbol '${name}' is defined in ${known.file.name} and in ${next.file.name}`),
      );
    } else if (largerCommon(place, known.symbol.place)) {
      this.#globals.set(name, next);
    }
  }
}

/** Names in one message. */
const MOST_NAMED = 20;

const STRONG = 2;

/** Compare the gABI, "Symbol Table": a definition overrides common and weak ones. */
function rank({ binding, place }: ObjectSymbol): number {
  if (binding === 'weak') return 0;
  return place.kind === 'common' ? 1 : STRONG;
}

function largerCommon(place: SymbolPlace, known: SymbolPlace): boolean {
  return place.kind === 'common' && known.kind === 'common' && place.size > known.size;
}

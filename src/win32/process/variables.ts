/** Variables: the environment of a process. Names are without case, as Windows has them. */

const MAX_VARIABLES = 4096;
/** Characters of a variable, with its name. */
const MAX_LENGTH = 32_767;

export class Variables {
  #entries: string[];

  /** @param entries 'NAME=value' each. */
  constructor(entries: readonly string[]) {
    this.#entries = [...entries];
  }

  get all(): readonly string[] {
    return this.#entries;
  }

  get(name: string): string | undefined {
    const at = this.#indexOf(name);
    return at < 0 ? undefined : this.#entries[at]!.slice(name.length + 1);
  }

  /** Undefined: the variable goes. False: there is no room for it. */
  set(name: string, value: string | undefined): boolean {
    const at = this.#indexOf(name);
    if (value === undefined) {
      if (at >= 0) this.#entries.splice(at, 1);
      return true;
    }
    if (name.length + value.length >= MAX_LENGTH) return false;
    if (at >= 0) this.#entries[at] = `${name}=${value}`;
    else if (this.#entries.length >= MAX_VARIABLES) return false;
    else this.#entries.push(`${name}=${value}`);
    return true;
  }

  save(): () => void {
    const entries = [...this.#entries];
    return () => {
      this.#entries = [...entries];
    };
  }

  #indexOf(name: string): number {
    const wanted = `${name.toLowerCase()}=`;
    return this.#entries.findIndex((entry) => entry.toLowerCase().startsWith(wanted));
  }
}

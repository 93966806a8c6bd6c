/** Variables: the environment of a process. Names are without case, as Windows has them. */

const MAX_VARIABLES = 4096;
/** Characters of a variable, with its name. */
const MAX_LENGTH = 32_767;
/** Characters of all of them. */
const MAX_TOTAL = 1 << 20;

export class Variables {
  /** 'NAME=value' by the name in lower case. */
  #entries: Map<string, string>;
  #total: number;

  /** @param entries 'NAME=value' each. */
  constructor(entries: readonly string[]) {
    this.#entries = new Map();
    for (const entry of entries) {
      const key = keyOf(nameOf(entry));
      if (!this.#entries.has(key)) this.#entries.set(key, entry);
    }
    this.#total = entries.reduce((sum, { length }) => sum + length, 0);
  }

  get all(): readonly string[] {
    return [...this.#entries.values()];
  }

  get(name: string): string | undefined {
    return this.#entries.get(keyOf(name))?.slice(name.length + 1);
  }

  /** Undefined: the variable goes. False: there is no room for it. */
  set(name: string, value: string | undefined): boolean {
    const key = keyOf(name);
    const before = this.#entries.get(key);
    const left = this.#total - (before?.length ?? 0);
    if (value === undefined) {
      this.#entries.delete(key);
      this.#total = left;
      return true;
    }
    const entry = `${name}=${value}`;
    if (entry.length > MAX_LENGTH || left + entry.length > MAX_TOTAL) return false;
    if (before === undefined && this.#entries.size >= MAX_VARIABLES) return false;
    this.#entries.set(key, entry);
    this.#total = left + entry.length;
    return true;
  }

  save(): () => void {
    const [entries, total] = [new Map(this.#entries), this.#total];
    return () => {
      this.#entries = new Map(entries);
      this.#total = total;
    };
  }
}

/** A name may begin with =, as that of a drive's folder does. */
function nameOf(entry: string): string {
  const end = entry.indexOf('=', 1);
  return end < 0 ? entry : entry.slice(0, end);
}

function keyOf(name: string): string {
  return name.toLowerCase();
}

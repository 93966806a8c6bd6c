/** Descriptors: the C library's numbers for open files, and how each is read and written. */

export interface Descriptor {
  readonly handle: number;
  /** Line ends are CR LF in the file and LF in the program; Ctrl-Z ends the file. */
  text: boolean;
  /** Each write goes to the end. */
  readonly append: boolean;
  /** A byte that was read from what cannot be gone back in, and belongs to the next read. */
  carried: number | undefined;
}

/** As many as msvcrt has. */
const MAX_DESCRIPTORS = 2048;

export class Descriptors {
  #open = new Map<number, Descriptor>();

  /** The lowest free number; undefined: too many are open. */
  add(handle: number, text: boolean, append = false): number | undefined {
    for (let number = 0; number < MAX_DESCRIPTORS; number++) {
      if (this.#open.has(number)) continue;
      this.#open.set(number, { handle, text, append, carried: undefined });
      return number;
    }
    return undefined;
  }

  get(number: number): Descriptor | undefined {
    return this.#open.get(number);
  }

  /** The number means the same file as another does. */
  copy(from: Descriptor, number: number): void {
    this.#open.set(number, { ...from });
  }

  remove(number: number): Descriptor | undefined {
    const descriptor = this.#open.get(number);
    this.#open.delete(number);
    return descriptor;
  }

  save(): () => void {
    const open = new Map([...this.#open].map(([number, one]) => [number, { ...one }]));
    return () => {
      this.#open = new Map([...open].map(([number, one]) => [number, { ...one }]));
    };
  }
}

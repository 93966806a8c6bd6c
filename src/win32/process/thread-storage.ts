/** ThreadStorage: which slots of TLS and FLS are taken. The values of TLS lie in the TEB, where programs look. */

export const TLS_SLOTS = 64;
export const TLS_OUT_OF_INDEXES = 0xffff_ffff;

export class ThreadStorage {
  #used = new Set<number>();
  #fiber = new Set<number>();
  #nextFiber = 1;

  allocate(): number {
    for (let index = 0; index < TLS_SLOTS; index++) {
      if (this.#used.has(index)) continue;
      this.#used.add(index);
      return index;
    }
    return TLS_OUT_OF_INDEXES;
  }

  free(index: number): boolean {
    return this.#used.delete(index);
  }

  isUsed(index: number): boolean {
    return this.#used.has(index);
  }

  allocateFiber(): number {
    if (this.#fiber.size >= 128) return TLS_OUT_OF_INDEXES;
    const index = this.#nextFiber++;
    this.#fiber.add(index);
    return index;
  }

  freeFiber(index: number): boolean {
    return this.#fiber.delete(index);
  }

  isFiber(index: number): boolean {
    return this.#fiber.has(index);
  }

  save(): () => void {
    const used = new Set(this.#used);
    const fiber = new Set(this.#fiber);
    const next = this.#nextFiber;
    return () => {
      this.#used = new Set(used);
      this.#fiber = new Set(fiber);
      this.#nextFiber = next;
    };
  }
}

/** ThreadStorage: TLS and FLS slots of the one thread. The values of TLS lie in the TEB, where programs look. */

export const TLS_SLOTS = 64;
export const TLS_OUT_OF_INDEXES = 0xffff_ffff;

export class ThreadStorage {
  #used = new Set<number>();
  #fiber = new Map<number, bigint>();
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
    this.#fiber.set(index, 0n);
    return index;
  }

  freeFiber(index: number): boolean {
    return this.#fiber.delete(index);
  }

  fiber(index: number): bigint | undefined {
    return this.#fiber.get(index);
  }

  setFiber(index: number, value: bigint): boolean {
    if (!this.#fiber.has(index)) return false;
    this.#fiber.set(index, value);
    return true;
  }

  save(): () => void {
    const used = new Set(this.#used);
    const fiber = new Map(this.#fiber);
    const next = this.#nextFiber;
    return () => {
      this.#used = new Set(used);
      this.#fiber = new Map(fiber);
      this.#nextFiber = next;
    };
  }
}

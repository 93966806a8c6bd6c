/** What a policy may read of the kernel that runs beside the process. */
export interface KernelMemory {
  /** Eight bytes, little-endian, whatever the rights of the page; undefined where nothing is mapped. */
  word(address: bigint): bigint | undefined;
  /** Of the kernel's symbol table. */
  symbol(name: string): bigint | undefined;
}

/** Reading it met an address where nothing is mapped, or a list that has no end. */
export class BrokenData extends Error {
  readonly address: bigint;

  constructor(address: bigint) {
    super(`nothing can be read at 0x${address.toString(16)}`);
    this.address = address;
  }
}

/** @throws BrokenData where nothing is mapped. */
export function wordAt(memory: KernelMemory, address: bigint): bigint {
  const word = memory.word(BigInt.asUintN(64, address));
  if (word === undefined) throw new BrokenData(BigInt.asUintN(64, address));
  return word;
}

/** The way from a Linux process to the kernel in ring 0 beside it: what is behind its device /dev/kernel. */

/** What came of a write: bytes that were taken, or -errno; and the blocks of code that the kernel ran for it. */
export interface KernelAnswer {
  readonly value: number;
  readonly blocks: number;
}

export interface KernelDevice {
  write(bytes: Uint8Array): KernelAnswer;
}

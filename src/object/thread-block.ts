/**
 * What a thread pointer points to, as compilers expect it: the pointer itself, and the value that guards stack
 * frames (`fs:[0x28]` on x86-64, `gs:[0x14]` on i386; gcc's -fstack-protector). Thread-local variables lie below it
 * (System V ABI, AMD64 supplement, and Drepper, "ELF Handling For Thread-Local Storage": variant II).
 */
import type { Addr, Arch } from '../base/address.js';

/** Bytes from the thread pointer on. */
export const THREAD_BLOCK_BYTES = 64;

const GUARD_AT: Readonly<Record<Arch, number>> = { 'x86-64': 0x28, i386: 0x14 };
/** As the kernel's random ones, it begins with a zero byte. */
const GUARD = 0x6b63_7565_7347_ab00n;

/** The contents for a thread pointer at this address. */
export function threadBlock(arch: Arch, address: Addr): Uint8Array {
  const block = new DataView(new ArrayBuffer(THREAD_BLOCK_BYTES));
  const word = arch === 'i386' ? 4 : 8;
  const set = (at: number, value: bigint): void => {
    if (word === 8) block.setBigUint64(at, value, true);
    else block.setUint32(at, Number(BigInt.asUintN(32, value)), true);
  };
  set(0, address);
  set(2 * word, address);
  set(GUARD_AT[arch], GUARD);
  return new Uint8Array(block.buffer);
}

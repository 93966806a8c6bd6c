/** A system call as the host names it: which number that is, and with which register values. */
import { PAGE_SIZE_N } from '../../../base/address.js';
import { fail, ok, type Result } from '../../../base/result.js';
import type { SyscallArgs } from '../../../kernel/syscall.js';
import type { Abi } from '../abi.js';
import { numberOf } from './syscall-table.js';

export interface HostCall {
  readonly number: number;
  readonly args: SyscallArgs;
}

/**
 * i386's own `mmap` (90, old_mmap) takes a pointer to its six arguments. A host that names it and gives
 * the arguments themselves means what its C library would do: mmap2, whose offset counts pages.
 * @throws MayexecError for an unknown name.
 */
export function hostCall(
  abi: Abi,
  name: string | number,
  given: readonly bigint[],
): Result<HostCall> {
  const args = [...given];
  let call = name === 'old_mmap' ? 'mmap' : name;
  if (abi.arch === 'i386' && name === 'mmap' && args.length > 1) {
    const offset = args[5] ?? 0n;
    if (offset % PAGE_SIZE_N !== 0n) return fail('EINVAL');
    call = 'mmap2';
    args[5] = offset / PAGE_SIZE_N;
  }
  const bits = abi.word * 8;
  const word = (index: number): bigint => BigInt.asUintN(bits, args[index] ?? 0n);
  return ok({
    number: typeof call === 'number' ? call | 0 : numberOf(abi, call),
    args: [word(0), word(1), word(2), word(3), word(4), word(5)],
  });
}

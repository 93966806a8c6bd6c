/**
 * WineHost: the Linux process that Wine runs in, and the system calls that Wine's own code makes in it: each is judged
 * by the policies and traced as any other.
 */

import { errnoNumber } from '../../abi/linux/errno.js';
import { AT_FDCWD, O_CREAT, O_RDONLY, O_RDWR } from '../../abi/linux/fcntl.js';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_NORESERVE,
  MAP_PRIVATE,
  PROT_NONE,
} from '../../abi/linux/mman.js';
import type { Addr } from '../../base/address.js';
import type { Errno } from '../../base/errno.js';
import { cString } from '../../base/text.js';
import type { LinuxProcess } from '../../os/linux/process/linux-process.js';

/** What a call gave: the value, or the errno. */
export type HostAnswer =
  | { readonly ok: true; readonly value: bigint }
  | { readonly ok: false; readonly errno: Errno };

export const NO_FILE = -1n;

export class WineHost {
  readonly process: LinuxProcess;
  readonly #wide: boolean;
  /** Room on the Linux stack for what calls point to. */
  readonly #scratch: Addr;

  constructor(process: LinuxProcess) {
    this.process = process;
    this.#wide = process.arch === 'x86-64';
    const sp = process.registers.readRegister(this.#wide ? 'rsp' : 'esp');
    this.#scratch = (sp & ~0xfffn) - 0x1000n;
  }

  call(name: string, ...args: readonly bigint[]): HostAnswer {
    const { value, errno } = this.process.syscall(name, args, false);
    return errno === undefined ? { ok: true, value } : { ok: false, errno };
  }

  mmap(
    address: Addr,
    length: bigint,
    prot: number,
    flags: number,
    fd = NO_FILE,
    offset = 0n,
  ): HostAnswer {
    const [name, place] = this.#wide ? ['mmap', offset] : ['mmap2', offset >> 12n];
    const answer = this.call(
      name as string,
      address,
      length,
      BigInt(prot),
      BigInt(flags),
      fd,
      place as bigint,
    );
    if (!answer.ok || this.#wide) return answer;
    return { ok: true, value: BigInt.asUintN(32, answer.value) };
  }

  /** Memory of nobody's, where something is to be later. */
  reserve(address: Addr, length: bigint, replace: boolean): HostAnswer {
    const fixed = replace ? MAP_FIXED : MAP_FIXED_NOREPLACE;
    return this.mmap(
      address,
      length,
      PROT_NONE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed,
    );
  }

  mprotect(address: Addr, length: bigint, prot: number): HostAnswer {
    return this.call('mprotect', address, length, BigInt(prot));
  }

  munmap(address: Addr, length: bigint): HostAnswer {
    return this.call('munmap', address, length);
  }

  open(path: string, write = false): HostAnswer {
    const flags = write ? O_RDWR | O_CREAT : O_RDONLY;
    return this.call('openat', BigInt(AT_FDCWD), this.#text(path), BigInt(flags), 0o600n);
  }

  close(fd: bigint): void {
    this.call('close', fd);
  }

  unlink(path: string): void {
    this.call('unlink', this.#text(path));
  }

  errnoNumber(errno: Errno): number {
    return errnoNumber(errno);
  }

  /** Writes to standard error, as Wine does when it gives up. */
  complain(text: string): void {
    const bytes = cString(text);
    this.process.memory.poke(this.#scratch, bytes);
    this.call('write', 2n, this.#scratch, BigInt(bytes.length - 1));
  }

  #text(path: string): Addr {
    this.process.memory.poke(this.#scratch, cString(path));
    return this.#scratch;
  }
}

/**
 * A guest that the host drives call by call: what a strategy for making code needs. A refused call and
 * a store that faults end the strategy (Refused); the cell of the matrix is then their name.
 */

import * as mman from '../../../src/abi/linux/mman.js';
import type { Arch } from '../../../src/base/address.js';
import type { Outcome } from '../../../src/base/outcome.js';
import type { SandboxOptions } from '../../../src/sandbox/options.js';
import { Sandbox, type SyscallOutcome } from '../../../src/sandbox/sandbox.js';
import { library, type ProgramOptions, program, RETURN_42 } from './program.js';

export const R = mman.PROT_READ;
export const W = mman.PROT_WRITE;
export const X = mman.PROT_EXEC;
export const PRIVATE = mman.MAP_PRIVATE | mman.MAP_ANONYMOUS;
export const SHARED = mman.MAP_SHARED | mman.MAP_ANONYMOUS;
export const PAGE = 4096;

/** A strategy ends early: an errno, or the name of a fault. */
export class Refused extends Error {}

export type Number_ = number | bigint;

export class Guest implements Disposable {
  readonly sb: Sandbox;
  readonly arch: Arch;
  /** Free bytes for path names and the like. */
  #scratch = 0n;

  private constructor(sb: Sandbox) {
    this.sb = sb;
    this.arch = sb.arch;
  }

  static async open(
    arch: Arch,
    policy: string,
    options: ProgramOptions & { readonly sandbox?: SandboxOptions } = {},
  ): Promise<Guest> {
    const { sandbox, ...image } = options;
    const sb = await Sandbox.create({
      arch,
      policy,
      program: program(arch, image),
      mounts: { '/noexec': ['noexec'] },
      files: { '/usr/lib/libtext.so': { content: library(arch), mode: 0o755 } },
      ...sandbox,
    });
    return new Guest(sb);
  }

  /** The call's value. @throws Refused with the errno. */
  call(name: string, ...args: Number_[]): bigint {
    const result = this.try(name, ...args);
    if (result.errno !== undefined) throw new Refused(result.errno);
    return result.value;
  }

  try(name: string, ...args: Number_[]): SyscallOutcome {
    return this.sb.syscall(name, ...args);
  }

  map(length: number, prot: number, flags = PRIVATE, fd: Number_ = -1, at: Number_ = 0): bigint {
    return this.call('mmap', at, length, prot, flags, fd, 0);
  }

  protect(address: bigint, length: number, prot: number): void {
    this.call('mprotect', address, length, prot);
  }

  /** New pages at the end of the heap. */
  heap(pages: number): bigint {
    const before = this.call('brk', 0);
    const start = (before + 4095n) & ~4095n;
    const end = start + BigInt(pages * PAGE);
    if (this.call('brk', end) !== end) throw new Refused('brk');
    return start;
  }

  open(path: string, flags: number): bigint {
    return this.call('open', this.text(path), flags, 0o700);
  }

  /** An address with these bytes; does not touch the guest's own memory. */
  bytes(bytes: Uint8Array): bigint {
    // Below the stack pointer, where the program header tables of no strategy are.
    this.#scratch = (this.sb.regs[this.arch === 'x86-64' ? 'rsp' : 'esp'] ?? 0n) - 0x4000n;
    this.sb.poke(this.#scratch, bytes);
    return this.#scratch;
  }

  text(text: string): bigint {
    return this.bytes(new TextEncoder().encode(`${text}\0`));
  }

  /** Stores code as the guest would. */
  write(address: bigint, code: Uint8Array = RETURN_42): void {
    const fault = this.sb.store(address, code);
    if (fault !== null) throw new Refused(`store ${fault.code}`);
  }

  /** 'ok' when the code at `address` runs and returns 42, else the letter of the matrix. */
  run(address: bigint): string {
    return letter(this.sb.call(address));
  }

  get stackPage(): bigint {
    return (this.sb.regs[this.arch === 'x86-64' ? 'rsp' : 'esp'] ?? 0n) & ~4095n;
  }

  [Symbol.dispose](): void {
    this.sb.close();
  }
}

/** S: SIGSEGV by the page's rights, G: a general protection fault, K: SIGKILL. */
export function letter(outcome: Outcome): string {
  if (outcome.kind === 'return') return outcome.value === 42n ? 'ok' : `value ${outcome.value}`;
  if (outcome.kind !== 'signal') return outcome.kind;
  if (outcome.signal === 'SIGKILL') return 'K';
  if (outcome.signal !== 'SIGSEGV') return outcome.signal;
  return outcome.code === 'SI_KERNEL' ? 'G' : outcome.code === 'SEGV_ACCERR' ? 'S' : outcome.code;
}

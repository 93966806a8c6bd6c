/**
 * Guest: one emulated world, as a host uses it. A Linux process is one; a Windows process and a kernel in
 * ring 0 are others. Nothing above this file names an operating system: whoever has a Guest can run it, call
 * into it, look at its memory and put it back, whatever is inside. README.md tells how to write one.
 *
 * What the guest does wrong is an Outcome, a Fault or a CallAnswer, never an exception. A MayexecError is
 * thrown for what the host did wrong (an unknown name, nothing mapped at `peek`).
 */

import type { Addr, AddrRange, Arch } from '../base/address.js';
import type { Errno } from '../base/errno.js';
import type { Fault, Outcome } from '../base/outcome.js';
import type { VmaHistory } from '../memory/history.js';
import type { ListedMapping } from '../memory/mapping.js';
import type { Pause, RunRequest } from './run-control.js';

/** Memory of the guest as its first thread sees it. Addresses are those of the guest. */
export interface GuestMemory {
  /** As the guest would: the bytes, or the fault. */
  load(address: Addr, length: number): Uint8Array | Fault;
  /** As the guest would: null, or the fault; then nothing is stored. */
  store(address: Addr, bytes: Uint8Array): Fault | null;
  /** Rights are ignored. @throws MayexecError where nothing is mapped. */
  peek(address: Addr, length: number): Uint8Array;
  /** Rights are ignored. @throws MayexecError where nothing is mapped. */
  poke(address: Addr, bytes: Uint8Array): void;
}

/** Registers by their manual's lower-case name, of the thread that the host calls into. */
export interface GuestRegisters {
  readonly registers: readonly string[];
  readRegister(name: string): bigint;
  writeRegister(name: string, value: bigint): void;
}

/** A file put in from outside. */
export interface GuestFile {
  readonly content: Uint8Array;
  readonly mode?: number;
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** The code jumped to one of the `hostAddresses`. */
export interface HostEntry {
  readonly kind: 'host';
  readonly address: Addr;
}

/** What a system or API call of the host's gave. */
export interface CallAnswer {
  /** What the register holds after the call, signed; -1n with `errno`. */
  readonly value: bigint;
  /** A world that answers with errnos: why it failed. */
  readonly errno?: Errno;
  /** A world that answers with status codes: the NTSTATUS, success or not, unsigned. */
  readonly status?: number;
  /** A Windows API function: the Win32 error that it set (GetLastError). */
  readonly error?: number;
}

/** Opaque; of one guest, which can go back to it any number of times until it discards it. */
export interface GuestSnapshot {
  /** The world that made it. */
  readonly os: string;
}

/** What was not kept, so that the host's memory is not filled: old lines of the log, late bytes of the output. */
export interface Dropped {
  readonly logLines: number;
  readonly stdout: number;
  readonly stderr: number;
}

export interface Guest {
  /** 'linux', ...: the world's name, as `Sandbox.create` takes it. */
  readonly os: string;
  readonly arch: Arch;
  /** Of the process that the host started. */
  readonly pid: number;
  readonly memory: GuestMemory;
  readonly registers: GuestRegisters;
  /** Where nothing can be mapped: a jump there can mean a function of the host (`enter`). */
  readonly hostAddresses: AddrRange;

  /** `resume` without a request: until the program ends or a limit ends the run; after a limit it can go on. */
  run(): Outcome;
  /**
   * Runs it as far as the request says, exact to the instruction. To pause and go on changes nothing of what the
   * program does. An outcome when it ended, or met a limit of the sandbox first.
   */
  resume(request: RunRequest): Outcome | Pause;
  /** Calls code by the platform's C convention; the stack pointer is put back when it returns. */
  call(address: Addr, args: readonly bigint[]): Outcome;
  /**
   * Runs from `address` with all registers as they are, until the code jumps to a host address or ends.
   * @param blocks at most; default the guest's limit.
   */
  enter(address: Addr, blocks?: number): Outcome | HostEntry;
  /** A system or API call as the guest would make it. Missing arguments are 0. @throws MayexecError for an unknown name. */
  syscall(nameOrNumber: string | number, args: readonly bigint[]): CallAnswer;

  /** All mappings, by address. */
  mappings(): readonly ListedMapping[];
  /** The system's own listing of its memory, as text: /proc/self/maps. */
  mapsText(): string;
  /** What created and changed the mapping that holds `address`, oldest first; empty where nothing is mapped. */
  history(address: Addr): readonly VmaHistory[];

  /** Lines that the real kernel would have printed. */
  readonly kernelLog: readonly string[];
  /** The first of what was written to each descriptor. */
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly dropped: Dropped;
  /** Labels of the program by name. */
  readonly symbols: ReadonlyMap<string, Addr>;
  /** @throws MayexecError when there is none. */
  readFile(path: string): Uint8Array;
  writeFile(path: string, file: Uint8Array | GuestFile): void;

  snapshot(): GuestSnapshot;
  restore(snapshot: GuestSnapshot): void;
  /** Gives back what only the snapshot holds; it cannot be restored afterwards. */
  discard(snapshot: GuestSnapshot): void;
  /** Gives its memory back. The engine is the host's to close. */
  close(): void;
}

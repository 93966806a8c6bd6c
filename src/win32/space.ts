/** Space: the address space of one process, as the system beneath it makes it: Windows' own, or Wine's on Linux. */
import type { NtStatus } from '../abi/windows/status.js';
import type { Addr } from '../base/address.js';
import type { Access, Outcome } from '../base/outcome.js';
import type { Cause } from '../base/verdict.js';
import type { Translate } from '../engine/engine.js';
import type { PeImage } from '../formats/pe/image.js';
import type { Saved } from '../kernel/snapshot.js';
import type { VmaHistory } from '../memory/history.js';
import type { ListedMapping } from '../memory/mapping.js';
import type { Section } from '../os/windows/memory/section.js';
import type { VirtualMemory } from '../os/windows/memory/virtual-memory.js';
import type { Mitigations } from './dep/mitigations.js';
import type { FilePages, GuestFileData } from './file-data.js';

/** A number: a table of the system's, of so many bytes. */
export type StartPart = 'stack' | 'heap' | number;

export interface SectionInit {
  /** Bytes. */
  readonly size: number;
  readonly protect: number;
  readonly reserves: boolean;
  readonly noCache: boolean;
  readonly file?: GuestFileData;
}

/** Where the system puts what every process has. Addresses that are taken are not used. */
export interface SpaceLayout {
  readonly teb: Addr;
  readonly peb: Addr;
  /** Where DLLs of the system go. */
  dllBase(name: string, size: number): Addr;
  /** Another place than the image's own; undefined: it stays there. */
  imageBase(image: PeImage): Addr | undefined;
}

export interface Space {
  readonly vm: VirtualMemory;
  readonly translate: Translate;
  /** The process as the system beneath numbers it. */
  readonly pid?: number;
  readonly mitigations: Mitigations;
  readonly layout: SpaceLayout;
  /** lpMaximumApplicationAddress. */
  readonly highestAddress: Addr;
  /** Memory of the page file, or of a file, that can be mapped as views. Undefined: no memory. */
  createSection(init: SectionInit): Section | undefined;
  /** The bytes of a section of the page file, for a child that shares them; undefined: it is too large for that. */
  sectionPages(section: Section): FilePages | undefined;
  /** The file of an image that is about to be mapped; its name as mappings show it. */
  installImage(path: string, bytes: Uint8Array): string;
  /** What is put into a new address space, in this order. */
  readonly startOrder: readonly StartPart[];
  /** A read-only view of so many bytes. */
  mapTable?(bytes: number): void;
  /** Options of the process heap. */
  readonly heapFlags: number;
  /** DEP was switched on or off. */
  rightsChanged(): void;
  /** Why an access is refused, by the policies; and how the process ends where one kills it for that. */
  judgeFault(
    address: Addr,
    access: Access,
    pc: Addr,
  ): { readonly cause: Cause | undefined; readonly killed: Outcome | undefined };
  /** True when the system has mended the fault and the access is to be tried again. */
  mend(address: Addr, access: Access): boolean;
  /** A system call that the program makes itself; undefined: the system has none that a program could make. */
  syscall?(number: number, args: readonly bigint[]): bigint;
  /** What listing the space gives. */
  mappings(): readonly ListedMapping[];
  /** The mapping that holds an address, and what became of it; undefined, and nothing, where there is none. */
  mappingAt(address: Addr): ListedMapping | undefined;
  history(address: Addr): readonly VmaHistory[];
  /** The system's own listing as text; undefined: the usual one of allocations. */
  mapsText?(): string;
  /** What the system decides when it knows the program's marks; undefined: no program. */
  begin(image: PeImage | undefined): void;
  /** 0 alwaysoff, 1 alwayson, 2 optin, 3 optout, as KUSER_SHARED_DATA has it. */
  readonly nxPolicy: number;
  /** The whole stack is committed from the start. */
  readonly commitsWholeStack: boolean;
  /** Memory for the block of another thread, where the system keeps them; undefined: anywhere. */
  mapTeb(): Addr | undefined;
  /** The memory that holds TEB and PEB. */
  mapBlocks(): void;
  /** Fixed memory of the system's own. */
  mapFixed(address: Addr, length: number, protect: number, name: string): NtStatus;
  save(): Saved;
  close(): void;
}

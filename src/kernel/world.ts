/** World: what there is to know of an operating system before a guest of it exists, and how to open one. */
import type { Arch } from '../base/address.js';
import type { CpuProfile, ProcessorChoice } from '../engine/cpu-profile.js';
import type { Engine } from '../engine/engine.js';
import type { PageWatch } from '../memory/watch.js';
import type { PolicySet } from '../policy/registry.js';
import type { TraceRecorder } from '../trace/events.js';
import type { DepOptions } from './dep-question.js';
import type { Guest, GuestFile } from './guest.js';
import type { HostTree } from './host-tree.js';
import type { FaultInterceptor, SyscallInterceptor } from './intercept.js';
import type { KernelDevice } from './kernel-device.js';
import type { KernelLog } from './log.js';

/** Kernels that a guest in ring 0 can be. */
export type KernelVersion = '6.1' | '6.12' | '7.3';

/** A program file with its command line, as the host gives it. */
export interface GuestProgram {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** Where it starts; default: the user's home. */
  readonly cwd?: string;
  /** Extended attributes of the file. */
  readonly xattrs: Readonly<Record<string, string>>;
}

/** What a sandbox was asked for; a world takes what it has a use for. */
export interface GuestOptions {
  readonly engine: Engine;
  readonly arch: Arch;
  readonly policies: PolicySet;
  /** One of the world's layouts; undefined: the default of architecture and policies. */
  readonly layout?: string;
  /** Every random choice derives from it; 0: addresses are not random. */
  readonly seed: number;
  /** The seed by which threads get the processor; undefined: round robin. */
  readonly schedule?: number;
  readonly trace: TraceRecorder;
  readonly limits: { readonly blocks: number };
  /** Of a guest in ring 0: whose decisions and words. */
  readonly kernelVersion?: KernelVersion;
  /** Undefined: a process without a program, for calls. */
  readonly program?: GuestProgram;
  /** What the guest reads from its standard input; a function is asked at the first read. */
  readonly stdin?: Uint8Array | (() => Uint8Array);
  readonly onOutput?: (fd: 1 | 2, bytes: Uint8Array) => void;
  readonly files: Readonly<Record<string, Uint8Array | GuestFile>>;
  /** Files of the host's below all of these. */
  readonly host?: HostTree;
  /** Options of mounts by path. */
  readonly mounts: Readonly<Record<string, readonly string[]>>;
  readonly protectionKeys: boolean;
  /** Kernel settings by name, of those that `settings` of the world has. */
  readonly settings: ReadonlyMap<string, number>;
  /** Limits of resources by the world's number, in bytes. */
  readonly resourceLimits: ReadonlyMap<number, bigint>;
  readonly intercept?: SyscallInterceptor;
  readonly interceptFault?: FaultInterceptor;
  /** DEP of Windows: who is exempted, and who is asked. */
  readonly dep?: DepOptions;
  /** Of a Linux process beside a kernel in ring 0: the way to that kernel. */
  readonly kernelDevice?: KernelDevice;
  /** Shared with another guest; default: one of its own. */
  readonly log?: KernelLog;
  /** Sees stores, fetches and changes of rights. */
  readonly watch?: PageWatch;
}

/** The calls that programs of a world make, for whoever fails or shows some of them. */
export interface CallNames {
  /** System calls of Linux are among them. */
  readonly linux: boolean;
  /** Functions of an API, by name. */
  readonly functions: readonly string[];
  /** Those of them that are about memory. */
  readonly memory: readonly string[];
}

export interface World {
  /** As `Sandbox.create({ os })` takes it. */
  readonly os: string;
  readonly arches: readonly Arch[];
  calls(arch: Arch): CallNames;
  /** The policy in force when the host names none. */
  readonly defaultPolicy: string;
  /** Names of address-space layouts. */
  readonly layouts: readonly string[];
  /** Kernel settings that the host may choose, with their ranges. */
  readonly settings: Readonly<Record<string, { readonly least: number; readonly most: number }>>;
  /** What may stand behind a path in the option `mounts`. */
  readonly mountOptions: readonly string[];
  /** The processor that its guests run on. */
  cpu(arch: Arch, choice: ProcessorChoice): CpuProfile;
  /** @throws MayexecError for a program that the system cannot execute. */
  open(options: GuestOptions): Guest;
}

/** What a LinuxProcess is made of. */
import type { Arch } from '../../../base/address.js';
import type { Meter } from '../../../base/meter.js';
import type { Engine } from '../../../engine/engine.js';
import type { GuestFile } from '../../../kernel/guest.js';
import type { HostTree } from '../../../kernel/host-tree.js';
import type { FaultInterceptor, SyscallInterceptor } from '../../../kernel/intercept.js';
import type { KernelDevice } from '../../../kernel/kernel-device.js';
import type { KernelLog } from '../../../kernel/log.js';
import type { PageWatch } from '../../../memory/watch.js';
import type { Policy } from '../../../policy/policy.js';
import type { TraceRecorder } from '../../../trace/events.js';
import type { Input } from '../fs/streams.js';
import type { Layout } from '../mm/placement/layout.js';
import type { Sysctls } from '../sysctl.js';
export interface LinuxProcessOptions {
  readonly engine: Engine;
  readonly arch: Arch;
  readonly policies: { readonly policies: readonly Policy[] };
  readonly layout: Layout;
  /** Random bytes that the guest asks for derive from it. */
  readonly seed: number;
  readonly trace: TraceRecorder;
  readonly limits: { readonly blocks: number };
  /** Of a guest of which this process is a part; default: one of its own. */
  readonly meter?: Meter;
  readonly stdin?: Input;
  readonly onOutput?: (fd: 1 | 2, bytes: Uint8Array) => void;
  /** Has the processor protection keys? */
  readonly protectionKeys?: boolean;
  /** Options of mounts by path. */
  readonly mounts?: Readonly<Record<string, readonly string[]>>;
  readonly files?: Readonly<Record<string, Uint8Array | GuestFile>>;
  /** Files of the host's below all of these. */
  readonly host?: HostTree;
  /** Asked at each system call of the guest. */
  readonly intercept?: SyscallInterceptor;
  readonly interceptFault?: FaultInterceptor;
  /** Kernel settings that are not the usual ones. */
  readonly sysctls?: Sysctls;
  /** The kernel in ring 0 beside it, behind /dev/kernel. */
  readonly kernelDevice?: KernelDevice;
  /** Shared with that kernel. */
  readonly log?: KernelLog;
  /** Sees stores, fetches and changes of rights of every process. */
  readonly watch?: PageWatch;
  /** The seed by which threads get the CPU; default: round robin. */
  readonly schedule?: number;
  /** RLIMIT_* by number, soft and hard, as a shell's ulimit sets them for what it starts. */
  readonly resourceLimits?: ReadonlyMap<number, bigint>;
}

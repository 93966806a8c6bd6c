/**
 * LinuxKernel: what all processes of a sandbox share. A process (Task) has its own address space,
 * descriptors and signals, and runs on the one CPU in turn.
 */
import { type Addr, type Arch, pageUp } from '../../base/address.js';
import { Meter } from '../../base/meter.js';
import type { Engine } from '../../engine/engine.js';
import { VirtualClock } from '../../kernel/clock.js';
import { Entropy } from '../../kernel/entropy.js';
import type { HostTree } from '../../kernel/host-tree.js';
import type { FaultInterceptor, SyscallInterceptor } from '../../kernel/intercept.js';
import type { KernelDevice } from '../../kernel/kernel-device.js';
import { KernelLog } from '../../kernel/log.js';
import { type Saved, saveAll, saved } from '../../kernel/snapshot.js';
import { Frames } from '../../memory/frames.js';
import { devZero } from '../../memory/objects.js';
import type { PageWatch } from '../../memory/watch.js';
import type { NewEvent, TraceRecorder } from '../../trace/events.js';
import { addKernelDevice, populateDev } from './fs/dev-tree.js';
import { type FileInit, FileSystem } from './fs/file-system.js';
import { Futexes } from './futex/futexes.js';
import type { Layout } from './mm/placement/layout.js';
import { SharedSegments } from './shm.js';
import type { Sysctls } from './sysctl.js';

export interface KernelOptions {
  /** Of every address space, before policies change it. */
  readonly layout: Layout;
  readonly engine: Engine;
  readonly arch: Arch;
  readonly seed: number;
  readonly trace: TraceRecorder;
  /** Of a guest of which this kernel is a part; default: one of its own. */
  readonly meter?: Meter;
  /** Has the processor protection keys? */
  readonly protectionKeys?: boolean;
  /** Options of mounts by path. */
  readonly mounts?: Readonly<Record<string, readonly string[]>>;
  readonly files?: Readonly<Record<string, Uint8Array | FileInit>>;
  /** Files of the host's below all of these. */
  readonly host?: HostTree;
  readonly intercept?: SyscallInterceptor;
  readonly interceptFault?: FaultInterceptor;
  readonly sysctls?: Sysctls;
  /** The kernel in ring 0 beside it, behind /dev/kernel. */
  readonly kernelDevice?: KernelDevice;
  /** Shared with that kernel. */
  readonly log?: KernelLog;
  /** Sees stores, fetches and changes of rights of every process. */
  readonly watch?: PageWatch;
}

type Unplaced<E> = E extends unknown ? Omit<E, 'pc'> : never;
export type TaskEvent = Unplaced<NewEvent>;

export class LinuxKernel {
  readonly engine: Engine;
  readonly arch: Arch;
  readonly frames: Frames;
  readonly files: FileSystem;
  readonly shm: SharedSegments;
  readonly futexes: Futexes;
  readonly layout: Layout;
  readonly protectionKeys: boolean;
  readonly clock = new VirtualClock();
  readonly entropy: Entropy;
  readonly trace: TraceRecorder;
  readonly interceptor: SyscallInterceptor | undefined;
  readonly faultInterceptor: FaultInterceptor | undefined;
  /** Settings that are not the usual ones. */
  readonly sysctls: Sysctls;
  /** 2 MiB pages that nobody has. */
  readonly hugePool: { free: number };
  readonly watch: PageWatch | undefined;
  /** Lines that the real kernel would have printed. */
  readonly log: KernelLog;
  /** What the present run has spent, and may. */
  readonly meter: Meter;
  /** Of the thread that has the CPU, where it is not the first of its process: events carry it. */
  threadId: number | undefined;
  #auditSerial = 100;
  #printed: ReadonlySet<string> = new Set();

  constructor(options: KernelOptions) {
    this.engine = options.engine;
    this.arch = options.arch;
    this.trace = options.trace;
    this.interceptor = options.intercept;
    this.faultInterceptor = options.interceptFault;
    this.sysctls = options.sysctls ?? new Map();
    this.hugePool = { free: this.sysctls.get('vm.nr_hugepages') ?? 0 };
    const floor = this.sysctls.get('vm.mmap_min_addr');
    this.layout = {
      ...options.layout,
      ...(floor === undefined ? {} : { mmapMinAddr: pageUp(BigInt(floor)) }),
    };
    this.protectionKeys = options.protectionKeys ?? false;
    this.log = options.log ?? new KernelLog();
    this.entropy = new Entropy(options.seed);
    this.meter = options.meter ?? new Meter(() => this.engine.blocks);
    this.frames = new Frames(options.engine.memory, this.meter);
    const { watch } = options;
    this.watch = watch;
    if (watch !== undefined) this.frames.freed = (frame) => watch.frameFreed(frame);
    this.files = new FileSystem(this.frames, options.host);
    this.shm = new SharedSegments(this.frames);
    this.futexes = new Futexes(this.meter);
    populateDev(this.files, devZero(this.frames), (length) => this.entropy.bytes(length));
    const { kernelDevice } = options;
    if (kernelDevice !== undefined) addKernelDevice(this.files, kernelDevice, this.meter);
    for (const [path, given] of Object.entries(options.mounts ?? {})) {
      this.files.mountAt(path, given);
    }
    for (const [path, file] of Object.entries(options.files ?? {})) this.writeFile(path, file);
  }

  writeFile(path: string, file: Uint8Array | FileInit): void {
    this.files.write(path, file instanceof Uint8Array ? { content: file } : file);
  }

  get programCounter(): Addr {
    return this.engine.readRegister(this.arch === 'x86-64' ? 'rip' : 'eip');
  }

  set programCounter(value: Addr) {
    this.engine.writeRegister(this.arch === 'x86-64' ? 'rip' : 'eip', value);
  }

  get stackPointer(): Addr {
    return this.engine.readRegister(this.arch === 'x86-64' ? 'rsp' : 'esp');
  }

  set stackPointer(value: Addr) {
    this.engine.writeRegister(this.arch === 'x86-64' ? 'rsp' : 'esp', value);
  }

  get auditSerial(): number {
    return this.#auditSerial;
  }

  /** `text` without the time stamp in front that dmesg adds. */
  print(text: string): void {
    this.log.print(text);
  }

  /** pr_warn_once() and the like. */
  printOnce(key: string, text: string): void {
    if (this.#printed.has(key)) return;
    this.#printed = new Set([...this.#printed, key]);
    this.print(text);
  }

  /** Audit records have a serial number each. */
  printPolicy(lines: readonly string[]): void {
    for (const line of lines) this.print(line);
    this.#auditSerial += lines.length;
  }

  /** The event is the trace's from then on. */
  record(event: TaskEvent): void {
    const placed = event as TaskEvent & { pc: Addr; tid?: number };
    placed.pc = this.programCounter;
    if (this.threadId !== undefined && event.type !== 'end') placed.tid = this.threadId;
    this.trace.record(placed as NewEvent);
  }

  save(): Saved {
    const files = saveAll([this.files, this.shm, this.futexes]);
    const entropy = this.entropy.save();
    const time = this.clock.nanoseconds;
    const log = this.log.save();
    const serial = this.#auditSerial;
    const printed = this.#printed;
    const hugePages = this.hugePool.free;
    return saved(() => {
      files.restore();
      entropy.restore();
      this.clock.nanoseconds = time;
      log.restore();
      this.#auditSerial = serial;
      this.#printed = printed;
      this.hugePool.free = hugePages;
    }, files.drop);
  }
}

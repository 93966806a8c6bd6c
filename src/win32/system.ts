/** Win32System: what the processes of one guest share: processor, files, output, trace, the budget of blocks. */
import type { Addr, Arch } from '../base/address.js';
import type { Meter } from '../base/meter.js';
import { Random } from '../base/random.js';
import type { Cause } from '../base/verdict.js';
import type { CpuState, Engine } from '../engine/engine.js';
import { VirtualClock } from '../kernel/clock.js';
import type { DepOptions } from '../kernel/dep-question.js';
import { Entropy } from '../kernel/entropy.js';
import type { FaultInterceptor, SyscallInterceptor } from '../kernel/intercept.js';
import type { OutputSink } from '../kernel/output.js';
import type { Stepper } from '../kernel/run-control.js';
import { Schedule } from '../kernel/schedule.js';
import type { TraceRecorder } from '../trace/events.js';
import type { GuestFiles } from './files.js';
import type { Space } from './space.js';

/** What a system is, beyond its memory. */
export interface SystemTraits {
  readonly os: 'windows' | 'wine';
  readonly version: readonly [number, number, number];
  /** Text of wine_get_version; undefined: not exported. */
  readonly wineVersion: string | undefined;
}

export interface Win32SystemInit {
  readonly engine: Engine;
  /** Counts the blocks of the engine, and the work of the system beneath as well. */
  readonly meter: Meter;
  readonly arch: Arch;
  readonly traits: SystemTraits;
  readonly files: GuestFiles;
  readonly outputs: readonly [OutputSink, OutputSink];
  readonly stdin: (length: number) => Uint8Array;
  readonly trace: TraceRecorder;
  readonly seed: number;
  /** Seed of the order of threads; undefined: round robin. */
  readonly schedule?: number | undefined;
  readonly createSpace: (system: Win32System) => Space;
  readonly intercept?: SyscallInterceptor | undefined;
  readonly interceptFault?: FaultInterceptor | undefined;
  readonly askDep?: DepOptions['ask'];
}

/** Who changes memory just now. */
export interface ApiCaller {
  readonly pid: number;
  readonly name: string;
  readonly pc: Addr;
  readonly site?: Addr;
}

/** A child process that has the processor. */
export interface RunningChild {
  readonly pid: number;
  /** The processor of the parent, as it is to be afterwards. */
  parentCpu: CpuState;
  /** Gives the processor its address space and its thread's block. */
  readonly select: () => void;
}

const MAX_LOG = 1000;
/** Blocks of a thread's turn. */
const TURN_BLOCKS = 5000;

export class Win32System {
  readonly engine: Engine;
  readonly meter: Meter;
  readonly arch: Arch;
  readonly traits: SystemTraits;
  readonly files: GuestFiles;
  readonly outputs: readonly [OutputSink, OutputSink];
  readonly stdin: (length: number) => Uint8Array;
  readonly trace: TraceRecorder;
  readonly createSpace: () => Space;
  readonly clock = new VirtualClock();
  readonly entropy: Entropy;
  /** In which order threads get the processor. */
  readonly schedule: Schedule;
  /** Undefined: addresses are not random. */
  readonly random: Random | undefined;
  /** What Windows would write to its event log, and what mayexec has to say. */
  log: string[] = [];
  droppedLines = 0;
  /** Asked at each call of the guest's. */
  readonly interceptor: SyscallInterceptor | undefined;
  readonly faultInterceptor: FaultInterceptor | undefined;
  /** The user, when DEP stops a program. */
  readonly askDep: DepOptions['ask'];
  /** The call that is under way: its process, name, return address and instruction; `exec` is the loader. */
  caller: ApiCaller = { pid: 0, name: 'exec', pc: 0n };
  /** What a policy said during the API call that is under way. */
  cause: Cause | undefined;
  /** Children that run while their parents wait, the outermost first. */
  readonly children: RunningChild[] = [];
  /** Where the run is to pause. */
  stepper: Stepper | undefined;
  /** What the meter may come to in this run: a call to the system beneath sets the meter's own limit anew. */
  #end = 0;
  #nextId = 8;

  constructor(init: Win32SystemInit) {
    this.engine = init.engine;
    this.meter = init.meter;
    this.arch = init.arch;
    this.traits = init.traits;
    this.files = init.files;
    this.outputs = init.outputs;
    this.stdin = init.stdin;
    this.trace = init.trace;
    this.entropy = new Entropy(init.seed);
    this.schedule = new Schedule(TURN_BLOCKS, init.schedule);
    this.random = init.seed === 0 ? undefined : new Random(init.seed).fork('win32 layout');
    this.interceptor = init.intercept;
    this.faultInterceptor = init.interceptFault;
    this.askDep = init.askDep;
    this.createSpace = () => init.createSpace(this);
  }

  /** Blocks, and work that counts as blocks, that this run may still take. */
  get blocksLeft(): number {
    return this.#end - this.meter.spent;
  }

  set blocksLeft(blocks: number) {
    this.#end = this.meter.spent + blocks;
    this.meter.limit = this.#end;
  }

  /** Of a process or thread. */
  nextId(): number {
    this.#nextId += 4;
    return this.#nextId;
  }

  note(line: string): void {
    if (this.log.length < MAX_LOG) this.log.push(line);
    else this.droppedLines++;
  }
}

/** Win32Process: one process: its address space, modules, handles, heaps and threads. */
import { MEM_COMMIT, MEM_RESERVE, PAGE_READWRITE } from '../../abi/windows/memory.js';
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import type { Engine } from '../../engine/engine.js';
import type { PeTls } from '../../formats/pe/directories.js';
import type { CallAnswer } from '../../kernel/guest.js';
import { allocate } from '../../os/windows/memory/allocate.js';
import { useUpGuard } from '../../os/windows/memory/guard.js';
import type { Section } from '../../os/windows/memory/section.js';
import type { HostTask } from '../calls/task.js';
import type { GuestFileData } from '../file-data.js';
import { LoadFailure } from '../loader/load-failure.js';
import type { Space } from '../space.js';
import type { Win32System } from '../system.js';
import { Descriptors } from './descriptors.js';
import type { DynamicTable } from './dynamic-tables.js';
import { Handles } from './handles.js';
import { Heaps } from './heap.js';
import { GuestMemoryIo } from './memory-io.js';
import type { Module, Modules } from './modules.js';
import {
  type CallbackFrame,
  type ConditionSleeper,
  type ThreadStack,
  Win32Thread,
} from './thread.js';
import { ThreadStorage } from './thread-storage.js';
import { Variables } from './variables.js';

/** What is above a process: how it runs, and the DLLs of the system. */
export interface ProcessPorts {
  /** Runs it until its next stop, and does what that asks for. */
  readonly step: (process: Win32Process) => HostTask<void>;
  /** Maps a DLL of the system's; undefined: it has none of that name. */
  readonly mapDll: (process: Win32Process, name: string) => Module | undefined;
  /** A call in the guest's name. @throws MayexecError for an unknown function. */
  readonly callNow: (
    process: Win32Process,
    name: string,
    args: readonly bigint[],
  ) => CallAnswer | 'no-return';
}

export interface ProcessInit {
  readonly path: string;
  readonly commandLine: string;
  readonly environment: readonly string[];
  /** It waits until this one has ended. */
  readonly parent?: Win32Process;
}

export class Win32Process {
  readonly system: Win32System;
  readonly ports: ProcessPorts;
  readonly space: Space;
  readonly memory: GuestMemoryIo;
  readonly wide: boolean;
  readonly word: 4 | 8;
  readonly pid: number;
  /** Those that have not ended, in the order of their turns. */
  threads: Win32Thread[];
  /** The one whose turn it is. */
  thread: Win32Thread;
  /** First come, first woken. */
  readonly sleepers: ConditionSleeper[] = [];
  /** Blocks of threads that have ended, for the next ones. */
  readonly freeTebs: Addr[] = [];
  /** What the meter comes to when its turn is over. */
  turnEnd = 0;
  /** As events name it: the number of the system beneath. */
  readonly tracePid: number;
  readonly path: string;
  readonly parent: Win32Process | undefined;
  /** Files in place of memory that the parent shares. */
  readonly sharedSections = new Map<Section, GuestFileData>();
  readonly commandLine: string;
  readonly variables: Variables;
  readonly handles = new Handles();
  /** Of the C library. */
  readonly descriptors = new Descriptors();
  readonly heaps: Heaps;
  readonly storage = new ThreadStorage();
  /** Set by the loader. */
  modules!: Modules;
  peb: Addr = 0n;
  vectoredHandlers: { readonly id: bigint; readonly handler: Addr }[] = [];
  unhandledFilter: Addr = 0n;
  /** Of code that the program makes. */
  functionTables: readonly DynamicTable[] = [];
  /** Functions of atexit and _onexit, in the order given. */
  atExit: Addr[] = [];
  /** Data of the C library by name, allocated at first use. */
  readonly runtimeData = new Map<string, Addr>();
  /** Static TLS of modules by their base; a module's index is its place. */
  readonly tls = new Map<Addr, PeTls>();
  /** Gates of functions that a DLL of the system does not have here. */
  readonly missing: { base: Addr; readonly names: string[] } = { base: 0n, names: [] };
  /** DLLs that are told of the process when it begins. */
  pendingAttach: readonly Module[] = [];
  lastErrorFallback = 0;
  nextCookie = 1;
  errorMode = 0;
  /** Modules that have been told that the process ends. */
  readonly detached = new Set<Addr>();

  constructor(system: Win32System, init: ProcessInit, ports: ProcessPorts) {
    this.system = system;
    this.ports = ports;
    this.space = system.createSpace();
    this.wide = system.arch === 'x86-64';
    this.word = this.wide ? 8 : 4;
    this.memory = new GuestMemoryIo(this.space.vm, this.word, system.meter);
    this.pid = system.nextId();
    this.tracePid = this.space.pid ?? this.pid;
    this.thread = new Win32Thread(system.nextId());
    this.threads = [this.thread];
    this.path = init.path;
    this.parent = init.parent;
    this.commandLine = init.commandLine;
    this.variables = new Variables(init.environment);
    this.heaps = new Heaps(this.space.vm, this.word);
  }

  get tid(): number {
    return this.thread.tid;
  }

  get teb(): Addr {
    return this.thread.teb;
  }

  set teb(value: Addr) {
    this.thread.teb = value;
  }

  get tlsArray(): Addr {
    return this.thread.tlsArray;
  }

  set tlsArray(value: Addr) {
    this.thread.tlsArray = value;
  }

  get stack(): ThreadStack {
    return this.thread.stack;
  }

  set stack(value: ThreadStack) {
    this.thread.stack = value;
  }

  get callbacks(): CallbackFrame[] {
    return this.thread.callbacks;
  }

  set callbacks(value: CallbackFrame[]) {
    this.thread.callbacks = value;
  }

  get exceptionDepth(): number {
    return this.thread.exceptionDepth;
  }

  set exceptionDepth(value: number) {
    this.thread.exceptionDepth = value;
  }

  get engine(): Engine {
    return this.system.engine;
  }

  get pc(): Addr {
    return this.engine.readRegister(this.wide ? 'rip' : 'eip');
  }

  set pc(value: Addr) {
    this.engine.writeRegister(this.wide ? 'rip' : 'eip', value);
  }

  get sp(): Addr {
    return this.engine.readRegister(this.wide ? 'rsp' : 'esp');
  }

  set sp(value: Addr) {
    this.engine.writeRegister(this.wide ? 'rsp' : 'esp', value);
  }

  get result(): bigint {
    return this.engine.readRegister(this.wide ? 'rax' : 'eax');
  }

  set result(value: bigint) {
    this.engine.writeRegister(this.wide ? 'rax' : 'eax', value);
  }

  /** GetLastError: a field of the TEB, which programs read themselves. */
  get lastError(): number {
    const bytes = this.space.vm.pages.peek(this.teb + this.lastErrorOffset, 4);
    return bytes === undefined ? this.lastErrorFallback : new Struct(bytes).u32(0);
  }

  set lastError(value: number) {
    this.lastErrorFallback = value;
    this.space.vm.pages.poke(this.teb + this.lastErrorOffset, new Struct(4).setU32(0, value).bytes);
  }

  private get lastErrorOffset(): bigint {
    return this.wide ? 0x68n : 0x34n;
  }

  /** The kernel touches a guarded page: the mark goes, without an exception. */
  useUpGuard(address: Addr): void {
    useUpGuard(this.space.vm, Number(address >> 12n));
  }

  /** Memory of the process heap for the API's own data. Undefined: none is left. */
  allocate(bytes: number): Addr | undefined {
    return this.heaps.allocate(this.heaps.process, BigInt(bytes));
  }

  /** A block of the process heap with these bytes, made once for each name. */
  datum(name: string, bytes: () => Uint8Array): Addr {
    const known = this.runtimeData.get(name);
    if (known !== undefined) return known;
    const content = bytes();
    const address = this.allocate(Math.max(content.length, 1));
    if (address === undefined) return 0n;
    this.space.vm.pages.poke(address, content);
    this.runtimeData.set(name, address);
    return address;
  }

  /** Committed read-write memory of the system's own. @throws LoadFailure when there is none. */
  reserveSystemMemory(size: bigint, name: string): Addr {
    const made = allocate(this.space.vm, {
      base: 0n,
      size,
      type: MEM_RESERVE | MEM_COMMIT,
      protect: PAGE_READWRITE,
      name,
    });
    if (!made.ok) throw new LoadFailure(made.status, `no room for the ${name}`, true);
    return made.value.base;
  }

  save(): () => void {
    const state = {
      vectoredHandlers: [...this.vectoredHandlers],
      unhandledFilter: this.unhandledFilter,
      atExit: [...this.atExit],
      runtimeData: new Map(this.runtimeData),
      nextCookie: this.nextCookie,
      fiberValues: new Map(this.thread.fiberValues),
      freeTebs: [...this.freeTebs],
      functionTables: this.functionTables,
    };
    const parts = [
      this.handles.save(),
      this.descriptors.save(),
      this.variables.save(),
      this.heaps.save(),
      this.storage.save(),
      this.modules.save(),
    ];
    return () => {
      this.vectoredHandlers = [...state.vectoredHandlers];
      this.unhandledFilter = state.unhandledFilter;
      this.atExit = [...state.atExit];
      this.nextCookie = state.nextCookie;
      this.freeTebs.splice(0, this.freeTebs.length, ...state.freeTebs);
      this.functionTables = state.functionTables;
      this.thread.fiberValues.clear();
      for (const [key, value] of state.fiberValues) this.thread.fiberValues.set(key, value);
      this.runtimeData.clear();
      for (const [key, value] of state.runtimeData) this.runtimeData.set(key, value);
      for (const restore of parts) restore();
    };
  }
}

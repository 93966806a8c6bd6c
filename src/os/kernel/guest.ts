/** KernelGuest: a machine with a kernel in ring 0 behind the Guest interface. */
import { type Addr, pageOf } from '../../base/address.js';
import { MayexecError } from '../../base/errors.js';
import { Meter } from '../../base/meter.js';
import type { Fault, Outcome } from '../../base/outcome.js';
import { Struct } from '../../base/struct.js';
import type { CpuState, Engine } from '../../engine/engine.js';
import type {
  CallAnswer,
  Dropped,
  Guest,
  GuestMemory,
  GuestRegisters,
  GuestSnapshot,
  HostEntry,
} from '../../kernel/guest.js';
import { KernelLog } from '../../kernel/log.js';
import { OutputSink } from '../../kernel/output.js';
import { type Pause, type RunRequest, Stepper } from '../../kernel/run-control.js';
import { type RunEnd, type RunLimits, runToEnd } from '../../kernel/run-loop.js';
import type { GuestOptions, KernelVersion } from '../../kernel/world.js';
import type { VmaHistory } from '../../memory/history.js';
import { type ListedMapping, RIGHT_EXEC, RIGHT_WRITE } from '../../memory/mapping.js';
import type { TraceRecorder } from '../../trace/events.js';
import { HOST_ADDRESSES, RAM_BYTES } from './boot/layout.js';
import { bootMachine, type KernelProgram } from './boot/loader.js';
import { KernelMachine } from './cpu/machine.js';
import { LISTING_MARKS, mappingAt, mappingsOf, pageTablesText } from './listing.js';
import { refusalCause } from './paging/cause.js';
import { PTE_USER } from './paging/entry.js';
import { GuestMmu } from './paging/mmu.js';
import { PhysicalRam } from './paging/physical.js';
import { tableRanges } from './paging/ranges.js';
import type { CommandLine } from './report/command-line.js';
import { REPORT_PORT, ReportService } from './report/service.js';
import { SymbolNames } from './report/symbols.js';
import { VERSION_WORDS } from './report/versions.js';

/** Below the stack pointer, what the code that was interrupted may still use. */
const RED_ZONE = 128n;
const ARGUMENT_REGISTERS = ['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9'];

interface KernelSnapshot extends GuestSnapshot {
  readonly cpu: CpuState;
  readonly restore: () => void;
}

export interface KernelGuestInit
  extends Pick<GuestOptions, 'engine' | 'limits' | 'trace' | 'onOutput' | 'watch' | 'log'> {
  readonly program: KernelProgram | undefined;
  readonly symbols: ReadonlyMap<string, Addr>;
  readonly version: KernelVersion;
  readonly commandLine: CommandLine;
}

export class KernelGuest implements Guest {
  readonly os = 'kernel';
  readonly arch = 'x86-64';
  /** There is one CPU and no process. */
  readonly pid = 0;
  readonly hostAddresses = HOST_ADDRESSES;
  readonly symbols: ReadonlyMap<string, Addr>;
  readonly memory: GuestMemory;
  readonly #engine: Engine;
  readonly #ram: PhysicalRam;
  readonly #meter: Meter;
  readonly #machine: KernelMachine;
  readonly #report: ReportService;
  readonly #console: OutputSink;
  readonly #log: KernelLog;
  readonly #trace: TraceRecorder;
  readonly #blocks: number;
  readonly #hasProgram: boolean;
  readonly #monitored: boolean;
  readonly #noted = new Set<Addr>();
  #outcome: Outcome | undefined;
  #closed = false;

  /** @throws MayexecError for a program that is no kernel. */
  constructor({
    engine,
    limits,
    trace,
    onOutput,
    program,
    symbols,
    version,
    commandLine,
    watch,
    log,
  }: KernelGuestInit) {
    this.#log = log ?? new KernelLog();
    this.#engine = engine;
    this.#blocks = limits.blocks;
    this.#trace = trace;
    this.#hasProgram = program !== undefined;
    this.#monitored = watch !== undefined;
    this.symbols = symbols;
    this.#ram = new PhysicalRam(engine.memory, RAM_BYTES / 4096);
    this.#console = new OutputSink(
      onOutput === undefined ? undefined : (bytes) => onOutput(1, bytes),
    );
    this.#meter = new Meter(() => engine.blocks);
    const mmu = new GuestMmu(engine, this.#ram);
    const image = bootMachine(engine, this.#ram, program);
    mmu.modeChanged();
    this.#report = new ReportService({
      engine,
      mmu,
      log: this.#log,
      words: VERSION_WORDS[version],
      names: new SymbolNames(symbols, image.end),
      commandLine,
      codeRange: image.text,
    });
    this.#machine = new KernelMachine({
      engine,
      mmu,
      meter: this.#meter,
      console: this.#console,
      service: { port: REPORT_PORT, serve: () => this.#report.serve() },
      faulted: (fault, errorCode, byUser) => this.#recordFault(fault, errorCode, byUser),
    });
    for (const line of commandLine.log) this.#log.print(line);
    this.memory = this.#memory();
  }

  get registers(): GuestRegisters {
    return this.#engine;
  }

  get kernelLog(): readonly string[] {
    return this.#log.lines;
  }

  get stdout(): Uint8Array {
    return this.#console.bytes;
  }

  get stderr(): Uint8Array {
    return new Uint8Array();
  }

  get dropped(): Dropped {
    return { logLines: this.#log.dropped, stdout: this.#console.dropped, stderr: 0 };
  }

  /** What has been done for it so far, in blocks (docs/limits.md). */
  get spent(): number {
    return this.#machine.spent();
  }

  /** Eight bytes whatever their rights; undefined where nothing is mapped. */
  wordAt(address: Addr): bigint | undefined {
    const bytes = this.#machine.mmu.peek(address, 8);
    return bytes === undefined ? undefined : new Struct(bytes).word(0, 8);
  }

  run(): Outcome {
    const end = this.resume({});
    if (end.kind !== 'pause') return end;
    throw new MayexecError(`run: paused at ${end.reason}`);
  }

  resume(request: RunRequest): Outcome | Pause {
    if (!this.#hasProgram) throw new MayexecError('run: no program is loaded');
    if (this.#outcome !== undefined) return this.#outcome;
    const stepper = Stepper.for(request, this.#pc);
    const blocks = Math.min(request.blocks ?? this.#blocks, this.#blocks);
    const end = this.#runOn({ blocks, stepper });
    const pc = this.#pc;
    if (end === 'paused') {
      const { reason = 'instructions', hit } = stepper ?? {};
      return { kind: 'pause', reason, pid: 0, pc, ...(hit === undefined ? {} : { hit }) };
    }
    if (end === 'blocks' && request.blocks !== undefined && request.blocks <= this.#blocks) {
      return { kind: 'pause', reason: 'blocks', pid: 0, pc };
    }
    const outcome = outcomeOf(end);
    if (outcome.kind !== 'limit') this.#outcome = outcome;
    return this.#ended(outcome);
  }

  call(address: Addr, args: readonly bigint[]): Outcome {
    const { start: returnAddress } = HOST_ADDRESSES;
    const before = this.#engine.readRegister('rsp');
    const interrupted = this.#pc;
    const onStack = args.slice(ARGUMENT_REGISTERS.length);
    // RSP + 8 is a multiple of 16 at the entry.
    const room = 8n * BigInt(onStack.length);
    const top = ((before - RED_ZONE - room) & ~0xfn) - 8n;
    const frame = new Struct(8 + 8 * onStack.length);
    [returnAddress, ...onStack].forEach((word, index) => {
      frame.setWord(8 * index, 8, BigInt.asUintN(64, word));
    });
    const fault = this.memory.store(top, frame.bytes);
    if (fault !== null) {
      const { address: at, pc } = fault;
      const message = `no stack to call on at 0x${at.toString(16)}`;
      return this.#ended({ kind: 'oops', message, address: at, access: 'write', pc });
    }
    args.slice(0, ARGUMENT_REGISTERS.length).forEach((word, index) => {
      this.#engine.writeRegister(ARGUMENT_REGISTERS[index]!, BigInt.asUintN(64, word));
    });
    this.#engine.writeRegister('rsp', BigInt.asUintN(64, top));
    this.#engine.writeRegister('rip', address);
    const end = this.#runOn({ blocks: this.#blocks, until: returnAddress });
    if (end !== 'until') return this.#ended(outcomeOf(end));
    this.#engine.writeRegister('rsp', before);
    this.#engine.writeRegister('rip', interrupted);
    const value = BigInt.asIntN(64, this.#engine.readRegister('rax'));
    return this.#ended({ kind: 'return', value });
  }

  enter(address: Addr, blocks = this.#blocks): Outcome | HostEntry {
    this.#engine.writeRegister('rip', address);
    const end = this.#runOn({ blocks, host: HOST_ADDRESSES });
    return end === 'host' ? { kind: 'host', address: this.#pc } : outcomeOf(end);
  }

  syscall(name: string | number): CallAnswer {
    throw new MayexecError(
      `the system call ${name}: a guest of 'kernel' has no system calls; call its functions by address`,
    );
  }

  mappings(): readonly ListedMapping[] {
    return mappingsOf(tableRanges(this.#ram, this.#machine.mmu.mode));
  }

  mapsText(): string {
    return pageTablesText(tableRanges(this.#ram, this.#machine.mmu.mode, LISTING_MARKS));
  }

  history(): readonly VmaHistory[] {
    return [];
  }

  readFile(path: string): Uint8Array {
    throw new MayexecError(`no file '${path}': a guest of 'kernel' has no files`);
  }

  writeFile(path: string): void {
    throw new MayexecError(`cannot write '${path}': a guest of 'kernel' has no files`);
  }

  snapshot(): GuestSnapshot {
    const parts = [this.#ram.save(), this.#machine.save(), this.#report.save()];
    const log = this.#log.save();
    const { length } = this.#console;
    const outcome = this.#outcome;
    const code = this.#engine.saveCode();
    const snapshot: KernelSnapshot = {
      os: this.os,
      cpu: this.#engine.saveCpu(),
      restore: () => {
        for (const restore of parts) restore();
        log.restore();
        this.#console.truncate(length);
        this.#outcome = outcome;
        this.#engine.loadCode(code);
      },
    };
    return snapshot;
  }

  restore(snapshot: GuestSnapshot): void {
    if (!isOwn(snapshot)) {
      throw new MayexecError(
        `restore: this snapshot is of a guest of '${snapshot.os}', not of 'kernel'`,
      );
    }
    snapshot.restore();
    this.#engine.loadCpu(snapshot.cpu);
    this.#machine.mmu.modeChanged();
  }

  /** A snapshot holds nothing but memory of the host's. */
  discard(): void {}

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ram.release();
  }

  get #pc(): Addr {
    return this.#engine.readRegister('rip');
  }

  /** In pieces, so that the timer is looked at. */
  #runOn(limits: RunLimits): RunEnd {
    const last = this.#machine.spent() + limits.blocks;
    for (;;) {
      const left = last - this.#machine.spent();
      if (left <= 0) return 'blocks';
      const blocks = Math.min(left, this.#machine.untilTick);
      const end = runToEnd(this.#engine, this.#machine, { ...limits, blocks });
      if (end !== 'blocks' && end !== 'sleeps') return end;
    }
  }

  #recordFault(fault: Fault, errorCode: number, byUser: boolean): void {
    const { mmu } = this.#machine;
    const entries = mmu.entries(pageOf(fault.address));
    const vma = mappingAt(fault.address, entries);
    const refused = {
      errorCode,
      access: fault.access,
      byUser,
      user: entries.every(({ entry }) => (entry & BigInt(PTE_USER)) !== 0n),
      write: ((vma?.rights ?? 0) & RIGHT_WRITE) !== 0,
      execute: ((vma?.rights ?? 0) & RIGHT_EXEC) !== 0,
    };
    const cause = refusalCause(refused, mmu.mode);
    const event = { type: 'fault', pid: 0, pc: fault.pc, fault, vma } as const;
    this.#trace.record(cause === undefined ? event : { ...event, cause });
  }

  #ended(outcome: Outcome): Outcome {
    this.#noteWritableCode();
    this.#trace.record({ type: 'end', pid: 0, pc: this.#pc, outcome });
    return outcome;
  }

  /** For the monitors: what is writable and executable at once when a run is over, each once. */
  #noteWritableCode(): void {
    if (!this.#monitored) return;
    const both = RIGHT_WRITE | RIGHT_EXEC;
    for (const after of this.mappings()) {
      if ((after.rights & both) !== both || this.#noted.has(after.start)) continue;
      this.#noted.add(after.start);
      const cause = 'page tables';
      this.#trace.record({
        type: 'vma',
        pid: 0,
        pc: this.#pc,
        op: 'change',
        before: undefined,
        after,
        cause,
      });
    }
  }

  #memory(): GuestMemory {
    const { memory, mmu } = this.#machine;
    const fault = (
      found: { address: bigint; errorCode: number },
      access: 'read' | 'write',
    ): Fault => ({
      address: found.address,
      access,
      code: found.errorCode < 0 ? 'SI_KERNEL' : found.errorCode & 1 ? 'SEGV_ACCERR' : 'SEGV_MAPERR',
      pc: this.#pc,
    });
    const nothing = (what: string, address: Addr): MayexecError =>
      new MayexecError(`${what}: nothing is mapped at 0x${address.toString(16)}`);
    return {
      load: (address, length) => {
        const bytes = memory.read(address, length);
        return 'errorCode' in bytes ? fault(bytes, 'read') : bytes;
      },
      store: (address, bytes) => {
        const refused = memory.write(address, bytes);
        return refused === undefined ? null : fault(refused, 'write');
      },
      peek: (address, length) => {
        const bytes = mmu.peek(address, length);
        if (bytes === undefined) throw nothing('peek', address);
        return bytes;
      },
      poke: (address, bytes) => {
        if (mmu.peek(address, bytes.length) === undefined) throw nothing('poke', address);
        mmu.poke(address, bytes);
      },
    };
  }
}

function outcomeOf(end: RunEnd): Outcome {
  return typeof end === 'string' ? { kind: 'limit', limit: 'blocks' } : end;
}

function isOwn(snapshot: GuestSnapshot): snapshot is KernelSnapshot {
  return snapshot.os === 'kernel' && 'cpu' in snapshot && 'restore' in snapshot;
}

/** Win32Guest: a process of Windows, or of Wine, behind the Guest interface. */
import { STATUS } from '../../abi/windows/status.js';
import type { Addr, AddrRange, Arch } from '../../base/address.js';
import { MayexecError } from '../../base/errors.js';
import type { Fault, Outcome } from '../../base/outcome.js';
import type { CpuState, Engine } from '../../engine/engine.js';
import type {
  CallAnswer,
  Dropped,
  Guest,
  GuestFile,
  GuestMemory,
  GuestRegisters,
  GuestSnapshot,
  HostEntry,
} from '../../kernel/guest.js';
import { type Pause, type RunRequest, Stepper } from '../../kernel/run-control.js';
import { type Saved, saved } from '../../kernel/snapshot.js';
import type { VmaHistory } from '../../memory/history.js';
import type { ListedMapping } from '../../memory/mapping.js';
import { CallbackReturned, ProcessEnded } from '../calls/control.js';
import { callGuest } from '../calls/guest-call.js';
import { callByHost } from '../calls/host-call.js';
import { LoadFailure } from '../loader/load-failure.js';
import { beginMain, selectTeb, startProcess } from '../loader/start.js';
import { GuestFault } from '../process/memory-io.js';
import type { ProcessInit, Win32Process } from '../process/process.js';
import { runFrom, runProcess } from '../run.js';
import type { Win32System } from '../system.js';
import { mapsText } from './listing.js';

export interface Win32Program extends ProcessInit {
  readonly bytes: Uint8Array;
}

interface Win32Snapshot extends GuestSnapshot {
  readonly cpu: CpuState;
  readonly parts: Saved;
}

/** Where nothing can be mapped, for functions of the host. */
const HOST_ADDRESSES: Readonly<Record<Arch, AddrRange>> = {
  'x86-64': { start: 0x7fff_ffff_0000n, end: 0x7fff_ffff_f000n },
  i386: { start: 0xffff_0000n, end: 0xffff_f000n },
};

export class Win32Guest implements Guest {
  readonly os: string;
  readonly arch: Arch;
  readonly memory: GuestMemory;
  readonly hostAddresses: AddrRange;
  readonly symbols: ReadonlyMap<string, Addr>;
  readonly #system: Win32System;
  readonly #started: Win32Process | undefined;
  readonly #blocks: number;
  readonly #hasProgram: boolean;
  #begun = false;
  #outcome: Outcome | undefined;
  #closed = false;

  /** @throws MayexecError for a program that cannot be started. */
  constructor(system: Win32System, program: Win32Program | undefined, blocks: number) {
    this.#system = system;
    this.os = system.traits.os;
    this.arch = system.arch;
    this.hostAddresses = HOST_ADDRESSES[system.arch];
    this.#blocks = blocks;
    this.#hasProgram = program !== undefined;
    const init = program ?? { path: 'C:\\empty.exe', commandLine: 'empty', environment: [] };
    this.#started = this.#start(() => startProcess(system, init, program?.bytes));
    this.symbols = new Map();
    this.memory = memoryOf(() => this.#process);
  }

  get pid(): number {
    return this.#started?.tracePid ?? 0;
  }

  get registers(): GuestRegisters {
    return this.#system.engine;
  }

  get kernelLog(): readonly string[] {
    return this.#system.log;
  }

  get dropped(): Dropped {
    const [stdout, stderr] = this.#system.outputs;
    return {
      logLines: this.#system.droppedLines,
      stdout: stdout.dropped,
      stderr: stderr.dropped,
    };
  }

  get stdout(): Uint8Array {
    return this.#system.outputs[0].bytes;
  }

  get stderr(): Uint8Array {
    return this.#system.outputs[1].bytes;
  }

  run(): Outcome {
    if (!this.#hasProgram) throw new MayexecError('run: no program is loaded');
    if (this.#outcome !== undefined) return this.#outcome;
    const outcome = this.#ending(this.#blocks, () => {
      if (!this.#begun) {
        this.#begun = true;
        beginMain(this.#process);
      }
      return runProcess(this.#process);
    });
    // A limit within a callback of the system's leaves nothing to go on from; elsewhere the run can go on.
    if (outcome.kind !== 'limit' || this.#process.callbacks.length > 0) this.#outcome = outcome;
    this.#end(outcome);
    return outcome;
  }

  /** Host functions that call the guest hold its state in frames of the host's: it can only run on. */
  resume(request: RunRequest): Outcome | Pause {
    if (request.blocks === undefined && Stepper.for(request, 0n) === undefined) return this.run();
    throw new MayexecError(`resume: a guest of '${this.os}' cannot pause yet: expected no limits`);
  }

  call(address: Addr, args: readonly bigint[]): Outcome {
    const { wide } = this.#process;
    const outcome = this.#ending(this.#blocks, () => {
      const value = callGuest(this.#process, address, args);
      throw new ProcessEnded({
        kind: 'return',
        value: wide ? BigInt.asIntN(64, value) : BigInt.asIntN(32, value),
      });
    });
    this.#end(outcome);
    return outcome;
  }

  enter(address: Addr, blocks = this.#blocks): Outcome | HostEntry {
    let entered: Addr | undefined;
    const outcome = this.#ending(blocks, () => {
      entered = runFrom(this.#process, address, this.hostAddresses);
      throw new ProcessEnded({ kind: 'limit', limit: 'blocks' });
    });
    return entered === undefined ? outcome : { kind: 'host', address: entered };
  }

  syscall(nameOrNumber: string | number, args: readonly bigint[]): CallAnswer {
    const answer = callByHost(this.#process, String(nameOrNumber), args);
    return answer === 'no-return' ? { value: 0n } : answer;
  }

  mappings(): readonly ListedMapping[] {
    return this.#started?.space.mappings() ?? [];
  }

  mapsText(): string {
    if (this.#started === undefined) return '';
    const { space, wide } = this.#started;
    return space.mapsText?.() ?? mapsText(this.mappings(), wide);
  }

  history(address: Addr): readonly VmaHistory[] {
    return this.#started?.space.history(address) ?? [];
  }

  readFile(path: string): Uint8Array {
    return this.#system.files.bytes(path);
  }

  writeFile(path: string, file: Uint8Array | GuestFile): void {
    this.#system.files.create(path, file instanceof Uint8Array ? file : file.content);
  }

  snapshot(): GuestSnapshot {
    const process = this.#process;
    const { system } = process;
    const space = process.space.save();
    const files = system.files.save();
    const state = process.save();
    const [out, err] = system.outputs;
    const lengths = [out.length, err.length] as const;
    const [begun, outcome, stack] = [this.#begun, this.#outcome, { ...process.stack }];
    const log = [...system.log];
    const parts = saved(
      () => {
        space.restore();
        files();
        state();
        out.truncate(lengths[0]);
        err.truncate(lengths[1]);
        process.stack = { ...stack };
        system.log = [...log];
        this.#begun = begun;
        this.#outcome = outcome;
      },
      () => space.drop(),
    );
    const snapshot: Win32Snapshot = { os: this.os, cpu: this.#engine.saveCpu(), parts };
    return snapshot;
  }

  restore(snapshot: GuestSnapshot): void {
    const { cpu, parts } = snapshot as Win32Snapshot;
    parts.restore();
    this.#engine.setTranslate(this.#process.space.translate);
    selectTeb(this.#process);
    this.#engine.loadCpu(cpu);
  }

  discard(snapshot: GuestSnapshot): void {
    (snapshot as Win32Snapshot).parts.drop();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#started?.space.close();
  }

  /** @throws MayexecError when the program did not start. */
  get #process(): Win32Process {
    if (this.#started === undefined) {
      throw new MayexecError(`the program did not start: ${this.#system.log.at(-1)}`);
    }
    return this.#started;
  }

  /** What the system beneath refuses is how the run ends; a file that cannot be used is the host's mistake. */
  #start(start: () => Win32Process): Win32Process | undefined {
    try {
      return start();
    } catch (error) {
      if (!(error instanceof LoadFailure)) throw error;
      if (!error.bySystem || this.os === 'windows') {
        throw new MayexecError(`cannot start the program: ${error.message}`);
      }
      this.#system.note(error.message);
      // As Wine says it: the program that it loads first is its own start.exe.
      const line = `wine: failed to load start.exe: ${error.status.toString(16)}\n`;
      if (error.status === STATUS.INVALID_PARAMETER) {
        this.#system.outputs[1].write(new TextEncoder().encode(line));
      }
      this.#outcome = error.ending ?? { kind: 'exit', code: error.status & 0xff };
      return undefined;
    }
  }

  get #engine(): Engine {
    return this.#system.engine;
  }

  #end(outcome: Outcome): void {
    this.#system.trace.record({ type: 'end', pid: this.pid, pc: this.#process.pc, outcome });
  }

  /** Everything that the guest does ends as an outcome. */
  #ending(blocks: number, run: () => never): Outcome {
    const process = this.#process;
    this.#system.blocksLeft = blocks;
    process.callbacks = [];
    process.exceptionDepth = 0;
    try {
      return run();
    } catch (error) {
      if (error instanceof ProcessEnded) return error.outcome;
      if (error instanceof LoadFailure) {
        this.#system.note(error.message);
        return { kind: 'exception', status: error.status, parameters: [], pc: process.pc };
      }
      if (error instanceof GuestFault) {
        const kind = error.access === 'write' ? 1n : 0n;
        return {
          kind: 'exception',
          status: STATUS.ACCESS_VIOLATION,
          parameters: [kind, error.address],
          pc: process.pc,
        };
      }
      // A return to a gate that nobody waits at.
      if (error instanceof CallbackReturned) {
        return {
          kind: 'exception',
          status: STATUS.ACCESS_VIOLATION,
          parameters: [8n, process.pc],
          pc: process.pc,
        };
      }
      throw error;
    }
  }
}

function memoryOf(live: () => Win32Process): GuestMemory {
  const fault = (address: Addr, length: number, access: 'read' | 'write'): Fault => {
    const { memory, space, pc } = live();
    const at = memory.refusal(address, length, access) ?? address;
    const mapped = space.vm.vads.find(Number(at >> 12n)) !== undefined;
    return { address: at, access, code: mapped ? 'SEGV_ACCERR' : 'SEGV_MAPERR', pc };
  };
  const nothing = (what: string, address: Addr): MayexecError =>
    new MayexecError(`${what}: nothing is committed at 0x${address.toString(16)}`);
  return {
    load: (address, length) =>
      live().memory.tryRead(address, length) ?? fault(address, length, 'read'),
    store: (address, bytes) =>
      live().memory.tryWrite(address, bytes) ? null : fault(address, bytes.length, 'write'),
    peek: (address, length) => {
      const bytes = live().space.vm.pages.peek(address, length);
      if (bytes === undefined) throw nothing('peek', address);
      return bytes;
    },
    poke: (address, bytes) => {
      if (!live().space.vm.pages.poke(address, bytes)) throw nothing('poke', address);
    },
  };
}

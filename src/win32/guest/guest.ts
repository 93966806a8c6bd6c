/** Win32Guest: a process of Windows, or of Wine, behind the Guest interface. */
import { STATUS } from '../../abi/windows/status.js';
import type { Addr, AddrRange, Arch } from '../../base/address.js';
import { InvariantError, MayexecError } from '../../base/errors.js';
import type { Outcome } from '../../base/outcome.js';
import type { CpuState, Engine } from '../../engine/engine.js';
import { peSymbols } from '../../formats/pe/symbols.js';
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
import type { Pause, RunRequest } from '../../kernel/run-control.js';
import { type Saved, saved } from '../../kernel/snapshot.js';
import type { VmaHistory } from '../../memory/history.js';
import type { ListedMapping } from '../../memory/mapping.js';
import { callback } from '../calls/callback.js';
import { namedFunction, type SystemFunctions } from '../calls/find-function.js';
import { callByHost, callNow } from '../calls/host-call.js';
import { mapBuiltin } from '../loader/libraries.js';
import { LoadFailure } from '../loader/load-failure.js';
import { startProcess } from '../loader/start.js';
import { builtinDll } from '../loader/system-dlls.js';
import { selectTeb } from '../loader/teb.js';
import type { ProcessInit, ProcessPorts, Win32Process } from '../process/process.js';
import { runFrom, step } from '../run.js';
import type { Win32System } from '../system.js';
import { Execution } from './execution.js';
import { mapsText } from './listing.js';
import { memoryOf } from './memory.js';

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

const PORTS: ProcessPorts = {
  step,
  mapDll: (process, name) => {
    const { system } = process;
    const dll = builtinDll(system, name);
    return dll === undefined ? undefined : mapBuiltin(process, name, dll, functionsOf(system));
  },
  callNow: (process, name, args) =>
    callNow(process, namedFunction(functionsOf(process.system), name), args),
};

function functionsOf(system: Win32System): SystemFunctions {
  return (dll) => builtinDll(system, dll)?.functions;
}

export class Win32Guest implements Guest {
  readonly os: string;
  readonly arch: Arch;
  readonly memory: GuestMemory;
  readonly hostAddresses: AddrRange;
  readonly symbols: ReadonlyMap<string, Addr>;
  readonly #system: Win32System;
  readonly #started: Win32Process | undefined;
  readonly #hasProgram: boolean;
  readonly #execution: Execution;
  #closed = false;

  /** @throws MayexecError for a program that cannot be started. */
  constructor(system: Win32System, program: Win32Program | undefined, blocks: number) {
    this.#system = system;
    this.os = system.traits.os;
    this.arch = system.arch;
    this.hostAddresses = HOST_ADDRESSES[system.arch];
    this.#execution = new Execution(system, blocks);
    this.#hasProgram = program !== undefined;
    const init = program ?? { path: 'C:\\empty.exe', commandLine: 'empty', environment: [] };
    this.#started = this.#start(() => startProcess(system, init, program?.bytes, PORTS));
    this.symbols = symbolsOf(this.#started, program);
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
    const end = this.resume({});
    if (end.kind === 'pause') throw new InvariantError('a run without a request paused');
    return end;
  }

  resume(request: RunRequest): Outcome | Pause {
    if (!this.#hasProgram) throw new MayexecError('run: no program is loaded');
    const { outcome } = this.#execution;
    if (outcome !== undefined) return outcome;
    const end = this.#execution.resume(this.#process, request);
    if (end.kind !== 'pause') this.#end(end);
    return end;
  }

  call(address: Addr, args: readonly bigint[]): Outcome {
    const process = this.#process;
    const bits = process.wide ? 64 : 32;
    const end = this.#execution.apart(process, callback(process, address, args));
    const outcome: Outcome =
      end.kind === 'done' ? { kind: 'return', value: BigInt.asIntN(bits, end.value) } : end;
    this.#end(outcome);
    return outcome;
  }

  enter(address: Addr, blocks?: number): Outcome | HostEntry {
    const process = this.#process;
    const task = runFrom(process, address, this.hostAddresses);
    const end = this.#execution.apart(process, task, blocks);
    return end.kind === 'done' ? { kind: 'host', address: end.value } : end;
  }

  syscall(nameOrNumber: string | number, args: readonly bigint[]): CallAnswer {
    const process = this.#process;
    const found = namedFunction(functionsOf(this.#system), String(nameOrNumber));
    const end = this.#execution.apart(process, callByHost(process, found, args));
    if (end.kind !== 'done' || end.value === 'no-return') return { value: 0n };
    return end.value;
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
    const execution = this.#execution.save(process);
    const space = process.space.save();
    const files = system.files.save();
    const state = process.save();
    const [out, err] = system.outputs;
    const lengths = [out.length, err.length] as const;
    const stack = { ...process.stack };
    const log = [...system.log];
    const code = this.#engine.saveCode();
    const schedule = system.schedule.save();
    const time = system.clock.nanoseconds;
    const parts = saved(
      () => {
        space.restore();
        files();
        state();
        out.truncate(lengths[0]);
        err.truncate(lengths[1]);
        process.stack = { ...stack };
        system.log = [...log];
        this.#engine.loadCode(code);
        schedule.restore();
        system.clock.nanoseconds = time;
        execution();
      },
      () => space.drop(),
    );
    const snapshot: Win32Snapshot = { os: this.os, cpu: this.#engine.saveCpu(), parts };
    return snapshot;
  }

  restore(snapshot: GuestSnapshot): void {
    const { cpu, parts } = snapshot as Win32Snapshot;
    this.#execution.leave();
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
    this.#execution.leave();
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
      this.#execution.outcome = error.ending ?? { kind: 'exit', code: error.status & 0xff };
      return undefined;
    }
  }

  get #engine(): Engine {
    return this.#system.engine;
  }

  #end(outcome: Outcome): void {
    this.#system.trace.record({ type: 'end', pid: this.pid, pc: this.#process.pc, outcome });
  }
}

/** Labels of the program's COFF symbol table, where it is mapped. */
function symbolsOf(
  started: Win32Process | undefined,
  program: Win32Program | undefined,
): ReadonlyMap<string, Addr> {
  if (started === undefined || program === undefined) return new Map();
  const { base, content } = started.modules.main;
  return new Map(
    peSymbols(program.bytes, content.image).map(({ name, rva }) => [name, base + BigInt(rva)]),
  );
}

/**
 * Kit: calls of machine code by a calling convention, in a sandbox that is as new for each call. One kit
 * holds one engine and one sandbox for one architecture under one policy.
 */

import type { Addr, Arch } from '../base/address.js';
import { checkList, integerOf } from '../base/arguments.js';
import { MayexecError, unknownValue } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import type { PolicyChoice } from '../sandbox/options.js';
import { Sandbox } from '../sandbox/sandbox.js';
import { checkSandbox } from '../sandbox/sandbox-shape.js';
import type { GuestOs } from '../sandbox/worlds.js';
import { loadDisassembler } from '../toolchain/disassembly/disassembler.js';
import { loadKeystone } from '../toolchain/encode/keystone/keystone.js';
import { type Convention, conventionOf, defaultAbi } from './abi/convention.js';
import { bytesOf } from './abi/frame.js';
import { type CallPlan, planCall } from './abi/locations.js';
import {
  FLAG_NAMES,
  flagBit,
  type RegisterValues,
  readState,
  restoreState,
} from './abi/machine-state.js';
import type { AddressOf } from './abi/value-bytes.js';
import {
  fillBuffers,
  overflowsOf,
  type PlannedBuffer,
  planBuffers,
  readBuffer,
} from './bed/buffers.js';
import { addressOfLabel, type Code, type CodeSource, codeOfBytes, loadCode } from './bed/code.js';
import type { RefusedPlacement } from './bed/placing.js';
import { codeInSandbox, SandboxBed } from './bed/sandbox-bed.js';
import { type Bed, TestBed } from './bed/test-bed.js';
import {
  type Argument,
  argumentBuffers,
  callbacksIn,
  isBufferPointer,
  type TypedCall,
  typeCall,
} from './run/arguments.js';
import { type CallOptions, checkCallOptions } from './run/call-options.js';
import { type CallFacts, CallResult, type InstructionObserver } from './run/call-result.js';
import { GuestRun, type GuestRunOptions, type Returned } from './run/guest-run.js';

export interface KitOptions {
  readonly arch?: Arch | undefined;
  /** 'windows' and 'wine': a process with its TEB, modules and heap; code is called as win64 or cdecl. Default 'linux'. */
  readonly os?: GuestOs | undefined;
  /** Default: the world's own, 'nx' or 'dep'. */
  readonly policy?: PolicyChoice | undefined;
  /** Bytes of guest memory in use at most; default 64 MiB. */
  readonly memory?: number | undefined;
  /** The processor, as SandboxOptions.cpu: 'x86-64-v3' has AVX2, FMA and BMI2. */
  readonly cpu?: string | undefined;
}

const OPTIONS: OptionNames<KitOptions> = {
  arch: true,
  os: true,
  policy: true,
  memory: true,
  cpu: true,
};
const VOID = { kind: 'void', size: 0, align: 1, name: 'void' } as const;
const DEFAULT_BLOCKS = 1_000_000;

export class Kit implements Disposable {
  readonly arch: Arch;
  /** The world that the code runs in. */
  readonly os: GuestOs;
  readonly #bed: Bed;
  readonly #close: () => void;

  private constructor(bed: Bed, close: () => void) {
    this.#bed = bed;
    this.#close = close;
    this.arch = bed.sandbox.arch;
    this.os = bed.sandbox.os;
  }

  /** Opens an engine and a sandbox. @throws MayexecError for an unknown policy. */
  static async open(options: KitOptions = {}): Promise<Kit> {
    await Promise.all([Sandbox.load(), loadKeystone(), loadDisassembler()]);
    return Kit.openLoaded(options);
  }

  /** As `open`, at once: engine, assembler and disassembler have been loaded (`openCalls`). */
  static openLoaded(options: KitOptions = {}): Kit {
    checkOptionNames('Kit.open', options, OPTIONS);
    const { arch = 'x86-64', os, policy, memory, cpu } = options;
    const bed = TestBed.open(arch, policy, { os, cpu, limits: { memory } });
    return new Kit(bed, () => bed[Symbol.dispose]());
  }

  /**
   * Calls in a sandbox of the caller's own, with the memory and under the policy that it has. Each call
   * begins with the sandbox as it is then, and leaves it so. The sandbox stays the caller's to close.
   */
  static async around(sandbox: Sandbox): Promise<Kit> {
    await Promise.all([loadKeystone(), loadDisassembler()]);
    return Kit.aroundLoaded(sandbox);
  }

  /** As `around`, at once: assembler and disassembler have been loaded (`openCalls`). */
  static aroundLoaded(sandbox: Sandbox): Kit {
    checkSandbox('Kit.around', sandbox);
    return new Kit(new SandboxBed(sandbox), () => {});
  }

  /** Code that is in the sandbox already (of a kit around it). @throws MayexecError where nothing is mapped. */
  at(address: Addr | number, length?: number): Code {
    return codeInSandbox(this.#bed.sandbox, BigInt(address), length);
  }

  /** The policy in force, as a spec string. */
  get policy(): string {
    return this.#bed.sandbox.policy;
  }

  /** Code ready to be called. Keep it and pass it again: what is prepared for it is kept too. */
  load(source: CodeSource): Code {
    return loadCode(source, this.arch);
  }

  /**
   * Calls code and reports all that it did. Whatever that was, the next call finds everything new.
   * @throws MayexecError for arguments that do not fit, and what a callback's own code throws.
   */
  call(code: CodeSource, args: readonly Argument[] = [], options: CallOptions = {}): CallResult {
    const ready = code instanceof Uint8Array ? codeOfBytes(code, this.arch) : this.load(code);
    return new CallResult(this.#run(this.#request(ready, args, options)));
  }

  close(): void {
    this.#close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #request(code: Code, args: readonly Argument[], options: CallOptions): Request {
    checkList('the arguments', args);
    checkCallOptions(options);
    const convention = conventionOf(options.abi ?? defaultAbi(this.arch, this.os));
    for (const [what, arch] of [
      [`abi '${convention.name}'`, convention.arch],
      ['the code', code.arch],
    ]) {
      if (arch !== this.arch)
        throw new MayexecError(`${what} is for ${arch}, the kit is ${this.arch}`);
    }
    if (code.parts.every(({ bytes }) => bytes.length === 0)) {
      throw new MayexecError('the code is empty: there is nothing to call');
    }
    const typed = typeCall(convention, args, options);
    const { types, result, variadicFrom } = typed;
    const plan = planCall({
      convention,
      result,
      args: types,
      ...(variadicFrom === undefined ? {} : { variadicFrom }),
    });
    const buffers = planBuffers({ ...argumentBuffers(typed.values), ...options.buffers });
    const entry = addressOfLabel(code, options.entry);
    return { code, args, options, convention, typed, plan, buffers, entry };
  }

  #run(request: Request, observers: Observers = {}): CallFacts {
    const { code, options, buffers } = request;
    const { sandbox } = this.#bed;
    const prepared = this.#bed.begin(code, options.placement ?? 'image', buffers);
    try {
      const from = sandbox.trace.length;
      const facts = this.#runPrepared(request, prepared.refused, observers.observe);
      observers.ended?.(sandbox);
      return { ...facts, trace: [...prepared.events, ...sandbox.trace.slice(from)] };
    } finally {
      this.#bed.end();
    }
  }

  #runPrepared(
    request: Request,
    refused: RefusedPlacement | undefined,
    observer: InstructionObserver | undefined,
  ): Omit<CallFacts, 'trace'> {
    const { code, convention, plan, buffers, typed, options, entry } = request;
    const { sandbox, stackPointer } = this.#bed;
    const imports = code.imports ?? [];
    fillBuffers(sandbox, buffers);
    const settings = {
      sandbox,
      convention,
      callbacks: [...callbacksIn(typed.values), ...imports.map((each) => each.callback)],
      pointers: pointersTo(buffers),
      blocks: options.limits?.blocks ?? DEFAULT_BLOCKS,
    };
    const ended = refused === undefined ? this.#initialise(code, settings) : undefined;
    const registers = this.#setRegisters(options);
    const run = new GuestRun({ ...settings, registers });
    const call = { plan, entry, values: typed.values, stackPointer };
    const returned = refused
      ? refusedRun(refused, registers)
      : (ended ?? this.#watching(observer, () => run.run(call)));
    return this.#facts(request, run, returned);
  }

  /** What linked code needs before its first call; undefined when each of its initializers returned. */
  #initialise(code: Code, settings: Omit<GuestRunOptions, 'registers'>): Returned | undefined {
    const { imports = [], initializers = [] } = code;
    if (imports.length === 0 && initializers.length === 0) return undefined;
    const { sandbox, stackPointer, registers } = this.#bed;
    const { convention } = settings;
    const run = new GuestRun({ ...settings, registers });
    for (const { callback, slot } of imports) {
      sandbox.poke(slot, bytesOf(run.addressOf(callback) ?? 0n, convention.word));
    }
    const plan = planCall({ convention, result: VOID, args: [] });
    for (const entry of initializers) {
      const returned = run.run({ plan, entry, values: [], stackPointer });
      if (returned.outcome.kind !== 'return') return returned;
    }
    // The call finds every register as if nothing had run.
    if (initializers.length > 0) restoreState(sandbox, registers);
    return undefined;
  }

  #facts(request: Request, run: GuestRun, returned: Returned): Omit<CallFacts, 'trace'> {
    const { code, convention, plan, buffers, args, options } = request;
    const { sandbox } = this.#bed;
    const contents = buffers.map((buffer) => [buffer.name, readBuffer(sandbox, buffer)] as const);
    const { outcome, before, after, returnSlot } = returned;
    return {
      code,
      args,
      options,
      convention,
      plan,
      buffers,
      outcome,
      before,
      after,
      returnSlot,
      policy: sandbox.policy,
      os: sandbox.os,
      contents: Object.fromEntries(contents),
      overflows: buffers.flatMap((buffer) => overflowsOf(sandbox, buffer)),
      breaches: run.breaches,
      callbacks: run.records,
      call: (others, other = code) => this.call(other, others, options),
      rerun: (observe, ended) =>
        new CallResult(this.#run(request, { observe: observe(sandbox), ended })),
    };
  }

  #watching<T>(observer: InstructionObserver | undefined, run: () => T): T {
    if (observer === undefined) return run();
    const { sandbox } = this.#bed;
    sandbox.onInstruction(observer);
    try {
      return run();
    } finally {
      sandbox.onInstruction(undefined);
    }
  }

  #setRegisters({ registers = {}, flags = {} }: CallOptions): RegisterValues {
    const { sandbox } = this.#bed;
    const { regs } = sandbox;
    if (Object.keys({ ...registers, ...flags }).length === 0) return this.#bed.registers;
    for (const [name, value] of Object.entries(registers)) regs[name] = integerOf(name, value);
    for (const [name, on] of Object.entries(flags)) {
      const bit = flagBit(name);
      if (bit === undefined) throw unknownValue('flag', name, FLAG_NAMES);
      regs.eflags = on ? (regs.eflags ?? 0n) | bit : (regs.eflags ?? 0n) & ~bit;
    }
    return readState(sandbox);
  }
}

interface Observers {
  readonly observe?: InstructionObserver;
  readonly ended?: ((sandbox: Sandbox) => void) | undefined;
}

interface Request {
  readonly code: Code;
  readonly args: readonly Argument[];
  readonly options: CallOptions;
  readonly convention: Convention;
  readonly typed: TypedCall;
  readonly plan: CallPlan;
  readonly buffers: readonly PlannedBuffer[];
  readonly entry: Addr;
}

function refusedRun(refused: RefusedPlacement, state: RegisterValues): Returned {
  const outcome = { kind: 'refused', ...refused } as const;
  return { outcome, before: state, after: state, returnSlot: 0n };
}

/** Named buffers and bytes among the arguments. @throws MayexecError for an unknown name. */
function pointersTo(buffers: readonly PlannedBuffer[]): AddressOf {
  return (value) => {
    if (value instanceof Uint8Array) {
      return buffers.find(({ bytes }) => bytes === value)?.address;
    }
    if (!isBufferPointer(value)) return undefined;
    const found = buffers.find(({ name }) => name === value.name);
    if (found === undefined) {
      throw unknownValue(
        'buffer',
        value.name,
        buffers.map(({ name }) => name),
      );
    }
    return found.address + BigInt(value.offset);
  };
}

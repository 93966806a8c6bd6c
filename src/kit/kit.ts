/**
 * Kit: calls of machine code by a calling convention, in a sandbox that is as new for each call. One kit
 * holds one engine and one sandbox for one architecture under one policy.
 */
import type { Addr, Arch } from '../abi/address.js';
import { MayexecError, unknownValue } from '../abi/errors.js';
import type { PolicyChoice } from '../sandbox-options.js';
import {
  type Argument,
  argumentBuffers,
  callbacksIn,
  isBufferPointer,
  type SignatureOptions,
  type TypedCall,
  typeCall,
} from './arguments.js';
import {
  type BufferInit,
  fillBuffers,
  overflowsOf,
  type PlannedBuffer,
  planBuffers,
  readBuffer,
} from './buffers.js';
import { CallResult } from './call-result.js';
import { addressOfLabel, type Code, type CodeSource, codeOfBytes, loadCode } from './code.js';
import { type AbiName, type Convention, conventionOf, DEFAULT_ABI } from './convention.js';
import { GuestRun } from './guest-run.js';
import { type CallPlan, planCall } from './locations.js';
import { FLAG_NAMES, flagBit, type RegisterValues, readState } from './machine-state.js';
import type { Placement } from './placement.js';
import { type Prepared, TestBed } from './test-bed.js';
import type { AddressOf } from './value-bytes.js';
import { Watch, type WatchedRun } from './watch.js';

export interface CallOptions extends SignatureOptions {
  /** sysv, win64 (x86-64); cdecl, stdcall, fastcall (i386). Default: sysv or cdecl. */
  readonly abi?: AbiName | undefined;
  /** Label to call; default the code's entry. */
  readonly entry?: string | undefined;
  /** How the code gets into its pages; default 'image', which every policy allows. */
  readonly placement?: Placement | undefined;
  /** Memory with a name, for pointers (`pointerTo`). */
  readonly buffers?: Readonly<Record<string, BufferInit>> | undefined;
  /** Registers to set besides the arguments'. */
  readonly registers?: Readonly<Record<string, number | bigint>> | undefined;
  /** Flags at entry that are not clear: { CF: true }. */
  readonly flags?: Readonly<Record<string, boolean>> | undefined;
  readonly limits?: {
    /** Translated blocks at most; default 1,000,000. */
    readonly blocks?: number | undefined;
  };
}

export interface KitOptions {
  readonly arch?: Arch | undefined;
  readonly policy?: PolicyChoice | undefined;
  /** Bytes of guest memory in use at most; default 64 MiB. */
  readonly memory?: number | undefined;
}

const OPTION_NAMES = [
  ...['abi', 'entry', 'placement', 'buffers', 'registers', 'flags', 'limits'],
  ...['signature', 'returns', 'arch', 'policy'],
];
const DEFAULT_BLOCKS = 1_000_000;

export class Kit implements Disposable {
  readonly arch: Arch;
  readonly #bed: TestBed;

  private constructor(bed: TestBed) {
    this.#bed = bed;
    this.arch = bed.sandbox.arch;
  }

  /** Opens an engine and a sandbox. @throws MayexecError for an unknown policy. */
  static async open({ arch = 'x86-64', policy = 'nx', memory }: KitOptions = {}): Promise<Kit> {
    return new Kit(await TestBed.open(arch, policy, { limits: { memory } }));
  }

  /** The policy in force, as a spec string. */
  get policy(): string {
    return this.#bed.sandbox.policy;
  }

  /** Code ready to be called; of other sources than bytes only this makes it. */
  load(source: CodeSource): Promise<Code> {
    return loadCode(source, this.arch);
  }

  /**
   * Calls code and reports all that it did. Whatever that was, the next call finds everything new.
   * @throws MayexecError for arguments that do not fit, and what a callback's own code throws.
   */
  call(
    code: Code | Uint8Array,
    args: readonly Argument[] = [],
    options: CallOptions = {},
  ): CallResult {
    const ready = code instanceof Uint8Array ? codeOfBytes(code, this.arch) : code;
    return new CallResult(this.#run(this.#request(ready, args, options)));
  }

  close(): void {
    this.#bed[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #request(code: Code, args: readonly Argument[], options: CallOptions): Request {
    for (const name of Object.keys(options)) {
      if (!OPTION_NAMES.includes(name)) throw unknownValue('option', name, OPTION_NAMES);
    }
    const convention = conventionOf(options.abi ?? DEFAULT_ABI[this.arch]);
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

  #run(request: Request, watch?: Watch): CallResult['facts'] {
    const { code, convention, plan, buffers, typed, options, entry } = request;
    const { sandbox, stackPointer } = this.#bed;
    const prepared = this.#bed.begin(code, options.placement ?? 'image', buffers);
    const from = sandbox.trace.length;
    const run = new GuestRun(
      sandbox,
      convention,
      callbacksIn(typed.values),
      pointersTo(buffers),
      options.limits?.blocks ?? DEFAULT_BLOCKS,
    );
    fillBuffers(sandbox, buffers);
    this.#setRegisters(options);
    const returned = prepared.refused
      ? refusedRun(prepared, readState(sandbox))
      : this.#watching(watch, () => run.run({ plan, entry, values: typed.values, stackPointer }));
    const contents = buffers.map((buffer) => [buffer.name, readBuffer(sandbox, buffer)] as const);
    return {
      ...{ code, convention, plan, buffers, ...returned },
      policy: sandbox.policy,
      contents: Object.fromEntries(contents),
      overflows: buffers.flatMap((buffer) => overflowsOf(sandbox, buffer)),
      breaches: run.breaches,
      callbacks: run.records,
      trace: [...prepared.events, ...sandbox.trace.slice(from)],
      watch: () => this.#watch(request),
    };
  }

  #watch(request: Request): WatchedRun {
    const watch = new Watch();
    const result = new CallResult(this.#run(request, watch));
    return { result, instructions: watch.instructions, path: watch.path };
  }

  #watching<T>(watch: Watch | undefined, run: () => T): T {
    if (watch === undefined) return run();
    const { sandbox } = this.#bed;
    sandbox.onInstruction(watch.observe);
    try {
      return run();
    } finally {
      sandbox.onInstruction(undefined);
    }
  }

  #setRegisters({ registers = {}, flags = {} }: CallOptions): void {
    const { regs } = this.#bed.sandbox;
    for (const [name, value] of Object.entries(registers)) regs[name] = BigInt(value);
    for (const [name, on] of Object.entries(flags)) {
      const bit = flagBit(name);
      if (bit === undefined) throw unknownValue('flag', name, FLAG_NAMES);
      regs.eflags = on ? (regs.eflags ?? 0n) | bit : (regs.eflags ?? 0n) & ~bit;
    }
  }
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

function refusedRun({ refused }: Prepared, state: RegisterValues) {
  const outcome = { kind: 'refused', ...refused! } as const;
  return { outcome, before: state, after: state };
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

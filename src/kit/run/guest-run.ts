/**
 * One call of guest code, with the calls back into the host that it makes. The guest jumps to an address
 * of the host; the run stops there, the host does its part and lets the guest go on. A callback may call
 * the guest again: each depth has a return address of its own.
 */
import { STATUS } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { MayexecError } from '../../base/errors.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import { type Convention, conventionOf } from '../abi/convention.js';
import { type Breach, breachesAtCall, breachesAtReturn } from '../abi/duties.js';
import {
  type ArgumentFrame,
  FrameFault,
  hiddenPointer,
  integerOf,
  readArguments,
  readResult,
  writeFrame,
  writeResult,
} from '../abi/frame.js';
import { GENERAL, garbageOf, STACK_PATTERN, VECTORS } from '../abi/garbage.js';
import { type CallPlan, planCall } from '../abi/locations.js';
import { type RegisterValues, readState } from '../abi/machine-state.js';
import { parseSignature } from '../abi/signature.js';
import type { AddressOf, GuestValue } from '../abi/value-bytes.js';
import type { Callback, GuestAccess } from '../bed/callback.js';
import { typeCall } from './arguments.js';
import type { CallOutcome } from './outcome-text.js';

/** Return addresses come first, one for each depth; callbacks follow. */
const DEPTHS = 32;
const STEP = 16n;
/** What a callee may overwrite below the stack pointer, at least. */
const SCRIBBLED = 256;

/** A callback as it was called. */
export interface CallbackRecord {
  readonly name: string;
  readonly args: readonly GuestValue[];
  readonly result: unknown;
}

export interface GuestCall {
  readonly plan: CallPlan;
  readonly entry: Addr;
  readonly values: readonly unknown[];
  readonly stackPointer: Addr;
}

export interface Returned {
  /** Where the return address lies. */
  readonly returnSlot: Addr;
  readonly outcome: CallOutcome;
  readonly before: RegisterValues;
  readonly after: RegisterValues;
}

/** Ends everything down to the outermost call: the guest is dead. */
class Ended extends Error {
  readonly outcome: CallOutcome;

  constructor(outcome: CallOutcome) {
    super('the guest has ended');
    this.outcome = outcome;
  }
}

export interface GuestRunOptions {
  readonly sandbox: Sandbox;
  readonly convention: Convention;
  readonly callbacks: readonly Callback[];
  /** Addresses of buffers. */
  readonly pointers: AddressOf;
  /** Translated blocks at most. */
  readonly blocks: number;
  /** As they are before the arguments are set. */
  readonly registers: RegisterValues;
}

export class GuestRun {
  readonly breaches: Breach[] = [];
  readonly records: CallbackRecord[] = [];
  readonly #sandbox: Sandbox;
  readonly #convention: Convention;
  readonly #callbacks: readonly Callback[];
  readonly #pointers: AddressOf;
  readonly #initial: RegisterValues;
  readonly #lastBlock: number;
  /** The outermost call. */
  #entered: Pick<Returned, 'before' | 'returnSlot'> = { before: {}, returnSlot: 0n };
  #depth = 0;
  #ended: CallOutcome | undefined;

  constructor({ sandbox, callbacks, ...options }: GuestRunOptions) {
    this.#sandbox = sandbox;
    this.#convention = options.convention;
    this.#callbacks = callbacks;
    this.#pointers = options.pointers;
    this.#initial = options.registers;
    this.#lastBlock = sandbox.blocks + options.blocks;
    const room = Number((sandbox.hostAddresses.end - sandbox.hostAddresses.start) / STEP) - DEPTHS;
    if (callbacks.length > room) {
      throw new MayexecError(`${callbacks.length} callbacks: at most ${room} have an address`);
    }
  }

  /** The address that a callback has for the guest, or that of a buffer. */
  readonly addressOf: AddressOf = (value) => {
    const index = this.#callbacks.indexOf(value as Callback);
    return index < 0 ? this.#pointers(value) : this.#gate(DEPTHS + index);
  };

  /** The outermost call. What a callback's own code throws comes out of it. */
  run(call: GuestCall): Returned {
    try {
      return this.#call(call);
    } catch (error) {
      const outcome = endOf(error, this.#sandbox.os);
      if (outcome === undefined) throw error;
      const { before, returnSlot } = this.#entered;
      return { outcome, before, after: readState(this.#sandbox), returnSlot };
    }
  }

  #call({ plan, entry, values, stackPointer }: GuestCall): Returned {
    if (this.#depth >= DEPTHS) throw new MayexecError(`calls nest deeper than ${DEPTHS}`);
    const sandbox = this.#sandbox;
    const depth = this.#depth++;
    const frame = writeFrame({
      sandbox,
      plan,
      values,
      addressOf: this.addressOf,
      stackPointer,
      returnAddress: this.#gate(depth),
    });
    const { returnSlot } = frame;
    const before = this.#stateBefore(frame, entry);
    if (depth === 0) this.#entered = { before, returnSlot };
    const outcome = this.#until(frame, entry, depth);
    const after = readState(sandbox);
    this.#depth = depth;
    if (outcome !== undefined) return { outcome, before, after, returnSlot };
    this.breaches.push(...breachesAtReturn({ sandbox, plan, frame, before, after }));
    const value = readResult(sandbox, plan, frame);
    return { outcome: { kind: 'return', value }, before, after, returnSlot };
  }

  /** Reading every register takes longer than most cases run; of the outermost call they are known. */
  #stateBefore(frame: ArgumentFrame, entry: Addr): RegisterValues {
    const { arch } = this.#convention;
    if (this.#depth > 1) return readState(this.#sandbox);
    // What was set stands before what was there: copying forty registers takes as long as running the case.
    const before = Object.create(this.#initial) as Record<string, bigint>;
    for (const [name, value] of frame.registers) before[name] = value;
    before[arch === 'x86-64' ? 'rsp' : 'esp'] = frame.returnSlot;
    before[arch === 'x86-64' ? 'rip' : 'eip'] = entry;
    return before;
  }

  /** Runs until the call of this depth returns (undefined), or everything ends. */
  #until(frame: ArgumentFrame, entry: Addr, depth: number): CallOutcome | undefined {
    const sandbox = this.#sandbox;
    for (let pc = entry; ; ) {
      const left = this.#lastBlock - sandbox.blocks;
      if (left <= 0) return { kind: 'limit', limit: 'blocks' };
      const end = sandbox.enter(pc, left);
      if (end.kind === 'return') return { kind: 'limit', limit: 'blocks' };
      if (end.kind !== 'host') return end;
      const index = this.#indexOf(end.address);
      if (index === depth) return undefined;
      const callback = index === undefined ? undefined : this.#callbacks[index - DEPTHS];
      if (callback === undefined) return stray(end.address, index);
      pc = this.#callBack(callback, frame);
      if (this.#ended !== undefined) return this.#ended;
    }
  }

  /** Does what the callee of the guest's call does; returns where the guest goes on. */
  #callBack(callback: Callback, caller: ArgumentFrame): Addr {
    const sandbox = this.#sandbox;
    const convention = callback.abi === undefined ? this.#convention : conventionOf(callback.abi);
    const { result, parameters, variadic } = parseSignature(callback.signature, convention.model);
    if (variadic) throw new MayexecError(`callback '${callback.signature}' cannot be variadic`);
    const plan = planCall({ convention, result, args: parameters });
    const sp = convention.word === 8 ? 'rsp' : 'esp';
    const slot = sandbox.regs[sp] ?? 0n;
    const returnAddress = this.#word(slot);
    const state = readState(sandbox);
    this.breaches.push(
      ...breachesAtCall({
        convention,
        callee: callback.name,
        slot,
        frameEnd: caller.returnSlot,
        returnsTo: returnAddress,
        before: this.#entered.before,
        after: state,
      }),
    );
    const args = readArguments(sandbox, plan, slot);
    const hidden = hiddenPointer(sandbox, plan, slot);
    const value = this.#invoke(callback, args, slot);
    this.#scribble(plan, slot, state);
    writeResult(sandbox, plan, value, hidden, this.addressOf);
    sandbox.regs[sp] = slot + BigInt(convention.word + plan.popped);
    return returnAddress;
  }

  #invoke(callback: Callback, args: readonly GuestValue[], slot: Addr): unknown {
    const guest = this.#guestAccess(slot);
    let result: unknown;
    try {
      result = callback.implementation(...args, guest);
    } catch (error) {
      const outcome = endOf(error, this.#sandbox.os);
      if (outcome === undefined) throw error;
      this.#ended = outcome;
    }
    this.records.push({ name: callback.name, args, result });
    if (this.#ended !== undefined) throw new Ended(this.#ended);
    return result;
  }

  #guestAccess(slot: Addr): GuestAccess {
    const sandbox = this.#sandbox;
    return {
      read: (address, length) => sandbox.peek(address, length),
      write: (address, bytes) => sandbox.poke(address, bytes),
      call: (address, args, signature) => {
        const convention = this.#convention;
        const { types, values, result } = typeCall(convention, args, { signature });
        const plan = planCall({ convention, result, args: types });
        const stackPointer = slot - BigInt(SCRIBBLED);
        const { outcome } = this.#call({ plan, entry: BigInt(address), values, stackPointer });
        if (outcome.kind === 'return') return outcome.value;
        this.#ended = outcome;
        throw new Ended(outcome);
      },
    };
  }

  /**
   * What a callee may change holds garbage afterwards: the registers that it need not save, the stack
   * below its frame and the space above its return address that is its own.
   */
  #scribble({ convention }: CallPlan, slot: Addr, state: RegisterValues): void {
    const { arch, regs } = this.#sandbox;
    const kept = new Set([...convention.calleeSaved, 'rsp', 'esp']);
    for (const name of [...GENERAL[arch], ...VECTORS[arch]]) {
      regs[name] = kept.has(name) ? (state[name] ?? 0n) : garbageOf(arch, name);
    }
    const below = new Uint8Array(SCRIBBLED).fill(STACK_PATTERN);
    this.#sandbox.store(slot - BigInt(SCRIBBLED), below);
    if (convention.shadow > 0) {
      const above = new Uint8Array(convention.shadow).fill(STACK_PATTERN);
      this.#sandbox.store(slot + BigInt(convention.word), above);
    }
  }

  #word(address: Addr): Addr {
    const bytes = this.#sandbox.load(address, this.#convention.word);
    return bytes instanceof Uint8Array ? integerOf(bytes) : 0n;
  }

  #gate(index: number): Addr {
    return this.#sandbox.hostAddresses.start + STEP * BigInt(index);
  }

  #indexOf(address: Addr): number | undefined {
    const distance = address - this.#sandbox.hostAddresses.start;
    return distance % STEP === 0n ? Number(distance / STEP) : undefined;
  }
}

/** What the guest's own mistakes make of a call; undefined for an error of the host's. */
function endOf(error: unknown, os: string): CallOutcome | undefined {
  if (error instanceof Ended) return error.outcome;
  if (!(error instanceof FrameFault)) return undefined;
  const { address, access, code, pc } = error.fault;
  if (os === 'linux') return { kind: 'signal', signal: 'SIGSEGV', code, address, access, pc };
  const parameters = [access === 'write' ? 1n : 0n, address];
  return { kind: 'exception', status: STATUS.ACCESS_VIOLATION, parameters, pc };
}

function stray(address: Addr, index: number | undefined): CallOutcome {
  const reason =
    index !== undefined && index < DEPTHS
      ? 'the return address of another call'
      : 'an address of the host that stands for no callback';
  return { kind: 'stray', address, reason };
}

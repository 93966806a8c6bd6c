/**
 * Run control: where a run is to pause, exact to the instruction. A world's `resume` makes a Stepper of the
 * request and hands it to the engine with every run that the request takes; whoever pauses and goes on changes
 * nothing of what the program does.
 */
import type { Addr, AddrRange } from '../base/address.js';
import type { StepControl } from '../engine/engine.js';

/** Bytes that an instruction of the guest's touches; what its kernel does for it is none of that. */
export interface Watchpoint {
  readonly address: Addr;
  /** Bytes, from 1. */
  readonly length: number;
  readonly access: 'read' | 'write' | 'any';
}

/** Where to pause; without anything at no place. Every limit counts from where the run goes on now. */
export interface RunRequest {
  /** Blocks at most, from 1; what a call costs in blocks counts too. Default: the guest's own limit, which is no pause. */
  readonly blocks?: number;
  /** Instructions at most, from 1. Each round of a repeated string instruction is one. */
  readonly instructions?: number;
  /** Before the instruction at one of these, but for the one that the run goes on with. */
  readonly breakpoints?: readonly Addr[];
  /** After an instruction that touched one of these. */
  readonly watchpoints?: readonly Watchpoint[];
  /** As one more breakpoint. */
  readonly until?: Addr;
}

/** An access that a watchpoint was about. */
export interface WatchHit {
  readonly address: Addr;
  readonly length: number;
  readonly access: 'read' | 'write';
  /** The instruction that made it, which is done. */
  readonly pc: Addr;
}

/** The run is not over: `resume` goes on with it. */
export interface Pause {
  readonly kind: 'pause';
  readonly reason: 'blocks' | 'instructions' | 'breakpoint' | 'watchpoint' | 'until';
  /** Of the process that would go on. */
  readonly pid: number;
  /** Its next instruction. */
  readonly pc: Addr;
  /** Of a watchpoint. */
  readonly hit?: WatchHit;
}

export class Stepper implements StepControl {
  readonly watched: readonly AddrRange[];
  /** Why the run is to pause, once it is. */
  reason: Exclude<Pause['reason'], 'blocks'> | undefined;
  hit: WatchHit | undefined;
  readonly #watchpoints: readonly Watchpoint[];
  readonly #breakpoints: ReadonlySet<Addr>;
  readonly #until: Addr | undefined;
  #left: number;
  /** Where no breakpoint counts: the instruction that the run goes on with. */
  #first: Addr | undefined;
  #current: Addr = 0n;

  /** `pc`: where the run goes on. */
  constructor({ instructions, breakpoints, watchpoints, until }: RunRequest, pc: Addr) {
    this.#left = instructions ?? Number.POSITIVE_INFINITY;
    this.#breakpoints = new Set(breakpoints);
    this.#watchpoints = watchpoints ?? [];
    this.#until = until;
    this.#first = pc;
    this.watched = this.#watchpoints.map(({ address, length }) => ({
      start: address,
      end: address + BigInt(length),
    }));
  }

  /** Undefined for a request that an engine needs no help for. */
  static for(request: RunRequest, pc: Addr): Stepper | undefined {
    const { instructions, breakpoints = [], watchpoints = [], until } = request;
    const needed = instructions !== undefined || until !== undefined;
    return needed || breakpoints.length + watchpoints.length > 0
      ? new Stepper(request, pc)
      : undefined;
  }

  /** Between two runs: is there a reason to pause before the next instruction, whatever that is? */
  get due(): boolean {
    if (this.hit !== undefined) this.reason = 'watchpoint';
    else if (this.#left <= 0) this.reason = 'instructions';
    return this.reason !== undefined;
  }

  before(pc: Addr): boolean {
    const isFirst = pc === this.#first;
    this.#first = undefined;
    if (this.hit !== undefined) this.reason = 'watchpoint';
    else if (!isFirst && pc === this.#until) this.reason = 'until';
    else if (!isFirst && this.#breakpoints.has(pc)) this.reason = 'breakpoint';
    else if (this.#left <= 0) this.reason = 'instructions';
    if (this.reason !== undefined) return true;
    this.#left--;
    this.#current = pc;
    return false;
  }

  touched(address: Addr, length: number, access: 'read' | 'write'): void {
    if (this.hit !== undefined) return;
    const end = address + BigInt(length);
    const seen = this.#watchpoints.some(
      (point) =>
        (point.access === 'any' || point.access === access) &&
        address < point.address + BigInt(point.length) &&
        point.address < end,
    );
    if (seen) this.hit = { address, length, access, pc: this.#current };
  }

  /** The instruction at hand was refused: it has touched nothing. */
  faulted(): void {
    this.hit = undefined;
  }
}

/** A call with each instruction watched: the path that it took. Costs speed, so only when asked. */
import type { Addr } from '../abi/address.js';
import type { CallResult } from './call-result.js';

/** More instructions than a report can use. */
const KEPT = 100_000;

export interface WatchedRun {
  readonly result: CallResult;
  /** Instructions begun, `rep` counted once for each repetition. */
  readonly instructions: number;
  /** Addresses in order; of a long run the first. */
  readonly path: readonly Addr[];
}

export class Watch {
  instructions = 0;
  readonly path: Addr[] = [];

  readonly observe = (pc: Addr): void => {
    this.instructions++;
    if (this.path.length < KEPT) this.path.push(pc);
  };
}

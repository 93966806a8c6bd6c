import { aFunction, checkShape, objectOf } from '../base/shape.js';

/**
 * Tiering: a host that knows how to can have its compiler leave the translator alone. Reading one instruction
 * is a function of 300 KB; an optimising compiler takes it up after a few calls, works on it for longer than most
 * programs run, and makes nothing faster that runs for long, since code is translated once.
 */
export interface Tiering {
  /** What is called for the first time from now on stays as it is compiled at first. */
  hold(): void;
  /** What is called for the first time from now on is optimised when it has run often. */
  release(): void;
}

const TIERING = objectOf({ hold: aFunction, release: aFunction }, 'an object of hold and release');

let chosen: Tiering | undefined;

/** For the engines that are opened later. */
export function useTiering(tiering: Tiering): void {
  checkShape('useTiering: the tiering', tiering, TIERING);
  chosen = tiering;
}

export function tiering(): Tiering | undefined {
  return chosen;
}

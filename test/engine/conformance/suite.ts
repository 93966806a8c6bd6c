/** What each part of the conformance suite gets: an engine to open, and a guest in it for each test. */
import { afterEach, beforeEach } from 'vitest';
import type { EngineKind } from '../../../src/engine/open.js';
import { DATA, type Guest, type GuestOptions, openGuest, STACK_TOP } from '../guest.js';

/** Opens a guest with a data page and a stack before each test, and closes it after. */
export function guestOf(kind: EngineKind, options: GuestOptions = {}): () => Guest {
  let guest: Guest | undefined;
  beforeEach(async () => {
    guest = await openGuest(kind, options);
    guest.map(DATA, 'rw');
    guest.map(STACK_TOP - 4096, 'rw');
    guest.setReg('sp', STACK_TOP - 256);
  });
  afterEach(() => {
    guest?.engine.close();
    guest = undefined;
  });
  return () => {
    if (guest === undefined) throw new Error('no guest outside a test');
    return guest;
  };
}

/** More of everything random: MAYEXEC_CAMPAIGN=20. */
const CAMPAIGN = Number(process.env.MAYEXEC_CAMPAIGN ?? 1);

/** How many of something random; the JavaScript form, which is the slower one, gets a fifth. */
export function timesOf(kind: EngineKind, times: number): number {
  return Math.ceil((CAMPAIGN * times) / (kind === 'unicorn1-js' ? 5 : 1));
}

export const ARCHES = ['x86-64', 'i386'] as const;

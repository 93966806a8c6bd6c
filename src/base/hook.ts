/**
 * Hook: a place where policies are asked, as whoever asks there defines it. What a policy is shown is
 * the type of the table's entry, so a hook is spelt in one line and the rest follows from that.
 */
import type { Verdict } from './verdict.js';

export interface Hook<Args extends readonly unknown[]> {
  /** Which argument is a request whose `flags` may lose bits; undefined: allowed or refused as a whole. */
  readonly request: number | undefined;
  /** Only the type counts. */
  readonly args?: Args;
}

/** A hook that allows or refuses as a whole. */
export function hook<Args extends readonly unknown[]>(): Hook<Args> {
  return { request: undefined };
}

/** A hook that may also clear bits in the flags of the request, which is the argument of this number. */
export function narrowingHook<Args extends readonly unknown[]>(request: number): Hook<Args> {
  return { request };
}

type Arguments<H> = H extends Hook<infer Args> ? Args : never;

/** What a policy is shown, by hook. */
export type HookArguments<Table> = { readonly [K in keyof Table]: Arguments<Table[K]> };

/** What a policy that has all hooks of a table looks like. */
export type HookFunctions<Table> = {
  readonly [K in keyof Table]: (...args: Arguments<Table[K]>) => Verdict;
};

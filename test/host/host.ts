/** The host of this run, as the run's setup measured it. */
import { inject } from 'vitest';
import type { Trait } from './traits.js';

export const { kernel } = inject('host');

/** Why what needs these traits cannot be judged here: the first that this host lacks; undefined where it has all. */
export function lacking(...needs: readonly Trait[]): string | undefined {
  const { missing } = inject('host');
  return needs.map((trait) => missing[trait]).find((reason) => reason !== undefined);
}

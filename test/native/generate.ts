/**
 * Random sequences: a function of architecture, mode, seed and number alone. A sequence opens what it
 * maps, does some tens of operations in a few pages of the window, and ends with a listing of the
 * mappings and a look at every page.
 */
import type { Arch } from '../../src/base/address.js';
import { Random } from '../../src/base/random.js';
import { closing, ONE_OF } from './calls.js';
import { Choices, type Mode } from './choices.js';
import { Descriptors } from './descriptors.js';
import { type Generator, ground } from './mapping-calls.js';
import type { Op, Sequence } from './operation.js';
import type { NumberedSequence } from './script.js';

export type { Mode } from './choices.js';
export const MODES: readonly Mode[] = ['plain', 'mdwe', 'mseal'];

export function generate(
  arch: Arch,
  mode: Mode,
  seed: number,
  first: number,
  count: number,
): NumberedSequence[] {
  return Array.from({ length: count }, (_, index) => {
    const id = first + index;
    return { id, ops: sequence(arch, mode, new Random(seed).fork(`${mode} ${id}`)) };
  });
}

function sequence(arch: Arch, mode: Mode, random: Random): Sequence {
  const choices = new Choices(random, arch, mode);
  const descriptors = new Descriptors(choices);
  const ops: Op[] = [...descriptors.opening(), ...ground(choices, descriptors)];
  const steps = choices.pick([4, 8, 12, 20, 30]);
  const restriction = random.below(steps);
  let forked = false;
  for (let step = 0; step < steps; step++) {
    if (mode !== 'plain' && step === restriction) ops.push(...ONE_OF[mode](choices, descriptors));
    if (choices.one(40) && !forked) {
      forked = true;
      ops.push({ kind: 'fork' });
    } else if (forked && choices.one(5)) {
      forked = false;
      ops.push(...closing(choices, 'child'), { kind: 'exit' });
    }
    ops.push(...generatorOf(choices)(choices, descriptors));
  }
  if (forked) ops.push(...closing(choices, 'child'), { kind: 'exit' });
  return [...ops, ...closing(choices, 'end')];
}

const WEIGHTS: readonly (readonly [weight: number, Generator])[] = [
  [30, ONE_OF.mmap],
  [11, ONE_OF.munmap],
  [20, ONE_OF.mprotect],
  [10, ONE_OF.mremap],
  [24, ONE_OF.touch],
  [7, ONE_OF.madvise],
  [3, ONE_OF.brk],
  [3, ONE_OF.mlock],
  [3, ONE_OF.look],
  [4, ONE_OF.file],
  [2, ONE_OF.shm],
  [1, ONE_OF.personality],
];
const MODE_WEIGHTS: Readonly<Record<Mode, readonly (readonly [number, Generator])[]>> = {
  plain: WEIGHTS,
  mdwe: [...WEIGHTS, [3, ONE_OF.mdwe]],
  mseal: [...WEIGHTS, [8, ONE_OF.mseal]],
};

function generatorOf(choices: Choices): Generator {
  const weights = MODE_WEIGHTS[choices.mode];
  let rest = choices.random.below(weights.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, generator] of weights) {
    if (rest < weight) return generator;
    rest -= weight;
  }
  throw new Error('unreachable: the weights sum up');
}

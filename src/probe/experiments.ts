/** Every experiment of the probe, in the order in which it makes them. */
import type { Arch } from '../base/address.js';
import type { Experiment } from './experiment.js';
import { anonymousExperiments } from './experiments/anonymous.js';
import { objectExperiments } from './experiments/objects.js';
import { systemExperiments } from './experiments/system.js';

export const EXPERIMENTS: readonly Experiment[] = [
  ...anonymousExperiments,
  ...objectExperiments,
  ...systemExperiments,
];

export function experimentsFor(arch: Arch): readonly Experiment[] {
  return EXPERIMENTS.filter((experiment) => (experiment.arch ?? arch) === arch);
}

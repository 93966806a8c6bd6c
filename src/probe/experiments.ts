/** Every experiment of the probes, in the order in which they make them. */
import type { Arch } from '../base/address.js';
import { checkShape, oneOf } from '../base/shape.js';
import type { Experiment } from './experiment.js';
import { anonymousExperiments } from './experiments/anonymous.js';
import { objectExperiments } from './experiments/objects.js';
import { systemExperiments } from './experiments/system.js';
import { win32ExperimentsFor } from './win32/experiments.js';

export const EXPERIMENTS: readonly Experiment[] = [
  ...anonymousExperiments,
  ...objectExperiments,
  ...systemExperiments,
];

export function experimentsFor(arch: Arch): readonly Experiment[] {
  return EXPERIMENTS.filter((experiment) => (experiment.arch ?? arch) === arch);
}

/** Systems that there is a probe for; Windows and Wine have one together. */
export const PROBED_SYSTEMS = ['linux', 'windows', 'wine'] as const;
export type ProbedSystem = (typeof PROBED_SYSTEMS)[number];

/** What is to be known of an experiment without knowing its steps. */
export type ProbeExperiment = Pick<Experiment, 'name' | 'about' | 'arch' | 'fact'>;

/**
 * The experiments of the probe for a system, in its order.
 * @throws MayexecError for a system or an architecture without a probe.
 */
export function probeExperiments(
  arch: Arch,
  os: ProbedSystem = 'linux',
): readonly ProbeExperiment[] {
  checkShape('probeExperiments: the architecture', arch, oneOf(['x86-64', 'i386']));
  checkShape('probeExperiments: the system', os, oneOf(PROBED_SYSTEMS));
  return os === 'linux' ? experimentsFor(arch) : win32ExperimentsFor(arch);
}

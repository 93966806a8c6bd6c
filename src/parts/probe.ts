/** Which policy a machine has, found out from outside. Every name is listed by hand. */
export { type Advice, adviceFor } from '../probe/advice.js';
export { UNFELT } from '../probe/candidates.js';
export type { ProbeDifference } from '../probe/compare.js';
export type { Experiment } from '../probe/experiment.js';
export {
  EXPERIMENTS,
  type ProbedSystem,
  type ProbeExperiment,
  probeExperiments,
} from '../probe/experiments.js';
export {
  type DecidingExperiment,
  type Identification,
  type IdentifyOptions,
  identify,
  type NearCandidate,
} from '../probe/identify.js';
export { probeProgram } from '../probe/program.js';
export {
  formatProbe,
  outcomeOf,
  type ProbeOutcome,
  type ProbeResults,
  parseProbe,
} from '../probe/results.js';
export { type ProbeOptions, runProbe, type Surroundings } from '../probe/run.js';

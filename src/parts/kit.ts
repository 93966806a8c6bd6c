/** Calls of machine code by a calling convention, their checks, and cases for the host's own CPU. Every name is listed by hand. */

// For users whose compiler targets ES2022: the declarations name Disposable.
/// <reference lib="esnext.disposable" preserve="true" />
export type { RawCode, RawRelocation } from '../formats/raw-object.js';
export { ABIS, type AbiName } from '../kit/abi/convention.js';
export { type Breach, DUTIES, type Duty } from '../kit/abi/duties.js';
export { FLAG_NAMES, flagBit } from '../kit/abi/machine-state.js';
export type { GuestValue } from '../kit/abi/value-bytes.js';
export {
  type BufferInit,
  type BufferOptions,
  type BufferPointer,
  pointerTo,
} from '../kit/bed/buffers.js';
export { type Callback, callback, type GuestAccess } from '../kit/bed/callback.js';
export type {
  AssemblySource,
  BytesSource,
  Code,
  CodeImage,
  CodePart,
  CodeSource,
} from '../kit/bed/code.js';
export { type LinkCodeOptions, type LinkInput, linkCode } from '../kit/bed/linked-code.js';
export { PLACEMENTS, type Placement } from '../kit/bed/placing.js';
export {
  checkBehavesLike,
  checkDisassembly,
  listingOf,
} from '../kit/checks/code.js';
export { checkFollows, checkPreserves } from '../kit/checks/convention.js';
export {
  type Cost,
  checkTouches,
  checkWithin,
  type Reach,
  type Touchable,
} from '../kit/checks/cost.js';
export {
  checkAllowed,
  checkDenied,
  checkFault,
  checkNeverWritableAndExecutable,
  type FaultWanted,
  type Traced,
} from '../kit/checks/policy.js';
export { checkLeaves, checkReturn, type Leaves } from '../kit/checks/value.js';
export type { CheckVerdict } from '../kit/checks/verdict.js';
export { edgeFloats, edgeIntegers } from '../kit/inputs/edge-values.js';
export type {
  Disagreement,
  ExploreOptions,
  Found,
} from '../kit/inputs/explore.js';
export type { ArgumentSource, InputOptions } from '../kit/inputs/inputs.js';
export { sameValue } from '../kit/inputs/same-value.js';
export { Kit, type KitOptions } from '../kit/kit.js';
export {
  type Calls,
  call,
  disagreement,
  explore,
  kitFor,
  loadCode,
  openCalls,
} from '../kit/open-calls.js';
export type { OpenCallOptions, SandboxCode } from '../kit/pool.js';
export { type Argument, arg, type TypedValue } from '../kit/run/arguments.js';
export type { CallOptions } from '../kit/run/call-options.js';
export { CallResult } from '../kit/run/call-result.js';
export type { CallOutcome } from '../kit/run/outcome-text.js';
export { fullListing, plainListing } from '../kit/watch/code-listing.js';
export { Coverage, type CoverageTotals } from '../kit/watch/coverage.js';
export { type FailureOptions, failureText, outcomeText } from '../kit/watch/failure.js';
export { lastStore, lastWriter } from '../kit/watch/last-writer.js';
export { valueText } from '../kit/watch/value-text.js';
export type { WatchedRun } from '../kit/watch/watch.js';
export {
  type CpuCompareOptions,
  type CpuComparison,
  compareCpus,
  type DifferingCase,
  type ExplainedCase,
  type RunNatively,
} from '../runner/compare-cpus.js';
export type { StateDifference } from '../runner/compare-records.js';
export type { CaseEnd, CaseRecord, CaseState, CpuCase } from '../runner/cpu-case.js';
export type { Deviation } from '../runner/deviations.js';

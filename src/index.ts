/** The public API. Every name is listed by hand; what is not here may change at any time. */
export { type Addr, type Arch, PAGE_SIZE } from './abi/address.js';
export { type Errno, errnoNumber, errnoText } from './abi/errno.js';
export { MayexecError, unknownValue } from './abi/errors.js';
export type { Access, Fault, FaultCode, Outcome } from './abi/outcome.js';
export type { EngineAssets } from './engine/asset-files.js';
export { useEngineAssets } from './engine/assets.js';
export {
  describeEngines as listEngines,
  type EngineDescription,
  type EngineInfo,
  engineInfo as openEngineInfo,
} from './engine/open.js';
export {
  type ExplainOptions,
  type Explanation,
  explain,
  type KnownProgram,
  type Remedy,
} from './explain/explain.js';
export type { HistoryStep } from './explain/subject.js';
export { type InjectionCount, idleReason } from './inject/injector.js';
export type {
  FaultInterceptor,
  InterceptedCall,
  InterceptedFault,
  Interception,
  SyscallInterceptor,
} from './kernel/intercept.js';
export { type Argument, arg, type TypedValue } from './kit/arguments.js';
export {
  type BufferInit,
  type BufferOptions,
  type BufferPointer,
  pointerTo,
} from './kit/buffers.js';
export type { CallOptions } from './kit/call-options.js';
export { CallResult } from './kit/call-result.js';
export { type Callback, callback, type GuestAccess } from './kit/callback.js';
export {
  checkBehavesLike,
  checkDisassembly,
  listingOf,
} from './kit/checks/code.js';
export { checkFollows, checkPreserves } from './kit/checks/convention.js';
export { checkTouches, checkWithin, type Touchable } from './kit/checks/cost.js';
export {
  checkAllowed,
  checkDenied,
  checkFault,
  checkNeverWritableAndExecutable,
  type FaultWanted,
  type Traced,
} from './kit/checks/policy.js';
export { checkLeaves, checkReturn, type Leaves } from './kit/checks/value.js';
export type { Verdict as CheckVerdict } from './kit/checks/verdict.js';
export {
  type AssemblySource,
  type BytesSource,
  type Code,
  type CodeImage,
  type CodePart,
  type CodeSource,
  loadCode,
} from './kit/code.js';
export { fullListing, plainListing } from './kit/code-listing.js';
export { type Breach, DUTIES, type Duty } from './kit/conduct.js';
export { ABIS, type AbiName } from './kit/convention.js';
export { Coverage, type CoverageTotals } from './kit/coverage.js';
export { lastStore, lastWriter } from './kit/diverge.js';
export { edgeFloats, edgeIntegers } from './kit/edge-values.js';
export {
  type Disagreement,
  disagreement,
  type ExploreOptions,
  explore,
  type Found,
} from './kit/explore.js';
export { type FailureOptions, failureText, outcomeText, valueText } from './kit/failure.js';
export type { ArgumentSource, InputOptions } from './kit/inputs.js';
export { Kit, type KitOptions } from './kit/kit.js';
export { type LinkCodeOptions, type LinkInput, linkCode } from './kit/linked-code.js';
export { FLAG_NAMES, flagBit } from './kit/machine-state.js';
export type { CallOutcome } from './kit/outcome-text.js';
export { PLACEMENTS, type Placement } from './kit/placement.js';
export { call, kitFor, type OpenCallOptions, type SandboxCode } from './kit/pool.js';
export { sameValue } from './kit/same-value.js';
export type { GuestValue } from './kit/value-bytes.js';
export type { WatchedRun } from './kit/watch.js';
export type { VmaHistory } from './mm/history.js';
export type { MemoryObject } from './mm/object.js';
export type { Vma } from './mm/vma.js';
export { callPc, FINDING_KINDS, type Finding, type FindingKind } from './monitor/finding.js';
export type { RawCode, RawRelocation } from './object/raw-object.js';
export { callFamily, callSet } from './os/linux/tables/call-set.js';
export { definePolicy, type PolicyAnswer, type PolicyInput } from './policy/define.js';
export type { MechanismInfo, PolicyInfo } from './policy/definition.js';
export type { MapRequest, MmFacts, Policy, ProtectRequest, Verdict } from './policy/policy.js';
export { describePolicy, listMechanisms, listPolicies } from './policy/registry.js';
export { type Advice, adviceFor } from './probe/advice.js';
export { UNFELT } from './probe/candidates.js';
export type { Difference as ProbeDifference } from './probe/compare.js';
export type { Experiment } from './probe/experiment.js';
export { EXPERIMENTS } from './probe/experiments.js';
export {
  type DecidingExperiment,
  type Identification,
  type IdentifyOptions,
  identify,
  type NearCandidate,
} from './probe/identify.js';
export { probeProgram } from './probe/program.js';
export {
  formatProbe,
  outcomeOf,
  type ProbeOutcome,
  type ProbeResults,
  parseProbe,
} from './probe/results.js';
export { type ProbeOptions, runProbe, type Surroundings } from './probe/run.js';
export type { Registers } from './registers.js';
export {
  type CpuCompareOptions,
  type CpuComparison,
  compareCpus,
  type DifferingCase,
  type ExplainedCase,
  type RunNatively,
} from './runner/compare-cpus.js';
export type { StateDifference } from './runner/compare-records.js';
export type { CaseEnd, CaseRecord, CpuCase, CpuState } from './runner/cpu-case.js';
export type { Deviation } from './runner/deviations.js';
export { type MapsEntry, Sandbox, type SandboxSnapshot, type SyscallOutcome } from './sandbox.js';
export type {
  EngineChoice,
  HostFile,
  HostProgram,
  PolicyChoice,
  SandboxOptions,
} from './sandbox-options.js';
export type { Difference } from './scenario/compare.js';
export { withoutDirectives } from './scenario/directive.js';
export { finishedRun, unhindered } from './scenario/finished-run.js';
export { type LoadOptions, loadScenario } from './scenario/load.js';
export { type MatrixCell, type MatrixRow, matrixRows } from './scenario/matrix.js';
export { matrixHtml } from './scenario/matrix-html.js';
export {
  type Classified,
  classify,
  type FinishedRun,
  firstDeniedCall,
  OUTCOME_CLASSES,
  type OutcomeClass,
  type Refused,
  refusedText,
} from './scenario/outcome-class.js';
export {
  exitStatusOf,
  type FileReport,
  type RunReport,
  type RunResult,
  runLabel,
  totalsOf,
} from './scenario/report.js';
export { differenceText, jsonReport, junitReport, tapReport } from './scenario/report-text.js';
export { runScenario, type ScenarioOptions } from './scenario/run.js';
export type {
  Expectation,
  ReadyScenario,
  Scenario,
  ScenarioPart,
  ScenarioProgram,
  ScenarioSettings,
  TableRow,
} from './scenario/scenario.js';
export { ScenarioError } from './scenario/scenario-error.js';
export {
  type Timeline,
  type TimelineRow,
  type TimelineStep,
  timelineOf,
} from './timeline/timeline.js';
export {
  type Assembled,
  type AssembledSection,
  type AssembleOptions,
  assemble,
  type SourceLine,
} from './toolchain/assemble.js';
export { type AssembledProgram, assembleProgram } from './toolchain/assemble-program.js';
export { AssemblyError, type AssemblyProblem } from './toolchain/assembly-error.js';
export {
  type DisassembleOptions,
  disassemble,
  type Instruction,
} from './toolchain/disassembler.js';
export { formatListing, hexdump, type ListingOptions } from './toolchain/listing.js';
export { locateToolchain } from './toolchain/modules.js';
export type {
  EndEvent,
  FaultEvent,
  SignalEvent,
  SyscallEvent,
  TraceEvent,
  VerdictEvent,
  VmaEvent,
} from './trace/events.js';
export { straceCall, straceLine, straceText, verdictLine } from './trace/print.js';
export {
  causeOf,
  faultLine,
  firstRefusal,
  type Refusal,
  rightsText,
  ruleOfFault,
} from './trace/print-cause.js';

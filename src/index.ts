/**
 * The public API: all parts. Each can be imported alone (`mayexec/sandbox` ...), so that a page loads only what it
 * needs. What a part does not list may change at any time.
 */

export * from './parts/diagnosis.js';
export * from './parts/kit.js';
export * from './parts/probe.js';
export * from './parts/sandbox.js';
export * from './parts/scenario.js';
export * from './parts/toolchain.js';
// For users whose compiler targets ES2022: the declarations name Disposable.
/// <reference lib="esnext.disposable" preserve="true" />

export { callFamily, callSet } from './abi/linux/call-set.js';
export { type Errno, errnoNumber, errnoText } from './abi/linux/errno.js';
export { type Addr, type Arch, PAGE_SIZE } from './base/address.js';
export { MayexecError, ProgramError, unknownValue } from './base/errors.js';
export { checkOptionNames, type OptionNames } from './base/options.js';
export {
  type Access,
  type Fault,
  type FaultCode,
  type OtherEnd,
  type Outcome,
  otherEndText,
  type Sleeper,
} from './base/outcome.js';
export { shorten, visible, visibleJson } from './base/text.js';
export type { Cause, CauseKind, TakenRights } from './base/verdict.js';
export { backtrace, type Frame } from './diagnosis/crash/backtrace.js';
export { type NamedPlace, symbolAt } from './diagnosis/crash/modules.js';
export { peekUpTo, plainCauses } from './diagnosis/crash/plain-cause.js';
export type { ExplainLimits, Spent } from './diagnosis/explain/budget.js';
export {
  type ExplainOptions,
  type Explanation,
  explain,
  type KnownProgram,
  type Remedy,
  type Untried,
} from './diagnosis/explain/explain.js';
export type { HistoryStep } from './diagnosis/explain/subject.js';
export {
  callPc,
  FINDING_KINDS,
  type Finding,
  type FindingKind,
} from './diagnosis/monitor/finding.js';
export { finishedRun, unhindered } from './diagnosis/outcome/finished-run.js';
export {
  type Classified,
  classify,
  type FinishedRun,
  firstDeniedCall,
  OUTCOME_CLASSES,
  type OutcomeClass,
  type Refused,
  refusedText,
} from './diagnosis/outcome/outcome-class.js';
export {
  type Timeline,
  type TimelineRow,
  type TimelineStep,
  timelineOf,
} from './diagnosis/timeline/timeline.js';
export type { EngineAssets } from './engine/asset-files.js';
export { useEngineAssets } from './engine/assets.js';
export {
  describeEngines as listEngines,
  type EngineDescription,
  type EngineInfo,
  engineInfo as openEngineInfo,
} from './engine/open.js';
export type { RawCode, RawRelocation } from './formats/raw-object.js';
export { type InjectionCount, idleReason } from './inject/injector.js';
export type {
  FaultInterceptor,
  InterceptedCall,
  InterceptedFault,
  Interception,
  SyscallInterceptor,
} from './kernel/intercept.js';
export type { Pause, WatchHit } from './kernel/run-control.js';
export { ABIS, type AbiName } from './kit/abi/convention.js';
export { type Breach, DUTIES, type Duty } from './kit/abi/duties.js';
export { FLAG_NAMES, flagBit } from './kit/abi/machine-state.js';
export type { GuestValue } from './kit/abi/value-bytes.js';
export {
  type BufferInit,
  type BufferOptions,
  type BufferPointer,
  pointerTo,
} from './kit/bed/buffers.js';
export { type Callback, callback, type GuestAccess } from './kit/bed/callback.js';
export type {
  AssemblySource,
  BytesSource,
  Code,
  CodeImage,
  CodePart,
  CodeSource,
} from './kit/bed/code.js';
export { type LinkCodeOptions, type LinkInput, linkCode } from './kit/bed/linked-code.js';
export { PLACEMENTS, type Placement } from './kit/bed/placement.js';
export {
  checkBehavesLike,
  checkDisassembly,
  listingOf,
} from './kit/checks/code.js';
export { checkFollows, checkPreserves } from './kit/checks/convention.js';
export {
  type Cost,
  checkTouches,
  checkWithin,
  type Reach,
  type Touchable,
} from './kit/checks/cost.js';
export {
  checkAllowed,
  checkDenied,
  checkFault,
  checkNeverWritableAndExecutable,
  type FaultWanted,
  type Traced,
} from './kit/checks/policy.js';
export { checkLeaves, checkReturn, type Leaves } from './kit/checks/value.js';
export type { CheckVerdict } from './kit/checks/verdict.js';
export { edgeFloats, edgeIntegers } from './kit/inputs/edge-values.js';
export type {
  Disagreement,
  ExploreOptions,
  Found,
} from './kit/inputs/explore.js';
export type { ArgumentSource, InputOptions } from './kit/inputs/inputs.js';
export { sameValue } from './kit/inputs/same-value.js';
export { Kit, type KitOptions } from './kit/kit.js';
export {
  type Calls,
  call,
  disagreement,
  explore,
  kitFor,
  loadCode,
  openCalls,
} from './kit/open-calls.js';
export type { OpenCallOptions, SandboxCode } from './kit/pool.js';
export { type Argument, arg, type TypedValue } from './kit/run/arguments.js';
export type { CallOptions } from './kit/run/call-options.js';
export { CallResult } from './kit/run/call-result.js';
export type { CallOutcome } from './kit/run/outcome-text.js';
export { fullListing, plainListing } from './kit/watch/code-listing.js';
export { Coverage, type CoverageTotals } from './kit/watch/coverage.js';
export { type FailureOptions, failureText, outcomeText } from './kit/watch/failure.js';
export { lastStore, lastWriter } from './kit/watch/last-writer.js';
export { valueText } from './kit/watch/value-text.js';
export type { WatchedRun } from './kit/watch/watch.js';
export type { VmaHistory } from './memory/history.js';
export type { MemoryObject } from './memory/object.js';
export type { MemoryRequest, MemoryRequestKind } from './memory/request.js';
export type { Vma } from './os/linux/mm/vma.js';
export { definePolicy, type PolicyAnswer, type PolicyInput } from './policy/define.js';
export type { MechanismInfo, PolicyInfo } from './policy/definition.js';
export { type OwnPolicies, ownPoliciesOf, withOwnPolicies } from './policy/own-policies.js';
export type { MapRequest, MmFacts, Policy, ProtectRequest, Verdict } from './policy/policy.js';
export { describePolicy, listMechanisms, listPolicies } from './policy/registry.js';
export { type Advice, adviceFor } from './probe/advice.js';
export { UNFELT } from './probe/candidates.js';
export type { ProbeDifference } from './probe/compare.js';
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
export {
  type CpuCompareOptions,
  type CpuComparison,
  compareCpus,
  type DifferingCase,
  type ExplainedCase,
  type RunNatively,
} from './runner/compare-cpus.js';
export type { StateDifference } from './runner/compare-records.js';
export type { CaseEnd, CaseRecord, CaseState, CpuCase } from './runner/cpu-case.js';
export type { Deviation } from './runner/deviations.js';
export type {
  EngineChoice,
  HostFile,
  HostProgram,
  PolicyChoice,
  SandboxOptions,
} from './sandbox/options.js';
export type { Registers } from './sandbox/registers.js';
export type { ResumeOptions, WatchpointOption } from './sandbox/resume.js';
export {
  type MapsEntry,
  Sandbox,
  type SandboxSnapshot,
  type SyscallOutcome,
} from './sandbox/sandbox.js';
export type { Difference } from './scenario/judge/difference.js';
export { runScenario, type ScenarioOptions } from './scenario/judge/run.js';
export { withoutDirectives } from './scenario/read/directive.js';
export { type LoadOptions, loadScenario } from './scenario/read/load.js';
export type {
  Expectation,
  ReadyScenario,
  Scenario,
  ScenarioPart,
  ScenarioProgram,
  ScenarioSettings,
  TableRow,
} from './scenario/read/scenario.js';
export { ScenarioError } from './scenario/read/scenario-error.js';
export { type MatrixCell, type MatrixRow, matrixRows } from './scenario/report/matrix.js';
export { matrixHtml } from './scenario/report/matrix-html.js';
export {
  exitStatusOf,
  type FileReport,
  type RunReport,
  type RunResult,
  runLabel,
  totalsOf,
} from './scenario/report/report.js';
export {
  differenceText,
  jsonReport,
  junitReport,
  tapReport,
} from './scenario/report/report-text.js';
export {
  type Assembled,
  type AssembledSection,
  type AssembleOptions,
  assemble,
  type SourceLine,
} from './toolchain/assemble.js';
export { assemblePe } from './toolchain/assemble-pe.js';
export {
  type AssembledProgram,
  assembleProgram,
  programOfCode,
} from './toolchain/assemble-program.js';
export { AssemblyError, type AssemblyProblem } from './toolchain/assembly-error.js';
export {
  type DisassembleOptions,
  disassemble,
  type Instruction,
} from './toolchain/disassembly/disassembler.js';
export { formatListing, hexdump, type ListingOptions } from './toolchain/disassembly/listing.js';
export { locateToolchain } from './toolchain/modules.js';
export type {
  ApiEvent,
  EndEvent,
  FaultEvent,
  LoadFailureEvent,
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
  loadFailureLine,
  type Refusal,
  rightsText,
  ruleOfFault,
} from './trace/print-cause.js';

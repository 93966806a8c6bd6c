/** The sandbox itself: worlds, policies, run control, traces, and the words that they share. Every name is listed by hand. */

// For users whose compiler targets ES2022: the declarations name Disposable.
/// <reference lib="esnext.disposable" preserve="true" />
export { callFamily, callSet } from '../abi/linux/call-set.js';
export { errnoNumber, errnoText } from '../abi/linux/errno.js';
export { statusName } from '../abi/windows/status.js';
export { type Addr, type Arch, PAGE_SIZE } from '../base/address.js';
export type { Errno } from '../base/errno.js';
export { MayexecError, ProgramError, unknownValue } from '../base/errors.js';
export { checkOptionNames, type OptionNames } from '../base/options.js';
export {
  type Access,
  type Fault,
  type FaultCode,
  type OtherEnd,
  type Outcome,
  otherEndText,
  type Sleeper,
} from '../base/outcome.js';
export { shorten, visible, visibleJson } from '../base/text.js';
export type { Cause, CauseKind, TakenRights } from '../base/verdict.js';
export {
  callPc,
  FINDING_KINDS,
  type Finding,
  type FindingKind,
  siteOf,
} from '../diagnosis/monitor/finding.js';
export type { EngineAssets } from '../engine/asset-files.js';
export { useEngineAssets } from '../engine/assets.js';
export {
  describeEngines as listEngines,
  type EngineDescription,
  type EngineInfo,
  engineInfo as openEngineInfo,
} from '../engine/open.js';
export { type Tiering, useTiering } from '../engine/tiering.js';
export { programInterpreter } from '../formats/elf/image.js';
export { type InjectionCount, idleReason } from '../inject/injector.js';
export {
  type DepAnswer,
  type DepOptions,
  type DepQuestion,
  exemptionList,
} from '../kernel/dep-question.js';
export type { HostNode, HostTree } from '../kernel/host-tree.js';
export type {
  FaultInterceptor,
  InterceptedCall,
  InterceptedFault,
  Interception,
  SyscallInterceptor,
} from '../kernel/intercept.js';
export type { Pause, WatchHit } from '../kernel/run-control.js';
export type { VmaHistory } from '../memory/history.js';
export type { MemoryObject } from '../memory/object.js';
export type { MemoryRequest, MemoryRequestKind } from '../memory/request.js';
export { KERNEL_TEXT } from '../os/kernel/boot/layout.js';
export { commandLineNotes } from '../os/kernel/report/command-line.js';
export { type SyscallSupport, syscallSupport } from '../os/linux/entry/support.js';
export type { Vma } from '../os/linux/mm/vmas/vma.js';
export { definePolicy, type PolicyAnswer, type PolicyInput } from '../policy/define.js';
export type { MechanismInfo, PolicyInfo } from '../policy/definition.js';
export { type OwnPolicies, ownPoliciesOf, withOwnPolicies } from '../policy/own-policies.js';
export type { MapRequest, MmFacts, Policy, ProtectRequest, Verdict } from '../policy/policy.js';
export { describePolicy, listMechanisms, listPolicies, policySystems } from '../policy/registry.js';
export type {
  EngineChoice,
  HostFile,
  HostProgram,
  PolicyChoice,
  SandboxOptions,
} from '../sandbox/options.js';
export type { Registers } from '../sandbox/registers.js';
export type { ResumeOptions, WatchpointOption } from '../sandbox/resume.js';
export {
  type MapsEntry,
  Sandbox,
  type SandboxSnapshot,
  type SyscallOutcome,
} from '../sandbox/sandbox.js';
export { callsNamed, type GuestOs } from '../sandbox/worlds.js';
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
} from '../trace/events.js';
export { straceCall, straceLine, straceText, verdictLine } from '../trace/print.js';
export {
  causeOf,
  faultLine,
  firstRefusal,
  loadFailureLine,
  type Refusal,
  rightsText,
  ruleOfFault,
} from '../trace/print-cause.js';

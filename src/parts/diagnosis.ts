/** What went wrong and why: explanations, outcome classes, the timeline, back traces. Every name is listed by hand. */
export { backtrace, type Frame } from '../diagnosis/crash/backtrace.js';
export { type NamedPlace, symbolAt } from '../diagnosis/crash/modules.js';
export { peekUpTo, plainCauses } from '../diagnosis/crash/plain-cause.js';
export type { ExplainLimits, Spent } from '../diagnosis/explain/budget.js';
export {
  type ExplainOptions,
  type Explanation,
  explain,
  type KnownProgram,
  type Remedy,
  type Untried,
} from '../diagnosis/explain/explain.js';
export type { HistoryStep } from '../diagnosis/explain/subject.js';
export { finishedRun, unhindered } from '../diagnosis/outcome/finished-run.js';
export {
  type Classified,
  classify,
  type FinishedRun,
  firstDeniedCall,
  OUTCOME_CLASSES,
  type OutcomeClass,
  type Refused,
  refusedText,
} from '../diagnosis/outcome/outcome-class.js';
export {
  type Timeline,
  type TimelineRow,
  type TimelineStep,
  timelineOf,
} from '../diagnosis/timeline/timeline.js';

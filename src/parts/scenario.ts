/** Lessons that are tests: reading, running, reporting. Every name is listed by hand. */

export {
  type AttemptOptions,
  type AttemptReport,
  type AttemptRun,
  type HiddenRun,
  type HiddenRunOptions,
  judgeAttempt,
  runHidden,
} from '../scenario/exercise/attempt.js';
export type { Difference } from '../scenario/judge/difference.js';
export { runScenario, type ScenarioOptions } from '../scenario/judge/run.js';
export { withoutDirectives } from '../scenario/read/directive.js';
export { type LoadOptions, loadScenario } from '../scenario/read/load.js';
export type {
  Exercise,
  ExerciseKind,
  Expectation,
  ReadyScenario,
  Scenario,
  ScenarioPart,
  ScenarioProgram,
  ScenarioSettings,
  TableRow,
} from '../scenario/read/scenario.js';
export { ScenarioError } from '../scenario/read/scenario-error.js';
export { type MatrixCell, type MatrixRow, matrixRows } from '../scenario/report/matrix.js';
export { matrixHtml } from '../scenario/report/matrix-html.js';
export {
  exitStatusOf,
  type FileReport,
  type RunReport,
  type RunResult,
  runLabel,
  totalsOf,
} from '../scenario/report/report.js';
export {
  differenceText,
  jsonReport,
  junitReport,
  tapReport,
} from '../scenario/report/report-text.js';

/** What the page asks its workers, and what they answer: plain data, copied between threads. */
import type { WorkshopCase } from '../../link/workshop-case.js';
import type { AttemptReport, FileReport, HiddenRun } from '../../parts/scenario.js';
import type { ExplainView, Move, Opened, PolicyCell, PolicyOffer, RunView } from '../lab/view.js';
import type { LessonFile, LessonOutline } from '../lessons/lesson-file.js';

export interface LessonRequest {
  readonly file: string;
  readonly text: string;
  /** As the build made it; undefined for a lesson of the user's own. */
  readonly prepared: LessonFile | undefined;
  /** Runs by name; all without it. */
  readonly only?: readonly string[] | undefined;
}

export interface LessonReport {
  readonly report: FileReport;
  /** Undefined when the file could not be read: `report.problems` says why. */
  readonly outline: LessonOutline | undefined;
}

/** Or what is wrong with it, each with its line. */
export type ReadAnswer =
  | { readonly outline: LessonOutline }
  | { readonly problems: readonly string[] };

export interface AttemptRequest {
  readonly lesson: LessonFile;
  /** The reader's program or policy. */
  readonly attempt: string;
}

export interface ExperimentRequest extends AttemptRequest {
  /** The run whose policy is in force. */
  readonly run: string;
}

/** What is wrong with the attempt, a sentence each. */
export interface AttemptMistakes {
  readonly problems: readonly string[];
}

export type AttemptAnswer = { readonly report: AttemptReport } | AttemptMistakes;
export type ExperimentAnswer = { readonly seen: HiddenRun } | AttemptMistakes;

/** By name: what is asked, and what comes back. */
export interface Methods {
  lesson: (request: LessonRequest) => Promise<LessonReport>;
  /** A lesson that the build has not prepared. */
  read: (request: Pick<LessonRequest, 'file' | 'text'>) => Promise<ReadAnswer>;
  attempt: (request: AttemptRequest) => Promise<AttemptAnswer>;
  experiment: (request: ExperimentRequest) => Promise<ExperimentAnswer>;
  /** The laboratory's run: there is one at a time. */
  open: (given: WorkshopCase) => Promise<Opened>;
  move: (move: Move) => Promise<RunView>;
  stop: (nothing: null) => Promise<void>;
  offer: (nothing: null) => Promise<readonly PolicyOffer[]>;
  explain: (given: WorkshopCase) => Promise<ExplainView | undefined>;
  policies: (
    given: WorkshopCase,
    progress: (cells: readonly PolicyCell[]) => void,
  ) => Promise<readonly PolicyCell[]>;
}

export type MethodName = keyof Methods;
export type AskOf<K extends MethodName> = Parameters<Methods[K]>[0];
export type AnswerTo<K extends MethodName> = Awaited<ReturnType<Methods[K]>>;

export interface Question {
  readonly id: number;
  readonly method: MethodName;
  readonly params: unknown;
}

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }
  /** On the way: how far it is. */
  | { readonly id: number; readonly progress: unknown };

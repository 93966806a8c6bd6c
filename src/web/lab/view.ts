import type { Rewrite } from './rewrites.js';

/** What the laboratory shows of a run at one place: plain data, made by the worker. Addresses are hexadecimal texts. */

export interface RegisterView {
  readonly name: string;
  readonly value: string;
  /** Another value than at the place that was shown before. */
  readonly changed: boolean;
}

export interface InstructionView {
  readonly address: string;
  readonly bytes: string;
  readonly text: string;
  /** A label that stands here. */
  readonly label: string | undefined;
  readonly current: boolean;
}

export interface MappingView {
  readonly start: string;
  readonly end: string;
  readonly pages: number;
  /** 'rw-p'. */
  readonly perms: string;
  /** What mprotect may still add, by VM_MAY*: '-wx'; empty in worlds that do not say. */
  readonly may: string;
  readonly name: string;
  /** Bytes of the object that it shows: mappings with the same name and overlapping bytes are views of one thing. */
  readonly offset: number;
  readonly shared: boolean;
  /** What made and changed it, oldest first. */
  readonly history: readonly string[];
}

/** One line of what happened. */
export interface EventView {
  /** Of the event in the trace. */
  readonly seq: number;
  readonly kind: 'call' | 'refused' | 'fault' | 'signal' | 'end';
  readonly text: string;
  /** The policy's rule and its sentence, where it had a word in it. */
  readonly rule: string | undefined;
  readonly reason: string | undefined;
}

export interface TimelineView {
  readonly steps: readonly {
    readonly cause: string;
    readonly seq: number | undefined;
    readonly refused: boolean;
  }[];
  readonly rows: readonly {
    readonly start: string;
    readonly name: string;
    readonly pages: number;
    /** One for each step. */
    readonly rights: readonly (string | undefined)[];
  }[];
  /** Steps before these that are not shown. */
  readonly before: number;
}

export interface RunView {
  /** Instructions since the start. */
  readonly place: number;
  /** How it ended; undefined while it goes on. */
  readonly end: string | undefined;
  readonly bad: boolean;
  readonly pc: string;
  /** Of the current instruction, in the source; undefined where it is in none of its lines. */
  readonly line: number | undefined;
  readonly registers: readonly RegisterView[];
  readonly listing: readonly InstructionView[];
  readonly mappings: readonly MappingView[];
  /** All that is known of the run, those behind this place too. */
  readonly events: readonly EventView[];
  /** Events older than those. */
  readonly eventsBefore: number;
  /** Sequence number that the next event will have. */
  readonly reached: number;
  readonly timeline: TimelineView;
  readonly stdout: string;
  readonly stderr: string;
  readonly findings: readonly string[];
  /** What came of it as directives of a lesson; empty while it goes on. */
  readonly checks: readonly string[];
}

/** A policy as the form offers it. */
export interface PolicyOffer {
  readonly name: string;
  readonly summary: string;
  readonly os: readonly string[];
  readonly options: readonly {
    readonly name: string;
    readonly summary: string;
    readonly values: readonly string[];
    readonly standard: string;
  }[];
}

/** A mistake in the program or its surroundings: nothing ran. Lines and columns count from 1. */
export interface LabProblem {
  readonly line: number;
  readonly column: number;
  readonly length: number;
  readonly message: string;
}

export type Opened =
  | { readonly view: RunView }
  | { readonly problems: readonly LabProblem[]; readonly message: string };

/** Where to go from here. Breakpoints are lines of the source. */
export type Move =
  | { readonly to: 'start' | 'step' | 'step-back' | 'next-event' | 'event-before' }
  | { readonly to: 'end' | 'breakpoint-before'; readonly lines: readonly number[] }
  | { readonly to: 'event'; readonly seq: number }
  | { readonly to: 'place'; readonly place: number };

export interface SwitchView {
  readonly text: string;
  /** The spec with it; undefined where the program's file has to change. */
  readonly policy: string | undefined;
}

export interface ExplainView {
  readonly asked: string;
  readonly rule: string;
  readonly why: string | undefined;
  readonly history: readonly string[];
  readonly works: readonly string[];
  readonly weakens: readonly SwitchView[];
  /** Changes of the source with which it works, each run to see. */
  readonly rewrites: readonly Rewrite[];
  readonly refused: readonly string[];
}

export interface PolicyCell {
  readonly policy: string;
  readonly outcome: string;
  readonly ending: string;
  readonly rule: string | undefined;
}

/** Scenario: a lesson that is also a test, parsed. Prose, programs, expectations and table stay apart. */

import type { Arch } from '../../base/address.js';
import type { Errno } from '../../base/errno.js';
import type { Access, FaultCode } from '../../base/outcome.js';
import type { FindingKind } from '../../diagnosis/monitor/finding.js';
import type { OutcomeClass } from '../../diagnosis/outcome/outcome-class.js';
import type { OwnPolicies } from '../../policy/own-policies.js';
import type { ScheduleChoice } from '../../sandbox/options.js';
import type { GuestOs } from '../../sandbox/worlds.js';
import type { SourceLine } from '../../toolchain/assemble.js';
import type { SourcePosition } from '../../toolchain/assembly-error.js';

export const DIFFICULTIES = ['beginner', 'intermediate', 'advanced'] as const;
export type Difficulty = (typeof DIFFICULTIES)[number];

/** A policy under which the programs run. */
export interface ScenarioRun {
  readonly name: string;
  readonly policy: string;
  /** What is injected, in the words of SandboxOptions.inject; undefined: nothing. */
  readonly inject: string | undefined;
  /** The command line of the kernel beside the program; undefined: none. */
  readonly append: string | undefined;
  readonly position: SourcePosition;
}

/** What the sandbox is given besides program and policy. */
export interface ScenarioSettings {
  readonly seed?: number;
  /** In which order threads get the processor. */
  readonly schedule?: ScheduleChoice;
  readonly layout?: string;
  /** As SandboxOptions.cpu. */
  readonly cpu?: string;
  /** Blocks until a run counts as endless. */
  readonly blocks: number;
  readonly arguments: readonly string[];
  readonly stdin?: string;
  readonly xattrs: Readonly<Record<string, string>>;
  readonly mounts: Readonly<Record<string, readonly string[]>>;
  /** Source of a kernel in ring 0 to run beside the program, as `.include` finds it. */
  readonly kernel?: string;
  /** A CPU with PKU. */
  readonly protectionKeys: boolean;
}

export type ExpectedResult =
  | { readonly kind: 'ok' }
  | { readonly kind: 'value'; readonly value: bigint }
  | { readonly kind: 'errno'; readonly errno: Errno }
  /** A function of the Windows API that sets this Win32 error. */
  | { readonly kind: 'error'; readonly error: number };

export type Ending =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: string; readonly code?: string }
  /** An exception that no handler of a Windows program took, by its status. */
  | { readonly kind: 'raised'; readonly status: number }
  | { readonly kind: 'stopped'; readonly limit: string }
  | { readonly kind: 'asleep' | 'deadlock' }
  /** Of a machine. */
  | { readonly kind: 'halted' | 'oops' | 'triple-fault' };

export type Check =
  | { readonly kind: 'call'; readonly name: string; readonly result: ExpectedResult }
  | {
      readonly kind: 'fault';
      readonly access: Access;
      readonly code?: FaultCode;
      readonly label?: string;
    }
  | { readonly kind: 'end'; readonly end: Ending }
  | { readonly kind: 'finding'; readonly finding: FindingKind }
  | {
      readonly kind: 'output';
      readonly stream: 'stdout' | 'stderr' | 'log';
      readonly text: string;
      readonly whole: boolean;
    };

/** What a `;@` directive asks for. */
export interface ParsedCheck {
  readonly check: Check;
  /** The rule that must have decided. */
  readonly rule?: string;
  readonly where: 'here' | 'anywhere' | 'never';
}

export interface Expectation extends ParsedCheck {
  /** As written, for reports. */
  readonly text: string;
  readonly position: SourcePosition;
  /** Runs that it is about. */
  readonly runs: readonly string[];
  /** Line of the instruction that it stands at; undefined above the first one. */
  readonly anchor: number | undefined;
}

export interface ScenarioProgram {
  readonly name: string;
  /** With as many lines as the file, so that places in it are places in the file. */
  readonly source: string;
  readonly expectations: readonly Expectation[];
  readonly xattrs: Readonly<Record<string, string>>;
  /** Names of the runs. */
  readonly runs: readonly string[];
  readonly position: SourcePosition;
}

export interface TableRow {
  readonly program: string;
  readonly run: string;
  /** Undefined where the cell is still empty. */
  readonly outcome: OutcomeClass | undefined;
  readonly why: string;
  /** Rule ids in `why`. */
  readonly rules: readonly string[];
  readonly position: SourcePosition;
}

/** A recorded trace of one run. */
export interface TraceBlock {
  readonly program: string;
  readonly run: string;
  /** Lines of the strace text. */
  readonly text: string;
  /** Of the opening fence. */
  readonly position: SourcePosition;
}

/** The file as a page shows it, in order. Lines count from 1; `end` is the line after the last. */
export interface ScenarioPart {
  readonly kind: 'prose' | 'asm' | 'trace' | 'table';
  readonly start: number;
  readonly end: number;
  /** Of code: without the directives. */
  readonly text: string;
  /** Of code and traces. */
  readonly program?: string;
}

export const EXERCISE_KINDS = ['guess', 'repair', 'break', 'which', 'write'] as const;
export type ExerciseKind = (typeof EXERCISE_KINDS)[number];

/**
 * - guess: say how each program ends under each policy, before it runs
 * - repair: change a program until it does what the solution does
 * - break: the same, where the solution gets past the policy: the monitors find something
 * - which: find out by experiments which of the lesson's policies is in force
 * - write: write the policy that the lesson's runs expect
 */
export type Exercise = { readonly position: SourcePosition } & (
  | { readonly kind: 'guess' }
  | {
      readonly kind: 'repair' | 'break';
      /** Programs of the lesson: what the reader begins with, and one that does it. */
      readonly program: string;
      readonly solution: string;
      /** Names of the runs that count. */
      readonly under: readonly string[];
    }
  | { readonly kind: 'which'; readonly budget: number }
  | {
      readonly kind: 'write';
      /** Its name in the lesson's policies. */
      readonly policy: string;
      /** Texts of policies. */
      readonly start: string;
      readonly solution: string;
    }
);

export interface Scenario {
  readonly file: string;
  readonly title: string;
  readonly arch: Arch;
  readonly os: GuestOs;
  readonly difficulty: Difficulty | undefined;
  readonly sources: readonly string[];
  readonly settings: ScenarioSettings;
  readonly runs: readonly ScenarioRun[];
  readonly programs: readonly ScenarioProgram[];
  /** Undefined for a plain source. */
  readonly table: readonly TableRow[] | undefined;
  readonly traces: readonly TraceBlock[];
  readonly parts: readonly ScenarioPart[];
  readonly exercise: Exercise | undefined;
}

/** A program ready to run. */
export interface ReadyProgram extends ScenarioProgram {
  readonly elf: Uint8Array;
  readonly symbols: ReadonlyMap<string, bigint>;
  readonly lines: readonly SourceLine[];
}

export interface ReadyScenario extends Scenario {
  /** The caller's, and the one that an exercise brings along. */
  readonly ownPolicies: OwnPolicies;
  readonly programs: readonly ReadyProgram[];
  /** The ELF image of `settings.kernel`. */
  readonly kernel: Uint8Array | undefined;
}

/** What the build makes of a lesson: its text, what it says, and its programs assembled. Plain data, as JSON. */

/** An expectation of the lesson, where it stands. Lines count from 1. */
export interface OutlineCheck {
  readonly line: number;
  readonly text: string;
  readonly runs: readonly string[];
}

export interface OutlineProgram {
  readonly name: string;
  readonly runs: readonly string[];
  readonly checks: readonly OutlineCheck[];
}

/** What a page shows before anything ran. */
export interface LessonOutline {
  readonly title: string;
  readonly arch: string;
  readonly os: string;
  readonly difficulty: string | undefined;
  readonly sources: readonly string[];
  readonly runs: readonly {
    readonly name: string;
    readonly policy: string;
    readonly inject: string | undefined;
  }[];
  readonly programs: readonly OutlineProgram[];
  /** What the lesson gives its programs besides policies. */
  readonly settings: LessonSettings;
  readonly exercise: OutlineExercise | undefined;
}

/** `start` is the text that the reader begins with. */
export type OutlineExercise =
  | { readonly kind: 'guess' }
  | {
      readonly kind: 'repair' | 'break';
      readonly program: string;
      readonly solution: string;
      readonly start: string;
    }
  | { readonly kind: 'which'; readonly budget: number }
  | { readonly kind: 'write'; readonly start: string };

export interface LessonSettings {
  readonly seed: number | undefined;
  readonly schedule: 'round-robin' | 'seed' | number | undefined;
  readonly layout: string | undefined;
  readonly cpu: string | undefined;
  readonly blocks: number;
  readonly arguments: readonly string[];
  readonly stdin: string | undefined;
  readonly xattrs: Readonly<Record<string, string>>;
  readonly mounts: Readonly<Record<string, readonly string[]>>;
  readonly protectionKeys: boolean;
  /** The kernel that runs beside its programs, by its file. */
  readonly kernel: string | undefined;
}

/** A program as the build assembled it. Only good for the very source that it was made of. */
export interface PreparedProgram {
  readonly name: string;
  readonly source: string;
  /** Base64. */
  readonly elf: string;
  readonly symbols: readonly (readonly [name: string, address: string])[];
  readonly lines: readonly (readonly [line: number, address: string, length: number])[];
}

/** `lessons/FOLDER/NAME.json` */
export interface LessonFile {
  /** `basics/unchecked-mprotect.md` */
  readonly file: string;
  readonly text: string;
  readonly outline: LessonOutline;
  readonly programs: readonly PreparedProgram[];
  /** The ELF image of that kernel, in base64. */
  readonly kernel?: string;
}

/** One line of the learning path. */
export interface PathEntry {
  readonly file: string;
  readonly title: string;
  readonly difficulty: string | undefined;
  readonly shows: string;
  readonly os: string;
}

export interface PathSection {
  readonly title: string;
  readonly lessons: readonly PathEntry[];
}

/** `lessons.json` */
export interface LessonIndex {
  readonly sections: readonly PathSection[];
}

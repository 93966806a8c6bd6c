/** PROGRAM of the command line, once it has been read. */
import type { Arch, Sandbox, ScenarioSettings } from '../../index.js';

export interface LoadedProgram {
  readonly name: string;
  readonly arch: Arch;
  /** An ELF or PE file. */
  readonly elf: Uint8Array;
  /** The label to call when the program is a function (raw bytes); else it starts as a process. */
  readonly entry?: string;
  /** Assembly that it was made of, without what a scenario expects of it. */
  readonly source?: string;
  /** Of a program out of a scenario, or of a link. */
  readonly lesson?: Lesson;
}

/** What a scenario says of its programs, for options that the command line does not give. */
export interface Lesson {
  readonly settings: ScenarioSettings;
  /** The world that its programs are for. */
  readonly os: Sandbox['os'];
  /** The kernel that runs beside them. */
  readonly kernel?: Uint8Array | undefined;
  /** By name: policy spec, and what is injected. */
  readonly runs: ReadonlyMap<
    string,
    {
      readonly policy: string;
      readonly inject?: string | undefined;
      readonly append?: string | undefined;
    }
  >;
}

/** What a link holds: a program, the sandbox that it runs in, a place in its run, and what came of it. Plain data. */

export const LINKED_SYSTEMS = ['linux', 'windows', 'wine'] as const;
export type LinkedOs = (typeof LINKED_SYSTEMS)[number];

export const LINKED_ARCHES = ['x86-64', 'i386'] as const;
export type LinkedArch = (typeof LINKED_ARCHES)[number];

export interface WorkshopCase {
  /** Assembly; empty where `binary` is the program. */
  readonly source: string;
  /** An executable (ELF or PE). */
  readonly binary?: Uint8Array | undefined;
  /** Of the file, for messages: 'program.s'. */
  readonly name: string;
  readonly os: LinkedOs;
  readonly arch: LinkedArch;
  /** A spec, as `mayexec run --policy` takes it. */
  readonly policy: string;
  /** In the words of `--inject`. */
  readonly inject?: string | undefined;
  /** Integer, 0 to 2^32 - 1; default 1. */
  readonly seed?: number | undefined;
  /** In which order threads get the processor: by chance from the number, or from `seed`; default 'round-robin'. */
  readonly schedule?: 'round-robin' | 'seed' | number | undefined;
  readonly arguments?: readonly string[] | undefined;
  readonly stdin?: string | undefined;
  readonly protectionKeys?: boolean | undefined;
  readonly mounts?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Of the program's file. */
  readonly xattrs?: Readonly<Record<string, string>> | undefined;
  readonly layout?: string | undefined;
  /** As SandboxOptions.cpu. */
  readonly cpu?: string | undefined;
  /** Where the run was looked at: instructions since the start. */
  readonly place?: number | undefined;
  /** How it ended for whoever made the link: 'killed SIGSEGV SEGV_ACCERR'. */
  readonly expected?: string | undefined;
}

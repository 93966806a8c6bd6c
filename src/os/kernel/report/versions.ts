/** The kernels whose decisions and words can be chosen: three of Debian's, as recorded. */
import type { KernelVersion } from '../../../kernel/world.js';

export interface VersionWords {
  /** For the kernel itself: 61, 612, 73. */
  readonly number: number;
  /** `uname -r`, and what follows it in the line of the CPU. */
  readonly release: string;
  readonly build: string;
  /** Before the name of what happened: twice `Oops: ` for a page fault. */
  readonly prefix: string;
  /** Behind the counter. */
  readonly preempt: string;
  /** The line of the CPU has the user, and the taints have a line of their own. */
  readonly uid: boolean;
  /** Letters of the taints, in order; the first is G where it is not set. */
  readonly taints: string;
  /** `kernel tried to execute NX-protected page` also for NX in an upper entry. */
  readonly upperNx: boolean;
  /** `WARNING: FILE:LINE at ...`, and a line when a page becomes writable and executable. */
  readonly newWarning: boolean;
  /** Addresses of the stack are hashed. */
  readonly hashed: boolean;
}

const TAINTS = 'PFSRMBUDAWCIOELKXTN';

export const VERSION_WORDS: Readonly<Record<KernelVersion, VersionWords>> = {
  '6.1': {
    number: 61,
    release: '6.1.0-57-cloud-amd64',
    build: '#1  Debian 6.1.192-3',
    prefix: '',
    preempt: ' PREEMPT SMP',
    uid: false,
    taints: TAINTS,
    upperNx: false,
    newWarning: false,
    hashed: true,
  },
  '6.12': {
    number: 612,
    release: '6.12.95+deb12-cloud-amd64',
    build: '#1  Debian 6.12.95-1~bpo12+1',
    prefix: 'Oops: ',
    preempt: ' PREEMPT SMP',
    uid: true,
    taints: TAINTS,
    upperNx: true,
    newWarning: false,
    hashed: true,
  },
  '7.3': {
    number: 73,
    release: '7.3.4+deb13-cloud-amd64',
    build: '#1 PREEMPT(lazy)  Debian 7.3.4-1~bpo13+1 ',
    prefix: 'Oops: ',
    preempt: ' SMP',
    uid: true,
    taints: `${TAINTS}J`,
    upperNx: true,
    newWarning: true,
    hashed: false,
  },
};

export const KERNEL_VERSIONS = Object.keys(VERSION_WORDS) as readonly KernelVersion[];

const TAINT_NAMES: Readonly<Record<string, string>> = {
  D: 'DIE',
  W: 'WARN',
  E: 'UNSIGNED_MODULE',
};

/** `Tainted: G            E      `, or `Not tainted `. */
export function taintText(words: VersionWords, taints: ReadonlySet<string>): string {
  if (taints.size === 0) return 'Not tainted ';
  const letters = [...words.taints].map((letter, index) =>
    taints.has(letter) ? letter : index === 0 ? 'G' : ' ',
  );
  return `Tainted: ${letters.join('')} `;
}

/** `Tainted: [D]=DIE, [E]=UNSIGNED_MODULE`. */
export function taintLine(words: VersionWords, taints: ReadonlySet<string>): string[] {
  if (!words.uid || taints.size === 0) return [];
  const named = [...words.taints].filter((letter) => taints.has(letter));
  return [`Tainted: ${named.map((letter) => `[${letter}]=${TAINT_NAMES[letter]}`).join(', ')}`];
}

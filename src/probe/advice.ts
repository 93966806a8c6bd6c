/**
 * What to make of an identification: which ways of running generated code the results show to work,
 * which mistakes they show to be fatal here, and what an administrator can be asked.
 */

import { checkTextList } from '../base/arguments.js';
import { PolicyOptions } from '../policy/definition.js';
import { describePolicy } from '../policy/registry.js';
import { type Domain, domainOf } from '../policy/selinux/domains.js';
import { selinuxInfo } from '../policy/selinux/info.js';
import { parseSpec, type SpecPart } from '../policy/spec.js';
import { checkResults, type ProbeResults, systemOf } from './results.js';

export interface Advice {
  /** Ways that worked, the plainest first. */
  readonly ways: readonly string[];
  /** What to leave, or to watch. */
  readonly pitfalls: readonly string[];
  /** What is in force, who sets it, and how it is lifted. */
  readonly ask: readonly string[];
}

const WAYS: readonly (readonly [experiment: string, way: string])[] = [
  ['anon-rw-rx', 'mmap with MAP_ANONYMOUS, write, then mprotect to PROT_READ|PROT_EXEC'],
  ['anon-rwx', 'mmap with MAP_ANONYMOUS, writable and executable at once'],
  ['memfd-dual', 'map a memfd twice (MAP_SHARED): write through one view, run the other'],
  ['segment-dual', 'attach a System V segment twice: for writing, and with SHM_EXEC|SHM_RDONLY'],
  ['file-dual', 'map a file of your own twice (MAP_SHARED): write through one view, run the other'],
  ['file-rx', 'write the code to a file, then map it PROT_READ|PROT_EXEC'],
  ['prot-remap-duplicate', 'declare PROT_MPROTECT(PROT_EXEC), then mremap with MAP_REMAPDUP'],
  ['map-jit-switch', 'MAP_JIT, and the switch of the thread between writing and running'],
  [
    'valloc-rw-rx',
    'VirtualAlloc with PAGE_READWRITE, write, then VirtualProtect to PAGE_EXECUTE_READ',
  ],
  ['valloc-rwx', 'VirtualAlloc with PAGE_EXECUTE_READWRITE'],
  ['section-dual', 'map a section of the page file twice: write through one view, run the other'],
  ['mapped-file-dual', 'map a file of your own twice: write through one view, run the other'],
  ['heap-create-execute', 'HeapCreate with HEAP_CREATE_ENABLE_EXECUTE, and blocks of that heap'],
];

/** More than these would be a list of the experiments again. */
const MOST_WAYS = 4;

/** Where both work, the plainest way is enough to say. */
const PLAIN = [
  ['anon-rwx', 'anon-rw-rx'],
  ['valloc-rwx', 'valloc-rw-rx'],
];

/** Each with the experiments whose failure makes it worth saying. */
const PITFALLS: readonly (readonly [experiments: readonly string[], pitfall: string])[] = [
  [
    ['heap-rx'],
    'no code in memory of malloc: small blocks come from the heap (brk), which stays without execute',
  ],
  [
    ['zero-written-rx'],
    'no /dev/zero: a private mapping of it counts as a written file; take MAP_ANONYMOUS',
  ],
  [['file-written-rx'], 'no code written into a private mapping of a file'],
  [['anon-rwx'], 'never ask for memory that is writable and executable at once'],
  [['anon-rx-rw-rx'], 'code cannot be patched in place by mprotect to writable and back'],
  [['stack-rwx'], 'no code on the stack (nested functions of gcc, old libffi closures)'],
  [
    ['hint-anon', 'hint-file'],
    'an address given to mmap without MAP_FIXED is not honoured: look at what it returns',
  ],
  [['shm-file-dual'], 'files in /dev/shm do not run here: use a memfd'],
  [['process-heap-run'], "no code in blocks of malloc or of the process's heap"],
  [['valloc-rwx'], 'never ask for PAGE_EXECUTE_READWRITE'],
  [['valloc-rx-rw-rx', 'image-text-patch'], 'code cannot be patched by VirtualProtect and back'],
  [['heap-create-execute'], 'HeapCreate with HEAP_CREATE_ENABLE_EXECUTE gives NULL: look at it'],
  [
    ['start'],
    'Wine 8 maps every image writable and executable first: it does not start here; the probe for Linux (mayexec probe --emit FILE) tells which policy it is',
  ],
];

/** @throws MayexecError for what are no results, and for policies that there are not. */
export function adviceFor(results: ProbeResults, fits: readonly string[]): Advice {
  checkResults(results);
  checkTextList('the policies that fit', fits);
  const { outcomes } = results;
  const parts = fits.map(parseSpec);
  const works = (name: string): boolean => outcomes.get(name)?.startsWith('ok') === true;
  const fails = (name: string): boolean => outcomes.has(name) && !works(name);
  const ways = WAYS.flatMap(([experiment, way]) => (works(experiment) ? [way] : []));
  const plain = PLAIN.some((names) => names.every(works));
  const pitfalls = PITFALLS.flatMap(([names, text]) => (names.some(fails) ? [text] : []));
  const silent = outcomes.get('anon-rwx')?.startsWith('run SIG');
  return {
    ways: ways.slice(0, plain ? 1 : MOST_WAYS),
    pitfalls: [
      ...pitfalls,
      ...(silent ? ['mmap may grant less than asked and not say so: ask mprotect as well'] : []),
      ...(pitfalls.length > 0 || silent ? [checking(results)] : []),
    ],
    ask: parts
      .slice(0, 1)
      .flatMap((first) => first.flatMap((part) => askAbout(part, parts.flat()))),
  };
}

function checking(results: ProbeResults): string {
  const calls =
    systemOf(results) === 'linux' ? 'mmap and mprotect' : 'VirtualAlloc and VirtualProtect';
  return `check what ${calls} return, and have an interpreter for when they refuse`;
}

const BOOLEANS = {
  execmem: 'deny_execmem (allow_execmem up to RHEL 6)',
  execheap: 'selinuxuser_execheap (allow_execheap up to RHEL 6)',
  execstack: 'selinuxuser_execstack (allow_execstack up to RHEL 6)',
} as const;

function askAbout(part: SpecPart, all: readonly SpecPart[]): string[] {
  if (part.name === 'nx' || part.name === 'none') return [];
  if (part.name !== 'selinux') {
    return [`${part.name} is switched on so: ${describePolicy(part.name).optIn}`];
  }
  const domains = all
    .filter(({ name }) => name === 'selinux')
    .map(({ options }) => domainOf(new PolicyOptions(selinuxInfo, options)));
  return askAboutDomains(domains);
}

const PRIVATE_FILE = { type: 'user_tmp_t', class: 'file' } as const;
const ZERO_DEVICE = { type: 'zero_device_t', class: 'chr_file' } as const;

/** The booleans by name: that is what an administrator can look up. */
function askAboutDomains(domains: readonly Domain[]): string[] {
  const state = (name: string, permits: (domain: Domain) => boolean, when: string): string => {
    const values = new Set(domains.map(permits));
    if (values.size > 1) return `${name} cannot be told: another rule refuses first`;
    return values.has(true) ? `${name} is on` : `${name} is off: ${when}`;
  };
  const names = Object.keys(BOOLEANS) as (keyof typeof BOOLEANS)[];
  return [
    ...names.map((name) =>
      state(name, ({ process }) => process[name], `the boolean ${BOOLEANS[name]}`),
    ),
    state(
      'execmod on files',
      ({ execmod }) => execmod(PRIVATE_FILE),
      'the boolean selinuxuser_execmod (allow_execmod up to RHEL 6)',
    ),
    state('execmod on /dev/zero', ({ execmod }) => execmod(ZERO_DEVICE), 'no boolean changes that'),
    state(
      'execute on files of your own',
      ({ execute }) => execute(PRIVATE_FILE),
      'ask for a domain that may, or for semanage permissive',
    ),
  ];
}

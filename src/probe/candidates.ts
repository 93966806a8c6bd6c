/**
 * Which policies a probe's results are held against: each built-in policy of Linux programs with every
 * combination of those options that a program can feel, and the combinations of policies that occur.
 *
 * Other options are listed with the reason; test/probe/candidates.spec.ts holds the lists against the
 * catalog, so that a new option is in one of them.
 */
import type { Arch } from '../base/address.js';
import { MayexecError } from '../base/errors.js';
import { parsePolicy } from '../policy/registry.js';
import type { ProbedSystem } from './experiments.js';

/** A way an option (or several together) may stand; '' is the default. */
type Dimension = readonly string[];

const onOrOff = (...names: readonly string[]): Dimension[] => names.map((text) => ['', text]);

const SELINUX_PERMISSIONS: readonly Dimension[] = [
  ...onOrOff('execmem=deny', 'execheap=allow', 'execstack=deny', 'execute=deny'),
  ['', 'execmod=deny', 'execmod=allow'],
];

/** Kernels that judge differently; from 4.4 to 6.5 and from 6.11 on the rules are the same. */
const SELINUX_KERNELS: Dimension = [
  '',
  'kernel=6.10',
  'kernel=4.2',
  'kernel=3.10',
  'kernel=3.10,checkreqprot=0',
];

const FAMILIES: Readonly<Record<string, (arch: Arch) => readonly Dimension[]>> = {
  none: () => [],
  nx: () => onOrOff('kernel=5.7'),
  wx: () => [],
  'restricted-wx': () => onOrOff('enforce=off'),
  mdwe: () => [['', 'kernel=6.6', 'no-inherit=on', 'enforce=off']],
  selinux: () => [...SELINUX_PERMISSIONS, SELINUX_KERNELS],
  pax: (arch) => [
    arch === 'i386' ? ['', 'segmexec=on', 'pageexec=off,segmexec=off'] : ['', 'pageexec=off'],
    ...onOrOff('mprotect=off', 'emutramp=on', 'randmmap=off', 'elfrelocs=on', 'era=2004'),
  ],
  'exec-shield': () => [['', 'mode=0', 'mode=2'], ...onOrOff('randomize=off', 'cpu=nx')],
  'systemd-mdwe': () => [['', 'version=231', 'version=232', 'version=233', 'version=236']],
  openbsd: () => onOrOff('wxallowed=on', 'wxabort=on', 'map-stack=off', 'immutable=off'),
  'netbsd-mprotect': () => onOrOff('version=7', 'global=off'),
  freebsd: () => onOrOff('allow_wx=0', 'imply_prot_max=1', 'version=12'),
  hardenedbsd: () => onOrOff('pageexec=off', 'mprotect=off'),
  'hardened-runtime': () =>
    onOrOff(
      'allow-jit=on',
      'allow-unsigned-executable-memory=on',
      'disable-executable-page-protection=on',
      'cpu=intel',
    ),
  'memfd-noexec': () => [['', 'level=0', 'level=2']],
};

/** Options that are another way to say one of the above. */
export const ALIASES: Readonly<Record<string, string>> = {
  'selinux:domain': 'a domain is what its permissions are',
  'selinux:allow_execmem': 'execmem',
  'selinux:allow_execmod': 'execmod',
  'selinux:allow_execheap': 'execheap',
  'selinux:allow_execstack': 'execstack',
  'selinux:deny_execmem': 'execmem',
  'selinux:selinuxuser_execmod': 'execmod',
  'selinux:selinuxuser_execheap': 'execheap',
  'selinux:selinuxuser_execstack': 'execstack',
  'selinux:httpd_execmem': 'execmem and execstack',
  'selinux:mode': 'permissive mode refuses nothing, as if there were no SELinux',
  'pax:softmode': 'every feature off, the probe being unmarked',
  'pax:cpu': 'segmexec, or pageexec',
};

/** Options that no program can feel, and why. */
export const UNFELT: Readonly<Record<string, string>> = {
  'selinux:audit': 'it is the form of log lines',
  'pax:ei': 'the probe carries no mark in that byte',
  'pax:rwxlog': 'it writes log lines',
  'openbsd:execute-only': 'no experiment reads the text of the program',
};

/** Forms in which a policy refuses nothing. */
const IDLE = ['selinux:mode=permissive', 'pax:softmode=on'];

/** Options that a program feels. */
export function feltOptions(policy: string): readonly string[] {
  const dimensions = (['x86-64', 'i386'] as const).flatMap(
    (arch) => FAMILIES[policy]?.(arch) ?? [],
  );
  const texts = dimensions.flat().flatMap((text) => text.split(','));
  return [...new Set(texts.map((text) => text.split('=')[0]!).filter((name) => name !== ''))];
}

export const candidatePolicies: readonly string[] = Object.keys(FAMILIES);

/** Every policy by itself, in every combination of felt options that makes sense on the architecture. */
export function singleCandidates(arch: Arch): readonly string[] {
  const forms = Object.entries(FAMILIES).flatMap(([policy, dimensions]) =>
    specsOf(policy, dimensions(arch), arch),
  );
  return [...forms, ...IDLE];
}

function specsOf(
  policy: string,
  dimensions: readonly Dimension[],
  arch: Arch,
  os: ProbedSystem = 'linux',
): string[] {
  return product(dimensions).flatMap((values) => {
    const options = values.filter((text) => text !== '').join(',');
    const spec = options === '' ? policy : `${policy}:${options}`;
    return isPossible(spec, arch, os) ? [spec] : [];
  });
}

/** Some combinations are refused: SEGMEXEC on x86-64, MPROTECT without PAGEEXEC. */
function isPossible(spec: string, arch: Arch, os: ProbedSystem): boolean {
  try {
    parsePolicy(spec, { arch, os });
    return true;
  } catch (error) {
    if (error instanceof MayexecError) return false;
    throw error;
  }
}

/** One of several independent mechanisms: the ways it may stand, and the experiments that show which. */
export interface Axis {
  readonly values: readonly string[];
  readonly evidence: readonly string[];
}

export const AXES: readonly Axis[] = [
  {
    values: ['', 'nx:kernel=5.7'],
    evidence: ['program-marked-heap', 'program-unmarked-stack'],
  },
  {
    values: ['', 'mdwe', 'mdwe:kernel=6.6', 'mdwe:no-inherit=on'],
    evidence: ['mdwe-own', 'mdwe-child'],
  },
  {
    values: ['', ...specsOf('systemd-mdwe', FAMILIES['systemd-mdwe']!('x86-64'), 'x86-64')],
    evidence: ['protect-nothing'],
  },
  {
    values: ['', 'memfd-noexec', 'memfd-noexec:level=2'],
    evidence: ['memfd-seals', 'memfd-exec-flag'],
  },
];

/** What a process of Windows may stand under: DEP in each mode, with ACG in each form or without. */
export const WINDOWS_AXES: readonly Axis[] = [
  {
    values: specsOf(
      'dep',
      [['', 'mode=optout', 'mode=alwayson', 'mode=alwaysoff'], ...onOrOff('atl=off')],
      'i386',
      'windows',
    ),
    evidence: ['dep-system', 'dep-permanent', 'valloc-run', 'atl-thunk'],
  },
  {
    values: [
      '',
      ...specsOf('acg', onOrOff('audit=on', 'optout=on', 'remote=on'), 'x86-64', 'windows'),
    ],
    evidence: ['acg-flags', 'valloc-rwx', 'thread-opts-out'],
  },
];

/** What is left of both, in every combination, and each of what is out beside the first of the other: that shows what ruled it out. */
export function windowsCandidates(left: readonly (readonly string[])[]): readonly string[] {
  const [modes = [], guards = []] = left;
  const [allModes = [], allGuards = []] = WINDOWS_AXES.map(({ values }) => values);
  const pairs = [
    ...product([modes, guards]),
    ...product([allModes, guards.slice(0, 1)]),
    ...product([modes.slice(0, 1), allGuards]),
  ];
  return [...new Set(pairs.map((parts) => parts.filter((part) => part !== '').join('+')))];
}

/** What the kernel under Wine may have: Linux' policies, one at a time. */
export function wineCandidates(arch: Arch): readonly string[] {
  return singleCandidates(arch).filter((spec) => isPossible(spec, arch, 'wine'));
}

/** Combinations of the mechanisms given, one list for each axis, with SELinux in all its forms and without. */
export function combinedCandidates(
  choices: readonly (readonly string[])[],
  arch: Arch,
): readonly string[] {
  const mechanisms = product(choices).map((values) => values.filter((text) => text !== ''));
  const domains = ['', ...specsOf('selinux', FAMILIES.selinux!(arch), arch)];
  return mechanisms.flatMap((values) =>
    domains
      .map((domain) => (domain === '' ? values : [domain, ...values]))
      .filter((parts) => parts.length > 1 && isOneSystem(parts))
      .map((parts) => parts.join('+')),
  );
}

/** MDWE and vm.memfd_noexec came with 6.3: they do not meet the rules of older kernels. */
function isOneSystem(parts: readonly string[]): boolean {
  const old = parts.some((part) => /kernel=([345]\.|6\.[0-2]\b)/.test(part.replace(/^mdwe.*/, '')));
  return !old || !parts.some((part) => /^(mdwe|memfd)/.test(part));
}

function product(lists: readonly (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>(
    (rows, values) => rows.flatMap((row) => values.map((value) => [...row, value])),
    [[]],
  );
}

/**
 * CpuModel: which extensions a processor has. Levels are those of the x86-64 psABI (section 3.1.1, micro-architecture
 * levels), flags on top of one are names of extensions.
 */
import { listed, MayexecError, unknownValue } from '../base/errors.js';
import { EXTENSIONS, type Extension, type Extensions } from './carried/extensions.js';

/** Words of CPUID with the bits that the engine really executes: a libc picks its routines by them. */
export interface CpuidFeatures {
  /** Leaf 1. */
  readonly leaf1Ecx: number;
  readonly leaf1Edx: number;
  /** Leaf 7, sub-leaf 0. */
  readonly leaf7Ebx: number;
  readonly leaf7Ecx: number;
  /** Leaf 0x80000001. */
  readonly extendedEcx: number;
  readonly extendedEdx: number;
}

export interface CpuModel {
  /** As it was asked for. */
  readonly name: string;
  readonly extensions: Extensions;
}

const V2: readonly Extension[] = [
  ...(['sse3', 'ssse3', 'sse4_1', 'sse4_2', 'popcnt', 'cx16', 'lahf_lm'] as const),
];
const V3: readonly Extension[] = [
  ...V2,
  ...(['xsave', 'avx', 'avx2', 'fma', 'f16c', 'bmi1', 'bmi2', 'lzcnt', 'movbe'] as const),
];
const LEVELS: Readonly<Record<string, readonly Extension[]>> = {
  'x86-64': [],
  'x86-64-v2': V2,
  'x86-64-v3': V3,
};
export const CPU_LEVELS: readonly string[] = Object.keys(LEVELS);

/** What a sandbox has where nothing is asked for. */
export const DEFAULT_CPU = 'x86-64-v2,+aes,+pclmul,+movbe,+lzcnt,+adx';

/** Other names of the same: QEMU's, GCC's, and those with a dot. */
const ALIASES: Readonly<Record<string, Extension>> = {
  pni: 'sse3',
  'sse4.1': 'sse4_1',
  'sse4-1': 'sse4_1',
  'sse4.2': 'sse4_2',
  'sse4-2': 'sse4_2',
  abm: 'lzcnt',
  pclmulqdq: 'pclmul',
  cmpxchg16b: 'cx16',
  lahf: 'lahf_lm',
  'lahf-lm': 'lahf_lm',
  bmi: 'bmi1',
};

/** What each one is built on: with it comes that, and without that it goes. */
const NEEDS: Partial<Readonly<Record<Extension, Extension>>> = {
  ssse3: 'sse3',
  sse4_1: 'ssse3',
  sse4_2: 'sse4_1',
  avx: 'xsave',
  avx2: 'avx',
  fma: 'avx',
  f16c: 'avx',
};

/** Extensions that there are, and that nothing here carries out. */
const REFUSED = /^(avx512|avx10|amx|apx|sha|gfni|vaes|vpclmul|sse4a|xop|fma4|tbm|rtm|hle)/;

/** `x86-64-v2,+bmi2,-aes`: a level, then flags in order. @throws MayexecError that names the nearest right word. */
export function parseCpu(spec: string): CpuModel {
  const [level = '', ...flags] = spec.split(',').map((part) => part.trim());
  const base = Object.hasOwn(LEVELS, level) ? LEVELS[level] : undefined;
  if (base === undefined) throw unknownLevel(level);
  const extensions = new Set(base);
  for (const flag of flags) {
    const sign = flag[0];
    if (sign !== '+' && sign !== '-')
      throw new MayexecError(
        `a flag of cpu '${spec}' is '${flag}': write +${flag || 'NAME'} or -${flag || 'NAME'}`,
      );
    const extension = extensionOf(flag.slice(1));
    if (sign === '+') add(extensions, extension);
    else remove(extensions, extension);
  }
  return { name: spec, extensions };
}

/** `v3` for a level, `avx2` for the processor that has it. */
function unknownLevel(level: string): MayexecError {
  const [, version] = /^(?:x86[-_]64[-_]?)?v?([1-3])$/i.exec(level) ?? [];
  const extension = knownExtension(level.replace(/^[+-]/, '').toLowerCase());
  const meant = version === undefined ? extension && cpuWith(extension) : CPU_LEVELS[+version - 1];
  if (meant === undefined) return unknownValue('cpu', level, CPU_LEVELS);
  return new MayexecError(
    `unknown cpu '${level}': expected one of ${listed(CPU_LEVELS)}; did you mean '${meant}'?`,
  );
}

function knownExtension(name: string): Extension | undefined {
  return (
    EXTENSIONS.find((each) => each === name) ??
    (Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined)
  );
}

function extensionOf(name: string): Extension {
  const known = knownExtension(name);
  if (known !== undefined) return known;
  if (REFUSED.test(name))
    throw new MayexecError(
      `cpu flag '${name}': no such instruction is carried out here, and each is #UD; there are ${EXTENSIONS.join(', ')}`,
    );
  throw unknownValue('cpu flag', name, EXTENSIONS);
}

function add(extensions: Set<Extension>, extension: Extension): void {
  extensions.add(extension);
  const needed = NEEDS[extension];
  if (needed !== undefined) add(extensions, needed);
}

function remove(extensions: Set<Extension>, extension: Extension): void {
  extensions.delete(extension);
  for (const other of EXTENSIONS) if (NEEDS[other] === extension) remove(extensions, other);
}

/** The lowest level that has an extension, or the default with a flag. */
export function cpuWith(extension: Extension): string {
  return (
    CPU_LEVELS.find((level) => LEVELS[level]!.includes(extension)) ?? `x86-64-v2,+${extension}`
  );
}

/** Where CPUID announces each (Intel SDM volume 2, CPUID; AMD manual volume 3, appendix E). */
const BITS: Readonly<Record<Extension, readonly [keyof CpuidFeatures, number]>> = {
  sse3: ['leaf1Ecx', 0],
  pclmul: ['leaf1Ecx', 1],
  ssse3: ['leaf1Ecx', 9],
  fma: ['leaf1Ecx', 12],
  cx16: ['leaf1Ecx', 13],
  sse4_1: ['leaf1Ecx', 19],
  sse4_2: ['leaf1Ecx', 20],
  movbe: ['leaf1Ecx', 22],
  popcnt: ['leaf1Ecx', 23],
  aes: ['leaf1Ecx', 25],
  xsave: ['leaf1Ecx', 26],
  avx: ['leaf1Ecx', 28],
  f16c: ['leaf1Ecx', 29],
  rdrand: ['leaf1Ecx', 30],
  bmi1: ['leaf7Ebx', 3],
  avx2: ['leaf7Ebx', 5],
  bmi2: ['leaf7Ebx', 8],
  rdseed: ['leaf7Ebx', 18],
  adx: ['leaf7Ebx', 19],
  lahf_lm: ['extendedEcx', 0],
  lzcnt: ['extendedEcx', 5],
};
const OSXSAVE = 1 << 27;

/** `base` and what the model's extensions add to it. */
export function announced(base: CpuidFeatures, { extensions }: CpuModel): CpuidFeatures {
  const words = { ...base };
  for (const extension of extensions) {
    const [word, bit] = BITS[extension];
    words[word] |= 1 << bit;
  }
  if (extensions.has('xsave')) words.leaf1Ecx |= OSXSAVE;
  return words;
}

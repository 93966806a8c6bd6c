/**
 * PaX flags of a program: kernel defaults, marks in its file, and what the spec forces.
 * grsecurity/PaX 4.9 fs/binfmt_elf.c:pax_parse_pax_flags() and what it calls; fs/exec.c:pax_check_flags().
 */
import type { ImageFacts } from '../policy.js';

export const FEATURES = ['pageexec', 'segmexec', 'mprotect', 'emutramp', 'randmmap'] as const;
export type Feature = (typeof FEATURES)[number];
export type PaxFlags = Readonly<Record<Feature, boolean>>;

export interface FlagSources {
  /** kernel.pax.softmode: features are off unless a mark asks for them. */
  readonly softmode: boolean;
  /** The kernel reads e_ident[14] (CONFIG_PAX_EI_PAX). */
  readonly readsHeaderByte: boolean;
  /** The kernel reads the attribute user.pax.flags (since about 2012). */
  readonly readsXattr: boolean;
  /** A kernel for i386: SEGMEXEC exists. */
  readonly hasSegmexec: boolean;
  /** The processor has NX. */
  readonly cpuNx: boolean;
  /** What an administrator forces (in the real system by RBAC), whatever the marks say. */
  readonly forced: Partial<PaxFlags>;
  /** Before 4.x an impossible combination was mended, later it stops the program. */
  readonly mendsIllegal: boolean;
}

export type Resolved =
  | { readonly kind: 'flags'; readonly flags: PaxFlags }
  | { readonly kind: 'illegal'; readonly reason: string };

const PT_PAX_FLAGS = 0x65041580;
const EI_PAX = 14;
const NONE: PaxFlags = {
  pageexec: false,
  segmexec: false,
  mprotect: false,
  emutramp: false,
  randmmap: false,
};

/** Bits of p_flags in PT_PAX_FLAGS: on, then off. */
const HEADER_BITS: Readonly<Record<Feature, readonly [on: number, off: number]>> = {
  pageexec: [1 << 4, 1 << 5],
  segmexec: [1 << 6, 1 << 7],
  mprotect: [1 << 8, 1 << 9],
  emutramp: [1 << 12, 1 << 13],
  randmmap: [1 << 14, 1 << 15],
};

/** Letters of user.pax.flags: lower case is off, upper case on. */
const LETTERS: Readonly<Record<string, Feature>> = {
  p: 'pageexec',
  e: 'emutramp',
  m: 'mprotect',
  r: 'randmmap',
  s: 'segmexec',
};

/** Marks as the two sets that they are: asked for, and declined. */
interface Marks {
  readonly on: ReadonlySet<Feature>;
  readonly off: ReadonlySet<Feature>;
}

export function resolveFlags(sources: FlagSources, image: ImageFacts | undefined): Resolved {
  const header = image === undefined ? undefined : headerMarks(image);
  const xattr = image === undefined || !sources.readsXattr ? undefined : xattrMarks(image);
  const fromHeader = header && fromMarks(header, sources);
  const fromXattr = xattr && fromMarks(xattr, sources);
  if (fromHeader && fromXattr && !sameFlags(fromHeader, fromXattr)) {
    return { kind: 'illegal', reason: 'PT_PAX_FLAGS and user.pax.flags contradict each other' };
  }
  const marked = fromXattr ?? fromHeader ?? headerByteFlags(image, sources);
  return legal({ ...(marked ?? defaults(sources)), ...sources.forced }, sources);
}

function defaults({ softmode, hasSegmexec }: FlagSources): PaxFlags {
  if (softmode) return NONE;
  return { ...NONE, pageexec: true, segmexec: hasSegmexec, mprotect: true, randmmap: true };
}

/** Hard mode: on unless declined, EMUTRAMP too. Soft mode: off unless asked for. */
function fromMarks({ on, off }: Marks, { softmode, hasSegmexec }: FlagSources): PaxFlags {
  const entries = FEATURES.map((feature) => {
    const value = softmode ? on.has(feature) : !off.has(feature);
    return [feature, value && (feature !== 'segmexec' || hasSegmexec)] as const;
  });
  return Object.fromEntries(entries) as Record<Feature, boolean>;
}

function headerMarks({ programHeaders }: ImageFacts): Marks | undefined {
  const header = programHeaders.find(({ type }) => type === PT_PAX_FLAGS);
  if (header === undefined) return undefined;
  const pick = (side: 0 | 1): Set<Feature> =>
    new Set(FEATURES.filter((feature) => header.flags & HEADER_BITS[feature][side]));
  return consistent({ on: pick(0), off: pick(1) });
}

function xattrMarks({ xattrs }: ImageFacts): Marks | undefined {
  const text = xattrs?.get('user.pax.flags');
  if (text === undefined || text.length > 5) return undefined;
  const on = new Set<Feature>();
  const off = new Set<Feature>();
  for (const letter of text) {
    const feature = LETTERS[letter.toLowerCase()];
    const side = letter === letter.toLowerCase() ? off : on;
    if (feature === undefined || side.has(feature)) return undefined;
    side.add(feature);
  }
  return consistent({ on, off });
}

/** A mark that asks for and declines the same thing is ignored as a whole. */
function consistent(marks: Marks): Marks | undefined {
  return FEATURES.some((feature) => marks.on.has(feature) && marks.off.has(feature))
    ? undefined
    : marks;
}

/** e_ident[14]: a set bit declines, except 2, which asks for EMUTRAMP. Ignored in soft mode. */
function headerByteFlags(
  image: ImageFacts | undefined,
  sources: FlagSources,
): PaxFlags | undefined {
  if (image === undefined || !sources.readsHeaderByte || sources.softmode) return undefined;
  const byte = image.ident[EI_PAX] ?? 0;
  const pageexec = !(byte & 1);
  const segmexec = !(byte & 32) && sources.hasSegmexec;
  const enforced = pageexec || segmexec;
  return {
    pageexec,
    segmexec,
    mprotect: enforced && !(byte & 4),
    emutramp: enforced && (byte & 2) !== 0,
    randmmap: !(byte & 8),
  };
}

/** One method of two, then the combinations that cannot work. */
function legal(wanted: PaxFlags, { cpuNx, forced, mendsIllegal }: FlagSources): Resolved {
  const flags = { ...wanted };
  if (flags.pageexec && flags.segmexec) {
    const keepPages = forced.segmexec !== true && (cpuNx || forced.pageexec === true);
    if (keepPages) flags.segmexec = false;
    else flags.pageexec = false;
  }
  if (!flags.pageexec && !flags.segmexec && (flags.mprotect || flags.emutramp)) {
    const feature = flags.mprotect ? 'MPROTECT' : 'EMUTRAMP';
    if (!mendsIllegal) {
      return { kind: 'illegal', reason: `${feature} needs PAGEEXEC or SEGMEXEC` };
    }
    flags.mprotect = false;
    flags.emutramp = false;
  }
  return { kind: 'flags', flags };
}

function sameFlags(a: PaxFlags, b: PaxFlags): boolean {
  return FEATURES.every((feature) => a[feature] === b[feature]);
}

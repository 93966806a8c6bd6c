/**
 * Layouts: where an address space begins and ends and where the kernel puts things in it, as
 * arch/x86/mm/mmap.c:arch_pick_mmap_layout and fs/binfmt_elf.c compute it. Without a Random nothing
 * is randomised (personality ADDR_NO_RANDOMIZE); with one, by the kernel's amounts.
 */
import { type Addr, type Arch, pageUp } from '../../../../base/address.js';
import { MayexecError, unknownValue } from '../../../../base/errors.js';
import type { Random } from '../../../../base/random.js';

export interface Layout {
  readonly name: string;
  readonly arch: Arch;
  /** Word of the kernel: a 64-bit kernel takes the arguments of i386 programs zero-extended. */
  readonly kernelBits: 32 | 64;
  /** Exclusive top of user space. */
  readonly taskSize: Addr;
  /** vm.mmap_min_addr. */
  readonly mmapMinAddr: Addr;
  readonly direction: 'top-down' | 'bottom-up';
  /** Top-down: mappings end at or below it; bottom-up: they start at or above it. */
  readonly mmapBase: Addr;
  /** Where the bottom-up search starts, also as the fallback of top-down (mmap_legacy_base). */
  readonly legacyBase: Addr;
  /** Lowest address of MAP_32BIT mappings (x86-64 only); they end below 2 GiB. */
  readonly map32Base: Addr;
  /** End of the stack VMA. */
  readonly stackTop: Addr;
  /** Bytes, a multiple of 16, by which the first stack pointer moves down within the stack (arch_align_stack). */
  readonly stackOffset: Addr;
  /** RLIMIT_STACK, in bytes. */
  readonly stackLimit: bigint;
  /** Load address of ET_DYN programs. */
  readonly elfBase: Addr;
  /** Random gap between bss and the heap. */
  readonly brkGap: Addr;
  /** Where the i386 kernel's own page lies; undefined: where the next mapping would. */
  readonly vdso: Addr | undefined;
  /** What the amounts were drawn from; undefined: nothing is randomised. */
  readonly random: Random | undefined;
}

/** What a policy changes about a layout; PolicyEffects has these fields. */
export interface LayoutChange {
  /** Exclusive top of user space; never above the layout's own. */
  readonly taskSize?: Addr;
  /** Where ET_DYN programs begin, before randomisation. */
  readonly elfBase?: Addr;
  /** Bits of randomness, in pages; what is absent stays. */
  readonly randomBits?: {
    readonly mmap?: number;
    readonly stack?: number;
    readonly elf?: number;
    readonly brk?: number;
  };
}

interface LayoutShape {
  readonly arch: Arch;
  readonly kernelBits: 32 | 64;
  readonly taskSize: Addr;
  readonly mmapMinAddr: Addr;
  readonly direction: Layout['direction'];
  /** Override what taskSize gives. */
  readonly fixedMmapBase?: Addr;
  readonly fixedStackTop?: Addr;
  readonly vdso?: Addr;
  readonly elfBase: Addr;
  readonly random: RandomAmounts | undefined;
}

/** Bits of randomness in pages, for the heap a range in bytes; undefined where the system had none. */
interface RandomAmounts {
  readonly mmap: number;
  readonly stack: number;
  /** As many as mmap has, when absent. */
  readonly elf?: number;
  readonly brkRange: number;
}

const MIB = 1n << 20n;
const DEFAULT_STACK_LIMIT = 8n * MIB;
const STACK_GUARD_GAP = MIB;
const RANDOM_64 = { mmap: 28, stack: 22, brkRange: 1 << 30 } as const;
const RANDOM_32 = { mmap: 8, stack: 11, brkRange: 32 << 20 } as const;

const X86_64: LayoutShape = {
  arch: 'x86-64',
  kernelBits: 64,
  taskSize: 0x7fff_ffff_f000n,
  mmapMinAddr: 0x10000n,
  direction: 'top-down',
  elfBase: 0x5555_5555_4000n,
  random: RANDOM_64,
};

const SHAPES: Readonly<Record<string, LayoutShape>> = {
  'linux-x86-64': X86_64,
  /** personality ADDR_COMPAT_LAYOUT. */
  'linux-x86-64-legacy': { ...X86_64, direction: 'bottom-up' },
  /** An i386 program on a 64-bit kernel: what `int 0x80` programs meet today; the default for i386. */
  'linux-i386-on-x86-64': {
    arch: 'i386',
    kernelBits: 64,
    taskSize: 0xffff_e000n,
    mmapMinAddr: 0x10000n,
    direction: 'top-down',
    /** COMPAT_ELF_ET_DYN_BASE: TASK_UNMAPPED_BASE + 16 MiB. */
    elfBase: 0x5655_5000n,
    random: RANDOM_32,
  },
  /** A 32-bit kernel with the 3 GiB / 1 GiB split. */
  'linux-i386': {
    arch: 'i386',
    kernelBits: 32,
    taskSize: 0xc000_0000n,
    mmapMinAddr: 0x10000n,
    direction: 'top-down',
    elfBase: 0x40_0000n,
    random: RANDOM_32,
  },
  /** Linux 2.4: mmap upwards from a third of the space, nothing randomised, page 0 may be mapped. */
  'linux-i386-classic': {
    arch: 'i386',
    kernelBits: 32,
    taskSize: 0xc000_0000n,
    mmapMinAddr: 0n,
    direction: 'bottom-up',
    fixedMmapBase: 0x4000_0000n,
    elfBase: 0x8000_0000n,
    random: undefined,
  },
  /**
   * The host of the wine-devel traces of 2005: mappings from 0x80000000 downwards and
   * a stack that ends at 0xbe000000, so that the top of the space is free.
   */
  'linux-i386-wine-2005': {
    arch: 'i386',
    kernelBits: 32,
    taskSize: 0xc000_0000n,
    mmapMinAddr: 0x1000n,
    direction: 'top-down',
    fixedMmapBase: 0x8000_0000n,
    fixedStackTop: 0xbe00_0000n,
    /** Above user space, as up to 2.6.17. */
    vdso: 0xffff_e000n,
    elfBase: 0x40_0000n,
    random: undefined,
  },
};

export const layoutNames: readonly string[] = Object.keys(SHAPES);

const DEFAULTS: Readonly<Record<Arch, string>> = {
  'x86-64': 'linux-x86-64',
  i386: 'linux-i386-on-x86-64',
};

/** The named layout, or the default of `arch`. Throws for an unknown name or one of the other architecture. */
export function createLayout(
  name: string | undefined,
  arch: Arch,
  random: Random | undefined,
  stackLimit: bigint = DEFAULT_STACK_LIMIT,
): Layout {
  const chosen = name ?? DEFAULTS[arch];
  const shape = SHAPES[chosen];
  if (shape === undefined) throw unknownValue('layout', chosen, layoutNames);
  if (shape.arch !== arch) {
    const fitting = layoutNames.filter((known) => SHAPES[known]!.arch === arch);
    throw new MayexecError(
      `layout '${chosen}' is for ${shape.arch}, not ${arch}: expected one of ${fitting.join(', ')}`,
    );
  }
  return build(chosen, shape, random, stackLimit);
}

/** The layout as a policy changes it; the same random numbers are drawn again. */
export function changeLayout(layout: Layout, change: LayoutChange): Layout {
  const { taskSize, elfBase, randomBits } = change;
  if (taskSize === undefined && elfBase === undefined && randomBits === undefined) return layout;
  const shape = SHAPES[layout.name]!;
  const smaller = taskSize !== undefined && taskSize < shape.taskSize;
  const amounts = changeAmounts(shape.random, randomBits);
  const changed: LayoutShape = {
    ...shape,
    taskSize: smaller ? taskSize : shape.taskSize,
    elfBase: elfBase ?? shape.elfBase,
    random: amounts,
  };
  return build(layout.name, changed, layout.random, layout.stackLimit);
}

/** A system that randomised nothing goes on doing so: its places are what somebody chose. */
function changeAmounts(
  before: RandomAmounts | undefined,
  bits: LayoutChange['randomBits'],
): RandomAmounts | undefined {
  if (before === undefined || bits === undefined) return before;
  return {
    mmap: bits.mmap ?? before.mmap,
    stack: bits.stack ?? before.stack,
    elf: bits.elf ?? before.elf ?? before.mmap,
    brkRange: bits.brk === undefined ? before.brkRange : 2 ** (bits.brk + 12),
  };
}

function build(
  name: string,
  shape: LayoutShape,
  random: Random | undefined,
  stackLimit: bigint,
): Layout {
  const amounts = shape.random;
  const source = amounts === undefined ? undefined : random?.fork('layout');
  const pages = (bits: number): bigint => (source === undefined ? 0n : source.bits(bits) << 12n);
  const { arch, kernelBits, taskSize, mmapMinAddr, direction } = shape;
  const mmapShift = pages(amounts?.mmap ?? 0);
  const lowest = direction === 'bottom-up' ? shape.fixedMmapBase : undefined;
  const legacyBase = (lowest ?? pageUp(taskSize / 3n)) + mmapShift;
  const maxStackShift = source === undefined ? 0n : ((1n << BigInt(amounts!.stack)) - 1n) << 12n;
  const topDown = topDownBase(taskSize, stackLimit, maxStackShift) - mmapShift;
  return {
    name,
    arch,
    kernelBits,
    taskSize,
    mmapMinAddr,
    direction,
    mmapBase: direction === 'bottom-up' ? legacyBase : (shape.fixedMmapBase ?? topDown),
    legacyBase,
    map32Base: 0x4000_0000n + (arch === 'x86-64' ? pages(13) : 0n),
    stackTop: (shape.fixedStackTop ?? taskSize) - pages(amounts?.stack ?? 0),
    stackOffset: source === undefined ? 0n : BigInt(source.below(8192) & ~0xf),
    stackLimit,
    elfBase: shape.elfBase + pages(amounts?.elf ?? amounts?.mmap ?? 0),
    brkGap: source === undefined ? 0n : BigInt(source.below(amounts!.brkRange / 4096)) << 12n,
    vdso: shape.vdso,
    random: amounts === undefined ? undefined : random,
  };
}

/** mmap_base(): room for the stack, its guard gap and its randomisation, from 128 MiB to 5/6 of the space. */
function topDownBase(taskSize: Addr, stackLimit: bigint, maxStackShift: bigint): Addr {
  let gap = stackLimit + maxStackShift + STACK_GUARD_GAP;
  const least = 128n * MIB;
  const most = (taskSize / 6n) * 5n;
  if (gap < least) gap = least;
  if (gap > most) gap = most;
  return pageUp(taskSize - gap);
}

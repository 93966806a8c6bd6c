/**
 * PolicyEffects: what a policy needs from the machine, the memory manager, the loader or the kernel
 * and cannot do with verdicts. Plain data and pure functions; mm and kernel honour them, the policy
 * layer only merges them. Absent means: as Linux has it.
 */
import type { Addr, Arch } from '../base/address.js';
import type { OptionNames } from '../base/options.js';
import type { MmEffects } from '../os/linux/mm/hooks.js';

export type DepMode = 'alwaysoff' | 'alwayson' | 'optin' | 'optout';

/** State that a policy's opt-in call would have set, for specs that name it ('in force from the first instruction'). */
export interface MmInit {
  readonly restrictedWx?: boolean;
  readonly mdwe?: number;
}

export interface PolicyEffects extends MmEffects {
  /**
   * Does an instruction fetch need VM_EXEC? False: whatever may be read or written may be executed.
   * Of several policies that say so, true wins; true when none says.
   */
  readonly nx?: boolean;
  /** Applied when the program's first instruction is about to run, after the loader's mappings. */
  readonly mmInit?: MmInit;
  /** Exclusive top of the address space. The smallest wins. */
  readonly taskSize?: Addr;
  /** Where ET_DYN programs with an interpreter begin, before randomisation. */
  readonly elfBase?: Addr;
  /** Name of the layout that fits the system, when the host chose none. */
  readonly layout?: string;
  /** The stack is never made executable at exec and READ_IMPLIES_EXEC is cleared, whatever PT_GNU_STACK says. */
  readonly ignoreGnuStack?: boolean;
  /**
   * What gives a program READ_IMPLIES_EXEC at exec. Absent: as since 5.8, only an i386 program without
   * PT_GNU_STACK. 'before-5.8': every program without it or with PF_X in it.
   */
  readonly gnuStack?: 'before-5.8';
  /** Asked at a refused fetch, before the fault hook: an instruction sequence that is emulated instead. */
  readonly emulateTrampoline?: TrampolineEmulator;
  /** Bits of randomness, in pages; what is absent stays as the layout has it. */
  readonly randomBits?: RandomBits;
  /** Text, read-only data and RELRO of the program are sealed after loading (OpenBSD mimmutable). */
  readonly immutableImage?: boolean;
  /** What is given to sigaltstack becomes memory mapped with MAP_STACK (OpenBSD). */
  readonly alternateStackIsStack?: boolean;
  /** vm.memfd_noexec (0, 1 or 2; memfd-noexec.ts says what each means). The highest wins. */
  readonly memfdNoexec?: 0 | 1 | 2;
  /** The kernel whose prctl(PR_SET_MDWE) the process meets, such as '6.3'; absent: the modelled one. */
  readonly mdweKernel?: string;
  /** Boot option nx= of Windows: alwaysoff, alwayson, optin or optout. */
  readonly depMode?: DepMode;
  /** Names of programs that the user has exempted from DEP (optout), without folders and case. */
  readonly depExempt?: readonly string[];
  /** False: thunks of the ATL library are not carried out. */
  readonly atlThunks?: boolean;
  /** False: handlers of 32-bit frames need not be in their image's table (Windows before XP SP2). */
  readonly safeSeh?: boolean;
  /** The list of handlers of 32-bit frames must be whole before any is asked. */
  readonly sehop?: boolean;
  /** PROCESS_MITIGATION_DYNAMIC_CODE_POLICY of a new process of Windows. */
  readonly dynamicCode?: number;
}

/** Every effect by name, for the check of what a host's own policy says. */
export const EFFECT_NAMES: OptionNames<PolicyEffects> = {
  acceptedProt: true,
  ignoreHints: true,
  fetchLimit: true,
  placeExecutable: true,
  mapJit: true,
  mayFetch: true,
  executeOnly: true,
  remapDuplicate: true,
  nx: true,
  mmInit: true,
  taskSize: true,
  elfBase: true,
  layout: true,
  ignoreGnuStack: true,
  gnuStack: true,
  emulateTrampoline: true,
  randomBits: true,
  immutableImage: true,
  alternateStackIsStack: true,
  memfdNoexec: true,
  mdweKernel: true,
  depMode: true,
  depExempt: true,
  atlThunks: true,
  safeSeh: true,
  sehop: true,
  dynamicCode: true,
};

/** Registers after an emulated trampoline. */
export interface TrampolineResult {
  readonly registers: Readonly<Record<string, bigint>>;
  readonly pc: Addr;
  readonly carry?: boolean;
  /** A store that it makes, at this address. */
  readonly store?: { readonly address: Addr; readonly bytes: Uint8Array };
  /** Which pattern it was, for the trace. */
  readonly name: string;
}

/** `byteAt` reads guest memory as a debugger does; undefined where nothing is mapped. */
export type TrampolineEmulator = (
  arch: Arch,
  pc: Addr,
  byteAt: (address: Addr) => number | undefined,
  stackPointer: Addr,
) => TrampolineResult | undefined;

export interface RandomBits {
  readonly mmap?: number;
  readonly stack?: number;
  readonly elf?: number;
  readonly brk?: number;
}

/** Merged effects: what every consumer needs an answer for has one. */
export interface MergedEffects extends PolicyEffects {
  readonly nx: boolean;
  readonly mmInit: MmInit;
  readonly acceptedProt: number;
}

/** The strictest of each wins; emulators are asked in order. */
export function mergeEffects(all: readonly (PolicyEffects | undefined)[]): MergedEffects {
  const given = all.filter((effects) => effects !== undefined);
  const nx = valuesOf(given, 'nx');
  const emulators = valuesOf(given, 'emulateTrampoline');
  const [emulator] = emulators;
  return {
    // Plain switches are only ever set to true; the fields below need more than that.
    ...Object.assign({}, ...given),
    nx: nx.length === 0 || nx.includes(true),
    mmInit: {
      restrictedWx: given.some((effects) => effects.mmInit?.restrictedWx),
      mdwe: given.reduce((bits, effects) => bits | (effects.mmInit?.mdwe ?? 0), 0),
    },
    acceptedProt: given.reduce((bits, effects) => bits | (effects.acceptedProt ?? 0), 0),
    ...pick('taskSize', least(valuesOf(given, 'taskSize'))),
    ...pick('memfdNoexec', greatest(valuesOf(given, 'memfdNoexec'))),
    ...pick('ignoreHints', hintsOf(valuesOf(given, 'ignoreHints'))),
    ...pick('mayFetch', allOf(valuesOf(given, 'mayFetch'))),
    ...pick('emulateTrampoline', emulators.length > 1 ? inOrder(emulators) : emulator),
  };
}

function allOf(
  tests: readonly NonNullable<PolicyEffects['mayFetch']>[],
): PolicyEffects['mayFetch'] {
  if (tests.length < 2) return tests[0];
  return (vma) => tests.every((test) => test(vma));
}

function valuesOf<K extends keyof PolicyEffects>(
  given: readonly PolicyEffects[],
  key: K,
): NonNullable<PolicyEffects[K]>[] {
  return given.map((effects) => effects[key]).filter((value) => value !== undefined);
}

/** A field of an object literal, absent when there is no value. */
function pick<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]: V });
}

function least(values: readonly Addr[]): Addr | undefined {
  return values.reduce<Addr | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined);
}

function greatest<T extends number>(values: readonly T[]): T | undefined {
  return values.reduce<T | undefined>((a, b) => (a === undefined || b > a ? b : a), undefined);
}

function hintsOf(values: readonly ('all' | 'files')[]): 'all' | 'files' | undefined {
  return values.includes('all') ? 'all' : values[0];
}

function inOrder(emulators: readonly TrampolineEmulator[]): TrampolineEmulator {
  return (...args) => {
    for (const emulate of emulators) {
      const result = emulate(...args);
      if (result !== undefined) return result;
    }
    return undefined;
  };
}

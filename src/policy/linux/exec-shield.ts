/**
 * exec-shield: no page is protected; the code segment ends where the highest executable mapping ends.
 * A fetch above the limit is a general protection fault, one below it succeeds whatever the mapping
 * says. Placing libraries below 16 MiB ("ASCII armor") keeps the limit low.
 * Exec-shield patch 2.6.0-test6-G3 (2003-09-29), arch/i386/kernel/process.c:arch_add_exec_range(),
 * arch_remove_exec_range(), arch_get_unmapped_area(); fs/binfmt_elf.c:load_elf_binary().
 */
import { type Addr, PAGE_SIZE_N, pageUp } from '../../base/address.js';
import { PF_X, PT_GNU_STACK } from '../../formats/elf/structures.js';
import type { ExecutablePlacement } from '../../os/linux/mm/hooks.js';
import { VM_EXEC, type Vma } from '../../os/linux/mm/vmas/vma.js';
import { type OptionInfo, onOff, type PolicyDefinition, type PolicyTarget } from '../definition.js';
import type { PolicyEffects } from '../effects.js';
import { allow, type ImageFacts, type Policy } from '../policy.js';
import { execShieldInfo, rules } from './exec-shield-info.js';

/** SHLIB_BASE: above the first megabyte and the 64 KiB that 8086 code can reach beyond it. */
const ARMOR_START = 0x0011_0000n;
/** Below it every address has a zero byte on top, which ends a C string. */
const ARMOR_END = 0x0100_0000n;

/**
 * First address at which a fetch is refused: the end of the highest executable VMA, 0 when there is none.
 * The descriptor counts pages, and VMAs are whole pages.
 */
export function execLimit(vmas: Iterable<Vma>): Addr {
  let limit = 0n;
  for (const vma of vmas) if (vma.flags & VM_EXEC && vma.end > limit) limit = vma.end;
  return limit;
}

/**
 * Where a mapping with PROT_EXEC goes that names no address: at random below 16 MiB, else first fit
 * upwards, at random again once that is past 16 MiB, but never into or past the heap (undefined: the
 * ordinary search decides).
 */
export const placeInArmor: ExecutablePlacement = ({ length, brk, occupied, random }) => {
  const free = (address: Addr): boolean =>
    !occupied.some(({ start, end }) => address < end && address + length > start);
  const guess = randomInRange(ARMOR_START, ARMOR_END, length, random);
  if (guess !== undefined && free(guess)) return guess;
  let address = ARMOR_START;
  for (const { start, end } of occupied) {
    if (end <= address) continue;
    if (address + length <= start) break;
    address = end;
  }
  if (address + length > brk) return undefined;
  if (address >= ARMOR_END) {
    const other = randomInRange(ARMOR_END, brk, length, random);
    if (other !== undefined && free(other)) return other;
  }
  return address;
};

/** randomize_range(): undefined when nothing fits or nothing is randomised. */
function randomInRange(
  start: Addr,
  end: Addr,
  length: bigint,
  random: ((n: number) => number) | undefined,
): Addr | undefined {
  if (random === undefined || end <= start + length) return undefined;
  const pages = Number((end - length - start) / PAGE_SIZE_N);
  return pageUp(start) + BigInt(random(Math.max(pages, 1))) * PAGE_SIZE_N;
}

interface Settings {
  readonly spec: string;
  readonly mode: number;
  readonly limits: boolean;
  readonly randomize: boolean;
}

/** Is the program one to be shielded? Without a file: as for one marked in the usual way. */
function shields(mode: number, image: ImageFacts | undefined): boolean {
  if (mode === 0) return false;
  if (mode >= 2 || image === undefined) return true;
  const mark = image.programHeaders.find(({ type }) => type === PT_GNU_STACK);
  return mark !== undefined && !(mark.flags & PF_X);
}

function policyFor(settings: Settings, image: ImageFacts | undefined): Policy {
  const { spec, mode, limits } = settings;
  const active = shields(mode, image);
  return {
    name: 'exec-shield',
    spec,
    effects: limits
      ? { layout: 'linux-i386', ...effectsOf(settings, active) }
      : { nx: true, ...stackEffect(settings) },
    forProgram: (next) => policyFor(settings, next),
    ...(active &&
      limits && {
        fault: (_vma, _address, access) => (access === 'exec' ? rules.note('limit') : allow),
      }),
  };
}

function effectsOf(settings: Settings, active: boolean): PolicyEffects {
  if (!active) return { nx: false };
  return {
    nx: false,
    fetchLimit: 'highest-exec',
    placeExecutable: settings.randomize ? placeInArmor : withoutRandom,
    ...stackEffect(settings),
  };
}

const withoutRandom: ExecutablePlacement = (facts) => placeInArmor({ ...facts, random: undefined });

/** From mode 2 on the stack of every program counts as marked not executable. */
function stackEffect({ mode }: Settings): PolicyEffects {
  return mode >= 2 ? { ignoreGnuStack: true } : {};
}

export const EXEC_SHIELD_OPTIONS: readonly OptionInfo[] = [
  {
    name: 'mode',
    summary:
      'kernel.exec-shield: 0 off, 1 for programs with PT_GNU_STACK without PF_X, 2 for every program; 3 was "always" in 2003 and is taken as 2',
    values: ['0', '1', '2', '3'],
    default: '1',
  },
  onOff(
    'randomize',
    'on',
    'kernel.exec-shield-randomize: executable mappings are placed at random',
  ),
  {
    name: 'cpu',
    summary: 'on a processor with NX the limit is not used; x86-64 always has NX',
    values: ['no-nx', 'nx'],
    default: 'no-nx',
  },
];

export const execShield: PolicyDefinition = {
  info: { ...execShieldInfo, options: EXEC_SHIELD_OPTIONS },
  create(options, target: PolicyTarget) {
    return policyFor(
      {
        spec: options.spec,
        mode: Number(options.value('mode')),
        limits: target.arch === 'i386' && options.value('cpu') === 'no-nx',
        randomize: options.on('randomize'),
      },
      undefined,
    );
  },
};

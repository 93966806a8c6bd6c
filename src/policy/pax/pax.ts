/**
 * pax: PAGEEXEC, SEGMEXEC, MPROTECT, EMUTRAMP and RANDMMAP. The idea of MPROTECT: whether memory may
 * ever be executed is decided once, when it is mapped, by clearing VM_MAYEXEC or VM_MAYWRITE.
 * PaX 4.9 mm/mmap.c:do_mmap(), mm/mprotect.c:do_mprotect_pkey(), fs/binfmt_elf.c, arch/x86/mm/fault.c.
 */

import { PROT_EXEC, PROT_WRITE } from '../../abi/linux/mman.js';
import { MayexecError } from '../../base/errors.js';
import type { Access } from '../../base/outcome.js';
import { PF_X, PT_GNU_STACK } from '../../formats/elf/structures.js';
import {
  VM_ACCESS,
  VM_EXEC,
  VM_MAYEXEC,
  VM_MAYWRITE,
  VM_WRITE,
  type Vma,
} from '../../os/linux/mm/vmas/vma.js';
import type { PolicyDefinition, PolicyOptions, PolicyTarget } from '../definition.js';
import type { PolicyEffects, RandomBits } from '../effects.js';
import {
  allow,
  type FaultContext,
  type ImageFacts,
  type MapRequest,
  type MmFacts,
  type Policy,
  type ProtectRequest,
  type RemapRequest,
  type Verdict,
} from '../policy.js';
import { FEATURES, type FlagSources, type PaxFlags, type Resolved, resolveFlags } from './flags.js';
import { paxInfo, rules } from './info.js';
import { faultReport, grsecMmap, grsecMprotect, grsecStackMark, grsecTextrel } from './log.js';
import { isRelocatedText, isRelro, textTransition } from './relocations.js';
import { emulateGccAndLibffi } from './trampolines.js';

/** SEGMEXEC_TASK_SIZE (arch/x86/include/asm/processor.h): half of 3 GiB. */
const SEGMEXEC_TASK_SIZE = 0x6000_0000n;
const PAGE = 0x1000n;
/** PAX_ELF_ET_DYN_BASE. */
const ELF_BASE = { i386: 0x1000_0000n, 'x86-64': 0x40_0000n } as const;

interface Kernel {
  readonly spec: string;
  readonly target: PolicyTarget;
  readonly sources: FlagSources;
  readonly era: '4.9' | '2004';
  readonly elfrelocs: boolean;
  readonly rwxlog: boolean;
}

function kernelOf(options: PolicyOptions, target: PolicyTarget): Kernel {
  const era = options.value('era') as Kernel['era'];
  const forced = Object.fromEntries(
    FEATURES.filter((name) => options.value(name) !== 'marks').map((name) => [
      name,
      options.on(name),
    ]),
  );
  if (forced.segmexec && target.arch !== 'i386') {
    throw new MayexecError(
      `pax:segmexec=on needs arch 'i386', and this is '${target.arch}': PAGEEXEC does its work there`,
    );
  }
  const sources: FlagSources = {
    softmode: options.on('softmode'),
    readsHeaderByte: options.on('ei'),
    readsXattr: era !== '2004',
    hasSegmexec: target.arch === 'i386',
    cpuNx: options.value('cpu') === 'nx',
    forced,
    mendsIllegal: era === '2004',
  };
  return {
    spec: options.spec,
    target,
    sources,
    era,
    elfrelocs: options.on('elfrelocs'),
    rwxlog: options.on('rwxlog'),
  };
}

function onMap(kernel: Kernel, request: MapRequest, facts: MmFacts): Verdict {
  const { flags, object } = request;
  const executable = (flags & VM_EXEC) !== 0;
  if (executable && flags & VM_WRITE) {
    if (kernel.era === '2004') {
      return rules.narrow(flags & ~(VM_EXEC | VM_MAYEXEC), 'mprotect-strip');
    }
    const log = kernel.rwxlog ? [grsecMmap(object?.path, facts)] : [];
    return rules.deny('EPERM', 'mprotect-mmap', log);
  }
  if (!executable) return without(flags, VM_MAYEXEC, 'mprotect-never-exec');
  if (kernel.elfrelocs && isRelocatedText(flags, object, facts.arch)) return allow;
  return without(flags, VM_MAYWRITE, 'mprotect-never-write');
}

function without(
  flags: number,
  bit: number,
  rule: 'mprotect-never-exec' | 'mprotect-never-write' | 'relro-final',
): Verdict {
  return flags & bit ? rules.narrow(flags & ~bit, rule) : allow;
}

/** P11 in PaX's own words: it logs, and so has a verdict of its own. */
function onProtectRights(
  kernel: Kernel,
  vma: Vma,
  request: ProtectRequest,
  facts: MmFacts,
): Verdict {
  const { flags, prot } = request;
  const missing = flags & ~(flags >> 4) & VM_ACCESS;
  const relocated = kernel.elfrelocs && isRelocatedText(vma.flags, vma.object, facts.arch);
  const transition = kernel.elfrelocs ? textTransition(vma, flags, facts.arch) : undefined;
  if (transition !== undefined && missing === 0) {
    const log = kernel.rwxlog ? [grsecTextrel(vma, transition === 'open', facts)] : [];
    return rules.note('text-relocation', log);
  }
  if (missing === 0 && !(relocated && flags & VM_WRITE)) return allow;
  const logged = kernel.rwxlog && (prot & (PROT_WRITE | PROT_EXEC)) !== 0;
  return rules.deny('EACCES', 'mprotect-may', logged ? [grsecMprotect(vma, facts)] : []);
}

/** After every check: what the loader has finished becomes final. */
function onProtect(kernel: Kernel, vma: Vma, request: ProtectRequest, facts: MmFacts): Verdict {
  const { flags, range } = request;
  if (isRelro(vma, range, flags, facts.arch)) return without(flags, VM_MAYWRITE, 'relro-final');
  if (kernel.elfrelocs && textTransition(vma, flags, facts.arch) === 'close') {
    return without(flags, VM_MAYWRITE, 'mprotect-never-write');
  }
  return allow;
}

function mprotectHooks(kernel: Kernel): Partial<Policy> {
  return {
    mmapFlags: (request, facts) => onMap(kernel, request, facts),
    mprotectRights: (vma, request, facts) => onProtectRights(kernel, vma, request, facts),
    mprotect: (vma, request, facts) => onProtect(kernel, vma, request, facts),
  };
}

const segmexecHooks: Partial<Policy> = {
  mprotectArguments: (_prot, { end }) =>
    end > SEGMEXEC_TASK_SIZE ? rules.deny('EINVAL', 'segmexec-range') : allow,
  mremap: (vma, { newAddress }: RemapRequest) => {
    if (vma.flags & VM_EXEC) return rules.deny('EINVAL', 'segmexec-mirror');
    return newAddress !== undefined && newAddress > SEGMEXEC_TASK_SIZE - PAGE
      ? rules.deny('EINVAL', 'segmexec-range')
      : allow;
  },
};

/** Heap and stack at exec: the memory that appears without mmap. */
function onImplicit({ mprotect }: PaxFlags, { flags }: MapRequest): Verdict {
  const kept = flags & ~(mprotect ? VM_EXEC | VM_MAYEXEC : VM_EXEC);
  return kept === flags ? allow : rules.narrow(kept, 'data-no-exec');
}

function onFault(
  vma: Vma | undefined,
  address: bigint,
  access: Access,
  facts: MmFacts,
  context: FaultContext | undefined,
): Verdict {
  if (access !== 'exec') return allow;
  // Executable and yet refused: past the end of its file. That is a SIGBUS as ever.
  if (vma !== undefined && vma.flags & VM_EXEC) return allow;
  return rules.kill('SIGKILL', 'no-exec', faultReport(vma, address, facts, context));
}

function effectsOf(kernel: Kernel, flags: PaxFlags): PolicyEffects {
  const enforced = flags.pageexec || flags.segmexec;
  return {
    // SEGMEXEC and the 3 GiB of the marks' time are those of a 32-bit kernel.
    ...(kernel.target.arch === 'i386' ? { layout: 'linux-i386' } : {}),
    ...(enforced ? { nx: true, ignoreGnuStack: true } : {}),
    ...(flags.segmexec ? { taskSize: SEGMEXEC_TASK_SIZE } : {}),
    ...(flags.emutramp ? { emulateTrampoline: emulateGccAndLibffi } : {}),
    ...(flags.randmmap ? { ignoreHints: kernel.era === '2004' ? 'files' : 'all' } : {}),
    ...(flags.randmmap
      ? { randomBits: randomBits(kernel, flags), elfBase: ELF_BASE[kernel.target.arch] }
      : {}),
  };
}

/** PAX_DELTA_MMAP_LEN and PAX_DELTA_STACK_LEN; the heap's gap is 22 bits of 16 bytes. */
function randomBits({ target }: Kernel, { segmexec }: PaxFlags): RandomBits {
  const bits = target.arch === 'i386' ? (segmexec ? 15 : 16) : 32;
  return { mmap: bits, stack: bits, elf: bits, brk: 22 + 4 - 12 };
}

function policyFor(kernel: Kernel, resolved: Resolved, image: ImageFacts | undefined): Policy {
  const common = {
    name: 'pax',
    spec: kernel.spec,
    forProgram: (next: ImageFacts) => policyFor(kernel, resolveFlags(kernel.sources, next), next),
  };
  if (resolved.kind === 'illegal') {
    // Past the point of no return: execve cannot fail any more.
    return { ...common, exec: () => rules.kill('SIGSEGV', 'illegal-marks') };
  }
  const { flags } = resolved;
  const enforced = flags.pageexec || flags.segmexec;
  return {
    ...common,
    effects: effectsOf(kernel, flags),
    ...(flags.mprotect && mprotectHooks(kernel)),
    ...(flags.segmexec && segmexecHooks),
    ...(enforced && {
      implicit: (request: MapRequest) => onImplicit(flags, request),
      fault: onFault,
      exec: (_image: ImageFacts, facts: MmFacts) => stackMarkNote(kernel, flags, image, facts),
    }),
  };
}

function stackMarkNote(
  kernel: Kernel,
  { mprotect }: PaxFlags,
  image: ImageFacts | undefined,
  facts: MmFacts,
): Verdict {
  const mark = image?.programHeaders.findLast(({ type }) => type === PT_GNU_STACK);
  if (image === undefined || mark === undefined || !(mark.flags & PF_X)) return allow;
  const log = kernel.rwxlog && mprotect ? [grsecStackMark(image.path, facts)] : [];
  return rules.note('stack-mark', log);
}

export const pax: PolicyDefinition = {
  info: paxInfo,
  create(options, target) {
    const kernel = kernelOf(options, target);
    const resolved = resolveFlags(kernel.sources, undefined);
    if (resolved.kind === 'illegal') {
      throw new MayexecError(
        `policy '${options.spec}' can run no program: ${resolved.reason} (switch that off as well)`,
      );
    }
    return policyFor(kernel, resolved, undefined);
  },
};

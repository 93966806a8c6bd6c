/**
 * hardenedbsd: PAGEEXEC and MPROTECT of HardenedBSD: mmap never fails for asking too much, it gives
 * less. Denial by silence: the program must look at what it got.
 * HardenedBSD sys/hardenedbsd/hbsd_pax_noexec.c:pax_pageexec(), pax_mprotect(), pax_mprotect_enforce().
 */
import {
  VM_ACCESS,
  VM_EXEC,
  VM_MAYEXEC,
  VM_MAYWRITE,
  VM_WRITE,
  type Vma,
} from '../../os/linux/mm/vmas/vma.js';
import { onOff, type PolicyDefinition, Rules } from '../definition.js';
import {
  allow,
  type MapRequest,
  type MmFacts,
  type Policy,
  type ProtectRequest,
  type Verdict,
} from '../policy.js';
import { taskOf } from '../task.js';

const rules = new Rules('hardenedbsd', {
  'strip-exec':
    'PAGEEXEC: memory asked to be writable and executable gets no execute, and the call succeeds',
  'never-exec': 'MPROTECT: memory mapped without execute may never get it',
  'never-write': 'MPROTECT: memory mapped executable may never become writable',
  'gain-exec': 'MPROTECT: memory that is not executable may not become so',
  'beyond-maximum': 'MPROTECT: the mapping gave up that right when it was created',
  'data-no-exec': 'PAGEEXEC: heap and stack are not executable',
});

interface Settings {
  readonly pageexec: boolean;
  readonly mprotect: boolean;
}

function onMap({ pageexec, mprotect }: Settings, { flags }: MapRequest): Verdict {
  const strips = pageexec && (flags & VM_EXEC) !== 0 && (flags & VM_WRITE) !== 0;
  const stripped = strips ? flags & ~VM_EXEC : flags;
  const kept = mprotect
    ? stripped & ~(stripped & VM_EXEC ? VM_MAYWRITE | VM_WRITE : VM_MAYEXEC)
    : stripped;
  if (kept === flags) return allow;
  if (strips) return rules.narrow(kept, 'strip-exec');
  return rules.narrow(kept, flags & VM_EXEC ? 'never-write' : 'never-exec');
}

function onProtectRights(vma: Vma, { flags }: ProtectRequest, facts: MmFacts): Verdict {
  if (flags & VM_EXEC && !(vma.flags & VM_EXEC)) {
    const { comm, pid } = taskOf(facts);
    return rules.deny('EACCES', 'gain-exec', [
      `[HBSD MPROTECT] [${comm} (${pid})] prevented to introduce new RWX page...`,
    ]);
  }
  return flags & ~(flags >> 4) & VM_ACCESS ? rules.deny('EACCES', 'beyond-maximum') : allow;
}

function policyFor(spec: string, settings: Settings): Policy {
  const { pageexec, mprotect } = settings;
  return {
    name: 'hardenedbsd',
    spec,
    effects: { nx: true, ...(pageexec ? { ignoreGnuStack: true } : {}) },
    mmapFlags: (request) => onMap(settings, request),
    ...(mprotect && { mprotectRights: onProtectRights }),
    ...(pageexec && {
      implicit: ({ flags }: MapRequest) => {
        const kept = flags & ~(mprotect ? VM_EXEC | VM_MAYEXEC : VM_EXEC);
        return kept === flags ? allow : rules.narrow(kept, 'data-no-exec');
      },
    }),
  };
}

export const hardenedbsd: PolicyDefinition = {
  info: {
    name: 'hardenedbsd',
    summary: 'mmap silently gives less than asked for (HardenedBSD PAGEEXEC and MPROTECT)',
    os: ['linux', 'wine'],
    optIn:
      'hardening.pax.pageexec.status and hardening.pax.mprotect.status, 2 (opt-out) by default; hbsdcontrol exempts a program.',
    options: [
      onOff('pageexec', 'on', 'hardening.pax.pageexec.status'),
      onOff('mprotect', 'on', 'hardening.pax.mprotect.status'),
    ],
    rules: rules.table,
    description: [
      'mmap with PROT_WRITE and PROT_EXEC succeeds, and the mapping has no execute: the fault comes when the program jumps there.',
      'MPROTECT: what is mapped without execute loses VM_MAYEXEC, what is mapped executable loses VM_MAYWRITE. mprotect that would make memory executable is EACCES with a log line; one that would make executable memory writable is EACCES.',
      'Heap and stack are not executable; PT_GNU_STACK is not looked at.',
    ].join('\n'),
    why: 'Memory is data or code from its creation on; who asks for both gets data, so that the program at least starts.',
    switches: [
      { text: 'hbsdcontrol pax disable mprotect PROGRAM', set: { mprotect: 'off' } },
      {
        text: 'hbsdcontrol pax disable pageexec PROGRAM, and mprotect',
        set: { pageexec: 'off', mprotect: 'off' },
      },
    ],
    history:
      "HardenedBSD forked FreeBSD in 2014 and built the PaX documents anew. The silence at mmap is PaX's of before 2009, and NetBSD's until 7; sljit and others test for it by a second mprotect.",
    workarounds: [
      'Two mappings of one file or shared memory object.',
      'hbsdcontrol pax disable mprotect PROGRAM (and pageexec).',
    ],
    source: [
      'HardenedBSD sys/hardenedbsd/hbsd_pax_noexec.c',
      'HardenedBSD sys/vm/vm_map.c:vm_map_protect(), sys/vm/vm_mmap.c:vm_mmap()',
    ],
    deviations: [
      "The rules act on Linux system calls: other errors and their order stay Linux's.",
      'The frame of the log line (program and process id) is from memory.',
    ],
  },
  create: (options) =>
    policyFor(options.spec, {
      pageexec: options.on('pageexec'),
      mprotect: options.on('mprotect'),
    }),
};

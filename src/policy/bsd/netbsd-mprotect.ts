/**
 * netbsd-mprotect: PaX MPROTECT as NetBSD has it. What a mapping may ever become is fixed when it is
 * made: its own rights and those declared by PROT_MPROTECT(). Never both write and execute at once.
 * NetBSD sys/kern/kern_pax.c:pax_mprotect_validate(), pax_mprotect_maxprotect() (8.0 and later),
 * pax_mprotect_adjust() (up to 7); sys/uvm/uvm_mmap.c:sys_mmap(), sys_mprotect().
 */
import {
  VM_ACCESS,
  VM_EXEC,
  VM_MAYACCESS,
  VM_MAYEXEC,
  VM_MAYWRITE,
  VM_WRITE,
  type VmFlags,
} from '../../os/linux/mm/vmas/vma.js';
import { onOff, type PolicyDefinition, Rules } from '../definition.js';
import { allow, type ImageFacts, type MapRequest, type Policy, type Verdict } from '../policy.js';

const rules = new Rules('netbsd-mprotect', {
  'write-exec': 'memory may not be writable and executable at once',
  'beyond-maximum':
    'the mapping was created without that right, and did not declare it by PROT_MPROTECT()',
  'declared-too-much': 'PROT_MPROTECT() declares a right that the file does not give',
  'fix-maximum': 'a mapping may only ever have the rights it is created with or declares',
  'strip-exec':
    'NetBSD 7 and earlier: a mapping that is not purely executable loses execute, silently',
  'strip-write': 'NetBSD 7 and earlier: an executable mapping may never become writable',
});

/** PROT_MPROTECT(x) is x << 3 (sys/mman.h). */
const DECLARED_SHIFT = 3;
const DECLARED = VM_ACCESS << DECLARED_SHIFT;

/** Notes of paxctl: owner, type, and the bits that ask for or decline MPROTECT (sys/exec_elf.h). */
const PAX_OWNER = 'PaX';
const PAX_TYPE = 3;
const NOTE_MPROTECT = 0x01;
const NOTE_NOMPROTECT = 0x02;

function both(flags: VmFlags): boolean {
  return (flags & VM_WRITE) !== 0 && (flags & VM_EXEC) !== 0;
}

/** Since 8.0: refuse both at once, then keep the may bits of what is granted or declared. */
function onMap({ flags, prot }: MapRequest): Verdict {
  const declared = (prot & DECLARED) >> DECLARED_SHIFT;
  if (declared & ~(flags >> 4) & VM_ACCESS) return rules.deny('EACCES', 'declared-too-much');
  if (both(flags)) return rules.deny('EACCES', 'write-exec');
  return limit(flags, (flags & VM_ACCESS) | declared);
}

function limit(flags: VmFlags, maximum: number): Verdict {
  const kept = flags & ~(VM_MAYACCESS & ~(maximum << 4));
  return kept === flags ? allow : rules.narrow(kept, 'fix-maximum');
}

/** Up to 7: nothing is refused, but only what is executable and not writable keeps execute. */
function onMapOld({ flags }: MapRequest): Verdict {
  if ((flags & (VM_WRITE | VM_EXEC)) === VM_EXEC) {
    return flags & VM_MAYWRITE ? rules.narrow(flags & ~VM_MAYWRITE, 'strip-write') : allow;
  }
  const kept = flags & ~(VM_EXEC | VM_MAYEXEC);
  return kept === flags ? allow : rules.narrow(kept, 'strip-exec');
}

/** Heap and stack are made with read and write, and so have those as their maximum. */
function onImplicit({ flags }: MapRequest): Verdict {
  const kept = flags & ~(VM_EXEC | VM_MAYEXEC);
  return kept === flags ? allow : rules.narrow(kept, 'fix-maximum');
}

/** Is MPROTECT on for the program? Its note decides against the global setting. */
function isOn(global: boolean, image: ImageFacts | undefined): boolean {
  const note = image?.notes?.find(({ owner, type }) => owner === PAX_OWNER && type === PAX_TYPE);
  const bits = note?.bytes[0] ?? 0;
  return global ? !(bits & NOTE_NOMPROTECT) : (bits & NOTE_MPROTECT) !== 0;
}

interface Settings {
  readonly spec: string;
  readonly global: boolean;
  readonly old: boolean;
}

function policyFor(settings: Settings, image: ImageFacts | undefined): Policy {
  const common = {
    name: 'netbsd-mprotect',
    spec: settings.spec,
    forProgram: (next: ImageFacts) => policyFor(settings, next),
  };
  if (!isOn(settings.global, image)) return { ...common, effects: { acceptedProt: DECLARED } };
  return {
    ...common,
    effects: { nx: true, ignoreGnuStack: true, acceptedProt: DECLARED, remapDuplicate: true },
    mmapRegion: settings.old ? onMapOld : onMap,
    ...(!settings.old && {
      mprotectArguments: (prot: number) =>
        both(prot) ? rules.deny('EACCES', 'write-exec') : allow,
    }),
    mprotectRights: (_vma, { flags }) => {
      if (!settings.old && both(flags)) return rules.deny('EACCES', 'write-exec');
      return flags & ~(flags >> 4) & VM_ACCESS ? rules.deny('EACCES', 'beyond-maximum') : allow;
    },
    implicit: onImplicit,
  };
}

export const netbsdMprotect: PolicyDefinition = {
  info: {
    name: 'netbsd-mprotect',
    summary:
      'the rights of a mapping are declared once: PaX MPROTECT of NetBSD, with PROT_MPROTECT()',
    os: ['linux', 'wine'],
    optIn:
      'security.pax.mprotect.enabled and .global, both 1 by default on amd64 since NetBSD 8; a program is exempt after paxctl +m.',
    options: [
      {
        name: 'version',
        summary: '8 and later refuse and keep declared rights; 7 and earlier strip silently',
        values: ['7', '8'],
        default: '8',
      },
      onOff('global', 'on', 'security.pax.mprotect.global: on for programs without a note'),
    ],
    rules: rules.table,
    description: [
      'mmap: writable and executable at once is EACCES. Otherwise the mapping keeps the may bits of the rights it is given and of those that PROT_MPROTECT(prot) (prot << 3) declares, as far as the file gives them, and loses all others: also VM_MAYREAD of a PROT_NONE mapping.',
      'mprotect: writable and executable at once is EACCES before any mapping is looked at; a right beyond the maximum is EACCES.',
      'Heap and stack have read and write as their maximum.',
      'mremap with MAP_REMAPDUP (4) duplicates a mapping with its maximum, so that memory declared executable can be writable in one place and executable in another.',
      'NetBSD 7 and earlier refuse nothing at mmap: what is not purely executable loses execute, now and for good, and what is executable may never become writable.',
    ].join('\n'),
    why: 'What a mapping may become is declared when it is made, so that an attacker cannot change it later.',
    switches: [{ text: 'paxctl +m PROGRAM', set: { global: 'off' } }],
    history:
      'Ported from PaX to NetBSD 4.0 (2006 to 2007) as an option. On by default on amd64 since 8.0 (2018), when PROT_MPROTECT() and MAP_REMAPDUP were added for just-in-time compilers, and the silent stripping became an error.',
    workarounds: [
      'Declare: mmap(RW|PROT_MPROTECT(PROT_EXEC)), write, mprotect to PROT_READ|PROT_EXEC, and back.',
      'Declare, then mremap with MAP_REMAPDUP and make the copy executable.',
      'Two mappings of one file, memfd or shared memory object.',
      'paxctl +m on the program.',
    ],
    source: [
      'NetBSD sys/kern/kern_pax.c (revision 1.27 for the old rule)',
      'NetBSD sys/sys/mman.h, sys/sys/pax.h; manual pages mmap(2), mremap(2), paxctl(8), security(7)',
    ],
    deviations: [
      "The rules act on Linux system calls: other errors and their order stay Linux's. PROT_SEM has the number of PROT_MPROTECT(PROT_READ).",
      'The place of the tests among the others in NetBSD 8 is from its headers and manual, its uvm_mmap.c of that time was not at hand.',
      'Private memory that MAP_REMAPDUP duplicates shows as shared in the maps from then on.',
      'security.pax.mprotect.ptrace and the rights of debuggers are not modelled.',
    ],
  },
  create: (options) =>
    policyFor(
      {
        spec: options.spec,
        global: options.on('global'),
        old: options.value('version') === '7',
      },
      undefined,
    ),
};

/**
 * freebsd: maximum rights that a program sets itself (PROT_MAX), and W^X where the administrator
 * wants it (kern.elf64.allow_wx=0).
 * FreeBSD sys/vm/vm_mmap.c:kern_mmap(), kern_mprotect(), kern_mmap_maxprot(); sys/vm/vm_map.c:
 * vm_map_insert(), vm_map_protect() (MAP_WXORX).
 */
import { VM_ACCESS, VM_EXEC, VM_WRITE, type VmFlags } from '../../os/linux/mm/vmas/vma.js';
import {
  compareVersions,
  type PolicyDefinition,
  type PolicyOptions,
  Rules,
} from '../definition.js';
import {
  allow,
  type ImageFacts,
  type MapRequest,
  type Policy,
  type ProtectRequest,
  type Verdict,
} from '../policy.js';

const rules = new Rules('freebsd', {
  'prot-bits': 'mmap and mprotect know no protection bits but read, write, execute and PROT_MAX()',
  'write-exec': 'kern.elf.allow_wx=0: memory may not be writable and executable at once',
  'beyond-own-maximum':
    'the call asks for a right beyond the maximum that it declares by PROT_MAX()',
  'beyond-maximum': 'PROT_MAX() of an earlier call gave up that right for this mapping',
  'set-maximum': 'PROT_MAX() gives up every other right of the mapping for good',
  'implied-maximum': 'vm.imply_prot_max=1: a mapping keeps only the rights it is created with',
});

/** PROT_MAX(x) is x << 16 (sys/mman.h). */
const MAX_SHIFT = 16;
const MAX_BITS = VM_ACCESS << MAX_SHIFT;

/** ELF note FreeBSD/4, the feature control bits (sys/elf_common.h). */
const FEATURE_OWNER = 'FreeBSD';
const FEATURE_TYPE = 4;
const FCTL_PROTMAX_DISABLE = 0x02;
const FCTL_WXNEEDED = 0x08;

interface Settings {
  readonly spec: string;
  readonly allowWx: boolean;
  readonly implyMax: boolean;
  /** Asking beyond the own maximum: ENOTSUP since 13, EINVAL before. */
  readonly beyond: 'ENOTSUP' | 'EINVAL';
}

function maximumOf(prot: number): number {
  return (prot & MAX_BITS) >> MAX_SHIFT;
}

function both(flags: VmFlags): boolean {
  return (flags & VM_WRITE) !== 0 && (flags & VM_EXEC) !== 0;
}

/** The very first test of mmap; 0 means that no maximum is declared. */
function onMapFirst({ beyond }: Settings, { prot, origin }: MapRequest): Verdict {
  if (origin === 'mmap' && prot & ~(VM_ACCESS | MAX_BITS)) return rules.deny('EINVAL', 'prot-bits');
  const maximum = maximumOf(prot);
  return maximum !== 0 && prot & VM_ACCESS & ~maximum
    ? rules.deny(beyond, 'beyond-own-maximum')
    : allow;
}

function onMap(settings: Settings, { flags, prot, origin }: MapRequest): Verdict {
  if (!settings.allowWx && both(flags)) return rules.deny('EACCES', 'write-exec');
  const declared = maximumOf(prot);
  if (declared !== 0) return limit(flags, declared, 'set-maximum');
  // PROT_NONE is how address space is reserved: it keeps every right.
  const implied = settings.implyMax && origin === 'mmap' && (flags & VM_ACCESS) !== 0;
  return implied ? limit(flags, flags & VM_ACCESS, 'implied-maximum') : allow;
}

function limit(flags: VmFlags, maximum: number, rule: 'set-maximum' | 'implied-maximum'): Verdict {
  // What READ_IMPLIES_EXEC added beyond the maximum goes as well.
  const lost = VM_ACCESS & ~maximum;
  const kept = flags & ~(lost | (lost << 4));
  return kept === flags ? allow : rules.narrow(kept, rule);
}

function onProtectArguments({ allowWx, beyond }: Settings, prot: number): Verdict {
  if (prot & ~(VM_ACCESS | MAX_BITS)) return rules.deny('EINVAL', 'prot-bits');
  const maximum = maximumOf(prot);
  if (maximum !== 0 && prot & VM_ACCESS & ~maximum) return rules.deny(beyond, 'beyond-own-maximum');
  return !allowWx && both(prot) ? rules.deny('EACCES', 'write-exec') : allow;
}

function onProtectRights({ allowWx }: Settings, { flags, prot }: ProtectRequest): Verdict {
  if (!allowWx && both(flags)) return rules.deny('EACCES', 'write-exec');
  const wanted = (flags & VM_ACCESS) | maximumOf(prot);
  return wanted & ~(flags >> 4) ? rules.deny('EACCES', 'beyond-maximum') : allow;
}

function onProtect({ flags, prot }: ProtectRequest): Verdict {
  const maximum = maximumOf(prot);
  return maximum === 0 ? allow : limit(flags, maximum, 'set-maximum');
}

function featureBits(image: ImageFacts | undefined): number {
  const note = image?.notes?.find(
    ({ owner, type }) => owner === FEATURE_OWNER && type === FEATURE_TYPE,
  );
  return note?.bytes[0] ?? 0;
}

function policyFor(given: Settings, image: ImageFacts | undefined): Policy {
  const bits = featureBits(image);
  const settings: Settings = {
    ...given,
    allowWx: given.allowWx || (bits & FCTL_WXNEEDED) !== 0,
    implyMax: given.implyMax && !(bits & FCTL_PROTMAX_DISABLE),
  };
  return {
    name: 'freebsd',
    spec: given.spec,
    effects: { nx: true, acceptedProt: MAX_BITS },
    forProgram: (next) => policyFor(given, next),
    mmapFile: (request) => onMapFirst(settings, request),
    mmapRegion: (request) => onMap(settings, request),
    mprotectArguments: (prot) => onProtectArguments(settings, prot),
    mprotectRights: (_vma, request) => onProtectRights(settings, request),
    mprotect: (_vma, request) => onProtect(request),
  };
}

function settingsOf(options: PolicyOptions): Settings {
  return {
    spec: options.spec,
    allowWx: options.value('allow_wx') === '1',
    implyMax: options.value('imply_prot_max') === '1',
    beyond: compareVersions(options.value('version'), '13') >= 0 ? 'ENOTSUP' : 'EINVAL',
  };
}

export const freebsd: PolicyDefinition = {
  info: {
    name: 'freebsd',
    summary: 'PROT_MAX() and, with allow_wx=0, W^X (FreeBSD)',
    os: ['linux', 'wine'],
    optIn:
      "PROT_MAX() is the program's own choice. W^X: sysctl kern.elf64.allow_wx=0 (default 1), or proccontrol -m wxmap; exempt are programs marked by elfctl +wxneeded.",
    options: [
      {
        name: 'allow_wx',
        summary:
          'kern.elf32.allow_wx and kern.elf64.allow_wx: 0 refuses writable and executable memory',
        values: ['0', '1'],
        default: '1',
      },
      {
        name: 'imply_prot_max',
        summary: 'vm.imply_prot_max: 1 makes the rights of a new mapping its maximum',
        values: ['0', '1'],
        default: '0',
      },
      {
        name: 'version',
        summary: 'release: up to 12, asking beyond the own PROT_MAX() is EINVAL, later ENOTSUP',
        values: ['12', '13', '14'],
        default: '14',
      },
    ],
    rules: rules.table,
    description: [
      'PROT_MAX(prot) is prot << 16, or-ed to the protection of mmap or mprotect. A call that asks for more than its own maximum fails with ENOTSUP before anything else is looked at; after the call the mapping has lost VM_MAY* of every other right, and mprotect for one of them is EACCES.',
      'With imply_prot_max=1 a mapping made without PROT_MAX() keeps only its own rights, except PROT_NONE, which keeps all.',
      'With allow_wx=0: mmap that would make memory writable and executable is EACCES, and so is mprotect, before any mapping is looked at. RW to RX and back is allowed.',
    ].join('\n'),
    why: "A program that says at the start what its memory is for takes the later misuse out of an attacker's hands.",
    switches: [
      { text: 'elfctl -e +wxneeded PROGRAM', set: { allow_wx: '1' } },
      { text: 'sysctl vm.imply_prot_max=0', set: { imply_prot_max: '0' } },
    ],
    history:
      'PROT_MAX() and imply_prot_max came with FreeBSD 13 and were merged into 12.1 (2019); allow_wx with 13.0 (2021). By default neither restricts a program that asks for nothing.',
    workarounds: [
      'Write first, then mprotect to PROT_READ|PROT_EXEC.',
      'Two mappings of one shared memory object or memfd.',
      'elfctl -e +wxneeded on the program; proccontrol -m wxmap -s enable.',
    ],
    source: [
      'FreeBSD sys/vm/vm_mmap.c:kern_mmap(), kern_mprotect(), kern_mmap_maxprot()',
      'FreeBSD sys/vm/vm_map.c:vm_map_insert(), vm_map_protect()',
      'FreeBSD sys/sys/mman.h, sys/sys/elf_common.h; manual pages mmap(2), mprotect(2), elfctl(1), proccontrol(1)',
    ],
    deviations: [
      "The rules act on Linux system calls: other errors and their order stay Linux's, and mprotect over several mappings has partial effects, where FreeBSD tests all of them first.",
      'procctl(PROC_WXMAP_CTL) and (PROC_PROTMAX_CTL) are not modelled; what an executable stack does under allow_wx=0 was not verified, here it stays as PT_GNU_STACK says.',
    ],
  },
  create: (options) => policyFor(settingsOf(options), undefined),
};

/**
 * systemd-mdwe: MemoryDenyWriteExecute= as the seccomp filter that it was from systemd 231 on. A
 * filter sees system call numbers and registers, never mappings: it refuses what looks like making
 * memory executable, and knows nothing of what a page was before.
 * systemd src/shared/seccomp-util.c:seccomp_memory_deny_write_execute().
 */
import { PROT_EXEC, PROT_WRITE } from '../../abi/linux/mman.js';
import { compareVersions, type OptionInfo, type PolicyDefinition, Rules } from '../definition.js';
import { allow, type MmFacts, type Verdict } from '../policy.js';

const rules = new Rules('systemd-mdwe', {
  mmap: 'the filter refuses mmap with PROT_WRITE and PROT_EXEC',
  'old-mmap':
    'the filter refuses the old mmap of i386 altogether: its arguments are in memory, out of its sight',
  mprotect: 'the filter refuses mprotect with PROT_EXEC, whatever the memory was before',
  'pkey-mprotect': 'the filter refuses pkey_mprotect with PROT_EXEC',
  shmat: 'the filter refuses shmat with SHM_EXEC',
});

/** include/uapi/linux/shm.h */
const SHM_EXEC = 0o100000n;
const WRITE_EXEC = BigInt(PROT_WRITE | PROT_EXEC);
const EXEC = BigInt(PROT_EXEC);

/** SCMP_CMP_MASKED_EQ: all bits of `mask` are set in argument `index`. */
function has(args: readonly bigint[], index: number, mask: bigint): boolean {
  return ((args[index] ?? 0n) & mask) === mask;
}

/** What came when. Each change closed a hole that someone had reported. */
function changesOf(version: string) {
  const since = (release: string): boolean => compareVersions(version, release) >= 0;
  return {
    shmat: since('232'),
    // Until 233 only `mmap` was filtered, and on i386 everybody calls mmap2.
    mmap2: since('233'),
    pkeyMprotect: since('236'),
    // shmat of i386 has a number of its own since Linux 5.1.
    shmatI386: since('245'),
  };
}

type Changes = ReturnType<typeof changesOf>;

function judge(
  changes: Changes,
  name: string,
  args: readonly bigint[],
  { arch }: MmFacts,
): Verdict {
  const i386 = arch === 'i386';
  switch (name) {
    case 'mmap':
      if (i386 && changes.mmap2) return rules.deny('EPERM', 'old-mmap');
      return has(args, 2, WRITE_EXEC) ? rules.deny('EPERM', 'mmap') : allow;
    case 'mmap2':
      return changes.mmap2 && has(args, 2, WRITE_EXEC) ? rules.deny('EPERM', 'mmap') : allow;
    case 'mprotect':
      return has(args, 2, EXEC) ? rules.deny('EPERM', 'mprotect') : allow;
    case 'pkey_mprotect':
      return changes.pkeyMprotect && has(args, 2, EXEC)
        ? rules.deny('EPERM', 'pkey-mprotect')
        : allow;
    case 'shmat': {
      const filtered = i386 ? changes.shmatI386 : changes.shmat;
      return filtered && has(args, 2, SHM_EXEC) ? rules.deny('EPERM', 'shmat') : allow;
    }
    default:
      return allow;
  }
}

const version: OptionInfo = {
  name: 'version',
  summary:
    'release of systemd: 232 adds shmat, 233 mmap2 of i386 (and refuses the old mmap), 236 pkey_mprotect, 245 the own shmat of i386',
  values: ['231', '232', '233', '236', '245', '253'],
  pattern: /^\d{3}$/,
  default: '253',
};

export const systemdMdwe: PolicyDefinition = {
  info: {
    name: 'systemd-mdwe',
    summary: 'MemoryDenyWriteExecute= as a seccomp filter: EPERM by looking at arguments alone',
    os: ['linux', 'wine'],
    optIn:
      'MemoryDenyWriteExecute=yes in the unit; kept by fork and execve, and by every program started from there.',
    options: [version],
    rules: rules.table,
    description: [
      'Before the kernel looks at any argument, these answer EPERM: mmap (mmap2 on i386) with PROT_WRITE and PROT_EXEC; the old mmap of i386 always; mprotect and pkey_mprotect with PROT_EXEC; shmat with SHM_EXEC on x86-64.',
      'So mprotect from executable to executable is refused, mprotect of length 0 and of unmapped memory too, and shmat with SHM_EXEC although it would not be writable.',
      'Not seen: what READ_IMPLIES_EXEC adds, memory mapped executable from a file or memfd, shmat through the ipc call of i386.',
    ].join('\n'),
    why: 'A service that makes no code at run time needs none of these calls, and an attacker in it does not get them either.',
    switches: [{ text: 'MemoryDenyWriteExecute=no in the unit', gone: true }],
    history:
      'systemd 231 (July 2016). shmat followed in 232, mmap2 of i386 in 233, pkey_mprotect in 236 after it had been reported as a bypass (pull request 7295). The documentation names memfd_create as a way round (issue 11473). From 254 on systemd calls prctl(PR_SET_MDWE) where the kernel has it and uses the filter elsewhere.',
    workarounds: [
      'Two mappings of a memfd or file, one writable and one executable.',
      'Write the code to a file and map it PROT_READ|PROT_EXEC.',
      'personality(READ_IMPLIES_EXEC), then ordinary mmap or brk: the filter sees no PROT_EXEC.',
      'Before 236: pkey_mprotect. On i386: ipc(SHMAT) with SHM_EXEC.',
    ],
    source: [
      'systemd src/shared/seccomp-util.c:seccomp_memory_deny_write_execute()',
      'systemd pull requests 3379, 4495, 5254, 7295, 25276; issue 11473',
    ],
    deviations: ['The release that began to filter the own shmat of i386 (245) is from memory.'],
  },
  create(options) {
    const changes = changesOf(options.value('version'));
    return {
      name: 'systemd-mdwe',
      spec: options.spec,
      syscall: (name, args, facts) => judge(changes, name, args, facts),
    };
  },
};

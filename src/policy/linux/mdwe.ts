/**
 * mdwe ("memory deny write execute"): the rule behind prctl(PR_SET_MDWE), Linux 6.3 and later.
 *
 * A mapping may be executable only if it was created executable and is not writable at the same time.
 * Backing and dirtiness play no part, so the rule is a function of two flag words, before and after.
 * Linux include/linux/mman.h:map_deny_write_exec(); kernel/sys.c:prctl_set_mdwe().
 */
import {
  PR_GET_MDWE,
  PR_MDWE_NO_INHERIT,
  PR_MDWE_REFUSE_EXEC_GAIN,
  PR_SET_MDWE,
} from '../../abi/linux/mman.js';
import { fail, ok, type Result } from '../../base/result.js';
import { VM_EXEC, VM_WRITE, type VmFlags } from '../../os/linux/mm/vmas/vma.js';
import {
  compareVersions,
  onOff,
  type PolicyDefinition,
  Rules,
  versionOption,
} from '../definition.js';
import { allow, type MapRequest, type MmFacts, type Policy, type Verdict } from '../policy.js';

const rules = new Rules('mdwe', {
  'write-exec': 'memory may not be writable and executable at once',
  'gain-exec': 'memory that is not executable may not become so',
});

/** `before` is what the mapping is now. What it once was does not count: RX to R to RX is refused. */
function judge(before: VmFlags, after: VmFlags): Verdict {
  if (!(after & VM_EXEC)) return allow;
  if (after & VM_WRITE) return rules.deny('EACCES', 'write-exec');
  if (!(before & VM_EXEC)) return rules.deny('EACCES', 'gain-exec');
  return allow;
}

/** A new mapping has no past: it is judged as if it had always been what it asks to be. */
function judgeMapping({ flags }: MapRequest, facts: MmFacts): Verdict {
  return facts.mdwe & PR_MDWE_REFUSE_EXEC_GAIN ? judge(flags, flags) : allow;
}

function createMdwe(spec: string, kernel: string, bits: number): Policy {
  const early = compareVersions(kernel, '6.12') < 0;
  return {
    name: 'mdwe',
    spec,
    effects: { mdweKernel: kernel, ...(bits === 0 ? {} : { mmInit: { mdwe: bits } }) },
    // Before 6.12 the test came after the old mapping was gone: a refused MAP_FIXED left a hole.
    ...(early ? { mmapRegionPost: judgeMapping } : { mmapRegion: judgeMapping }),
    mprotectRights: (vma, { flags }, facts) =>
      facts.mdwe & PR_MDWE_REFUSE_EXEC_GAIN ? judge(vma.flags, flags) : allow,
  };
}

/** What every Linux since 6.3 has: the prctl, with nobody having called it yet. */
export const mdweMechanism: Policy = createMdwe('mdwe:enforce=off', '6.18', 0);

/**
 * prctl(PR_SET_MDWE / PR_GET_MDWE): `current` are the bits of the process, `args` arg2 to arg5 as full
 * registers. For PR_SET_MDWE the bits are arg2 when the result is ok. Undefined: another option.
 */
export function prctlMdwe(
  option: number,
  args: readonly bigint[],
  current: number,
  kernel = '6.18',
): Result<number> | undefined {
  if (option !== PR_SET_MDWE && option !== PR_GET_MDWE) return undefined;
  if (compareVersions(kernel, '6.3') < 0) return fail('EINVAL');
  const [arg2 = 0n, ...rest] = args;
  if (rest.some((arg) => arg !== 0n)) return fail('EINVAL');
  if (option === PR_GET_MDWE) return arg2 === 0n ? ok(current) : fail('EINVAL');
  const known =
    compareVersions(kernel, '6.6') < 0
      ? PR_MDWE_REFUSE_EXEC_GAIN
      : PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT;
  if (arg2 & ~BigInt(known)) return fail('EINVAL');
  const bits = Number(arg2);
  if (bits & PR_MDWE_NO_INHERIT && !(bits & PR_MDWE_REFUSE_EXEC_GAIN)) return fail('EINVAL');
  return current !== 0 && current !== bits ? fail('EPERM') : ok(0);
}

export const mdwe: PolicyDefinition = {
  info: {
    name: 'mdwe',
    summary: 'executable only if created so, never writable at once (Linux prctl PR_SET_MDWE)',
    os: ['linux', 'wine'],
    optIn:
      'prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0), one way; the call works under every policy here, as on every Linux since 6.3. A spec has it on from the first instruction unless enforce=off.',
    options: [
      onOff(
        'no-inherit',
        'off',
        'PR_MDWE_NO_INHERIT: children made by fork and new programs are free',
      ),
      onOff(
        'enforce',
        'on',
        'on: in force from the first instruction; off: the program must make the prctl call',
      ),
      versionOption('before 6.12 mmap tests after the overlapped range is unmapped', [
        '6.3',
        '6.6',
        '6.12',
        '6.18',
      ]),
    ],
    rules: rules.table,
    description: [
      'mmap and shmat: writable and executable at once is EACCES. Executable alone is allowed, anonymous or from a file.',
      'mprotect, VMA by VMA: EACCES when the result would be writable and executable, or when an executable result comes from a VMA that is not executable now. VMAs before the refused one keep their new rights.',
      'RX to RX is allowed; RX to R to RX is not: execute once dropped is gone.',
      'What READ_IMPLIES_EXEC adds counts as asked for. brk, stack growth, mremap and the stack that PT_GNU_STACK makes executable at exec are not tested; a PT_LOAD segment with write and execute is, and such a program dies in execve.',
      'The bit belongs to the address space: fork and execve keep it unless NO_INHERIT is set.',
    ].join('\n'),
    why: 'Code that comes from a signed or checked file cannot be added to at run time: what executes is what was mapped so from the start.',
    switches: [
      {
        text: 'leave out prctl(PR_SET_MDWE), which the program or who starts it calls',
        set: { enforce: 'off' },
      },
    ],
    history:
      "Merged for Linux 6.3 (2023) as the in-kernel form of systemd's MemoryDenyWriteExecute= filter, which could not tell RX to RX (wanted for arm64 BTI) from a gain. NO_INHERIT came in 6.6. Until 6.12 the mmap test ran after MAP_FIXED had already removed the old mapping, so a refused call left a hole.",
    workarounds: [
      'Two mappings of a memfd or file, one writable and one executable.',
      'Write the code to a file and map it PROT_READ|PROT_EXEC.',
      'Write through /proc/self/mem or ptrace into a private executable mapping: VM_MAYWRITE is still set.',
      'READ_IMPLIES_EXEC with brk: the heap comes executable, brk makes no test.',
    ],
    source: [
      'Linux include/linux/mman.h:map_deny_write_exec()',
      'Linux mm/mmap.c, mm/mprotect.c:do_mprotect_pkey()',
      'Linux kernel/sys.c:prctl_set_mdwe(), prctl_get_mdwe()',
    ],
  },
  create(options) {
    const inherit = options.on('no-inherit') ? PR_MDWE_NO_INHERIT : 0;
    const bits = options.on('enforce') ? PR_MDWE_REFUSE_EXEC_GAIN | inherit : 0;
    return createMdwe(options.spec, options.value('kernel'), bits);
  },
};

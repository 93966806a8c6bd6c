/**
 * restricted-wx: the "Restricted WX Mappings" proposal for Linux and eglibc (Ard Biesheuvel, 2014,
 * never merged). A one-way bit of the process makes every mmap and mprotect decide for good whether
 * a page is one to be written or one to be executed, by clearing VM_MAYWRITE or VM_MAYEXEC. A second
 * part, PROT_FINAL, gives up for good what a call does not ask for; it works without the bit.
 * The points that the proposal leaves open are settled by this project, each where it is used.
 */
import {
  PR_GET_RESTRICTED_WX,
  PR_SET_RESTRICTED_WX,
  PROT_EXEC,
  PROT_FINAL,
  PROT_WRITE,
} from '../../abi/linux/mman.js';
import { fail, ok, type Result } from '../../base/result.js';
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
import { allow, type Policy, type Verdict } from '../policy.js';

const rules = new Rules('restricted-wx', {
  'write-exec': 'writable and executable at once is refused while the restriction is on',
  'exec-never-writable': 'memory that is executable may never become writable any more',
  'write-never-exec': 'memory that is not executable now may never become so any more',
  'brk-never-exec': 'heap pages made under the restriction may never become executable',
  final: 'PROT_FINAL gives up for good every right that the call did not grant',
});

/** Rules 1 to 4 of the proposal over the flags that a call would leave, may bits included. */
function judge(flags: VmFlags): Verdict {
  const executable = (flags & VM_EXEC) !== 0;
  if (executable && flags & VM_WRITE) return rules.deny('EACCES', 'write-exec');
  // Rule 2: one of the two ways is closed already (a noexec mount, a read-only shared file).
  if (!(flags & VM_MAYWRITE) || !(flags & VM_MAYEXEC)) return allow;
  return executable
    ? rules.narrow(flags & ~VM_MAYWRITE, 'exec-never-writable')
    : rules.narrow(flags & ~VM_MAYEXEC, 'write-never-exec');
}

/** PROT_FINAL comes after rules 1 to 4 and covers what they left. */
function finalise(verdict: Verdict, prot: number, flags: VmFlags): Verdict {
  if (!(prot & PROT_FINAL) || verdict.kind === 'deny') return verdict;
  const current = verdict.kind === 'narrow' ? verdict.flags : flags;
  const granted = (current & VM_ACCESS) << 4;
  const kept = current & ~(VM_MAYACCESS & ~granted);
  return kept === current ? verdict : rules.narrow(kept, 'final');
}

function createPolicy(spec: string, enforced: boolean): Policy {
  return {
    name: 'restricted-wx',
    spec,
    effects: { acceptedProt: PROT_FINAL, ...(enforced ? { mmInit: { restrictedWx: true } } : {}) },
    mmapRegion: ({ flags, prot }, facts) =>
      finalise(facts.restrictedWx ? judge(flags) : allow, prot, flags),
    // An explicit request for both is refused before any VMA is looked at (A2).
    mprotectArguments: (prot, _range, facts) =>
      facts.restrictedWx && prot & PROT_WRITE && prot & PROT_EXEC
        ? rules.deny('EACCES', 'write-exec')
        : allow,
    mprotect: (_vma, { flags, prot }, facts) =>
      finalise(facts.restrictedWx ? judge(flags) : allow, prot, flags),
    // Stack growth copies flags and the stack exists before the bit can be set: only brk (A7).
    implicit: ({ flags, origin }, facts) =>
      facts.restrictedWx && origin === 'brk' && flags & VM_MAYEXEC
        ? rules.narrow(flags & ~(VM_EXEC | VM_MAYEXEC), 'brk-never-exec')
        : allow,
  };
}

/**
 * prctl for the two private numbers: `state` is the bit now, `args` are arg2 to arg5. The value for
 * PR_SET_RESTRICTED_WX is 0; the bit is set iff arg2 is 1 and the result is ok. Undefined: another option.
 */
export function prctlRestrictedWx(
  option: number,
  args: readonly bigint[],
  state: boolean,
): Result<number> | undefined {
  const [arg2 = 0n, ...rest] = args;
  if (option === PR_GET_RESTRICTED_WX) {
    return args.some((arg) => arg !== 0n) ? fail('EINVAL') : ok(state ? 1 : 0);
  }
  if (option !== PR_SET_RESTRICTED_WX) return undefined;
  if (rest.some((arg) => arg !== 0n) || arg2 > 1n) return fail('EINVAL');
  if (arg2 === 0n && state) return fail('EPERM');
  return ok(0);
}

export const restrictedWx: PolicyDefinition = {
  info: {
    name: 'restricted-wx',
    summary: 'a page is for writing or for executing, decided once (Restricted WX Mappings, 2014)',
    os: ['linux', 'wine'],
    optIn:
      'prctl(PR_SET_RESTRICTED_WX, 1, 0, 0, 0): one way, kept by fork, cleared by execve. The original number is not known; here it is 0x57580001, and 0x57580002 asks. A spec has it on unless enforce=off.',
    options: [
      onOff(
        'enforce',
        'on',
        'on: in force from the first instruction; off: the program must make the prctl call',
      ),
    ],
    rules: rules.table,
    description: [
      'While the bit is set, mmap and mprotect apply four rules to the rights that would result, READ_IMPLIES_EXEC included:',
      '1. writable and executable at once: EACCES. mprotect tests the arguments before it looks for any mapping, so EACCES comes before ENOMEM there.',
      '2. VM_MAYWRITE or VM_MAYEXEC already clear (noexec mount, shared mapping of a read-only descriptor): nothing more happens.',
      '3. executable: VM_MAYWRITE is cleared, the page can never become writable.',
      '4. otherwise, PROT_NONE included: VM_MAYEXEC is cleared, the page can never become executable.',
      'Mappings that existed before the bit was set are untouched until their next mprotect. Heap pages made by brk under the bit lose VM_MAYEXEC.',
      'PROT_FINAL (0x20), bit set or not: each of read, write and execute that the call does not grant loses its may bit, after rules 1 to 4. PROT_NONE|PROT_FINAL makes a permanent guard page.',
    ].join('\n'),
    why: "A page that was ever written may hold an attacker's bytes; if it can never execute, they never run.",
    switches: [
      {
        text: 'leave out prctl(PR_SET_RESTRICTED_WX), which the program or who starts it calls',
        set: { enforce: 'off' },
      },
    ],
    history:
      'Proposed on a wiki page by Ard Biesheuvel, last changed on 2014-01-22, with a kernel branch and an eglibc patch that makes the loader use PROT_FINAL. Never merged. The prctl of 2023 (MDWE) took up the aim with a simpler rule; the value 0x20 became PROT_MTE on arm64.',
    workarounds: [
      'Two mappings of one object: a writable one and an executable one.',
      'Memory mapped before the bit was set may change once more, in either direction.',
      'Not /proc/self/mem: executable pages have lost VM_MAYWRITE, so that forced writes fail as well.',
    ],
    source: ['wiki page ardbiesheuvel/RestrictedWxMappings (2014-01-22)'],
    deviations: [
      'errno, prctl numbers, exec inheritance and the place of each test are settled by this project, the page being silent.',
    ],
  },
  create: (options) => createPolicy(options.spec, options.on('enforce')),
};

/**
 * nx: the hardware's NX bit and a kernel without any further rule. A fetch needs VM_EXEC; whoever
 * asks for PROT_EXEC gets it. Compare Linux arch/x86/mm/fault.c:access_error().
 */
import { VM_EXEC } from '../../os/linux/mm/vmas/vma.js';
import { type PolicyDefinition, Rules } from '../definition.js';
import { allow, type Policy } from '../policy.js';

const rules = new Rules('nx', {
  'no-exec': 'the page was never made executable, and the NX bit makes the fetch fault',
});

/** The rule behind a fetch that the processor refuses, wherever there is an NX bit at work. */
const fault: Policy['fault'] = (vma, _address, access, facts) =>
  facts.nx && access === 'exec' && vma !== undefined && !(vma.flags & VM_EXEC)
    ? rules.note('no-exec')
    : allow;

/** What stands behind every other policy: the bit itself, of which a spec need not speak. */
export const nxMechanism: Policy = { name: 'nx', fault };

export const nx: PolicyDefinition = {
  info: {
    name: 'nx',
    summary:
      'the NX bit and nothing else: what shall run must be mapped with PROT_EXEC (the default)',
    os: ['linux', 'windows', 'wine', 'kernel'],
    optIn: 'Nothing to switch on: the default of every kernel on a processor with NX.',
    options: [
      {
        name: 'kernel',
        summary:
          'whose rule for PT_GNU_STACK: before 5.8 a program without it, or with PF_X in it, gets READ_IMPLIES_EXEC on both architectures; since 5.8 only an i386 program without it',
        values: ['6.18', '5.7'],
        default: '6.18',
      },
    ],
    rules: rules.table,
    description: [
      'A fetch from a page whose VMA lacks VM_EXEC is a page fault: SIGSEGV with SEGV_ACCERR, si_addr being the address fetched.',
      'No call is refused for asking too much: a page may be writable and executable at once, and may change back and forth.',
      'Two rules of Linux make memory executable that nobody asked to be: the READ_IMPLIES_EXEC personality, and PT_GNU_STACK of the program (absent on i386, or with PF_X). Both stay as the kernel has them.',
    ].join('\n'),
    why: 'Data that an attacker can write must not run: the bit makes a page say whether it holds code.',
    history:
      'AMD64 brought the bit in 2003; Linux used it from 2.6.8 (2004), with PT_GNU_STACK and READ_IMPLIES_EXEC as the way out for old programs. Since 5.8 a missing PT_GNU_STACK no longer makes everything executable on x86-64, and an executable one covers the stack alone.',
    workarounds: [
      'mmap(PROT_READ|PROT_WRITE|PROT_EXEC), or mprotect after writing.',
      'personality(READ_IMPLIES_EXEC) before the mapping is made.',
    ],
    source: ['Linux arch/x86/mm/fault.c:access_error()', 'Linux arch/x86/include/asm/elf.h'],
  },
  create: (options) => ({
    name: 'nx',
    spec: options.spec,
    effects: { nx: true, ...(options.value('kernel') === '5.7' ? { gnuStack: 'before-5.8' } : {}) },
    fault,
  }),
};

/**
 * none: a processor whose page tables cannot forbid execution, as i386 before PAE with NX. Whatever
 * may be read or written may be executed; PROT_EXEC is noted in the VMA and changes nothing.
 * Compare Linux arch/x86/mm/fault.c:access_error() without X86_PF_INSTR.
 */
import type { PolicyDefinition } from '../definition.js';

export const none: PolicyDefinition = {
  info: {
    name: 'none',
    summary: 'no NX at all: whatever may be read or written may be executed, as on i386 before NX',
    os: ['linux', 'windows', 'wine'],
    optIn:
      'Nothing to switch on: it is the hardware. Linux: boot option noexec=off, or a kernel without PAE.',
    options: [],
    rules: {},
    description: [
      'The page tables have one bit for "may be touched" and one for "may be written", none for "may be executed".',
      'A fetch therefore succeeds in every page with any of PROT_READ, PROT_WRITE and PROT_EXEC; only PROT_NONE stops it.',
      'No call is refused. mmap and mprotect keep PROT_EXEC in the VMA, /proc/self/maps shows it, and nothing else depends on it.',
      'The error code of a page fault never has the instruction-fetch bit.',
    ].join('\n'),
    history:
      'The state of every i386 system until processors with the NX bit came in 2003 and Linux 2.6.8 used it in PAE kernels in 2004. PaX, exec-shield and OpenBSD had worked around it with segment limits before.',
    workarounds: ['None needed: code in malloc, on the stack and in data runs.'],
    source: [
      'Linux arch/x86/mm/fault.c:access_error()',
      'Intel SDM volume 3, 4.6 (access rights without IA32_EFER.NXE)',
    ],
  },
  create: (options) => ({ name: 'none', spec: options.spec, effects: { nx: false } }),
};

/** The page of text of the policy exec-shield and its rules. */
import { type PolicyInfo, Rules } from '../definition.js';

export const rules = new Rules('exec-shield', {
  limit:
    'the address lies above the code segment limit, which is the end of the highest executable mapping',
});

export const execShieldInfo: Omit<PolicyInfo, 'options'> = {
  name: 'exec-shield',
  summary: 'a code segment limit at the highest executable mapping (Red Hat, Fedora, before NX)',
  os: ['linux', 'wine'],
  optIn:
    'kernel.exec-shield, by default 1: programs whose PT_GNU_STACK lacks PF_X. The program opts out by PF_X, or by having no PT_GNU_STACK.',
  rules: rules.table,
  description: [
    'For i386 processors without NX. No call is refused, and no page is protected: the limit of the code segment is kept at the end of the highest mapping with PROT_EXEC.',
    'A fetch at or above the limit is a general protection fault: SIGSEGV with si_code SI_KERNEL (0x80) and si_addr 0. A fetch below it succeeds, in data and heap too.',
    'mmap and mprotect with PROT_EXEC raise the limit; when the mapping that ends at it goes away or loses PROT_EXEC, the limit falls to the next one. An executable stack raises it over everything.',
    'A mapping with PROT_EXEC that names no address is placed from 0x110000 up and below 16 MiB where it fits ("ASCII armor": every address has a zero byte), at random, and never into or above the heap; failing that, as usual.',
    'Mode 1 leaves programs alone that have no PT_GNU_STACK or ask for an executable stack; mode 2 covers every program and makes no stack executable at exec.',
    'On a processor with NX, and on x86-64, the NX bit does the work and the limit is not used.',
  ].join('\n'),
  why: 'Processors without NX cannot forbid execution by page; a code segment that ends early keeps stack and heap out of it.',
  switches: [{ text: 'sysctl kernel.exec-shield=0', set: { mode: '0' } }],
  history:
    'Announced by Ingo Molnar on 2003-05-02; in Red Hat Enterprise Linux 3 to 6 and Fedora Core 1 to about Fedora 16. At first mode 2 was the default, with a mark in the ELF header; PT_GNU_STACK replaced the mark. Address randomisation and PT_GNU_STACK went upstream, the segment limit never did, and NX made it superfluous.',
  workarounds: [
    'mprotect or mmap with PROT_EXEC works as ever.',
    'One executable mapping at a high address makes everything below it executable.',
    'dlopen of a library that needs an executable stack does so for the whole process.',
  ],
  source: [
    'exec-shield patch 2.6.0-test6-G3 (2003-09-29): arch/i386/kernel/process.c, traps.c; fs/binfmt_elf.c; mm/mmap.c',
    'RHEL and Fedora kernels: linux-2.6-execshield.patch',
  ],
  deviations: [
    'The armor starts at 0x110000 as in RHEL (the patch of 2003 has 0x111000).',
    'The limit is always that of the mappings as they are; the patch of 2003 did not lower it on every mprotect.',
    "The random place of heap and stack is the layout's: that of a 32-bit kernel with 3 GiB for programs, unless one is named.",
    'The program counter of a refused fetch is its target; the processor reports the jump.',
  ],
};

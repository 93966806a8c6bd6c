/** The page of text of the policy pax, its options and its rules. */
import { type OptionInfo, onOff, type PolicyInfo, Rules } from '../definition.js';

export const rules = new Rules('pax', {
  'no-exec': 'PAGEEXEC or SEGMEXEC: a fetch from memory that is not executable ends the task',
  'mprotect-mmap': 'MPROTECT: a mapping may not be created writable and executable at once',
  'mprotect-strip':
    'MPROTECT before 2009: a mapping asked to be writable and executable silently loses execute',
  'mprotect-never-exec': 'MPROTECT: what is mapped without execute may never become executable',
  'mprotect-never-write': 'MPROTECT: what is mapped executable may never become writable',
  'mprotect-may':
    'MPROTECT: mprotect may not give a right that the mapping gave up when it was created',
  'text-relocation': 'ELFRELOCS: the text of a library with DT_TEXTREL may be relocated once',
  'relro-final': 'MPROTECT: relocated read-only data (RELRO) may never become writable again',
  'data-no-exec':
    'PAGEEXEC or SEGMEXEC: heap and stack are not executable, whatever the program asks',
  'segmexec-range':
    'SEGMEXEC: the upper half of the address space mirrors code and cannot be named',
  'segmexec-mirror': 'SEGMEXEC: executable memory has a mirror and cannot be moved by mremap',
  'illegal-marks': 'the marks of the program ask for a combination that cannot work',
  'stack-mark': 'PT_GNU_STACK asks for an executable stack and is ignored',
});

function feature(name: string, summary: string): OptionInfo {
  return {
    name,
    summary: `${summary}; 'marks' leaves it to the kernel's default and the program's marks`,
    values: ['on', 'off', 'marks'],
    default: 'marks',
  };
}

export const paxInfo: PolicyInfo = {
  name: 'pax',
  summary: 'non-executable pages, restricted mprotect and address randomisation (PaX, grsecurity)',
  os: ['linux', 'wine'],
  optIn:
    'On for every program, unless soft mode is set or the program carries marks: user.pax.flags (setfattr, paxctl-ng), PT_PAX_FLAGS (paxctl), or e_ident[14] (chpax).',
  options: [
    feature('pageexec', 'PAGEEXEC, non-executable pages'),
    feature(
      'segmexec',
      'SEGMEXEC, non-executable pages by a code segment (i386; 1.5 GiB are left)',
    ),
    feature('mprotect', 'MPROTECT, no new executable memory'),
    feature('emutramp', 'EMUTRAMP, known trampolines are carried out by the kernel'),
    feature('randmmap', 'RANDMMAP, address randomisation; mmap hints are ignored'),
    onOff('softmode', 'off', 'kernel.pax.softmode: features are off unless a mark asks for them'),
    onOff('elfrelocs', 'off', 'CONFIG_PAX_ELFRELOCS: text relocations are allowed once'),
    onOff(
      'ei',
      'off',
      'CONFIG_PAX_EI_PAX: e_ident[14] is read; a zero byte then means everything on',
    ),
    onOff('rwxlog', 'on', 'grsecurity rwxmap_logging: a line for each refused mmap and mprotect'),
    {
      name: 'cpu',
      summary: 'decides between PAGEEXEC and SEGMEXEC on i386 when both are on',
      values: ['nx', 'no-nx'],
      default: 'nx',
    },
    {
      name: 'era',
      summary:
        '4.9: refused mmap is EPERM, all hints are ignored; 2004: mmap strips execute silently, hints for anonymous memory count, no user.pax.flags, impossible marks are mended',
      values: ['4.9', '2004'],
      default: '4.9',
    },
  ],
  rules: rules.table,
  description: [
    'PAGEEXEC or SEGMEXEC: a fetch from memory without PROT_EXEC, or from no memory at all, is reported in four log lines and ends the task by SIGKILL; no signal handler runs. Heap and stack never get execute at exec, PT_GNU_STACK and READ_IMPLIES_EXEC are ignored.',
    'SEGMEXEC (i386) halves the address space to 0x60000000: code is fetched through a mirror in the upper half, which no call may name (mprotect EINVAL, mmap ENOMEM), and executable memory cannot be moved by mremap (EINVAL).',
    'MPROTECT, mmap: writable and executable at once is EPERM, after the checks of address and length and before those of the file. Otherwise executable memory loses VM_MAYWRITE for good and all other memory VM_MAYEXEC, PROT_NONE reservations included.',
    'MPROTECT, mprotect: a right whose may bit is gone is EACCES, VMA by VMA; the request is logged when it names PROT_WRITE or PROT_EXEC. RELRO pages lose VM_MAYWRITE when relocation ends.',
    'EMUTRAMP: at a refused fetch six sequences are recognised (three of 32 bits, three of 64: libffi closures and nested functions of gcc) and their effect on registers and program counter is carried out.',
    'RANDMMAP: mmap base and stack move by 16 bits of pages on i386 (15 under SEGMEXEC), 32 on x86-64; programs of type ET_DYN as much; the heap begins behind a random gap. An address hint without MAP_FIXED is ignored.',
    'Marks: user.pax.flags wins over PT_PAX_FLAGS, that over e_ident[14], that over the defaults (all on but EMUTRAMP; in soft mode all off). Two valid marks that differ, MPROTECT or EMUTRAMP without PAGEEXEC and SEGMEXEC: the program dies in execve.',
  ].join('\n'),
  why: 'An attacker who can write memory must not turn it into code, and one who controls a call must not either: rights of a mapping only ever shrink.',
  switches: [
    {
      text: 'setfattr -n user.pax.flags -v m PROGRAM, or paxctl -m PROGRAM',
      xattrs: { 'user.pax.flags': 'm' },
    },
    {
      text: 'setfattr -n user.pax.flags -v psm PROGRAM, or paxctl -psm PROGRAM',
      xattrs: { 'user.pax.flags': 'psm' },
    },
    { text: 'RBAC or kernel: MPROTECT off for this program', set: { mprotect: 'off' } },
  ],
  history:
    'PAGEEXEC October 2000, MPROTECT and EMUTRAMP 2000 to 2001, RANDMMAP 2001, SEGMEXEC late 2002, PT_PAX_FLAGS 2004, user.pax.flags about 2012; the last public tree was for Linux 4.9 (2017). Until about 2009 a mmap for writable and executable memory succeeded without execute. MPROTECT is the model of most later rules of this kind.',
  workarounds: [
    'Mark the program: paxctl -m, or setfattr -n user.pax.flags -v m.',
    'Two mappings of one file, memfd or SysV segment: one writable, one executable.',
    'Write the code to a file and map that PROT_READ|PROT_EXEC.',
    'EMUTRAMP for nested functions and libffi; ELFRELOCS for libraries with text relocations.',
    'Not ptrace or /proc/self/mem: executable mappings have lost VM_MAYWRITE.',
  ],
  source: [
    'PaX 4.9 mm/mmap.c:do_mmap(), mm/mprotect.c:do_mprotect_pkey()',
    'PaX 4.9 fs/binfmt_elf.c:pax_parse_pax_flags(), elf_handle_mprotect(); fs/exec.c:pax_check_flags(), pax_report_fault()',
    'PaX 4.9 arch/x86/mm/fault.c:pax_handle_fetch_fault_32(), pax_handle_fetch_fault_64(), pax_report_insns()',
    'grsecurity include/linux/grmsg.h',
    'PaX documentation: noexec.txt, pageexec.txt, segmexec.txt, mprotect.txt, emutramp.txt, randmmap.txt',
  ],
  deviations: [
    'An option that is on or off overrides marks, as an RBAC policy of grsecurity does.',
    'The text of a DT_TEXTREL library shows `mw` in smaps before its one relocation.',
    'The trampolines for sigreturn of 2.4 to 2.6 kernels, RANDKSTACK and the memory of mirrors in /proc/self/maps are not modelled.',
    'On i386 the kernel is a 32-bit one with 3 GiB for programs, unless a layout is named.',
    'No rate limit on log lines.',
  ],
};

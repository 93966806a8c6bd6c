/** The page of text about noexec mounts; the rules themselves are in mm/calls/mmap.ts and os/linux/exec. */
import type { MechanismInfo } from '../definition.js';

export const noexecInfo: MechanismInfo = {
  name: 'noexec',
  summary: 'files of a mount that neither run as programs nor may be mapped executable',
  os: ['linux', 'wine'],
  optIn:
    'mount -o noexec; here the option mounts of a sandbox ({ "/tmp": ["noexec"] }), or `mounts:` of a scenario. /proc and /sys are always so.',
  description: [
    'execve of a file on it is EACCES.',
    'mmap with PROT_EXEC of a file on it is EPERM, private or shared. Without PROT_EXEC the mapping loses VM_MAYEXEC: mprotect with PROT_EXEC is EACCES later. READ_IMPLIES_EXEC adds nothing there.',
    'What is mapped already keeps its rights when the mount changes. memfds, System V segments and anonymous memory are no files of a mount.',
  ].join('\n'),
  history:
    'Old as mount options; since Linux 2.6.0 mmap heeds it too, so that /lib/ld-linux.so FILE no longer runs a program from such a mount.',
  workarounds: [
    'Read the file into anonymous memory and make that executable: the rule is about mappings of files.',
    'memfd_create, which no mount covers (mayexec policies memfd-noexec).',
    'An interpreter: a script is data to the kernel.',
  ],
  source: ['Linux mm/mmap.c:do_mmap(), fs/exec.c:do_open_execat(), path_noexec()'],
};

/** The page of text about mseal; the rules themselves are in mm (inspect.ts, mprotect.ts, munmap.ts, madvise.ts). */
import type { MechanismInfo } from '../definition.js';

export const msealInfo: MechanismInfo = {
  name: 'mseal',
  summary: 'mappings whose rights, place and contents nobody changes any more (Linux 6.10)',
  os: ['linux', 'wine'],
  optIn: 'mseal(address, length, 0), by the program itself. There is no way back but execve.',
  description: [
    'On a sealed mapping munmap, mremap (from it, or over it), mmap with MAP_FIXED, mprotect and pkey_mprotect are EPERM, mprotect to the rights that it has included. Writing to it is as before.',
    'Advice that throws pages away (MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_DONTFORK, MADV_WIPEONFORK, guards) is EPERM on anonymous memory that may not be written.',
    'mseal: flags, a misaligned address or an overflow are EINVAL; a hole is ENOMEM, and then nothing is sealed. A child of fork has the seals too.',
    'The seal is asked for last, mapping by mapping: VM_MAY*, MDWE and the security module speak first with EACCES, and what lies below the sealed mapping has changed by then. munmap changes all or nothing.',
  ].join('\n'),
  history:
    'Linux 6.10 (2024), proposed by Chrome, after the model of mimmutable in OpenBSD 7.3 (mayexec policies openbsd). In 6.10 and 6.11 the whole range was looked at first.',
  workarounds: [
    'Write to a sealed writable mapping: only its rights are fixed, not its bytes.',
    'Map the same file or memfd once more: the seal is on the mapping, not on the memory.',
    'A sealed heap does not shrink, but grows behind the seal.',
  ],
  source: ['Linux mm/mseal.c', 'Linux Documentation/userspace-api/mseal.rst'],
};

/** The page of text about the kernel beside a process, and its rules. */
import type { MechanismInfo } from '../definition.js';

export const LSM = 'lsm';

export const LSM_RULES = {
  execmem: 'the domain lacks execmem',
  execmod: 'the domain lacks execmod on the file',
  execheap: 'the domain lacks execheap',
  execstack: 'the domain lacks execstack',
  execute: 'the domain lacks execute on the file',
  oops: 'the kernel dies of reading its own hooks or policy',
} as const;

export const lsmInfo: MechanismInfo = {
  name: LSM,
  summary: 'hooks and an SELinux policy in the memory of a kernel that runs beside the program',
  os: ['linux'],
  rules: Object.fromEntries(
    Object.entries(LSM_RULES).map(([id, sentence]) => [`${LSM}/${id}`, sentence]),
  ),
  optIn:
    'A kernel in ring 0 beside the program: --kernel FILE, `kernel:` in front matter, `kernel` of Sandbox.create. Under the policy none nobody asks it.',
  description: [
    'The kernel runs until `hlt`; then the program begins. Each mmap and mprotect that makes memory executable reads the list of the hook (mmap_file, file_mprotect) and, where SELinux is in it, the access vectors, byte by byte in the memory of the kernel.',
    'The permissions are those of the policy selinux: execmem, execheap, execstack, execmod, and execute on a file. There is one domain, unconfined_t, and one type of files. What no rule allows is EACCES with an AVC line; while selinux_state.enforcing is 0 it is only logged.',
    'Nothing is cached: what a rogue write changes decides at the next call. A hook that is no more in its list says nothing.',
    'Where a pointer leads to nothing, or a list in a circle, the task that made the call dies of an oops (SIGKILL).',
    "write to /dev/kernel calls the kernel's function `device_write` with the bytes: the way to a rogue write of the kernel's own.",
  ].join('\n'),
  history:
    'LSM hooks came with Linux 2.6 (2003). Their table is __ro_after_init since 4.12 (2017), the year in which post-init protection for allocated data was proposed with this table and the SELinux policy as its first targets; 6.12 made static calls of them.',
  workarounds: [
    'Turn enforcing off, add a permission to a rule, or take SELinux out of the list: as long as the page is writable.',
    'Where the data is sealed: by another mapping of the page, its page-table entry, or CR0.WP (scenarios/post-init).',
  ],
  source: [
    'Linux include/linux/lsm_hooks.h, security/security.c',
    'Linux security/selinux/ss/avtab.h, security/selinux/include/security.h',
  ],
};

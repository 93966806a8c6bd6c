/** The page of text of the policy selinux, its options and its rules. */
import { type PolicyInfo, Rules, versionOption } from '../definition.js';
import { DOMAIN_OPTIONS } from './domains.js';

export const rules = new Rules('selinux', {
  execmem:
    'the domain lacks execmem: anonymous memory, or a private file mapping that is also writable, may not be executable',
  execmod:
    'the domain lacks execmod: a private file mapping with written (copied) pages may not become executable',
  execheap: 'the domain lacks execheap: heap memory may not become executable',
  execstack: 'the domain lacks execstack: a stack may not become executable',
  execute: 'the domain lacks execute on the type of this file',
});

export const selinuxInfo: PolicyInfo = {
  name: 'selinux',
  summary:
    'execmem, execmod, execheap and execstack by domain and boolean (Red Hat, Fedora, Android)',
  os: ['linux', 'wine'],
  optIn:
    'Enforced by the kernel for the domain that the program runs in; the administrator sets booleans (setsebool, /sys/fs/selinux/booleans, once /selinux/booleans). The program has no say.',
  options: [
    ...DOMAIN_OPTIONS,
    {
      name: 'mode',
      summary: 'permissive logs what it would refuse, and allows it',
      values: ['enforcing', 'permissive'],
      default: 'enforcing',
    },
    versionOption(
      'where the rules changed: 4.2 hidden shmem inodes, 4.4 checkreqprot, 6.6 to 6.10 the heap check',
      ['3.10', '4.2', '6.5', '6.6', '6.10', '6.11', '6.18'],
    ),
    {
      name: 'checkreqprot',
      summary:
        '1 judges what the program asked for, 0 what READ_IMPLIES_EXEC made of it; auto: 1 before Linux 4.4; gone in 6.4',
      values: ['auto', '0', '1'],
      default: 'auto',
    },
    {
      name: 'audit',
      summary: 'the form of the AVC lines: as the kernel log has them, or as auditd writes them',
      values: ['kernel', 'auditd'],
      default: 'kernel',
    },
  ],
  rules: rules.table,
  description: [
    'mmap (before length, address or descriptor rights are looked at) and mprotect (after VM_MAY* bits) ask for permissions; the first one missing gives EACCES and one AVC line.',
    'execmem: PROT_EXEC for memory without a file (private or shared anonymous, SysV shm), or PROT_WRITE|PROT_EXEC for a private file mapping.',
    'execute on the file: PROT_EXEC for a file mapping, memfd and /dev/zero included. A confined service has it for programs and libraries only.',
    "mprotect that makes a mapping executable first asks for exactly one of: execheap, when the whole VMA lies between start_brk and brk; execstack, when it is anonymous and holds the start of the stack or the caller's stack pointer, edges included; execmod, when it maps a file and a private page was ever made in it.",
    'execheap and execstack come on top of execmem, execmod on top of execute. Writing is what makes a private page; reading does not, and MADV_DONTNEED does not undo it.',
    'A private mapping of /dev/zero is a file mapping: written and then made executable it needs execmod on zero_device_t, which unconfined domains lack. MAP_ANONYMOUS memory needs execmem only.',
    'brk, stack growth, mremap, fork, and the stack that PT_GNU_STACK makes executable are not judged.',
    'Booleans count for unconfined domains (httpd_execmem for the service); a permission option overrides them for everything.',
  ].join('\n'),
  why: 'Code that a program writes itself bypasses what the policy says of files: the domain needs a permission for each kind of memory, and the heap is where overflows happen.',
  switches: [
    { text: 'setsebool selinuxuser_execheap on', set: { selinuxuser_execheap: 'on' } },
    { text: 'setsebool selinuxuser_execmod on', set: { selinuxuser_execmod: 'on' } },
    { text: 'setsebool selinuxuser_execstack on', set: { selinuxuser_execstack: 'on' } },
    { text: 'setsebool deny_execmem off', set: { deny_execmem: 'off' } },
    { text: 'setsebool httpd_execmem on', set: { httpd_execmem: 'on' } },
    { text: 'a policy module that allows the domain execheap', set: { execheap: 'allow' } },
    { text: 'a policy module that allows the domain execmod', set: { execmod: 'allow' } },
    { text: 'a policy module that allows the domain execmem', set: { execmem: 'allow' } },
    { text: 'semanage permissive -a DOMAIN', set: { mode: 'permissive' } },
  ],
  history:
    'execmem and execmod came with Linux 2.6.10 (2005), execheap and execstack with 2.6.16 (2006). The booleans allow_exec* became deny_execmem and selinuxuser_exec* in Fedora 18. Linux 6.6 took the heap test from a helper for /proc/maps, which also matches a VMA that merely touches the heap, so that programs with mmapped code next to the heap met execheap; 6.11 went back. Until 4.4 checkreqprot=1 let READ_IMPLIES_EXEC mappings pass unjudged.',
  workarounds: [
    'MAP_ANONYMOUS instead of a private /dev/zero mapping.',
    'Memory from mmap instead of malloc: glibc serves 128 KiB and more by mmap, less from the heap.',
    'Two shared mappings of one file or memfd, where the domain may execute that file.',
    'For a library: label it textrel_shlib_t. For a domain: semanage permissive -a.',
    'mprotect to PROT_READ|PROT_WRITE|PROT_EXEC and back keeps a mapping executable all the time, and the gain checks are skipped for it.',
  ],
  source: [
    'Linux security/selinux/hooks.c:selinux_mmap_file(), selinux_file_mprotect(), file_map_prot_check()',
    'Linux security/selinux/avc.c, security/lsm_audit.c, kernel/audit.c (the AVC line)',
    'Fedora selinux-policy: unconfined.if, files.te, devices.te, wine.te, apache.te, dist/targeted/booleans.conf',
  ],
  deviations: [
    'Only the permissions above are judged; file read, write and map, fd use and memprotect mmap_zero count as granted.',
    'Upstream refpolicy of today grants unconfined domains execmod on devices; the presets follow Fedora and RHEL, which do not.',
    'No SYSCALL record accompanies the AVC line.',
  ],
};

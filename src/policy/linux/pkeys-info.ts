/** The page of text about protection keys; the rules themselves are in mm/pkeys.ts and os/linux/pkru.ts. */
import type { MechanismInfo } from '../definition.js';

export const pkeysInfo: MechanismInfo = {
  name: 'pkeys',
  summary: 'protection keys: a register of the thread takes rights from pages by key (Intel PKU)',
  os: ['linux'],
  optIn:
    'pkey_alloc and pkey_mprotect, by the program; the processor must have them, here by the option protectionKeys of a sandbox, or `protection-keys: on` of a scenario.',
  description: [
    'Each mapping has one of 16 keys. PKRU holds two bits for each: access disabled, write disabled. It is read and written by RDPKRU and WRPKRU, without a system call; execve and each signal handler begin with 0x55555554, which disables all but key 0.',
    'A load or store that the key forbids is SIGSEGV with SEGV_PKUERR, and si_pkey names the key. The kernel heeds PKRU as well: a read(2) into such memory is EFAULT. A fetch is never stopped by a key.',
    'mprotect with PROT_EXEC alone makes execute-only memory: a key of the kernel forbids reading it. mprotect to anything else gives it key 0 again.',
    'pkey_alloc: unknown flags or rights are EINVAL, no free key is ENOSPC. pkey_mprotect with a key that is not allocated is EINVAL. pkey_free leaves the number on the mappings: the next owner of the key gets them.',
    'Without the processor feature pkey_alloc is EINVAL.',
  ].join('\n'),
  history:
    "Linux 4.6 (execute-only) and 4.9 (system calls), 2016, on Skylake servers; AMD since Zen 3. V8 uses a key for its code space: everybody executes, only who writes takes the bit away for a moment. SELinux's and MDWE's rules are about VM_EXEC and do not see keys.",
  workarounds: [
    'A region mapped writable and executable with a key that forbids writing, and WRPKRU around each change: works where RWX mappings are allowed.',
    'Any code that can execute WRPKRU takes its rights itself: keys stop mistakes, not injected code.',
  ],
  source: [
    'Linux arch/x86/mm/pkeys.c, mm/mprotect.c:do_mprotect_pkey()',
    'Intel SDM, volume 3, section 5.6.2',
  ],
  deviations: [
    'RDPKRU and WRPKRU are carried out by the kernel: the engine has no such instructions. CPUID announces them.',
  ],
};

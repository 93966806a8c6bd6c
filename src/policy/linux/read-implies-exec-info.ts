/** The page of text about READ_IMPLIES_EXEC and PT_GNU_STACK; the rules themselves are in os/linux/exec and mm. */
import type { MechanismInfo } from '../definition.js';

export const readImpliesExecInfo: MechanismInfo = {
  name: 'read-implies-exec',
  summary: 'a personality that makes executable what is readable, for programs older than NX',
  os: ['linux', 'wine'],
  optIn:
    'personality(READ_IMPLIES_EXEC) by the program, or the header PT_GNU_STACK of its file at execve.',
  description: [
    'With the bit 0x400000 of the personality each mmap, mprotect and shmat that asks for PROT_READ gets PROT_EXEC as well, unless the file lies on a noexec mount; a heap that begins, and the stack at execve, are executable. What is mapped already stays as it is. Asking for PROT_WRITE alone adds nothing.',
    'At execve, since Linux 5.8: an i386 program without PT_GNU_STACK gets the bit, a program of either architecture with PF_X in it an executable stack and nothing else. Before 5.8 both got the bit on both architectures: `nx:kernel=5.7`.',
    'x86-64 clears the bit at execve before it looks at the header. An i386 program keeps what its parent had.',
    'MDWE sees the right that was added: a plain mmap for reading and writing is EACCES then. SELinux sees it too, unless its checkreqprot says to check what was asked for. The seccomp filter of systemd sees arguments alone and lets it pass. PaX ignores the bit.',
  ].join('\n'),
  history:
    'Linux 2.6.8 (2004), when NX came: old programs had never asked for the right to execute. One assembly source without .note.GNU-stack still makes the whole program executable on i386.',
  workarounds: [
    'setarch -X PROGRAM, or personality() before the mapping is made.',
    'To be rid of it: .section .note.GNU-stack,"",@progbits in each source, or ld -z noexecstack.',
  ],
  source: [
    'Linux arch/x86/include/asm/elf.h:elf_read_implies_exec(), fs/binfmt_elf.c',
    'Linux mm/mmap.c:do_mmap(), mm/mprotect.c:do_mprotect_pkey()',
  ],
};

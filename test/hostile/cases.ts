/**
 * Programs that ask for more than there is, or for work without end. Each says how it ends: by the errno that the
 * real system gives (its exit status), by a limit, or as if it had asked for nothing special.
 */

export interface HostileCase {
  readonly name: string;
  /** x86-64 assembly; with .import a program for Windows. */
  readonly source: string;
  /** How it ends: 'exit N', 'limit blocks' or 'limit memory'. */
  readonly ends: string;
  readonly blocks?: number;
  readonly memory?: number;
  /** With the monitor of stores and fetches on, as the command has it. */
  readonly monitor?: boolean;
}

const ENOENT = 2;
const E2BIG = 7;
const EAGAIN = 11;
const ENOMEM = 12;
const ENFILE = 23;
const ENOSPC = 28;
const ENAMETOOLONG = 36;

const BLOCKS = 3_000_000;
const ENOUGH = 200_000_000;

/** Ends with the errno of the call that failed, or goes on. */
const CHECK = 'test rax, rax\n js failed';
/** Exits with the errno in eax. */
const FAILED = 'failed: neg eax\n mov edi, eax\n mov eax, SYS_exit_group\n syscall';

/** A program: `code`, then what it falls into at its end. */
function program(code: string, data = ''): string {
  const exit = 'mov edi, eax\n mov eax, SYS_exit_group\n syscall';
  return `.globl _start\n_start:\n${code}\n${exit}\n${FAILED}\n .data\n .balign 16\n${data}\n`;
}

/** Repeats `body` until a call in it fails. */
function until(body: string, data = '', before = ''): string {
  return program(`${before}\n again:\n${body}\n jmp again`, data);
}

/** Repeats `body` whatever its calls say. */
function forEver(body: string, data = '', before = ''): string {
  return until(body, data, before);
}

function call(name: string, ...args: readonly (string | number)[]): string {
  const registers = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'];
  const moves = args.map((arg, index) =>
    arg === 0 ? `xor ${registers[index]}, ${registers[index]}` : `mov ${registers[index]}, ${arg}`,
  );
  return [...moves, `mov eax, SYS_${name}`, 'syscall'].join('\n ');
}

/** Anonymous memory that nothing is set aside for. */
function map(length: string, prot: number, more = 0): string {
  return call('mmap', 0, length, prot, 0x4022 | more, -1, 0);
}

/** Another name at `name` + 5 for each value of ebx, which counts up: '/tmp/' and eight letters. */
const NEXT_NAME = `
    inc ebx
    mov eax, ebx
    lea rdi, [rip + name + 12]
    mov ecx, 8
1:  mov edx, eax
    and edx, 15
    add edx, 'a'
    mov [rdi], dl
    dec rdi
    shr eax, 4
    dec ecx
    jnz 1b`;
const NAME = 'name: .asciz "/tmp/01234567"';
const MANY_FILES = call('setrlimit', 7, 'offset manyFiles');
const MANY_FILES_DATA = 'manyFiles: .quad 524288, 524288';
const ONE = 'one: .asciz "d"';

/** Two thousand mappings that do not merge. */
const TWO_THOUSAND_MAPPINGS = `
    mov ebx, 2000
2:  mov edx, ebx
    and edx, 1
    ${map('4096', 0).replace('xor rdx, rdx\n', '')}
    dec ebx
    jnz 2b`;

export const HOSTILE: readonly HostileCase[] = [
  // Memory.
  {
    name: 'a read-only mapping of 2^46 bytes, populated in one call',
    source: program(map('0x400000000000', 1, 0x8000)),
    ends: 'limit blocks',
  },
  {
    name: 'a read every 2 MiB, each of which needs a page table',
    source: program(`${map('0x200000000000', 1)}\n 1: mov cl, [rax]\n add rax, 0x200000\n jmp 1b`),
    ends: 'limit memory',
  },
  {
    name: 'stores to page after page',
    source: program(`${map('0x200000000000', 3)}\n 1: mov [rax], cl\n add rax, 4096\n jmp 1b`),
    ends: 'limit memory',
  },
  {
    name: 'guard pages over 2^40 bytes',
    source: program(
      `${map('0x10000000000', 3)}\n mov rdi, rax\n ${call('madvise', 'rax', '0x10000000000', 102)}\n ${CHECK}`,
    ),
    ends: `exit ${ENOMEM}`,
    blocks: ENOUGH,
    memory: 8 << 20,
  },
  {
    name: 'mappings without end',
    source: until(
      `mov edx, ebx\n and edx, 1\n inc ebx\n ${map('4096', 0).replace('xor rdx, rdx\n', '')}\n ${CHECK}`,
    ),
    ends: `exit ${ENOMEM}`,
    blocks: ENOUGH,
    memory: 2 << 20,
  },
  {
    name: 'files without end',
    source: until(
      `${NEXT_NAME}\n ${call('open', 'offset name', '0x42', '0x180')}\n ${CHECK}\n ${call('close', 'rax')}`,
      NAME,
    ),
    ends: `exit ${ENOSPC}`,
    blocks: ENOUGH,
    memory: 8 << 20,
  },
  {
    name: 'links with targets of 4,000 bytes without end',
    source: until(
      `${NEXT_NAME}\n ${call('symlink', 'offset target', 'offset name')}\n ${CHECK}`,
      `${NAME}\n target: .fill 4000, 1, 'a'\n .byte 0`,
    ),
    ends: `exit ${ENOSPC}`,
    blocks: ENOUGH,
    memory: 8 << 20,
  },
  {
    name: 'a directory in a directory without end, and its path',
    source: program(
      `${call('chdir', 'offset tmp')}
      1: ${call('mkdir', 'offset one', '0x1ff')}
      test rax, rax
      js 2f
      ${call('chdir', 'offset one')}
      jmp 1b
      2: ${call('getcwd', 'offset buffer', 8192)}
      ${CHECK}`,
      `${ONE}\n tmp: .asciz "/tmp"\n buffer: .skip 8192`,
    ),
    ends: `exit ${ENAMETOOLONG}`,
    blocks: ENOUGH,
    memory: 8 << 20,
  },
  {
    name: 'open descriptions without end',
    source: until(
      `${call('open', 'offset path', 0, 0)}\n ${CHECK}`,
      `path: .asciz "/dev/null"\n ${MANY_FILES_DATA}`,
      MANY_FILES,
    ),
    ends: `exit ${ENFILE}`,
    blocks: ENOUGH,
    memory: 4 << 20,
  },
  {
    name: 'pipes of 1 MiB, all of them full',
    source: until(
      `${call('pipe2', 'offset fds', '0x800')}\n ${CHECK}
      mov edi, [rip + fds + 4]
      ${call('fcntl', 'rdi', 1031, 1048576)}\n ${CHECK}
      mov edi, [rip + fds + 4]
      ${call('write', 'rdi', 'offset fds', 1048576)}\n ${CHECK}`,
      `${MANY_FILES_DATA}\n fds: .skip 1048576`,
      MANY_FILES,
    ),
    ends: `exit ${ENFILE}`,
    memory: 8 << 20,
    blocks: ENOUGH,
  },
  {
    name: 'System V segments without end',
    source: until(`${call('shmget', 0, 4096, '0x180')}\n ${CHECK}`),
    ends: `exit ${ENOSPC}`,
    blocks: ENOUGH,
  },
  {
    name: 'real-time signals that wait without end',
    source: until(
      call('kill', 'rbx', 40),
      'set: .quad -1',
      `${call('rt_sigprocmask', 0, 'offset set', 0, 8)}\n ${call('getpid')}\n mov rbx, rax`,
    ),
    ends: 'limit blocks',
    blocks: 12_000_000,
  },
  {
    name: 'processes without end, which all wait',
    source: until(`${call('fork')}\n ${CHECK}\n test eax, eax\n jnz again\n ${call('pause')}`),
    ends: `exit ${EAGAIN}`,
    blocks: ENOUGH,
  },
  {
    name: 'processes that all make processes',
    source: forEver(call('fork')),
    ends: 'limit blocks',
  },
  {
    name: 'execve with 8 GB of strings, of a program that is not there',
    source: program(
      `lea rdi, [rip + text]\n mov ecx, 131000\n mov al, 'a'\n rep stosb
      lea rdi, [rip + pointers]\n lea rax, [rip + text]\n mov ecx, 60000\n rep stosq
      ${call('execve', 'offset path', 'offset pointers', 0)}\n ${CHECK}`,
      'path: .asciz "/nonexistent"\n text: .skip 131072\n pointers: .skip 524288',
    ),
    ends: `exit ${ENOENT}`,
  },
  {
    name: 'execve with 8 GB of strings, of itself',
    source: program(
      `lea rdi, [rip + text]\n mov ecx, 131000\n mov al, 'a'\n rep stosb
      lea rdi, [rip + pointers]\n lea rax, [rip + text]\n mov ecx, 60000\n rep stosq
      ${call('execve', 'offset path', 'offset pointers', 0)}\n ${CHECK}`,
      'path: .asciz "/proc/self/exe"\n text: .skip 131072\n pointers: .skip 524288',
    ),
    ends: `exit ${E2BIG}`,
  },

  // Time.
  {
    name: 'a byte of /proc/self/mem, with a guard page 2^44 bytes behind it',
    source: program(
      `${map('0x100000000000', 3)}\n mov rbx, rax
      mov rdi, 0xffffffff000\n add rdi, rbx
      ${call('madvise', 'rdi', 4096, 102)}
      ${call('open', 'offset path', 0, 0)}
      ${call('pread64', 'rax', 'offset buffer', 1, 'rbx')}`,
      'path: .asciz "/proc/self/mem"\n buffer: .skip 16',
    ),
    ends: 'exit 1',
  },
  {
    name: 'MADV_REMOVE of the largest sparse file',
    source: program(
      `${call('memfd_create', 'offset one', 0)}\n mov ebx, eax
      ${call('ftruncate', 'rbx', '0xffffffff000')}
      ${call('mmap', 0, '0xffffffff000', 3, 1, 'rbx', 0)}
      mov rdi, rax
      ${call('madvise', 'rdi', '0xffffffff000', 9)}`,
      ONE,
    ),
    ends: 'exit 0',
  },
  {
    name: 'readv of /dev/zero into 1,024 buffers of 2 MiB, again and again',
    source: until(
      call('readv', 'rbx', 'offset vectors', 1024),
      'path: .asciz "/dev/zero"\n vectors: .skip 16384\n buffer: .skip 0x200000',
      `${call('open', 'offset path', 0, 0)}\n mov ebx, eax
      lea rdi, [rip + vectors]\n lea rax, [rip + buffer]\n mov ecx, 1024
      1: mov [rdi], rax\n mov qword ptr [rdi + 8], 0x200000\n add rdi, 16\n dec ecx\n jnz 1b`,
    ),
    ends: 'limit blocks',
  },
  {
    name: 'random bytes, 2 GB in a call',
    source: until(call('getrandom', 'offset buffer', '0x200000', 0), 'buffer: .skip 0x200000'),
    ends: 'limit blocks',
  },
  {
    name: 'mincore of 2^36 bytes',
    source: program(
      `${map('0x1000000000', 3)}\n mov rbx, rax\n ${map('0x1000000', 3)}
      mov rdx, rax\n mov rdi, rbx\n mov rsi, 0x1000000000\n mov eax, SYS_mincore\n syscall`,
    ),
    ends: 'limit blocks',
  },
  {
    name: 'a call of the cheapest kind, for ever',
    source: forEver(call('getpid')),
    ends: 'limit blocks',
  },
  {
    name: 'a fault whose handler returns, for ever',
    source: program(
      `${call('rt_sigaction', 11, 'offset action', 0, 8)}
      xor eax, eax\n mov [rax], al\n handler: ret\n restorer: mov eax, SYS_rt_sigreturn\n syscall`,
      'action: .quad handler, 0x04000000, restorer, 0',
    ),
    ends: 'limit blocks',
  },
  {
    name: 'a handler that faults',
    source: program(
      `${call('rt_sigaction', 11, 'offset action', 0, 8)}
      handler: xor eax, eax\n mov [rax], al\n restorer: mov eax, SYS_rt_sigreturn\n syscall`,
      // SA_NODEFER: each fault is a frame more, until the stack ends.
      'action: .quad handler, 0x44000000, restorer, 0',
    ),
    ends: 'signal SIGSEGV',
    blocks: ENOUGH,
  },
  {
    name: 'pages that are mapped, stored to and unmapped, for ever',
    source: until(
      `${map('0x100000', 3)}\n mov rdi, rax\n mov ecx, 256
      1: mov [rdi], cl\n add rdi, 4096\n dec ecx\n jnz 1b
      ${call('munmap', 'rax', '0x100000')}`,
    ),
    ends: 'limit blocks',
    monitor: true,
  },
  {
    name: 'output without end',
    source: forEver(call('write', 1, 'offset buffer', 65536), 'buffer: .skip 65536'),
    ends: 'limit blocks',
    blocks: 10_000_000,
  },
  {
    name: 'a process that makes one and waits for it, for ever',
    source: until(
      `${call('fork')}\n test eax, eax\n jnz 1f\n ${call('exit', 0)}\n 1: ${call('wait4', -1, 0, 0, 0)}`,
    ),
    ends: 'limit blocks',
  },
  {
    name: 'a function that is patched and called, for ever',
    source: program(
      `${call('mmap', 0, 4096, 7, 0x22, -1, 0)}
 mov rbx, rax
 mov dword ptr [rbx], 0x1b8
 mov word ptr [rbx + 4], 0xc300
 again: inc dword ptr [rbx + 1]
 call rbx
 jmp again`,
    ),
    ends: 'limit blocks',
  },
  {
    name: 'a program that starts itself, for ever',
    source: program(call('execve', 'offset path', 0, 0), 'path: .asciz "/proc/self/exe"'),
    ends: 'limit blocks',
  },
  {
    name: 'smaps of two thousand mappings, for ever',
    source: until(
      `${call('open', 'offset path', 0, 0)}\n ${call('read', 'rax', 'offset path', 16)}`,
      'path: .asciz "/proc/self/smaps"\n .skip 16',
      TWO_THOUSAND_MAPPINGS,
    ),
    ends: 'limit blocks',
  },
  {
    name: 'locks on two thousand mappings, for ever',
    source: until(`${call('mlockall', 1)}\n ${call('munlockall')}`, '', TWO_THOUSAND_MAPPINGS),
    ends: 'limit blocks',
    blocks: 4_000_000,
  },
  {
    name: 'a listing of a thousand names, one name in a call, for ever',
    source: until(
      `${call('getdents64', 'r12', 'offset buffer', 40)}
      test rax, rax\n jg again\n ${call('lseek', 'r12', 0, 0)}`,
      `${NAME}\n buffer: .skip 64\n tmp: .asciz "/tmp"`,
      `mov r13d, 1000\n 3:\n ${NEXT_NAME}\n ${call('mkdir', 'offset name', '0x1ff')}\n dec r13d\n jnz 3b
      ${call('open', 'offset tmp', 0, 0)}\n mov r12, rax`,
    ),
    ends: 'limit blocks',
  },
  {
    name: 'a path of two thousand steps, for ever',
    source: until(
      call('access', 'offset path', 0),
      `path: .rept 2040\n .ascii "/."\n .endr\n .byte 0`,
    ),
    ends: 'limit blocks',
  },
  {
    name: 'a file of a thousand pages, cut by a byte, for ever',
    source: until(
      `dec r12\n ${call('ftruncate', 'rbx', 'r12')}`,
      `${ONE}\n buffer: .skip 65536`,
      `${call('memfd_create', 'offset one', 0)}\n mov ebx, eax\n mov r13d, 64
      1: ${call('write', 'rbx', 'offset buffer', 65536)}\n dec r13d\n jnz 1b\n mov r12, 4194304`,
    ),
    ends: 'limit blocks',
  },
  {
    name: 'a huge mapping unmapped over and over, with four thousand page tables elsewhere',
    source: until(
      `${map('0x100000000000', 1)}\n ${call('munmap', 'rax', '0x100000000000')}`,
      '',
      `${map('0x200000000', 1)}\n mov ecx, 4096\n 1: mov dl, [rax]\n add rax, 0x200000\n dec ecx\n jnz 1b`,
    ),
    ends: 'limit blocks',
  },
  {
    name: 'misses of the TLB after thousands of changes of rights, with the monitor on',
    source: until(
      `${'mov [rsi], al\n mov [rsi + 0x100000], al\n'.repeat(20)}`,
      'pages: .skip 0x200000',
      `lea r12, [rip + pages]\n and r12, -4096\n add r12, 4096\n mov ebx, 4000
      1: mov rdi, r12\n mov edx, ebx\n and edx, 1\n or edx, 2\n mov rsi, 4096\n mov eax, SYS_mprotect\n syscall
      dec ebx\n jnz 1b\n mov rsi, r12\n add rsi, 8192`,
    ),
    ends: 'limit blocks',
    monitor: true,
  },
];

export const DEFAULT_HOSTILE_BLOCKS = BLOCKS;

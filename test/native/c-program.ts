/**
 * A sequence as a C program that anyone can build and run on Linux: it prints each operation and what
 * came of it. Needs no more than a C compiler (`-m32` for i386).
 */
import type { Arch } from '../../src/base/address.js';
import { formatOp } from './format.js';
import { BASE, CAPTURE, PLACES } from './guest.js';
import { type Arg, callNumber, type Op, type Sequence } from './operation.js';
import { mark, nameAt, PIECES } from './script.js';

export function cProgram(arch: Arch, ops: Sequence): string {
  const flag = arch === 'i386' ? ' -m32' : '';
  return [
    `/* cc${flag} -O1 -static -o judge judge.c && ./judge   (wants the files data.bin and work.bin beside it) */`,
    PRELUDE.replace('@WINDOW@', `0x${PLACES[arch].window.toString(16)}UL`),
    'int main(void) {',
    '  start();',
    ...body(arch, ops).map((line) => `  ${line}`),
    '  return 0;',
    '}',
    '',
  ].join('\n');
}

const PRELUDE = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define W @WINDOW@
static unsigned long H, B, slot[12], capture[2], block[6];
static sigjmp_buf back;
static siginfo_t last;

static void handler(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  last = *info;
  siglongjmp(back, 1);
}

static void start(void) {
  static char stack[65536];
  stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
  struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };
  sigaltstack(&alternate, 0);
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGBUS, &action, 0);
  setvbuf(stdout, 0, _IONBF, 0);
  unsigned long first = (unsigned long)mmap(0, (36 << 20) + 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  H = ((first + 0x1fffff) & -0x200000UL) + (8 << 20);
  munmap((void *)first, H - (8 << 20) - first);
  munmap((void *)H, 8 << 20);
  B = (unsigned long)sbrk(0);
}

#define CALL(text, number, ...) ({ long result = syscall(number, __VA_ARGS__); \\
  if (result == -1) printf("%s = -1 %s\\n", text, strerror(errno)); \\
  else printf("%s = 0x%lx\\n", text, result); result; })
#define TOUCH(text, does) (sigsetjmp(back, 1) == 0 ? (void)({ does; printf("%s done\\n", text); }) \\
  : (void)printf("%s signal %d code %d at 0x%lx\\n", text, last.si_signo, last.si_code, (unsigned long)last.si_addr))
#define READ(text, at) TOUCH(text, uint64_t got; memcpy(&got, (void *)(at), 8); printf("0x%llx ", (unsigned long long)got))
#define WRITE(text, at, value) TOUCH(text, *(volatile uint64_t *)(at) = value)
#define EXEC(text, at) TOUCH(text, static uint64_t scratch; long a = (long)&scratch & ~0xffL; \\
  __asm__ volatile("call *%1" : "+a"(a) : "r"((unsigned long)(at)) : "cc", "memory", "dx"))

static void dump(const char *file) {
  char line[512];
  FILE *maps = fopen(file, "r");
  while (fgets(line, sizeof line, maps)) fputs(line, stdout);
  fclose(maps);
}
`;

function body(arch: Arch, ops: Sequence): string[] {
  return ops.map((op) => statement(arch, op));
}

function statement(arch: Arch, op: Op): string {
  const text = JSON.stringify(formatOp(op));
  switch (op.kind) {
    case 'call': {
      const args = op.args.map(expression);
      const keep = op.keep === undefined ? '' : `slot[${op.keep - BASE.FIRST_SLOT}] = `;
      const number = callNumber(arch, op.name);
      if (arch === 'i386' && op.name === 'mmap') {
        const stores = args.map((arg, index) => `block[${index}] = ${arg};`).join(' ');
        return `${stores} ${keep}CALL(${text}, ${number}, block);`;
      }
      return `${keep}CALL(${text}, ${number}, ${args.join(', ') || '0'});`;
    }
    case 'read':
      return `READ(${text}, ${expression(op.address)});`;
    case 'write':
      return `WRITE(${text}, ${expression(op.address)}, 0x${op.value.toString(16)}ULL);`;
    case 'exec':
      return `EXEC(${text}, ${expression(op.address)});`;
    case 'sweep':
      return `for (unsigned long at = ${expression(op.address)}, n = ${op.pages}; n--; at += 4096) READ("page", at);`;
    case 'dump':
      return `dump("/proc/self/${op.file}");`;
    case 'fork':
      return 'fflush(stdout); if (fork() == 0) {';
    case 'exit':
      return '_exit(0); } wait(0);';
  }
}

function expression({ base, offset }: Arg): string {
  const hex = `0x${(offset < 0n ? -offset : offset).toString(16)}UL`;
  const number = offset < 0n ? `-${hex}` : hex;
  switch (base) {
    case BASE.NONE:
      return number;
    case BASE.WINDOW:
      return `W + ${number}`;
    case BASE.HOLE:
      return `H + ${number}`;
    case BASE.BRK:
      return `B + ${number}`;
    case BASE.SCRATCH:
      return scratch(offset);
    default:
      return `slot[${base - BASE.FIRST_SLOT}]`;
  }
}

function scratch(place: bigint): string {
  const name = nameAt(place);
  if (name !== undefined) return `(unsigned long)${JSON.stringify(name)}`;
  if (place === BigInt(CAPTURE)) return '(unsigned long)capture';
  const piece = mark(200_000 + (Number(place) - PIECES) / 8);
  return `(unsigned long)(uint64_t[]){0x${piece.toString(16)}ULL}`;
}

/* int 0x80 in a 64-bit program: i386's table of calls, arguments cut to 32 bits. */
#include "guest.h"

static long int80(long number, long b, long c) {
  __asm__ volatile("int $0x80" : "+a"(number) : "b"(b), "c"(c) : "memory");
  return number;
}

static int main(long argc, char **argv, char **envp) {
  (void)argc, (void)argv, (void)envp;
  show("20 is getpid", int80(20, 0, 0) == call0(SYS_getpid));
  show("upper bits of the number", int80(0xffffffff00000014, 0, 0) == call0(SYS_getpid));
  show("upper bits of an argument", int80(57, 0x700000000, 0x700000000) == call2(109, 0, 0));
  show("unknown", int80(9999, 0, 0));
  return 0;
}

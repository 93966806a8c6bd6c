/* Inline assembly with operands in both dialects, numbered labels, and statements of several lines (no label 1: clang reads Intel's 1b as a binary number). */
#include "start.h"
NOINLINE static unsigned long add(unsigned long a, unsigned long b) { __asm__("add {%1, %0|%0, %1}" : "+r"(a) : "r"(b) : "cc"); return a; }
NOINLINE static int loop(int n) {
  int r;
  __asm__("xor %0, %0\n2:\tadd {$3, %0|%0, 3}\n\tdec %1\n\tjnz 2b\n\tjmp 3f\n\tud2\n3:" : "=&r"(r), "+r"(n) : : "cc");
  return r;
}
int body(void) {
  unsigned flags, leaf = 0;
  __asm__ volatile("cpuid" : "+a"(leaf), "=c"(flags) : : "ebx", "edx");
  return fold(add(40, 2) * (unsigned)loop(7));
}

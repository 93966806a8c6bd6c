/* Jump tables, nested conditions, pointers to functions, goto. */
#include "start.h"
NOINLINE static int dense(int x) {
  switch (x) { case 0: return 11; case 1: return 22; case 2: return 3; case 3: return 44; case 4: return 5; case 5: return 66; case 6: return 8; case 9: return 7; }
  return -1;
}
NOINLINE static int sparse(int x) {
  switch (x) { case -5: return 1; case 100: return 2; case 1000: case 1001: return 3; case 100000: return 4; default: return x > 50 ? 5 : 6; }
}
static int twice(int x) { return 2 * x; }
static int minus(int x) { return -x; }
static int (*const table[])(int) = {dense, sparse, twice, minus};
int body(void) {
  unsigned long r = 1;
  for (volatile int i = -6; i < 12; i++) r = r * 31 + (unsigned)dense(i) + (unsigned)sparse(i * 100) + (unsigned)table[i & 3](i);
  int n = 0;
again:
  r += n * 3u;
  if (++n < 5) goto again;
  return fold(r);
}

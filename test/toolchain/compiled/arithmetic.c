/* Integers of all widths, signed and not: extensions, division, shifts, rotations, carries. */
#include "start.h"
static unsigned char bytes[5] = {1, 200, 127, 128, 255};
static short shorts[4] = {-1, 32767, -32768, 12};
NOINLINE static long wide(signed char a, short b, int c, unsigned d) { return a * 3L + b - c + (long)d; }
NOINLINE static unsigned long divide(unsigned long a, unsigned b, int c) { return a / b + a % b + (unsigned long)(c / 7) + (unsigned)(c % 10); }
NOINLINE static unsigned rotate(unsigned x, int n) { return x << n | x >> (32 - n); }
NOINLINE static unsigned __int128 product(unsigned long a, unsigned long b) { return (unsigned __int128)a * b; }
int body(void) {
  unsigned long sum = 0;
  for (int i = 0; i < 5; i++) sum = sum * 31 + (unsigned long)wide((signed char)bytes[i], shorts[i & 3], i, bytes[i]);
  sum += divide(sum | 1, 13, (int)sum) + rotate((unsigned)sum, 7);
  unsigned __int128 p = product(sum, ~sum);
  return fold((unsigned long)(p >> 64) ^ (unsigned long)p);
}

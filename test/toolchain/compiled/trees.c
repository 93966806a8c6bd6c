/* Constant tables of 64-bit numbers, 8-byte compares, conditional moves, loops of both ends, early returns. */
#include "start.h"
static const unsigned long primes[] = {2, 3, 5, 7, 0x123456789abcdefUL, 0xffffffffffffffffUL, 0x8000000000000000UL};
NOINLINE static int search(const unsigned long *p, int n, unsigned long wanted) {
  int low = 0, high = n;
  while (low < high) { int m = (low + high) / 2; if (p[m] < wanted) low = m + 1; else high = m; }
  return low;
}
NOINLINE static long clamp(long x, long low, long high) { return x < low ? low : x > high ? high : x; }
NOINLINE static unsigned crc(const unsigned char *p, unsigned n) {
  unsigned c = ~0u;
  while (n--) { c ^= *p++; for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1; }
  return ~c;
}
int body(void) {
  unsigned long r = crc((const unsigned char *)primes, sizeof primes);
  for (int i = 0; i < 7; i++) r = r * 31 + (unsigned)search(primes, 5, primes[i] + 1) + (unsigned long)clamp((long)primes[i], -100, 1000);
  return fold(r);
}

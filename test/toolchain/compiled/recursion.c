/* Recursion, arrays on the stack of a length that only the run knows, many arguments, tail calls. */
#include "start.h"
NOINLINE static unsigned long ackermann(unsigned m, unsigned long n) {
  return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
NOINLINE static int sort(int n) {
  int a[n];
  for (int i = 0; i < n; i++) a[i] = (i * 7919) % 101;
  for (int i = 1; i < n; i++) for (int j = i; j > 0 && a[j - 1] > a[j]; j--) { int t = a[j]; a[j] = a[j - 1]; a[j - 1] = t; }
  return a[0] + 3 * a[n / 2] + 7 * a[n - 1];
}
NOINLINE static long many(int a, long b, short c, char d, int e, long f, int g, char h, long i, double x, float y) {
  return a + b * 2 + c * 3 + d * 5 + e * 7 + f * 11 + g * 13 + h * 17 + i * 19 + (long)(x * y);
}
NOINLINE static unsigned even(unsigned n);
NOINLINE static unsigned odd(unsigned n) { return n == 0 ? 0 : even(n - 1); }
static unsigned even(unsigned n) { return n == 0 ? 1 : odd(n - 1); }
int body(void) {
  return fold(ackermann(2, 5) * 31 + (unsigned)sort(40) + (unsigned long)many(1, -2, 3, -4, 5, -6, 7, -8, 9, 2.5, 4.0f) + even(10));
}

/* float, double and long double: constants, conversions, comparisons, the x87 stack. */
#include "start.h"
static float vector[4] = {1, 2.5f, -3, 4e10f};
static double constants[3] = {0.1, 1e300, -2.25};
static long double wide = 1.25L;
NOINLINE static double mix(double a, float b, int c, long d) { return a * b + 1.5 - c / 3.0 + (double)d; }
NOINLINE static int compare(double a, double b) { return a < b ? 1 : a > b ? 2 : a == b ? 3 : 4; }
NOINLINE static long double extend(long double x, int n) { return x * n + 0.5L; }
NOINLINE static float absolute(float x) { return __builtin_fabsf(x) + __builtin_copysignf(2.0f, x); }
int body(void) {
  unsigned long r = 0;
  for (int i = 0; i < 4; i++) r = r * 31 + (unsigned long)(long)mix(constants[i % 2 * 2], vector[i & 1], i, i * 1000L);
  r += (unsigned)compare(constants[0], 0.1) * 10u + (unsigned)compare(constants[1], constants[2]);
  r += (unsigned long)extend(wide, 7) + (unsigned long)absolute(vector[2]) + (unsigned long)vector[3];
  return fold(r);
}

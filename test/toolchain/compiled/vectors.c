/* Loops that compilers make SSE2 of, and vector types by name. */
#include "start.h"
typedef int four __attribute__((vector_size(16)));
static int numbers[64];
static float floats[64];
static unsigned char bytes[64];
NOINLINE static four mul(four a, four b) { return a * b + (four){1, 2, 3, 4}; }
NOINLINE static int sum(const int *p, int n) { int r = 0; for (int i = 0; i < n; i++) r += p[i]; return r; }
NOINLINE static void scale(float *p, int n, float f) { for (int i = 0; i < n; i++) p[i] = p[i] * f + 0.5f; }
NOINLINE static int most(const unsigned char *p, int n) { int r = 0; for (int i = 0; i < n; i++) if (p[i] > r) r = p[i]; return r; }
int body(void) {
  for (int i = 0; i < 64; i++) { numbers[i] = i * i - 7; floats[i] = (float)i; bytes[i] = (unsigned char)(i * 37); }
  scale(floats, 64, 1.5f);
  four v = mul((four){1, -2, 3, -4}, (four){5, 6, 7, 8});
  return fold((unsigned long)(sum(numbers, 64) + (int)floats[63] + most(bytes, 64) + v[0] + v[1] * 3 + v[3]));
}

/* Structures by value and by address, bit fields, unions, alignment, arrays of structures. */
#include "start.h"
struct point { int x, y; };
struct large { long a[6]; char tag; };
struct bits { unsigned a : 3, b : 7, c : 22; };
union word { unsigned u; unsigned char b[4]; };
static struct point points[3] = {{1, 2}, {3, -4}, {-5, 6}};
static struct large big = {{1, 2, 3, 4, 5, 6}, 'x'};
static __attribute__((aligned(64))) char lined[70];
/* clang asks for it. */
void *memcpy(void *to, const void *from, unsigned long n) { char *t = to; const char *f = from; while (n--) *t++ = *f++; return to; }
NOINLINE static struct point move(struct point p, int d) { p.x += d; p.y -= d; return p; }
NOINLINE static struct large copy(struct large l, int i) { l.a[i] *= 10; l.tag++; return l; }
NOINLINE static unsigned pack(struct bits b) { return b.a + b.b * 2u + b.c * 3u; }
int body(void) {
  unsigned long r = (unsigned long)lined & 63;
  for (int i = 0; i < 3; i++) { struct point p = move(points[i], i); r = r * 31 + (unsigned)(p.x * p.y); }
  big = copy(big, 2);
  for (int i = 0; i < 6; i++) r = r * 7 + (unsigned long)big.a[i];
  struct bits b = {5, 100, 12345};
  union word w = {.u = pack(b)};
  lined[w.b[1] % 70] = 1;
  for (int i = 0; i < 70; i++) r += (unsigned)(lined[i] * i);
  return fold(r + w.b[0] + (unsigned)big.tag);
}

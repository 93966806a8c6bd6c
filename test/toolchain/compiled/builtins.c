/* Bit counting, byte swaps, overflow checks, atomics, a memory fence. */
#include "start.h"
static volatile int counter = 5;
static unsigned long shared = 100;
NOINLINE static int counts(unsigned x, unsigned long y) { return __builtin_clz(x | 1) + __builtin_ctzl(y | 256) * 3 + __builtin_ffs((int)x); }
NOINLINE static int overflows(int a, int b, int *r) { return __builtin_add_overflow(a, b, r) + 2 * __builtin_mul_overflow(a, b, r); }
int body(void) {
  int r = 0, n = overflows(0x7fffffff, counter, &r);
  unsigned long old = __atomic_fetch_add(&shared, 7, __ATOMIC_SEQ_CST);
  unsigned long expected = 107;
  n += __atomic_compare_exchange_n(&shared, &expected, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
  n += (int)__atomic_exchange_n(&counter, 9, __ATOMIC_ACQ_REL) + __sync_lock_test_and_set(&counter, 3);
  __sync_synchronize();
  return fold((unsigned long)(n + r + counts(0x1234u, 0xff00ff00ul)) + old + __builtin_bswap32(0x11223344u) + __builtin_bswap64(shared) + (unsigned)counter);
}

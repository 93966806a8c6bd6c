/* Thread-local variables, with and without a value, one aligned, one of another object. */
extern __thread long other;
__thread int counter = 40;
static __thread char zeros[100];
static __thread int aligned __attribute__((aligned(128))) = 7;

int count(void) { return ++counter; }
int all_zero(void) {
  for (int i = 0; i < 100; i++)
    if (zeros[i]) return 0;
  zeros[99] = 1;
  return 1;
}
int is_aligned(void) { return aligned == 7 && ((unsigned long)&aligned & 127) == 0; }
int of_another(void) { return (int)other++; }

/* Compiled with -fstack-protector-all. */
int sum(int n) {
  volatile int all[4] = {1, 2, 3, n};
  return all[0] + all[1] + all[2] + all[3];
}
int smash(int n) {
  volatile char small[8];
  for (int i = 0; i < n; i++) small[i] = 0x41;
  return small[0];
}

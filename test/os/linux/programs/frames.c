/* Ends in a store to nowhere: by line 6, called at 13, that at 12 twice, that at 18 of main. */
#include "guest.h"

static volatile int sink;

__attribute__((noipa)) static void crash(volatile int *where) { *where = 1; sink++; }

__attribute__((noipa)) static int middle(int depth, volatile int *where) {
  int below = 0;
  volatile int room[40];
  room[depth] = depth;
  if (depth > 0) below = middle(depth - 1, where);
  else crash(where);
  return below + sink + room[depth];
}

__attribute__((noipa)) int main(long argc, char **argv, char **envp) {
  return middle(2, (volatile int *)(argc - 1)) + sink;
}

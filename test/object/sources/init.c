/* Functions that run before the first call: those with numbers first, the others in the order of the file. */
static int order[4], next;

__attribute__((constructor)) static void third(void) { order[next++] = 3; }
__attribute__((constructor)) static void fourth(void) { order[next++] = 4; }
__attribute__((constructor(200))) static void second(void) { order[next++] = 2; }
__attribute__((constructor(101))) static void first(void) { order[next++] = 1; }

int in_order(void) {
  int all = 0;
  for (int i = 0; i < next; i++) all = all * 10 + order[i];
  return all;
}

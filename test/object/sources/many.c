/* What a compiler needs relocations for: calls, data, constants, tables, common symbols, pointers to functions. */
extern int host_add(int a, int b);
static int counter = 40;
int shared[4];
const char *const names[] = {"zero", "one", "two"};
static int twice(int x) { return x * 2; }
static int thrice(int x) { return x * 3; }
int (*const operations[])(int) = {twice, thrice};

int add_through_host(int a, int b) { return host_add(a, b) + 1; }
int next(void) { return ++counter; }
int letter(int name, int index) { return names[name][index]; }
int apply(int operation, int x) { return operations[operation](x); }
int fill(int value) {
  for (int i = 0; i < 4; i++) shared[i] = value + i;
  return shared[0] + shared[3];
}
int choose(int x) {
  switch (x) {
    case 0: return 11;
    case 1: return 7;
    case 2: return 19;
    case 3: return twice(x) + counter;
    case 4: return 23;
    case 5: return 5;
    default: return -1;
  }
}
double half(int x) { return x * 0.5; }
int halved(int x) { return (int)half(x); }

/* An ordinary C program with its library: prints, allocates, reads files, handles a fault, exits. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static sigjmp_buf back;

static void handler(int number) { siglongjmp(back, number); }

static __thread int local = 5;

static int open_missing(void) { return fopen("/missing", "r") == 0; }

int main(int argc, char **argv) {
  printf("%d %s %s\n", argc, argv[argc - 1], getenv("A"));
  char *small = malloc(100), *large = malloc(1 << 20);
  memset(large, 'x', 1 << 20);
  strcpy(small, "allocated");
  printf("%s %c %.3f %d\n", small, large[1 << 19], 1 / 3.0, local);
  free(large);
  FILE *file = fopen("/tmp/mayexec-hello", "w+");
  fprintf(file, "line %d\n", 1);
  rewind(file);
  char line[100];
  printf("%s", fgets(line, sizeof line, file));
  fclose(file);
  remove("/tmp/mayexec-hello");
  printf("%d %s\n", open_missing(), strerror(errno));
  signal(SIGSEGV, handler);
  int caught = sigsetjmp(back, 1);
  if (!caught) *(volatile int *)16 = 1;
  printf("caught %d\n", caught);
  void *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(page, "\xb8\xe9\x03\x00\x00\xc3", 6);
  if (mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0) printf("f() = %d\n", ((int (*)(void))page)());
  printf("%d\n", time(0) > 1700000000);
  fprintf(stderr, "done\n");
  return 7;
}

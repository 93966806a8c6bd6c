/*
 * Runs sequences of memory calls on the kernel of this machine and prints what each one did.
 *   gcc -O1 -static -o judge judge.c && setarch -R ./judge < sequences
 * Input: "begin", a call per line (name and hex arguments), "end". Each sequence runs in a process of
 * its own, as an ordinary user. Output: a line per call with its result and the mappings of the window
 * around BASE: start+pages (relative, decimal), rights, page offset, what is mapped, [VmFlags].
 * Needs to be started as root, so that /proc/self/smaps stays readable after the change of user.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BASE 0x10000000UL
#define LOW (BASE - 0x400000UL)
#define HIGH (BASE + 0x400000UL)
#define PAGE 4096L

typedef unsigned long ulong_t;

struct call {
  char name[16];
  ulong_t a[6];
};

static struct call calls[256];
static int count;
/* 1, 2: two read-write descriptions of one memfd; 3: read-only; 4: /dev/zero; 5: write-only. */
static int fds[8];
static sigjmp_buf retry;
static volatile int sig, code;
static volatile ulong_t where;

static void on_fault(int number, siginfo_t *info, void *context) {
  (void)context;
  sig = number;
  code = info->si_code;
  where = (ulong_t)info->si_addr;
  siglongjmp(retry, 1);
}

static const char *kind(const char *name) {
  if (name[0] == 0) return "-";
  if (strstr(name, "hugepage")) return "hugetlb";
  if (strstr(name, "memfd")) return "memfd";
  if (strstr(name, "deleted")) return "shm";
  return strstr(name, "zero") ? "zero" : "other";
}

static void show(void) {
  FILE *file = fopen("/proc/self/smaps", "r");
  char line[512];
  int inside = 0;
  while (fgets(line, sizeof line, file)) {
    ulong_t start, end, offset, inode;
    char perms[8], device[16], name[256] = "";
    if (sscanf(line, "%lx-%lx %7s %lx %15s %lu %255[^\n]", &start, &end, perms, &offset, device,
               &inode, name) >= 6) {
      inside = start >= LOW && end <= HIGH;
      if (inside)
        printf(" | %ld+%ld %s %lx %s", ((long)start - (long)BASE) / PAGE,
               (long)(end - start) / PAGE, perms, offset >> 12, kind(name));
    } else if (inside && !strncmp(line, "VmFlags:", 8)) {
      line[strcspn(line, "\n") - 1] = 0;
      printf(" [%s]", line + 9);
    }
  }
  fclose(file);
}

static long touch(struct call *c, int store) {
  volatile unsigned char *byte = (void *)c->a[0];
  if (sigsetjmp(retry, 1)) {
    printf("fault=%d/%d@%lx ", sig, code, where - BASE);
    return 0;
  }
  if (store) *byte = c->a[1];
  else printf("byte=%02x ", *byte);
  return 0;
}

static long resident(ulong_t start, ulong_t length) {
  unsigned char vector[512];
  long result = syscall(SYS_mincore, start, length, vector);
  if (result) return result;
  printf("mincore=");
  for (ulong_t i = 0; i < (length + PAGE - 1) / PAGE; i++) printf("%d", vector[i] & 1);
  printf(" ");
  return 0;
}

/* The parent waits, the child goes on. */
static long go_on_in_child(void) {
  fflush(stdout);
  int child = fork();
  if (child == 0) return 0;
  int status;
  waitpid(child, &status, 0);
  _exit(0);
}

static long run(struct call *c) {
  ulong_t *a = c->a;
  if (!strcmp(c->name, "mmap"))
    return syscall(SYS_mmap, a[0], a[1], a[2], a[3] | (a[4] ? 0 : MAP_ANONYMOUS),
                   a[4] ? fds[a[4]] : -1, a[5]);
  if (!strcmp(c->name, "munmap")) return syscall(SYS_munmap, a[0], a[1]);
  if (!strcmp(c->name, "mprotect")) return syscall(SYS_mprotect, a[0], a[1], a[2]);
  if (!strcmp(c->name, "mremap")) return syscall(SYS_mremap, a[0], a[1], a[2], a[3], a[4]);
  if (!strcmp(c->name, "madvise")) return syscall(SYS_madvise, a[0], a[1], a[2]);
  if (!strcmp(c->name, "msync")) return syscall(SYS_msync, a[0], a[1], a[2]);
  if (!strcmp(c->name, "mlock")) return syscall(SYS_mlock, a[0], a[1]);
  if (!strcmp(c->name, "mlock2")) return syscall(SYS_mlock2, a[0], a[1], a[2]);
  if (!strcmp(c->name, "munlock")) return syscall(SYS_munlock, a[0], a[1]);
  if (!strcmp(c->name, "munlockall")) return syscall(SYS_munlockall);
  if (!strcmp(c->name, "mseal")) return syscall(462, a[0], a[1], a[2]);
  if (!strcmp(c->name, "rfp")) return syscall(SYS_remap_file_pages, a[0], a[1], a[2], a[3], a[4]);
  if (!strcmp(c->name, "mincore")) return resident(a[0], a[1]);
  if (!strcmp(c->name, "trunc")) return ftruncate(fds[1], a[0]);
  if (!strcmp(c->name, "pers")) return syscall(SYS_personality, a[0]) < 0 ? -1 : 0;
  if (!strcmp(c->name, "mdwe")) return prctl(65, a[0], 0, 0, 0);
  if (!strcmp(c->name, "fork")) return go_on_in_child();
  if (!strcmp(c->name, "read")) return touch(c, 0);
  if (!strcmp(c->name, "write")) return touch(c, 1);
  if (!strcmp(c->name, "brk")) {
    ulong_t before = syscall(SYS_brk, 0);
    return (long)(syscall(SYS_brk, before + a[0]) - before);
  }
  fprintf(stderr, "unknown call %s\n", c->name);
  exit(2);
}

static void prepare(void) {
  stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
  sigaltstack(&stack, 0);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGBUS, &action, 0);
  fds[1] = memfd_create("m", 0);
  if (ftruncate(fds[1], 8 * PAGE)) exit(3);
  for (int i = 0; i < 8; i++) {
    char byte = 0x40 + i;
    if (pwrite(fds[1], &byte, 1, i * PAGE) != 1) exit(3);
  }
  char path[64];
  sprintf(path, "/proc/self/fd/%d", fds[1]);
  fds[2] = open(path, O_RDWR);
  fds[3] = open(path, O_RDONLY);
  fds[4] = open("/dev/zero", O_RDWR);
  fds[5] = open(path, O_WRONLY);
  if (setresuid(65534, 65534, 65534)) exit(3);
  prctl(PR_SET_DUMPABLE, 1);
}

static void sequence(void) {
  prepare();
  for (int i = 0; i < count; i++) {
    printf("%d: ", i);
    errno = 0;
    long result = run(&calls[i]);
    if (result == -1 && errno) printf("-%s", strerrorname_np(errno));
    else if ((ulong_t)result >= LOW && (ulong_t)result < HIGH)
      printf("@%ld", (result - (long)BASE) / PAGE);
    else if ((ulong_t)result > 0x400000000UL) printf("@else");
    else printf("%ld", result);
    show();
    printf("\n");
    fflush(stdout);
  }
}

int main(void) {
  char line[512];
  int number = 0;
  while (fgets(line, sizeof line, stdin)) {
    if (!strncmp(line, "begin", 5)) {
      count = 0;
    } else if (!strncmp(line, "end", 3)) {
      printf("# %d\n", number++);
      fflush(stdout);
      int child = fork();
      if (child == 0) {
        sequence();
        _exit(0);
      }
      int status;
      waitpid(child, &status, 0);
      if (status) printf("status %x\n", status);
      fflush(stdout);
    } else {
      struct call *c = &calls[count++];
      memset(c, 0, sizeof *c);
      sscanf(line, "%15s %lx %lx %lx %lx %lx %lx", c->name, &c->a[0], &c->a[1], &c->a[2],
             &c->a[3], &c->a[4], &c->a[5]);
    }
  }
}

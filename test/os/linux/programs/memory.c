/* What /proc/self/smaps and status say of memory: whole entries of known mappings, names and order of the Vm lines. */
#include "guest.h"

#define SYS_madvise NR(28, 219)
#define SYS_mlock NR(149, 150)
#define SYS_munlock NR(150, 151)
#define SYS_memfd_create NR(319, 356)
#define SYS_ftruncate NR(77, 93)
#define SYS_mremap NR(25, 163)
#define SYS_prctl NR(157, 172)
#define PR_SET_THP_DISABLE 41
#define SYS_fork NR(57, 2)
#define SYS_wait4 NR(61, 114)
#define PAGE 4096ul

static char text[200000];

static void load(const char *path) {
  long fd = call2(SYS_open, path, 0);
  ulong length = 0;
  for (long got; (got = call3(SYS_read, fd, text + length, sizeof text - 1 - length)) > 0;) length += got;
  text[length] = 0;
  call1(SYS_close, fd);
}

static int begins(const char *line, const char *with) {
  while (*with && *line == *with) line++, with++;
  return *with == 0;
}

/* The lines of the entry that begins at `start`, but for the first one. Pss depends on other processes. */
static void entry(const char *what, ulong start) {
  put("-- "), put(what), put("\n");
  load("/proc/self/smaps");
  int inside = 0;
  for (char *line = text; *line;) {
    char *end = line;
    while (*end != '\n') end++;
    *end = 0;
    int header = (*line >= '0' && *line <= '9') || (*line >= 'a' && *line <= 'f');
    if (header) {
      ulong first = 0;
      for (char *at = line; *at != '-'; at++) first = first * 16 + (*at <= '9' ? *at - '0' : *at - 'a' + 10);
      inside = first == start;
    } else if (inside && !begins(line, "THPeligible") && !begins(line, "ProtectionKey")) {
      put(line), put("\n");
    }
    line = end + 1;
  }
}

static void memory_lines(void) {
  load("/proc/self/status");
  for (char *line = text; *line;) {
    char *end = line;
    while (*end != '\n') end++;
    *end = 0;
    int fixed = begins(line, "VmPin") || begins(line, "VmLck") || begins(line, "VmSwap") ||
                begins(line, "HugetlbPages") || begins(line, "CoreDumping") || begins(line, "VmExe") ||
                begins(line, "NoNewPrivs") || begins(line, "Seccomp:") || begins(line, "Threads");
    if (begins(line, "Vm") || begins(line, "Rss") || fixed) {
      char *at = line;
      while (*at != ':') at++;
      if (!fixed) at[1] = 0;
      put(line), put("\n");
    }
    line = end + 1;
  }
}

static ulong field(const char *name) {
  load("/proc/self/status");
  char *line = text;
  while (!begins(line, name)) line++;
  while (*line < '0' || *line > '9') line++;
  ulong value = 0;
  for (; *line >= '0' && *line <= '9'; line++) value = value * 10 + *line - '0';
  return value;
}

static ulong map(long fd, long prot, long flags) { return call6(SYS_mmap, 0, 8 * PAGE, prot, flags, fd, 0); }

static int main(long argc, char **argv, char **envp) {
  (void)argc, (void)argv, (void)envp;
  call5(SYS_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0);
  memory_lines();
  ulong size = field("VmSize"), data = field("VmData");
  ulong at = call6(SYS_mmap, 0, 1 << 20, 3, 0x22, -1, 0);
  show("VmSize grew", field("VmSize") - size);
  show("VmData grew", field("VmData") - data);
  show("VmPeak", field("VmPeak") >= size + 1024);
  call2(SYS_munmap, at, 1 << 20);
  show("VmSize", field("VmSize") == size);
  show("VmPeak stays", field("VmPeak") >= size + 1024);
  at = call6(SYS_mmap, 0, 4 << 20, 3, 0x22, -1, 0);
  ulong peak = field("VmPeak");
  show("VmPeak is the size", field("VmSize") == peak);
  ulong moved = call5(SYS_mremap, at, 4 << 20, 5 << 20, 1, 0);
  show("moving counts once", field("VmPeak") - peak);
  for (ulong i = 0; i < 1024; i++) *(volatile char *)(moved + i * PAGE) = 1;
  ulong resident = field("VmRSS");
  call3(SYS_madvise, moved, 5 << 20, 4);
  /* The kernel counts resident pages per CPU, and so the peak only roughly. */
  show("VmHWM stays", field("VmHWM") >= resident - 1024 && field("VmRSS") < resident - 2048);
  call2(SYS_munmap, moved, 5 << 20);
  peak = field("VmPeak");
  if (call0(SYS_fork) == 0) {
    show("a child has peaks of its own", field("VmPeak") == field("VmSize") && field("VmPeak") < peak);
    call1(SYS_exit, 0);
  }
  call4(SYS_wait4, -1, 0, 0, 0);

  at = map(-1, 3, 0x22);
  call6(SYS_mmap, at + 7 * PAGE, PAGE, 0, 0x32, -1, 0);
  entry("untouched", at);
  *(volatile char *)at = 1, *(volatile char *)(at + PAGE) = 1;
  entry("two pages written", at);
  (void)*(volatile char *)(at + 2 * PAGE);
  entry("one read", at);
  call2(SYS_mlock, at, 7 * PAGE);
  entry("locked", at);
  show("VmLck", field("VmLck"));
  call2(SYS_munlock, at, 7 * PAGE);
  call3(SYS_madvise, at, PAGE, 4);
  entry("one given back", at);
  long fd = call2(SYS_memfd_create, "m", 0);
  call2(SYS_ftruncate, fd, 8 * PAGE);
  ulong shared = map(fd, 3, 1);
  *(volatile char *)shared = 1;
  entry("shared memfd, one page written", shared);
  ulong copy = map(fd, 3, 2);
  *(volatile char *)copy = 2;
  entry("private memfd, one page written", copy);
  call3(SYS_mprotect, copy, 8 * PAGE, 5);
  entry("executable", copy);
  return 0;
}

/* Resource limits where they take effect: address space, data, stack, locked memory, file size, descriptors. */
#include "guest.h"

#define SYS_ftruncate NR(77, 93)
#define SYS_dup NR(32, 41)
#define SYS_mlock NR(149, 150)
#define SYS_mremap NR(25, 163)
#define SYS_prlimit64 NR(302, 340)
#define SYS_setrlimit NR(160, 75)
#define SYS_getrlimit NR(97, 191)
#define SYS_unlink NR(87, 10)
#define SYS_memfd_create NR(319, 356)
#define SYS_fallocate NR(285, 324)
#define SYS_pwrite64 NR(18, 181)

#define LIMIT_FSIZE 1
#define LIMIT_DATA 2
#define LIMIT_STACK 3
#define LIMIT_NOFILE 7
#define LIMIT_MEMLOCK 8
#define LIMIT_AS 9
#define PAGE 4096l

static volatile int signals;
static char block[3 * PAGE] __attribute__((aligned(4096)));

static void on_signal(int number) { signals += number; }

#ifdef __x86_64__
__asm__("restore: mov $15, %eax\n syscall\n");
#else
__asm__("restore: mov $173, %eax\n int $0x80\n");
#endif
extern void restore(void);

static void catch(int number) {
#ifdef __x86_64__
  ulong action[4] = {(ulong)on_signal, 0x04000000, (ulong)restore, 0};
#else
  /* Arguments are in registers or on the stack; with SA_SIGINFO the frame is that of rt_sigreturn. */
  ulong action[5] = {(ulong)on_signal, 0x04000004, (ulong)restore, 0, 0};
#endif
  call4(SYS_rt_sigaction, number, action, 0, 8);
}

/* The old soft limit. */
static unsigned long long limit(int resource, unsigned long long soft) {
  unsigned long long old[2], new[2];
  call4(SYS_prlimit64, 0, resource, 0, old);
  new[0] = soft, new[1] = old[1];
  show("set", call4(SYS_prlimit64, 0, resource, new, 0));
  return old[0];
}

static long map(long length, long prot, long flags) {
  ulong at = call6(SYS_mmap, 0, length, prot, flags, -1, 0);
  return at > -4096ul ? (long)at : 0;
}

static void memory(void) {
  ulong start = call1(SYS_brk, 0);
  unsigned long long old = limit(LIMIT_AS, 16 << 20);
  show("AS: below", map(8 << 20, 0, 0x22));
  show("AS: above", map(8 << 20, 0, 0x22));
  show("AS: brk", (ulong)call1(SYS_brk, start + (16 << 20)) == start);
  limit(LIMIT_AS, old);
  old = limit(LIMIT_DATA, 4 << 20);
  show("DATA: writable", map(8 << 20, 3, 0x22));
  show("DATA: only readable", map(8 << 20, 1, 0x22));
  show("DATA: shared", map(8 << 20, 3, 0x21));
  show("DATA: brk", (ulong)call1(SYS_brk, start + (8 << 20)) == start);
  ulong at = call6(SYS_mmap, 0, 8 << 20, 1, 0x22, -1, 0);
  show("DATA: mprotect", call3(SYS_mprotect, at, 8 << 20, 3));
  limit(LIMIT_DATA, old);
  old = limit(LIMIT_MEMLOCK, 2 * PAGE);
  show("MEMLOCK: within", call2(SYS_mlock, block, PAGE));
  show("MEMLOCK: above", call2(SYS_mlock, block, 3 * PAGE));
  show("MEMLOCK: MAP_LOCKED", map(4 * PAGE, 3, 0x2022));
  limit(LIMIT_MEMLOCK, 0);
  show("MEMLOCK 0", call2(SYS_mlock, block, PAGE));
  show("MEMLOCK 0: MAP_LOCKED", map(PAGE, 3, 0x2022));
}

static void files(void) {
  catch(25);
  long fd = call2(SYS_memfd_create, "m", 0);
  unsigned long long old = limit(LIMIT_FSIZE, PAGE + 10);
  show("FSIZE: across", call3(SYS_write, fd, block, 2 * PAGE));
  show("FSIZE: at the end", call3(SYS_write, fd, block, 1));
  show("FSIZE: nothing at the end", call3(SYS_write, fd, block, 0));
  show("FSIZE: far behind", call6(SYS_pwrite64, fd, (long)block, 1, 3 * PAGE, 0, 0));
  show("signals", signals);
  show("FSIZE: truncate to it", call2(SYS_ftruncate, fd, PAGE + 10));
  show("FSIZE: truncate further", call2(SYS_ftruncate, fd, PAGE + 11));
  show("signals", signals);
  show("FSIZE: shorter", call2(SYS_ftruncate, fd, 1));
  show("signals", signals);
  limit(LIMIT_FSIZE, 5);
  show("FSIZE: below the size, truncate between", call2(SYS_ftruncate, fd, 6));
  show("signals", signals);
  limit(LIMIT_FSIZE, old);
  old = limit(LIMIT_NOFILE, 5);
  long one = call1(SYS_dup, 1);
  show("NOFILE: last", one);
  show("NOFILE: none", call1(SYS_dup, 1));
  show("NOFILE: open", call2(SYS_open, "/dev/null", 0));
  limit(LIMIT_NOFILE, 0);
  show("NOFILE 0: what is open stays", call3(SYS_write, 1, "", 0));
  limit(LIMIT_NOFILE, old);
}

static void arguments(void) {
  unsigned long long both[2] = {5, 4};
  show("soft above hard", call4(SYS_prlimit64, 0, LIMIT_AS, both, 0));
  show("unknown", call4(SYS_prlimit64, 0, 16, both, 0));
  show("unknown, bad pointer", call4(SYS_prlimit64, 0, 16, 8, 0));
  show("bad pointer", call4(SYS_prlimit64, 0, LIMIT_AS, 8, 0));
  show("bad old", call4(SYS_prlimit64, 0, LIMIT_AS, 0, 8));
  show("nobody", call4(SYS_prlimit64, 0x3fffffff, LIMIT_AS, 0, both));
  show("getrlimit unknown", call2(SYS_getrlimit, 16, both));
  show("setrlimit unknown, bad pointer", call2(SYS_setrlimit, 16, 8));
  both[0] = 1 << 20, both[1] = 1 << 20;
  show("lower both", call4(SYS_prlimit64, 0, LIMIT_STACK, both, 0));
  both[1]++;
  show("raise the hard one", call4(SYS_prlimit64, 0, LIMIT_STACK, both, 0));
}

/* Ends in SIGSEGV: a page 1 MiB below the stack's top is below its limit now. */
static void stack(ulong sp) {
  *(volatile char *)(sp - (900 << 10)) = 1;
  put("900 KiB are there\n");
  *(volatile char *)(sp - (1100 << 10)) = 1;
  put("so are 1100\n");
}

static int main(long argc, char **argv, char **envp) {
  (void)argc, (void)envp;
  memory();
  files();
  arguments();
  stack((ulong)argv);
  return 0;
}

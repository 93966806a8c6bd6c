/* The process: its first stack and registers, what calls preserve, prctl, limits, clocks, thread areas. */
#include "guest.h"

#define SYS_nanosleep NR(35, 162)
#define SYS_uname NR(63, 122)
#define SYS_getrlimit NR(97, 191)
#define SYS_personality NR(135, 136)
#define SYS_prctl NR(157, 172)
#define SYS_arch_prctl NR(158, 384)
#define SYS_setrlimit NR(160, 75)
#define SYS_futex NR(202, 240)
#define SYS_sched_getaffinity NR(204, 242)
#define SYS_set_thread_area NR(205, 243)
#define SYS_get_thread_area NR(211, 244)
#define SYS_set_tid_address NR(218, 258)
#define SYS_clock_gettime NR(228, 265)
#define SYS_set_robust_list NR(273, 311)
#define SYS_get_robust_list NR(274, 312)
#define SYS_prlimit64 NR(302, 340)
#define SYS_getrandom NR(318, 355)
#define SYS_exit_group NR(231, 252)

static char buffer[512];

static int equal(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

static ulong value_of(ulong *vector, ulong type) {
  for (; vector[0]; vector += 2)
    if (vector[0] == type) return vector[1];
  return -1ul;
}

static void first_stack(long argc, char **argv, char **envp) {
  show("argc", argc);
  show("aligned", (long)((ulong)(argv - 1) & 15));
  show("argv ends", argv[argc] == 0);
  show("envp follows", envp == argv + argc + 1);
  ulong *vector = (ulong *)envp;
  while (*vector++) {}
  show("AT_PAGESZ", (long)value_of(vector, 6));
  show("AT_PHENT", (long)value_of(vector, 4));
  show("AT_PHNUM > 1", value_of(vector, 5) > 1);
  u32 *headers = (u32 *)value_of(vector, 3);
  show("headers begin after the ELF header", ((ulong)headers & 4095) == NR(64, 52));
  show("AT_BASE", (long)value_of(vector, 7));
  show("AT_FLAGS", (long)value_of(vector, 8));
  show("AT_UID", (long)value_of(vector, 11));
  show("AT_EGID", (long)value_of(vector, 14));
  show("AT_SECURE", (long)value_of(vector, 23));
  show("AT_CLKTCK", (long)value_of(vector, 17));
  show("AT_EXECFN is above the strings", (char *)value_of(vector, 31) > argv[0]);
  show("AT_EXECFN", equal((char *)value_of(vector, 31), argv[0]));
  char *platform = (char *)value_of(vector, 15);
  put(platform), put("\n");
  u8 *random = (u8 *)value_of(vector, 25);
  ulong any = 0;
  for (int i = 0; i < 16; i++) any |= random[i];
  show("AT_RANDOM", any != 0);
  show("strings in order", argc < 2 || argv[1] > argv[0]);
}

static void registers(void) {
#ifdef __x86_64__
  ulong cx = 1, r11 = 2, r8 = 3, r9 = 4, r10 = 5, dx = 6, si = 7, di = 8, flags;
  __asm__ volatile("mov $3, %%r8\n mov $4, %%r9\n mov $5, %%r10\n mov $6, %%rdx\n mov $7, %%rsi\n mov $8, %%rdi\n"
                   "mov $39, %%eax\n stc\n syscall\n pushfq\n pop %[flags]\n here: mov %%r8, %[r8]\n mov %%r9, %[r9]\n"
                   "mov %%r10, %[r10]\n"
                   : "+c"(cx), [r8] "=m"(r8), [r9] "=m"(r9), [r10] "=m"(r10), "=d"(dx), "=S"(si), "=D"(di), [flags] "=m"(flags)
                   : : "rax", "r8", "r9", "r10", "r11", "memory");
  (void)r11;
  extern char here[];
  show("rcx is the next instruction", (long)((ulong)here - cx) < 16);
  show("kept", r8 == 3 && r9 == 4 && r10 == 5 && dx == 6 && si == 7 && di == 8);
  show("carry kept", (long)(flags & 1));
  long result;
  __asm__ volatile("mov $0xffffffff00000027, %%rax\n syscall" : "=a"(result) : : "rcx", "r11", "memory");
  show("the number has 32 bits", result == call0(SYS_getpid));
  __asm__ volatile("mov $0x40000027, %%eax\n syscall" : "=a"(result) : : "rcx", "r11", "memory");
  show("x32", result);
#endif
  show("unknown", call0(9999));
  show("negative", call0(-5));
}

static void names(void) {
  show("set", call2(SYS_prctl, 15, "a long name for a task"));
  show("get", call2(SYS_prctl, 16, buffer));
  put(buffer), put("\n");
  show("bad set", call2(SYS_prctl, 15, 16));
  show("bad get", call2(SYS_prctl, 16, 16));
  show("unknown option", call2(SYS_prctl, 12345, 0));
  show("dumpable", call2(SYS_prctl, 3, 0));
  show("dumpable 7", call2(SYS_prctl, 4, 7));
  show("no new privileges 0", call5(SYS_prctl, 38, 0, 0, 0, 0));
  show("no new privileges", call5(SYS_prctl, 39, 0, 0, 0, 0));
  show("no new privileges 1", call5(SYS_prctl, 38, 1, 0, 0, 0));
  show("no new privileges", call5(SYS_prctl, 39, 0, 0, 0, 0));
  show("uname", call1(SYS_uname, buffer));
  put(buffer), put("\n");
  show("bad uname", call1(SYS_uname, 16));
  show("personality", call1(SYS_personality, 0xffffffff));
  show("set", call1(SYS_personality, 0x0040000));
  show("personality", call1(SYS_personality, 0xffffffff));
  call1(SYS_personality, 0);
}

static void limits(void) {
  ulong limit[2];
  u32 wide[4];
  show("bad resource", call2(SYS_getrlimit, 99, limit));
  show("bad pointer", call2(SYS_getrlimit, 3, 16));
  show("stack", call2(SYS_getrlimit, 3, limit));
  show("files", call2(SYS_getrlimit, 7, limit));
  limit[0] = 20;
  limit[1] = 10;
  show("upside down", call2(SYS_setrlimit, 7, limit));
  show("prlimit", call4(SYS_prlimit64, 0, 7, 0, wide));
  show("prlimit of nobody", call4(SYS_prlimit64, 999999, 7, 0, wide));
  show("prlimit bad", call4(SYS_prlimit64, 0, 99, 0, wide));
  show("prlimit bad pointer", call4(SYS_prlimit64, 0, 7, 16, 0));
  limit[0] = 5;
  limit[1] = 64;
  show("lower", call2(SYS_setrlimit, 7, limit));
  limit[1] = 65;
  show("raise", call2(SYS_setrlimit, 7, limit));
  long last = 0;
  for (int i = 0; i < 8; i++) last = call3(SYS_open, "/dev/null", 0, 0);
  show("too many files", last);
}

static void time(void) {
  ulong request[2] = {0, 1000};
  show("sleep", call2(SYS_nanosleep, request, 0));
  request[1] = 1000000000;
  show("sleep too much", call2(SYS_nanosleep, request, 0));
  request[0] = -1;
  request[1] = 0;
  show("sleep negative", call2(SYS_nanosleep, request, 0));
  show("sleep nowhere", call2(SYS_nanosleep, 16, 0));
  show("clock", call2(SYS_clock_gettime, 1, request));
  show("no clock", call2(SYS_clock_gettime, 99, request));
  show("clock nowhere", call2(SYS_clock_gettime, 1, 16));
  show("random", call3(SYS_getrandom, buffer, 16, 0));
  show("random flags", call3(SYS_getrandom, buffer, 16, 8));
  show("random both", call3(SYS_getrandom, buffer, 16, 6));
  show("random nowhere", call3(SYS_getrandom, 16, 16, 0));
  show("random nothing", call3(SYS_getrandom, 16, 0, 0));
}

static void threads(void) {
  u32 word = 5;
  show("tid", call1(SYS_set_tid_address, &word) == call0(SYS_getpid));
  show("robust", call2(SYS_set_robust_list, buffer, 3 * sizeof(long)));
  show("robust size", call2(SYS_set_robust_list, buffer, 7));
  void *head = 0;
  ulong length = 0;
  show("robust list", call3(SYS_get_robust_list, 0, &head, &length));
  show("robust head", head == (void *)buffer && length == 3 * sizeof(long));
  show("robust of nobody", call3(SYS_get_robust_list, 0x3ffff000, &head, &length));
  length = 0;
  show("robust nowhere", call3(SYS_get_robust_list, 0, 8, &length));
  show("robust length first", length == 3 * sizeof(long));
  show("wake", call3(SYS_futex, &word, 1, 1));
  show("wait for another value", call4(SYS_futex, &word, 0, 6, 0));
  ulong soon[2] = {0, 1};
  show("wait for a while", call4(SYS_futex, &word, 0, 5, soon));
  show("futex nowhere", call4(SYS_futex, 16, 0, 5, 0));
  show("futex askew", call4(SYS_futex, (char *)&word + 1, 0, 5, 0));
  show("affinity size", call3(SYS_sched_getaffinity, 0, 3, buffer));
  show("affinity of nobody", call3(SYS_sched_getaffinity, 999999, 128, buffer));
#ifdef __x86_64__
  ulong base;
  show("set fs", call2(SYS_arch_prctl, 0x1002, buffer));
  show("get fs", call2(SYS_arch_prctl, 0x1003, &base));
  show("same", base == (ulong)buffer);
  show("set fs too high", call2(SYS_arch_prctl, 0x1002, 1ul << 63));
  show("set gs", call2(SYS_arch_prctl, 0x1001, buffer + 8));
  buffer[8] = 7;
  u8 byte;
  __asm__ volatile("movb %%gs:0, %0" : "=q"(byte));
  show("through gs", byte);
  show("get nowhere", call2(SYS_arch_prctl, 0x1003, 16));
  show("no code", call2(SYS_arch_prctl, 0x9999, 0));
  show("set_thread_area", call1(SYS_set_thread_area, buffer));
#else
  struct { u32 entry, base, limit, flags; } area = {-1, (u32)buffer, 0xfffff, 0x51};
  show("set_thread_area", call1(SYS_set_thread_area, &area));
  show("entry", area.entry);
  buffer[0] = 9;
  u8 byte;
  __asm__ volatile("push %%gs\n mov %1, %%gs\n movb %%gs:0, %0\n pop %%gs" : "=&q"(byte) : "r"(area.entry * 8 + 3));
  show("through gs", byte);
  u32 entry = area.entry;
  area.base = area.limit = area.flags = 0;
  show("get_thread_area", call1(SYS_get_thread_area, &area));
  show("base", area.base == (u32)buffer);
  show("limit", area.limit);
  show("flags", area.flags);
  area.entry = 5;
  show("get no area", call1(SYS_get_thread_area, &area));
  area.entry = -1;
  show("set second", call1(SYS_set_thread_area, &area));
  area.entry = -1;
  show("set third", call1(SYS_set_thread_area, &area));
  area.entry = -1;
  show("set fourth", call1(SYS_set_thread_area, &area));
  area.entry = 11;
  show("set outside", call1(SYS_set_thread_area, &area));
  area.entry = entry;
  area.flags = 0;
  show("16-bit", call1(SYS_set_thread_area, &area));
  area.base = area.limit = 0;
  area.flags = 0x28;
  show("empty", call1(SYS_set_thread_area, &area));
  show("set nowhere", call1(SYS_set_thread_area, 16));
  show("arch_prctl", call2(SYS_arch_prctl, 0x1002, buffer));
#endif
}

static int main(long argc, char **argv, char **envp) {
  first_stack(argc, argv, envp);
  registers();
  names();
  time();
  threads();
  limits();
  call1(SYS_exit_group, 0x1234);
  return 0;
}

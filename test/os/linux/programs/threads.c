/* Threads: clone's flags, what is shared and what is not, futexes, signals, the end of one and of all, exec by one. */
#include "guest.h"

#define SYS_clone NR(56, 120)
#define SYS_clone3 435
#define SYS_fork NR(57, 2)
#define SYS_wait4 NR(61, 114)
#define SYS_execve NR(59, 11)
#define SYS_gettid NR(186, 224)
#define SYS_tkill NR(200, 238)
#define SYS_futex NR(202, 240)
#define SYS_sched_yield NR(24, 158)
#define SYS_exit_group NR(231, 252)
#define SYS_set_tid_address NR(218, 258)
#define SYS_set_robust_list NR(273, 311)
#define SYS_rt_sigpending NR(127, 176)
#define SYS_nanosleep NR(35, 162)
#define SYS_getdents64 NR(217, 220)
#define SYS_set_thread_area NR(205, 243)

#define CLONE_VM 0x100
#define CLONE_FS 0x200
#define CLONE_FILES 0x400
#define CLONE_SIGHAND 0x800
#define CLONE_THREAD 0x10000
#define CLONE_SYSVSEM 0x40000
#define CLONE_SETTLS 0x80000
#define CLONE_PARENT_SETTID 0x100000
#define CLONE_CHILD_CLEARTID 0x200000
#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

#define WAIT 0
#define WAKE 1
#define REQUEUE 3
#define CMP_REQUEUE 4
#define WAKE_OP 5
#define WAIT_BITSET 9
#define WAKE_BITSET 10
#define PRIVATE 128

static long futex(volatile int *word, int op, int value, void *time, volatile int *second, int third) {
  return call6(SYS_futex, (long)word, op, value, (long)time, (long)second, third);
}

/* Of the start code below: what the thread calls, on the top of its stack. */
#ifdef __x86_64__
__asm__(".globl spawn_with\nspawn_with: mov $56, %eax\n mov %rcx, %r10\n syscall\n test %rax, %rax\n jnz 1f\n"
        " xor %ebp, %ebp\n pop %rdi\n pop %rax\n call *%rax\n xor %edi, %edi\n mov $60, %eax\n syscall\n1: ret\n");
long spawn_with(long flags, void *stack, int *parent, volatile int *child, long tls);
#else
__asm__(".globl spawn_with\nspawn_with: push %ebx\n push %esi\n push %edi\n mov 16(%esp), %ebx\n mov 20(%esp), %ecx\n mov 24(%esp), %edx\n"
        " mov 28(%esp), %edi\n mov 32(%esp), %esi\n mov $120, %eax\n int $0x80\n test %eax, %eax\n jnz 1f\n"
        " xor %ebp, %ebp\n pop %edx\n pop %eax\n push %edx\n call *%eax\n xor %ebx, %ebx\n mov $1, %eax\n int $0x80\n"
        "1: pop %edi\n pop %esi\n pop %ebx\n ret\n");
long spawn_with(long flags, void *stack, int *parent, volatile int *child, long tls);
#endif

static long stacks[8][2048] __attribute__((aligned(16)));
static volatile int alive[8];
static int ids[8];

static long spawn(int slot, void (*work)(long)) {
  long *top = &stacks[slot][2040];
  top[0] = slot;
  top[1] = (long)work;
  alive[slot] = 1;
  return spawn_with(THREAD, top, &ids[slot], &alive[slot], 0);
}

static void join(int slot) {
  int now;
  while ((now = alive[slot]) != 0) futex(&alive[slot], WAIT, now, 0, 0, 0);
}

static void rest(long microseconds) {
  long time[2] = {0, microseconds * 1000};
  call2(SYS_nanosleep, time, 0);
}

static volatile int word, other, turn;
/* What each thread saw, for the first one to print. */
static volatile long seen[8];

static void flags(void) {
  put("-- flags\n");
  show("CLONE_THREAD without CLONE_SIGHAND", call5(SYS_clone, CLONE_THREAD | CLONE_VM, 0, 0, 0, 0));
  show("CLONE_SIGHAND without CLONE_VM", call5(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0));
#ifdef __x86_64__
  ulong args[11] = {THREAD, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0};
  show("clone3 with a signal for a thread", call2(SYS_clone3, args, 88));
  args[4] = 0, args[5] = 4096;
  show("clone3 with a stack without a size", call2(SYS_clone3, args, 88));
  show("clone3 of another size", call2(SYS_clone3, args, 56));
  show("clone3 of a size too large", call2(SYS_clone3, args, 5000));
  show("clone3 that cannot be read", call2(SYS_clone3, 8, 88));
  args[5] = 0, args[0] = 0x200000000000;
  show("clone3 with an unknown flag", call2(SYS_clone3, args, 88));
#endif
}

static void identity(long slot) {
  seen[0] = call2(SYS_set_tid_address, &alive[slot], 0);
  seen[1] = call0(SYS_gettid);
  seen[2] = call0(SYS_getpid);
  word = 7;
  /* A descriptor that all have. */
  call1(SYS_close, 0);
}

static void one(void) {
  put("-- one thread\n");
  show("its number", spawn(0, identity) == ids[0]);
  join(0);
  show("own number", seen[0] == ids[0] && seen[1] == ids[0]);
  show("same process", seen[2] == call0(SYS_getpid));
  show("memory is shared", word);
  u8 byte;
  show("descriptors are", call3(SYS_read, 0, &byte, 1));
  /* Its word is cleared a moment before its number is free. */
  for (int i = 0; i < 1000 && call3(SYS_tgkill, call0(SYS_getpid), ids[0], 0) == 0; i++) rest(1000);
  show("it is gone", call3(SYS_tgkill, call0(SYS_getpid), ids[0], 0));
}

static void waiter(long slot) {
  seen[slot] = futex(&word, WAIT | PRIVATE, 0, 0, 0, 0);
}

/* Until so many sleep on a word, by moving them from it to itself. */
static void settle(volatile int *on, int count) {
  while (futex(on, REQUEUE | PRIVATE, 0, (void *)100, on, 0) < count) rest(1000);
}

static void wake(void) {
  put("-- wait and wake\n");
  long soon[2] = {0, 1000000};
  long bad[2] = {0, 1000000000};
  word = 0;
  show("another value", futex(&word, WAIT, 1, 0, 0, 0));
  show("timeout", futex(&word, WAIT, 0, soon, 0, 0));
  show("no time", futex(&word, WAIT, 0, bad, 0, 0));
  show("crooked", futex((int *)((long)&word + 1), WAIT, 0, 0, 0, 0));
  show("nowhere", futex((int *)8, WAIT, 0, 0, 0, 0));
  show("nobody", futex(&word, WAKE, 1, 0, 0, 0));
  show("no bits", futex(&word, WAIT_BITSET, 0, 0, 0, 0));
  show("wake no bits", futex(&word, WAKE_BITSET, 1, 0, 0, 0));
  show("realtime with plain wait", futex(&word, WAIT | 256, 0, 0, 0, 0));
  show("unknown", futex(&word, 99, 0, 0, 0, 0));
  for (int i = 0; i < 3; i++) spawn(i, waiter);
  settle(&word, 3);
  show("two of three", futex(&word, WAKE | PRIVATE, 2, 0, 0, 0));
  show("the third", futex(&word, WAKE | PRIVATE, 5, 0, 0, 0));
  for (int i = 0; i < 3; i++) join(i);
  show("woken", seen[0] | seen[1] | seen[2]);
}

static void bits(long slot) {
  futex(&word, WAIT_BITSET | PRIVATE, 0, 0, 0, 1 << slot);
}

static void selective(void) {
  put("-- bits, requeue, wake_op\n");
  word = 0, other = 0;
  for (int i = 0; i < 3; i++) spawn(i, bits);
  settle(&word, 3);
  show("one by its bit", futex(&word, WAKE_BITSET | PRIVATE, 9, 0, 0, 2));
  join(1);
  show("none by another", futex(&word, WAKE_BITSET | PRIVATE, 9, 0, 0, 8));
  show("cmp of another value", futex(&word, CMP_REQUEUE | PRIVATE, 0, (void *)9, &other, 5));
  show("moved", futex(&word, CMP_REQUEUE | PRIVATE, 0, (void *)9, &other, 0));
  show("none left", futex(&word, WAKE | PRIVATE, 9, 0, 0, 0));
  show("negative count", futex(&word, REQUEUE | PRIVATE, -1, (void *)9, &other, 0));
  /* other += 3; the second word's sleepers too, if it was 0. */
  show("wake_op", futex(&word, WAKE_OP | PRIVATE, 1, (void *)1, &other, 1 << 28 | 3 << 12));
  show("its word", other);
  /* other |= 1 << 4; nobody if it is below 3. */
  show("wake_op, not met", futex(&word, WAKE_OP | PRIVATE, 1, (void *)1, &other, (int)(10u << 28 | 2 << 24 | 4 << 12 | 3)));
  show("its word", other);
  show("the last", futex(&other, WAKE | PRIVATE, 9, 0, 0, 0));
  for (int i = 0; i < 3; i++) join(i);
}

struct action { void *handler; ulong flags; void *restorer; u8 mask[8]; };
static volatile int taken_by, other_signal;
void restore(void);
#ifdef __x86_64__
__asm__(".globl restore\nrestore: mov $15, %eax\n syscall\n");
#else
__asm__(".globl restore\nrestore: mov $173, %eax\n int $0x80\n");
#endif
static void handler(int signal) { taken_by = (int)call0(SYS_gettid), other_signal = signal; }
static void handle(int signal, void *how, ulong extra) {
  struct action act = {how, 0x04000004 | extra, restore, {0}};
  call4(SYS_rt_sigaction, signal, &act, 0, 8);
}
static void mask(int how, int signal) {
  u8 set[8] = {0};
  set[(signal - 1) / 8] = 1 << (signal - 1) % 8;
  call4(SYS_rt_sigprocmask, how, set, 0, 8);
}
static long pending(int signal) {
  u8 set[8] = {0};
  call2(SYS_rt_sigpending, set, 8);
  return set[(signal - 1) / 8] >> (signal - 1) % 8 & 1;
}

static void sleeper(long slot) {
  seen[slot] = futex(&word, WAIT | PRIVATE, 0, 0, 0, 0);
}

static void blocker(long slot) {
  (void)slot;
  mask(0, 10);
  turn = 1;
  while (turn == 1) call0(SYS_sched_yield);
  seen[1] = pending(10) + 2 * pending(12);
  turn = 3;
}

static void holder(long slot) {
  mask(0, 12);
  turn = 1;
  while (turn == 1) call0(SYS_sched_yield);
  seen[slot] = pending(12);
  mask(1, 12);
}

static void napper(long slot) {
  long time[2] = {5, 0}, left[2] = {7, 7};
  turn = 1;
  seen[slot] = call2(SYS_nanosleep, time, left);
  seen[slot + 1] = left[0] < 5 && left[0] >= 0 && left[1] > 0 && left[1] < 1000000000;
}

static void taker(long slot) {
  (void)slot;
  mask(1, 10);
  turn = 1;
  while (turn == 1) call0(SYS_sched_yield);
}

static void signals(void) {
  put("-- signals\n");
  handle(10, handler, 0);
  handle(12, handler, 0);
  word = 0, taken_by = 0;
  spawn(0, sleeper);
  settle(&word, 1);
  show("to one thread", call3(SYS_tgkill, call0(SYS_getpid), ids[0], 10));
  join(0);
  show("sleep ends with", seen[0]);
  show("handler ran there", taken_by == ids[0]);
  show("thread of another group", call3(SYS_tgkill, 1, ids[0], 0));
  show("no signal", call3(SYS_tgkill, call0(SYS_getpid), call0(SYS_getpid), 65));
  show("number 0", call3(SYS_tgkill, call0(SYS_getpid), 0, 10));
  /* Blocked by the other: this one takes it. */
  turn = 0, taken_by = 0;
  spawn(1, blocker);
  while (turn != 1) call0(SYS_sched_yield);
  call2(SYS_kill, call0(SYS_getpid), 10);
  show("taken by who does not block it", taken_by == call0(SYS_gettid));
  /* Blocked by both: it is pending for either; one of a thread's own is that one's. */
  mask(0, 10), mask(0, 12);
  call2(SYS_kill, call0(SYS_getpid), 10);
  call2(SYS_tkill, call0(SYS_gettid), 12);
  turn = 2;
  while (turn != 3) call0(SYS_sched_yield);
  show("pending here", pending(10) + 2 * pending(12));
  show("pending there", seen[1]);
  join(1);
  mask(1, 10), mask(1, 12);
  show("the last one taken", other_signal);
  /* Blocked by the first thread: the other one takes it. */
  mask(0, 10);
  turn = 0, taken_by = 0;
  spawn(2, taker);
  while (turn != 1) call0(SYS_sched_yield);
  call2(SYS_kill, call0(SYS_getpid), 10);
  while (taken_by == 0) call0(SYS_sched_yield);
  turn = 2;
  join(2);
  show("taken by the other", taken_by == ids[2]);
  mask(1, 10);
  /* Ignored from now on: no thread has it pending any more. */
  turn = 0;
  spawn(3, holder);
  while (turn != 1) call0(SYS_sched_yield);
  call3(SYS_tgkill, call0(SYS_getpid), ids[3], 12);
  handle(12, (void *)1, 0);
  turn = 2;
  join(3);
  show("pending behind SIG_IGN", seen[3]);
  turn = 0;
  spawn(4, napper);
  while (turn != 1) call0(SYS_sched_yield);
  rest(20000);
  call3(SYS_tgkill, call0(SYS_getpid), ids[4], 10);
  join(4);
  show("sleep ends with", seen[4]), show("and tells the rest", seen[5]);
}

struct robust { struct robust *next; };
static struct { struct robust list; long offset; struct robust *pending; } head;
static struct { struct robust list; volatile int owner; } lock;

static void dies_with_lock(long slot) {
  head.list.next = &lock.list, lock.list.next = &head.list;
  head.offset = (long)&lock.owner - (long)&lock.list;
  lock.owner = ids[slot] | 0x80000000;
  call2(SYS_set_robust_list, &head, sizeof head);
}

/* In memory that processes share. */
static struct shared { struct { struct robust list; volatile int owner; } lock; volatile int word; } *shared;

static void ends_with_lock(long slot) {
  head.list.next = &shared->lock.list, shared->lock.list.next = &head.list;
  head.offset = (long)&shared->lock.owner - (long)&shared->lock.list;
  shared->lock.owner = (int)call0(SYS_gettid);
  call2(SYS_set_robust_list, &head, sizeof head);
  turn = (int)slot + 10;
}

static void robust(void) {
  put("-- robust, and between processes\n");
  spawn(0, dies_with_lock);
  join(0);
  hex((u32)lock.owner), put(" = the word of an owner that died\n");
  shared = (struct shared *)call6(SYS_mmap, 0, 4096, 3, 0x21, -1, 0);
  for (int by_thread = 0; by_thread < 2; by_thread++) {
    shared->lock.owner = 0;
    long pid = call0(SYS_fork);
    if (pid == 0) {
      turn = 0;
      if (by_thread) spawn(1, ends_with_lock);
      else ends_with_lock(1);
      while (turn != 11) call0(SYS_sched_yield);
      call1(SYS_exit_group, 0);
    }
    call4(SYS_wait4, pid, 0, 0, 0);
    hex((u32)shared->lock.owner), put(" = the word of a process that ended\n");
  }
  shared->word = 0;
  if (call0(SYS_fork) == 0) {
    while (futex(&shared->word, WAKE, 1, 0, 0, 0) == 0) rest(1000);
    call1(SYS_exit_group, 0);
  }
  show("woken by another process", futex(&shared->word, WAIT, 0, 0, 0, 0));
  call4(SYS_wait4, -1, 0, 0, 0);
}

static void child_of_thread(long slot) {
  (void)slot;
  long pid = call0(SYS_fork);
  if (pid == 0) {
    show("alone after fork", call0(SYS_gettid) == call0(SYS_getpid));
    call1(SYS_exit_group, 5);
  }
  int status = 0;
  show("waited for by the thread", call4(SYS_wait4, pid, &status, 0, 0) == pid);
  show("status", status >> 8);
}

static void idle(long slot) {
  (void)slot;
  for (;;) futex(&word, WAIT | PRIVATE, 0, 0, 0, 0);
}
static void ends_all(long slot) {
  (void)slot;
  call1(SYS_exit_group, 9);
}
static void crashes(long slot) {
  (void)slot;
  *(volatile int *)8 = 1;
}
static void goes_on(long slot) {
  join(slot == 1 ? 0 : 1);
  call1(SYS_exit, 40 + (int)slot);
}
static const char *argv_again[] = {"/proc/self/exe", "again", 0};
static const char *program;
static void execs(long slot) {
  (void)slot;
  call3(SYS_execve, program, argv_again, 0);
}

static long status_of(void (*a)(long), void (*b)(long), int main_ends) {
  long pid = call0(SYS_fork);
  if (pid == 0) {
    word = 0;
    alive[0] = 1;
    call2(SYS_set_tid_address, &alive[0], 0);
    spawn(1, a);
    if (b) spawn(2, b);
    if (main_ends) call1(SYS_exit, 3);
    for (;;) futex(&other, WAIT | PRIVATE, other, 0, 0, 0);
  }
  int status = 0;
  call4(SYS_wait4, pid, &status, 0, 0);
  return status;
}

/* Each thread's own storage, behind FS or GS. */
#ifdef __x86_64__
static long own_word(void) { long value; __asm__ volatile("mov %%fs:0, %0" : "=r"(value)); return value; }
#else
static long own_word(void) { long value; __asm__ volatile("mov %%gs:0, %0" : "=r"(value)); return value; }
#endif
static long words[2] = {11, 22};
static void reads_own(long slot) { seen[slot] = own_word(); }

static void storage(void) {
  put("-- storage\n");
#ifdef __x86_64__
  call2(158, 0x1002, &words[0]);
  long tls = (long)&words[1];
#else
  u32 area[4] = {-1, (u32)&words[0], 4095, 0x51};
  show("set_thread_area", call1(SYS_set_thread_area, area));
  __asm__ volatile("mov %w0, %%gs" : : "r"(area[0] * 8 + 3));
  u32 other[4] = {area[0], (u32)&words[1], 4095, 0x51};
  long tls = (long)other;
#endif
  long *top = &stacks[0][2040];
  top[0] = 0, top[1] = (long)reads_own, alive[0] = 1;
  spawn_with(THREAD | CLONE_SETTLS, top, &ids[0], &alive[0], tls);
  join(0);
  show("the new thread's", seen[0]);
  show("the first one's", own_word());
}

static void listing(void) {
  put("-- /proc\n");
  static const char *const paths[] = {"/proc/self/task", "/proc/self/fd"};
  for (int i = 0; i < 2; i++) {
    static u8 entries[4096];
    long fd = call3(SYS_open, paths[i], 0200000, 0), without = 0, count = 0;
    long length = call3(SYS_getdents64, fd, entries, sizeof entries);
    for (long at = 0; at < length; at += entries[at + 16] | entries[at + 17] << 8, count++)
      if (*(u32 *)&entries[at] == 0 && *(u32 *)&entries[at + 4] == 0) without++;
    show("entries", count > 2);
    show("without a number", without);
    call1(SYS_close, fd);
  }
}

static void ends(void) {
  put("-- ends\n");
  spawn(0, child_of_thread);
  join(0);
  show("exit_group by a thread", status_of(idle, ends_all, 0));
  show("a fault in a thread", status_of(idle, crashes, 0) & 127);
  show("the first thread ends first", status_of(goes_on, goes_on, 1) >> 8);
  show("exec by a thread", status_of(idle, execs, 0) >> 8);
}

static int main(long argc, char **argv, char **envp) {
  (void)envp;
  program = argv[0];
  if (argc > 1) {
    show("begins anew as the process", call0(SYS_gettid) == call0(SYS_getpid));
    return 21;
  }
  flags(), one(), wake(), selective(), signals(), robust(), storage(), listing(), ends();
  return 0;
}

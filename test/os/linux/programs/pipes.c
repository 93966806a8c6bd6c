/* Pipes: how much they hold, what read and write answer, who waits for whom, what a signal does to that. */
#include "guest.h"

#define SYS_nanosleep NR(35, 162)
#define SYS_fork NR(57, 2)
#define SYS_wait4 NR(61, 114)
#define SYS_pipe NR(22, 42)
#define SYS_pipe2 NR(293, 331)
#define SYS_fcntl NR(72, 55)
#define SYS_ioctl NR(16, 54)
#define SYS_dup2 NR(33, 63)
#define SYS_readv NR(19, 145)
#define SYS_writev NR(20, 146)
#define SYS_pread64 NR(17, 180)
#define SYS_exit_group NR(231, 252)
#define O_NONBLOCK 04000
#define O_DIRECT 040000
#define O_CLOEXEC 02000000

static u8 buffer[1 << 17];
static int fd[2];

static void open_pipe(int flags) { show("pipe2", call2(SYS_pipe2, fd, flags)); }
static void close_pipe(void) { call1(SYS_close, fd[0]), call1(SYS_close, fd[1]); }
static long rd(ulong count) { return call3(SYS_read, fd[0], buffer, count); }
static long wr(ulong count) { return call3(SYS_write, fd[1], buffer, count); }

static void arguments(void) {
  show("bad place", call1(SYS_pipe, 8));
  show("unknown flag", call2(SYS_pipe2, fd, 1 << 30));
  show("O_APPEND", call2(SYS_pipe2, fd, 02000));
  show("notification pipe", call2(SYS_pipe2, fd, 0200));
  show("pipe", call1(SYS_pipe, fd));
  show("lowest descriptors", fd[0] == 3 && fd[1] == 4);
  show("F_GETFL of the reading end", call3(SYS_fcntl, fd[0], 3, 0) & ~NR(0, 0100000));
  show("F_GETFL of the writing end", call3(SYS_fcntl, fd[1], 3, 0) & ~NR(0, 0100000));
  show("reading the writing end", call3(SYS_read, fd[1], buffer, 1));
  show("writing the reading end", call3(SYS_write, fd[0], buffer, 1));
  show("pread", call5(SYS_pread64, fd[0], buffer, 1, 0, 0));
  show("lseek", call3(SYS_lseek, fd[0], 0, 0));
  show("mmap", call6(SYS_mmap, 0, 4096, 1, 2, fd[0], 0));
  show("nothing read", rd(0));
  show("nothing written", wr(0));
  close_pipe();
  open_pipe(O_NONBLOCK | O_CLOEXEC);
  show("close on exec", call3(SYS_fcntl, fd[0], 1, 0) + call3(SYS_fcntl, fd[1], 1, 0));
  show("F_GETFL of the reading end", call3(SYS_fcntl, fd[0], 3, 0) & ~NR(0, 0100000));
  close_pipe();
}

static void capacity(void) {
  int unread = 0;
  open_pipe(O_NONBLOCK);
  show("empty", rd(1));
  show("first", wr(100));
  show("joins", wr(3996));
  show("begins a page", wr(1));
  show("does not fit the rest", wr(4096));
  show("fills a page", wr(4095));
  show("FIONREAD", call3(SYS_ioctl, fd[0], 0x541b, &unread)), show("unread", unread);
  show("until it is full", wr(sizeof buffer));
  show("full", wr(1));
  show("a byte", rd(1));
  show("still full", wr(1));
  show("the rest of the page", rd(4095));
  show("room for a page", wr(5000));
  show("F_GETPIPE_SZ", call3(SYS_fcntl, fd[0], 1032, 0));
  show("too small", call3(SYS_fcntl, fd[0], 1031, 4096));
  show("all", rd(sizeof buffer));
  show("F_SETPIPE_SZ", call3(SYS_fcntl, fd[0], 1031, 4097));
  show("0", call3(SYS_fcntl, fd[0], 1031, 0));
  show("too large", call3(SYS_fcntl, fd[0], 1031, 0x80000001));
  show("one page", wr(5000));
  close_pipe();
  open_pipe(O_NONBLOCK | O_DIRECT);
  show("packet", wr(10));
  show("packet", wr(20));
  show("what does not fit is lost", rd(4));
  show("the next one", rd(100));
  close_pipe();
}

static void buffers(void) {
  ulong hole = (ulong)call6(SYS_mmap, 0, 8192, 3, 0x22, -1, 0);
  call2(SYS_munmap, hole + 4096, 4096);
  open_pipe(O_NONBLOCK);
  show("bad buffer", call3(SYS_write, fd[1], 8, 4));
  show("half a bad buffer", call3(SYS_write, fd[1], hole + 4000, 200));
  show("nothing came", rd(200));
  show("more than a page", call3(SYS_write, fd[1], hole, 8192));
  show("the whole pages came", rd(sizeof buffer));
  buffer[0] = 'x', wr(200);
  show("bad buffer", call3(SYS_read, fd[0], 8, 4));
  show("half a bad buffer", call3(SYS_read, fd[0], hole + 4000, 200));
  show("all is there still", rd(sizeof buffer));
  struct { void *base; ulong length; } parts[2] = {{"abc", 3}, {"defgh", 5}};
  show("writev", call3(SYS_writev, fd[1], parts, 2));
  parts[0].base = buffer + 10, parts[0].length = 2, parts[1].base = buffer, parts[1].length = 4;
  show("readv", call3(SYS_readv, fd[0], parts, 2));
  show("in order", buffer[10] == 'a' && buffer[11] == 'b' && buffer[0] == 'c' && buffer[3] == 'f');
  close_pipe();
}

static void ends(void) {
  open_pipe(0);
  call1(SYS_close, fd[1]);
  show("no writer", rd(10));
  call1(SYS_close, fd[0]);
  open_pipe(0);
  wr(5), call1(SYS_close, fd[1]);
  show("what is left", rd(10));
  show("then the end", rd(10));
  call1(SYS_close, fd[0]);
  open_pipe(0);
  call1(SYS_close, fd[0]);
  long child = call0(SYS_fork);
  int status = 0;
  if (child == 0) wr(1), call1(SYS_exit_group, 1);
  call4(SYS_wait4, child, &status, 0, 0);
  show("SIGPIPE", status);
  ulong action[5] = {1};
  call4(SYS_rt_sigaction, 13, action, 0, 8);
  show("ignored", wr(1));
  call1(SYS_close, fd[1]);
}

static void relay(void) {
  open_pipe(0);
  int there[2] = {fd[0], fd[1]};
  open_pipe(0);
  long child = call0(SYS_fork);
  if (child == 0) {
    call1(SYS_close, there[1]), call1(SYS_close, fd[0]);
    for (;;) {
      long got = call3(SYS_read, there[0], buffer, 100);
      if (got <= 0) break;
      for (long i = 0; i < got; i++) buffer[i]++;
      wr((ulong)got);
    }
    call1(SYS_exit_group, 7);
  }
  call1(SYS_close, there[0]), call1(SYS_close, fd[1]);
  for (int i = 0; i < 3; i++) {
    buffer[0] = (u8)('a' + i);
    call3(SYS_write, there[1], buffer, 1);
    rd(1);
    show("back", buffer[0]);
  }
  call1(SYS_close, there[1]);
  show("the child has gone", rd(1));
  int status = 0;
  call4(SYS_wait4, child, &status, 0, 0);
  show("status", status);
  call1(SYS_close, fd[0]);
}

static void large(void) {
  open_pipe(0);
  long child = call0(SYS_fork);
  if (child == 0) {
    long sum = 0, got;
    call1(SYS_close, fd[1]);
    while ((got = rd(3000)) > 0) sum += got;
    call1(SYS_exit_group, sum == sizeof buffer ? 3 : 4);
  }
  call1(SYS_close, fd[0]);
  show("all of it, however long it takes", wr(sizeof buffer));
  call1(SYS_close, fd[1]);
  int status = 0;
  call4(SYS_wait4, child, &status, 0, 0);
  show("status", status);
}

#define SA_RESTART 0x10000000
#define SA_RESTORER 0x04000000
#ifdef __x86_64__
__asm__("restorer: mov $15, %eax\n syscall\n");
#else
__asm__("restorer: mov $173, %eax\n int $0x80\n");
#endif
void restorer(void);

static void on_signal(int signal) {
  (void)signal;
  put("handled\n");
}

/* The child sleeps in a call when the signal comes: it has the CPU from its message on, or time enough. */
static void interrupted(ulong flags, int writes) {
  ulong action[5] = {(ulong)on_signal, flags | SA_RESTORER, (ulong)restorer};
  call4(SYS_rt_sigaction, 10, action, 0, 8);
  long pause[2] = {0, 50000000};
  int ready[2], status = 0;
  call1(SYS_pipe, ready);
  open_pipe(0);
  if (writes) wr(65536 - 100);
  long child = call0(SYS_fork);
  if (child == 0) {
    call3(SYS_write, ready[1], "r", 1);
    long moved = writes ? wr(8192 + 100) : rd(10);
    show(writes ? "written" : "read", moved);
    call1(SYS_exit_group, 0);
  }
  call3(SYS_read, ready[0], buffer, 1);
  call2(SYS_nanosleep, pause, 0);
  call2(SYS_kill, child, 10);
  call2(SYS_nanosleep, pause, 0);
  if (flags & SA_RESTART) call3(SYS_write, fd[1], "go", 2);
  call4(SYS_wait4, child, &status, 0, 0);
  show("status", status);
  close_pipe(), call1(SYS_close, ready[0]), call1(SYS_close, ready[1]);
}

static int main(long argc, char **argv, char **envp) {
  (void)argc, (void)argv, (void)envp;
  arguments();
  capacity();
  buffers();
  ends();
  relay();
  large();
  interrupted(0, 0);
  interrupted(SA_RESTART, 0);
  interrupted(0, 1);
  return 0;
}

/* poll and select: what is ready, what ends a wait; and small questions about files that many programs ask. */
#include "guest.h"

#define SYS_fork NR(57, 2)
#define SYS_wait4 NR(61, 114)
#define SYS_pipe NR(22, 42)
#define SYS_poll NR(7, 168)
#define SYS_ppoll NR(271, 309)
#define SYS_select NR(23, 142)
#define SYS_pselect6 NR(270, 308)
#define SYS_rt_sigaction NR(13, 174)
#define SYS_rt_sigprocmask NR(14, 175)
#define SYS_kill NR(62, 37)
#define SYS_getpid NR(39, 20)
#define SYS_memfd_create NR(319, 356)
#define SYS_utimensat NR(280, 320)
#define SYS_statfs NR(137, 99)
#define SYS_fstatfs NR(138, 100)
#define SYS_fsync NR(74, 118)
#define SYS_fdatasync NR(75, 148)
#define SYS_sync NR(162, 36)
#define SYS_getxattr NR(191, 229)
#define SYS_sysinfo NR(99, 116)
#define SYS_exit_group NR(231, 252)

typedef unsigned short u16;
struct pollfd { int fd; u16 events, revents; };

static u8 buffer[70000];
static int fd[2];

static long ready(int which, int events, long timeout) {
  struct pollfd one = {which, events, 0x7777};
  long result = call3(SYS_poll, &one, 1, timeout);
  show("revents", one.revents);
  return result;
}

static void pipes(void) {
  call1(SYS_pipe, fd);
  show("empty pipe", ready(fd[0], 1, 0));
  show("empty pipe for a while", ready(fd[0], 1, 5));
  show("writing end", ready(fd[1], 4, -1));
  show("both kinds of writing end", ready(fd[1], 0x105, -1));
  call3(SYS_write, fd[1], buffer, 1);
  show("a byte", ready(fd[0], 0x41, -1));
  show("nothing wanted", ready(fd[0], 0, 0));
  show("not open", ready(99, 1, -1));
  show("negative", ready(-1, 1, 0));
  call3(SYS_read, fd[0], buffer, 1);
  for (int i = 0; i < 16; i++) call3(SYS_write, fd[1], buffer, 4096);
  show("full", ready(fd[1], 4, 0));
  call1(SYS_close, fd[1]);
  show("full and no writer", ready(fd[0], 1, -1));
  call3(SYS_read, fd[0], buffer, 65536);
  show("no writer", ready(fd[0], 1, -1));
  call1(SYS_close, fd[0]);
  call1(SYS_pipe, fd);
  call1(SYS_close, fd[0]);
  show("no reader", ready(fd[1], 4, -1));
  call1(SYS_close, fd[1]);
  show("bad place", call3(SYS_poll, 8, 1, 0));
  show("none", call3(SYS_poll, 8, 0, 3));
  show("too many", call3(SYS_poll, buffer, 1u << 30, 0));
}

static void sets(void) {
  ulong in[16] = {0}, out[16] = {0}, except[16] = {0}, zero[2] = {0, 0}, wrong[2] = {0, -1};
  call1(SYS_pipe, fd);
  in[0] = out[0] = except[0] = 1 << fd[0] | 1 << fd[1];
  show("select", call5(SYS_select, fd[1] + 1, in, out, except, zero));
  show("in", in[0]), show("out", out[0] == 1 << fd[1]), show("except", except[0]);
  in[0] = 1 << fd[0];
  show("nothing to read", call5(SYS_select, fd[1] + 1, in, 0, 0, zero)), show("in", in[0]);
  call3(SYS_write, fd[1], buffer, 1);
  in[0] = 1 << fd[0];
  show("a byte", call5(SYS_select, fd[1] + 1, in, 0, 0, 0)), show("in", in[0] == 1 << fd[0]);
  in[0] = 1 << 20;
  show("not open", call5(SYS_select, 30, in, 0, 0, zero));
  in[0] = 1 << 20;
  show("not among them", call5(SYS_select, 5, in, 0, 0, zero));
  show("negative", call5(SYS_select, -1, in, 0, 0, zero));
  show("bad time", call5(SYS_select, 5, in, 0, 0, wrong));
  show("bad place", call5(SYS_select, 5, 8, 0, 0, zero));
  in[0] = 1 << fd[0];
  show("pselect6", call6(SYS_pselect6, fd[1] + 1, (long)in, 0, 0, (long)zero, 0)), show("in", in[0] == 1 << fd[0]);
  show("ppoll, no end of a time", call5(SYS_ppoll, 0, 0, wrong, 0, 8));
  call1(SYS_close, fd[0]), call1(SYS_close, fd[1]);
}

static void others(void) {
  call1(SYS_pipe, fd);
  if (call0(SYS_fork) == 0) {
    call3(SYS_write, fd[1], buffer, 3);
    call1(SYS_exit_group, 0);
  }
  show("waits for a child", ready(fd[0], 1, -1));
  show("has bytes", call3(SYS_read, fd[0], buffer, 10));
  show("waited", call4(SYS_wait4, -1, 0, 0, 0) > 0);
  if (call0(SYS_fork) == 0) {
    call3(SYS_write, fd[1], buffer, 2);
    call1(SYS_exit_group, 0);
  }
  show("waits long enough for a child", ready(fd[0], 1, 20000));
  show("waited", call4(SYS_wait4, -1, 0, 0, 0) > 0);
  call3(SYS_read, fd[0], buffer, 10);
  show("a while is over", ready(fd[0], 1, 10));
  call1(SYS_close, fd[0]), call1(SYS_close, fd[1]);
}

static void files(void) {
  long file = call2(SYS_memfd_create, "poll", 0);
  ulong times[4] = {1, 2, 1000000000, 500}, bad[4] = {0, 0, 0, 1000000000}, now[4] = {0, 0x3fffffff, 0, 0x3fffffff};
  ulong facts[30] = {0};
  show("file", ready(file, 0x145, 0));
  show("times", call4(SYS_utimensat, file, 0, times, 0));
  show("no time", call4(SYS_utimensat, file, 0, bad, 0));
  show("now", call4(SYS_utimensat, file, 0, now, 0));
  show("now by no argument", call4(SYS_utimensat, file, 0, 0, 0));
  show("unknown flag", call4(SYS_utimensat, file, 0, times, 1));
  show("of what is not open", call4(SYS_utimensat, 99, 0, times, 0));
  show("of what is not there", call4(SYS_utimensat, -100, "/no/such", times, 0));
  show("of root's", call4(SYS_utimensat, -100, "/proc", times, 0) < 0);
  show("statfs", call2(SYS_statfs, "/proc", facts));
  show("type", facts[0]), show("block", facts[1]), show("blocks", facts[2]);
  show("fstatfs", call2(SYS_fstatfs, file, facts)), show("type", facts[0]), show("block", facts[1]);
  show("statfs of nothing", call2(SYS_statfs, "/no/such", facts));
  show("statfs nowhere", call2(SYS_statfs, "/proc", 8));
  show("fsync", call1(SYS_fsync, file)), show("fdatasync", call1(SYS_fdatasync, file));
  show("fsync of nothing", call1(SYS_fsync, 99));
  call1(SYS_pipe, fd);
  show("fsync of a pipe", call1(SYS_fsync, fd[0]));
  show("attribute", call4(SYS_getxattr, "/proc", "nonsense", 0, 0));
  show("attribute of nothing", call4(SYS_getxattr, "/no/such", "user.x", 0, 0));
  show("sysinfo", call1(SYS_sysinfo, buffer));
  show("sysinfo nowhere", call1(SYS_sysinfo, 8));
}

static int main(long argc, char **argv, char **envp) {
  (void)argc, (void)argv, (void)envp;
  pipes();
  sets();
  others();
  files();
  return 0;
}

/* Files: results and errnos of the calls on them, odd arguments included. */
#include "guest.h"

#define O_CREAT 0100
#define O_EXCL 0200
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_NONBLOCK 04000
#define O_DIRECTORY 0200000
#define O_NOFOLLOW 0400000
#define O_CLOEXEC 02000000
#define O_PATH 010000000
#define O_TMPFILE 020200000
#define AT_FDCWD -100

#define SYS_stat NR(4, 195)
#define SYS_fstat NR(5, 197)
#define SYS_lstat NR(6, 196)
#define SYS_pread64 NR(17, 180)
#define SYS_pwrite64 NR(18, 181)
#define SYS_readv NR(19, 145)
#define SYS_writev NR(20, 146)
#define SYS_access NR(21, 33)
#define SYS_dup NR(32, 41)
#define SYS_dup2 NR(33, 63)
#define SYS_dup3 NR(292, 330)
#define SYS_fcntl NR(72, 221)
#define SYS_truncate NR(76, 92)
#define SYS_ftruncate NR(77, 93)
#define SYS_getdents64 NR(217, 220)
#define SYS_getcwd NR(79, 183)
#define SYS_chdir NR(80, 12)
#define SYS_fchdir NR(81, 133)
#define SYS_rename NR(82, 38)
#define SYS_mkdir NR(83, 39)
#define SYS_rmdir NR(84, 40)
#define SYS_unlink NR(87, 10)
#define SYS_symlink NR(88, 83)
#define SYS_readlink NR(89, 85)
#define SYS_fchmod NR(91, 94)
#define SYS_umask NR(95, 60)
#define SYS_openat NR(257, 295)
#define SYS_unlinkat NR(263, 301)
#define SYS_ioctl NR(16, 54)
#define SYS_memfd_create NR(319, 356)
#define SYS_close_range NR(436, 436)

static u8 stat_buffer[256];
static char buffer[8192];
static u8 *edge; /* The last mapped byte is edge[-1]. */

static long mode_of(void) { return *(u32 *)(stat_buffer + NR(24, 16)); }
static long links_of(void) { return *(u32 *)(stat_buffer + NR(16, 20)); }
static long size_of(void) { return *(u32 *)(stat_buffer + NR(48, 44)); }
static long rdev_of(void) { return *(u32 *)(stat_buffer + NR(40, 32)); }
static long block_of(void) { return *(u32 *)(stat_buffer + NR(56, 52)); }

static long opened(const char *path, long flags, long mode) { return call3(SYS_open, path, flags, mode); }

static long pwrite64(long fd, const void *from, ulong count, i64 at) {
#ifdef __x86_64__
  return call4(SYS_pwrite64, fd, from, count, at);
#else
  return call5(SYS_pwrite64, fd, from, count, (u32)at, (u32)(at >> 32));
#endif
}

static long pread64(long fd, void *to, ulong count, i64 at) {
#ifdef __x86_64__
  return call4(SYS_pread64, fd, to, count, at);
#else
  return call5(SYS_pread64, fd, to, count, (u32)at, (u32)(at >> 32));
#endif
}

static void opening(void) {
  show("missing", opened("missing", 0, 0));
  show("missing directory", opened("missing/x", O_CREAT | 1, 0600));
  show("slash", opened("new/", O_CREAT | 1, 0600));
  show("empty path", opened("", 0, 0));
  show("bad path", call3(SYS_open, 16, 0, 0));
  show("create", opened("a", O_CREAT | O_EXCL | 2, 0666));
  show("create again", opened("a", O_CREAT | O_EXCL | 2, 0666));
  show("directory wanted", opened("a", O_DIRECTORY, 0));
  show("file as directory", opened("a/b", 0, 0));
  show("file with slash", opened("a/", 0, 0));
  show("write a directory", opened(".", 2, 0));
  show("create a directory", opened(".", O_CREAT, 0));
  show("create and directory", opened("z", O_CREAT | O_DIRECTORY | 2, 0600));
  show("temporary read-only", opened(".", O_TMPFILE, 0600));
  long unnamed = opened(".", O_TMPFILE | 2, 0600);
  show("temporary", unnamed >= 0);
  show("fstat", call2(SYS_fstat, unnamed, stat_buffer));
  show(" links", links_of());
  call1(SYS_close, unnamed);
  static char longest[5000];
  memset(longest, 'x', 4999);
  show("long path", opened(longest, 0, 0));
  longest[300] = 0;
  show("long name", opened(longest, 0, 0));
  show("unwritable place", opened("/proc/x", O_CREAT | 1, 0600) < 0);
  show("close", call1(SYS_close, 3));
  show("close again", call1(SYS_close, 3));
  show("close -1", call1(SYS_close, -1));
  show("umask", call1(SYS_umask, 077));
  show("masked", opened("masked", O_CREAT | 1, 0666));
  call2(SYS_fstat, 3, stat_buffer);
  show(" mode", mode_of());
  show(" write", call3(SYS_write, 3, "x", 1));
  show(" read of a write-only one", call3(SYS_read, 3, buffer, 1));
  call1(SYS_close, 3);
  call1(SYS_umask, 022);
  long path = opened("a", O_PATH, 0);
  show("path", path);
  show(" read", call3(SYS_read, path, buffer, 1));
  show(" fstat", call2(SYS_fstat, path, stat_buffer));
  show(" dup", call1(SYS_dup, path));
  call1(SYS_close, 4);
  call1(SYS_close, path);
  show("openat of a file", call4(SYS_openat, opened("a", 0, 0), "b", 0, 0));
  call1(SYS_close, 3);
  show("openat of nothing", call4(SYS_openat, 77, "b", 0, 0));
  show("openat absolute", call4(SYS_openat, 77, "/dev/null", 0, 0));
  call1(SYS_close, 3);
}

static void moving(void) {
  long fd = opened("a", 2, 0);
  show("write", call3(SYS_write, fd, "hello", 5));
  show("SEEK_SET", call3(SYS_lseek, fd, 1, 0));
  show("read", call3(SYS_read, fd, buffer, 100));
  show("SEEK_CUR", call3(SYS_lseek, fd, -2, 1));
  show("SEEK_END", call3(SYS_lseek, fd, 3, 2));
  show("negative", call3(SYS_lseek, fd, -1, 0));
  show("whence", call3(SYS_lseek, fd, 0, 9));
  show("SEEK_DATA", call3(SYS_lseek, fd, 0, 3));
  show("SEEK_HOLE", call3(SYS_lseek, fd, 0, 4));
  show("SEEK_DATA past the end", call3(SYS_lseek, fd, 5, 3));
  show("hole", pwrite64(fd, "!", 1, 9));
  show("size", call3(SYS_lseek, fd, 0, 2));
  show("pread", pread64(fd, buffer, 20, 4));
  show(" hole is zero", buffer[1] | buffer[4]);
  show("pread past", pread64(fd, buffer, 20, 100));
  show("pread negative", pread64(fd, buffer, 20, -1));
  show("pwrite closed", pwrite64(99, "!", 1, 0));
  show("pread of a pipe", pread64(1, buffer, 1, 0) == -29 || pread64(1, buffer, 1, 0) == -9);
  show("truncate", call2(SYS_ftruncate, fd, 3));
  show("truncate negative", call2(SYS_ftruncate, fd, -1));
  show("truncate by name", call2(SYS_truncate, "a", 10));
  show("truncate missing", call2(SYS_truncate, "missing", 10));
  show("truncate a directory", call2(SYS_truncate, ".", 10));
  call2(SYS_fstat, fd, stat_buffer);
  show("size", size_of());
  show("type", mode_of());
  show("links", links_of());
  call1(SYS_close, fd);
  fd = opened("a", 0, 0);
  show("truncate read-only", call2(SYS_ftruncate, fd, 3));
  show("write read-only", call3(SYS_write, fd, "x", 1));
  call1(SYS_close, fd);
  fd = opened("a", O_APPEND | 1, 0);
  show("append", call3(SYS_write, fd, "tail", 4));
  show("at", call3(SYS_lseek, fd, 0, 1));
  call1(SYS_close, fd);
  fd = opened("a", O_TRUNC | 2, 0);
  show("emptied", call3(SYS_lseek, fd, 0, 2));
  call1(SYS_close, fd);
}

static void borders(void) {
  long fd = opened("b", O_CREAT | 2, 0600);
  show("write over the edge", call3(SYS_write, fd, edge - 4, 8));
  show("write beyond", call3(SYS_write, fd, edge, 8));
  show("write nothing", call3(SYS_write, fd, edge, 0));
  show("write NULL nothing", call3(SYS_write, fd, 0, 0));
  call3(SYS_lseek, fd, 0, 0);
  call3(SYS_write, fd, "0123456789", 10);
  call3(SYS_lseek, fd, 0, 0);
  show("read over the edge", call3(SYS_read, fd, edge - 4, 8));
  show("position", call3(SYS_lseek, fd, 0, 1));
  show("read beyond", call3(SYS_read, fd, edge, 8));
  show("read nothing", call3(SYS_read, fd, edge, 0));
  show("read a directory", call3(SYS_read, opened(".", 0, 0), buffer, 8));
  call1(SYS_close, 4);
  ulong vector[4] = {(ulong)"ab", 2, (ulong)"cde", 3};
  show("writev", call3(SYS_writev, fd, vector, 2));
  show("writev 0", call3(SYS_writev, fd, vector, 0));
  show("writev -1", call3(SYS_writev, fd, vector, -1));
  show("writev 1025", call3(SYS_writev, fd, vector, 1025));
  show("writev bad vector", call3(SYS_writev, fd, 16, 1));
  vector[3] = -1;
  show("writev bad length", call3(SYS_writev, fd, vector, 2));
  vector[3] = 3;
  vector[2] = 16;
  show("writev bad second", call3(SYS_writev, fd, vector, 2));
  vector[0] = (ulong)buffer;
  vector[2] = (ulong)buffer + 2;
  call3(SYS_lseek, fd, 0, 0);
  show("readv", call3(SYS_readv, fd, vector, 2));
  show("readv closed", call3(SYS_readv, 99, vector, 2));
  call1(SYS_close, fd);
}

static void descriptors(void) {
  long fd = opened("a", O_CLOEXEC | 2, 0);
  show("dup", call1(SYS_dup, fd));
  show("dup2", call2(SYS_dup2, fd, 9));
  show("dup2 same", call2(SYS_dup2, 9, 9));
  show("dup2 closed", call2(SYS_dup2, 77, 9));
  show("dup2 closed same", call2(SYS_dup2, 77, 77));
  show("dup2 negative", call2(SYS_dup2, fd, -1));
  show("dup2 huge", call2(SYS_dup2, fd, 1 << 30));
  show("dup3 same", call3(SYS_dup3, fd, fd, 0));
  show("dup3 flags", call3(SYS_dup3, fd, 9, 1));
  show("dup3", call3(SYS_dup3, fd, 9, O_CLOEXEC));
  show("F_GETFD", call3(SYS_fcntl, 9, 1, 0));
  show("F_SETFD", call3(SYS_fcntl, 9, 2, 0));
  show("F_GETFD", call3(SYS_fcntl, 9, 1, 0));
  show("F_GETFD of a copy", call3(SYS_fcntl, 4, 1, 0));
  show("F_DUPFD", call3(SYS_fcntl, fd, 0, 20));
  show("F_DUPFD negative", call3(SYS_fcntl, fd, 0, -1));
  show("F_GETFL", call3(SYS_fcntl, fd, 3, 0) & ~0100000);
  show("F_SETFL", call3(SYS_fcntl, fd, 4, O_APPEND | O_NONBLOCK | 3));
  show("F_GETFL of a copy", call3(SYS_fcntl, 4, 3, 0) & ~0100000);
  show("F_SETFL", call3(SYS_fcntl, fd, 4, 0));
  show("fcntl closed", call3(SYS_fcntl, 77, 3, 0));
  show("fcntl unknown", call3(SYS_fcntl, fd, 999, 0));
  show("ioctl", call3(SYS_ioctl, fd, 0x5401, buffer));
  show("ioctl closed", call3(SYS_ioctl, 77, 0x5401, buffer));
  call3(SYS_lseek, 4, 2, 0);
  show("shared position", call3(SYS_lseek, 20, 0, 1));
  show("close_range", call3(SYS_close_range, 3, 100, 0));
  show("close_range backwards", call3(SYS_close_range, 9, 3, 0));
  show("after it", call1(SYS_close, 20));
}

static void names(void) {
  show("mkdir", call2(SYS_mkdir, "d", 0755));
  show("mkdir again", call2(SYS_mkdir, "d", 0755));
  show("mkdir with slash", call2(SYS_mkdir, "e/", 0777));
  show("mkdir in nothing", call2(SYS_mkdir, "x/y", 0777));
  show("rmdir", call1(SYS_rmdir, "e"));
  show("rmdir of a file", call1(SYS_rmdir, "a"));
  show("rmdir missing", call1(SYS_rmdir, "e"));
  call1(SYS_close, opened("d/f", O_CREAT | 1, 0600));
  show("rmdir full", call1(SYS_rmdir, "d"));
  show("unlink a directory", call1(SYS_unlink, "d"));
  show("unlinkat flags", call3(SYS_unlinkat, AT_FDCWD, "d", 5));
  show("unlinkat full", call3(SYS_unlinkat, AT_FDCWD, "d", 0x200));
  show("unlink missing", call1(SYS_unlink, "missing"));
  show("stat directory", call2(SYS_stat, "d", stat_buffer));
  show(" mode", mode_of());
  show("symlink", call2(SYS_symlink, "a", "l"));
  show("symlink again", call2(SYS_symlink, "a", "l"));
  show("readlink", call3(SYS_readlink, "l", buffer, 100));
  show("readlink short", call3(SYS_readlink, "l", buffer, 0));
  show("readlink of a file", call3(SYS_readlink, "a", buffer, 100));
  show("lstat", call2(SYS_lstat, "l", stat_buffer));
  show(" type", mode_of() & 0170000);
  show("stat", call2(SYS_stat, "l", stat_buffer));
  show(" type", mode_of() & 0170000);
  show("stat missing", call2(SYS_stat, "missing", stat_buffer));
  show("stat bad buffer", call2(SYS_stat, "a", 16));
  show("nofollow", opened("l", O_NOFOLLOW, 0));
  call2(SYS_symlink, "loop", "loop");
  show("loop", opened("loop", 0, 0));
  show("exclusive link", opened("l", O_CREAT | O_EXCL | 1, 0600));
  show("rename", call2(SYS_rename, "d/f", "g"));
  show("rename missing", call2(SYS_rename, "missing", "h"));
  show("rename over a directory", call2(SYS_rename, "g", "d"));
  show("rename a directory into itself", call2(SYS_rename, "d", "d/e"));
  show("rename a directory over a file", call2(SYS_rename, "d", "g"));
  show("access", call2(SYS_access, "g", 6));
  show("access x", call2(SYS_access, "g", 1));
  show("access mode", call2(SYS_access, "g", 8));
  show("access missing", call2(SYS_access, "missing", 0));
  long fd = opened("g", 0, 0);
  show("fchmod", call2(SYS_fchmod, fd, 0400));
  show("no right to write", opened("g", 1, 0));
  show("unlink open", call1(SYS_unlink, "g"));
  show("fstat", call2(SYS_fstat, fd, stat_buffer));
  show(" links", links_of());
  call1(SYS_close, fd);
  show("chdir", call1(SYS_chdir, "d"));
  show("getcwd", call2(SYS_getcwd, buffer, 100));
  show("getcwd short", call2(SYS_getcwd, buffer, 3));
  show("chdir up", call1(SYS_chdir, ".."));
  show("chdir to a file", call1(SYS_chdir, "a"));
  show("fchdir", call1(SYS_fchdir, 77));
  fd = opened(".", O_DIRECTORY, 0);
  long entries = 0;
  for (;;) {
    long got = call3(SYS_getdents64, fd, buffer, 100);
    if (got <= 0) break;
    for (long at = 0; at < got; at += *(unsigned short *)(buffer + at + 16)) entries++;
  }
  show("entries", entries);
  show("getdents short", (call3(SYS_lseek, fd, 0, 0), call3(SYS_getdents64, fd, buffer, 10)));
  show("getdents of a file", (call1(SYS_close, fd), fd = opened("a", 0, 0), call3(SYS_getdents64, fd, buffer, 100)));
  call1(SYS_close, fd);
}

static void devices(void) {
  long fd = opened("/dev/zero", 2, 0);
  buffer[3] = 1;
  show("zero", call3(SYS_read, fd, buffer, 10));
  show(" byte", buffer[3]);
  show("zero write", call3(SYS_write, fd, buffer, 10));
  show("zero seek", call3(SYS_lseek, fd, 100, 0));
  call2(SYS_fstat, fd, stat_buffer);
  show("zero mode", mode_of());
  show("zero rdev", rdev_of());
  show("zero truncate", call2(SYS_ftruncate, fd, 0));
  call1(SYS_close, fd);
  fd = opened("/dev/null", 2, 0);
  show("null", call3(SYS_read, fd, buffer, 10));
  show("null write", call3(SYS_write, fd, buffer, 10));
  show("null mmap", call6(SYS_mmap, 0, 4096, 1, 2, fd, 0));
  call1(SYS_close, fd);
  fd = opened("/dev/full", 2, 0);
  show("full", call3(SYS_read, fd, buffer, 10));
  show("full write", call3(SYS_write, fd, buffer, 10));
  call1(SYS_close, fd);
  fd = opened("/proc/self/maps", 0, 0);
  call2(SYS_fstat, fd, stat_buffer);
  show("maps mode", mode_of());
  show("maps block", block_of());
  show("maps", call3(SYS_read, fd, buffer, 8));
  show("maps write", call3(SYS_write, fd, buffer, 8));
  call1(SYS_close, fd);
  u8 *page = (u8 *)call6(SYS_mmap, 0, 4096, 1, 0x22, -1, 0);
  fd = opened("/proc/self/mem", 2, 0);
  show("mem write past the rights", pwrite64(fd, "m", 1, (ulong)page + 7));
  show(" byte", page[7]);
  show("mem read", pread64(fd, buffer, 4, (ulong)page + 6));
  show("mem nothing there", pread64(fd, buffer, 4, 16));
  show("mem over the edge", pread64(fd, buffer, 16, (ulong)edge - 4));
  call1(SYS_close, fd);
}

static void sealing(void) {
  show("memfd flags", call2(SYS_memfd_create, "m", 0x1000));
  show("memfd both", call2(SYS_memfd_create, "m", 0x18));
  show("memfd bad name", call2(SYS_memfd_create, 16, 0));
  static char name[300];
  memset(name, 'n', 250);
  show("memfd long name", call2(SYS_memfd_create, name, 0));
  name[249] = 0;
  long fd = call2(SYS_memfd_create, name, 2);
  show("memfd", fd);
  call2(SYS_fstat, fd, stat_buffer);
  show(" mode", mode_of());
  show(" links", links_of());
  show("truncate", call2(SYS_ftruncate, fd, 8192));
  show("seals", call3(SYS_fcntl, fd, 1034, 0));
  show("unknown seal", call3(SYS_fcntl, fd, 1033, 0x100));
  u8 *shared = (u8 *)call6(SYS_mmap, 0, 4096, 3, 1, fd, 0);
  shared[0] = 'x';
  show("pread", pread64(fd, buffer, 1, 0));
  show(" byte", buffer[0]);
  pwrite64(fd, "y", 1, 1);
  show("mapped byte", shared[1]);
  show("seal while mapped", call3(SYS_fcntl, fd, 1033, 8));
  call2(SYS_munmap, shared, 4096);
  show("seal write", call3(SYS_fcntl, fd, 1033, 8));
  show("write", pwrite64(fd, "y", 1, 1));
  show("map writable", call6(SYS_mmap, 0, 4096, 3, 1, fd, 0));
  show("seal shrink and grow", call3(SYS_fcntl, fd, 1033, 6));
  show("shrink", call2(SYS_ftruncate, fd, 1));
  show("grow", call2(SYS_ftruncate, fd, 10000));
  show("same", call2(SYS_ftruncate, fd, 8192));
  show("seal seal", call3(SYS_fcntl, fd, 1033, 1));
  show("seal more", call3(SYS_fcntl, fd, 1033, 0x20));
  show("seals", call3(SYS_fcntl, fd, 1034, 0));
  call1(SYS_close, fd);
  fd = call2(SYS_memfd_create, "plain", 0);
  show("seals of a plain one", call3(SYS_fcntl, fd, 1034, 0));
  show("seal it", call3(SYS_fcntl, fd, 1033, 2));
  call1(SYS_close, fd);
  fd = call2(SYS_memfd_create, "noexec", 8);
  call2(SYS_fstat, fd, stat_buffer);
  show("noexec mode", mode_of());
  show("noexec seals", call3(SYS_fcntl, fd, 1034, 0));
  show("noexec chmod", call2(SYS_fchmod, fd, 0755));
  show("noexec chmod same", call2(SYS_fchmod, fd, 0644));
  call1(SYS_close, fd);
  show("seals of a pipe", call3(SYS_fcntl, 1, 1034, 0));
}

static int main(long argc, char **argv, char **envp) {
  (void)argc, (void)argv, (void)envp;
  show("mkdir", call2(SYS_mkdir, "/tmp/mayexec-files", 0755));
  show("chdir", call1(SYS_chdir, "/tmp/mayexec-files"));
  edge = (u8 *)call6(SYS_mmap, 0, 8192, 3, 0x22, -1, 0) + 4096;
  call2(SYS_munmap, edge, 4096);
  opening();
  moving();
  borders();
  descriptors();
  names();
  devices();
  sealing();
  call1(SYS_unlink, "a");
  call1(SYS_unlink, "b");
  call1(SYS_unlink, "l");
  call1(SYS_unlink, "loop");
  call1(SYS_unlink, "masked");
  show("rmdir", call1(SYS_rmdir, "d"));
  call1(SYS_chdir, "/");
  show("gone", call1(SYS_rmdir, "/tmp/mayexec-files"));
  return 3;
}

/* System V shared memory: the order of checks, places, names, and a segment's end. */
#include "guest.h"

#define SYS_ipc 117
#define SYS_shmget NR(29, 395)
#define SYS_shmat NR(30, 397)
#define SYS_shmctl NR(31, 396)
#define SYS_shmdt NR(67, 398)
#define SYS_setrlimit NR(160, 75)

#define IPC_CREAT 01000
#define IPC_EXCL 02000
#define IPC_RMID 0
#define IPC_SET 1
#define IPC_STAT 2
#define SHM_LOCK 11
#define SHM_UNLOCK 12
#define SHM_RDONLY 010000
#define SHM_RND 020000
#define SHM_REMAP 040000
#define SHM_EXEC 0100000
#define PAGE 4096ul

static char text[65536];
static u32 status[64];

/* The rights and the name in the line of /proc/self/maps that begins at `start`. */
static void mapping(ulong start) {
  long fd = call2(SYS_open, "/proc/self/maps", 0);
  ulong length = 0;
  for (long got; (got = call3(SYS_read, fd, text + length, sizeof text - 1 - length)) > 0;) length += got;
  text[length] = 0;
  call1(SYS_close, fd);
  for (char *line = text; *line;) {
    ulong first = 0;
    char *at = line;
    for (; *at != '-'; at++) first = first * 16 + (*at <= '9' ? *at - '0' : *at - 'a' + 10);
    char *end = at;
    while (*end != '\n') end++;
    if (first == start) {
      *end = 0;
      while (*at != ' ') at++;
      at[5] = 0, put(at), put(" ");
      for (at = end; *at != '/' && at > line; at--) {}
      put(at), put("\n");
      return;
    }
    line = end + 1;
  }
  put("none\n");
}

static ulong window(void) {
  ulong at = call6(SYS_mmap, 0, 64 * PAGE, 0, 0x22, -1, 0);
  call2(SYS_munmap, at, 64 * PAGE);
  return at;
}

static void making(void) {
  long key = 0x4d430000 + call0(SYS_getpid);
  show("no such key", call3(SYS_shmget, key, PAGE, 0600));
  show("size 0", call3(SYS_shmget, key, 0, 0600 | IPC_CREAT));
#ifdef __x86_64__
  show("too large", call3(SYS_shmget, key, -1, 0600 | IPC_CREAT));
#endif
  long id = call3(SYS_shmget, key, 5000, 0600 | IPC_CREAT);
  show("made", id >= 0);
  show("again", call3(SYS_shmget, key, 5000, 0600) == id);
  show("size 0 of an old one", call3(SYS_shmget, key, 0, 0600) == id);
  show("exclusively", call3(SYS_shmget, key, 5000, 0600 | IPC_CREAT | IPC_EXCL));
  show("larger, within its pages", call3(SYS_shmget, key, 5001, 0600));
  show("rights that it has not", call3(SYS_shmget, key, 5000, 0700));
  show("remove", call3(SYS_shmctl, id, IPC_RMID, 0));
  show("remove again", call3(SYS_shmctl, id, IPC_RMID, 0));
  show("stat of none", call3(SYS_shmctl, id, IPC_STAT, status));
  show("unknown command", call3(SYS_shmctl, id, 99, 0));
  show("negative command", call3(SYS_shmctl, id, -1, 0));
  show("negative id", call3(SYS_shmctl, -1, IPC_STAT, status));
  show("attach none", call3(SYS_shmat, id, 0, 0));
  show("attach a negative id", call3(SYS_shmat, -1, 0, 0));
}

static ulong mode_of(long id) {
  call3(SYS_shmctl, id, IPC_STAT, status);
  return status[5];
}

/* Locked segments count against RLIMIT_MEMLOCK together. */
static void locking(void) {
  long id = call3(SYS_shmget, 0, 5000, 0600), other = call3(SYS_shmget, 0, 1, 0600);
  ulong limit[2] = {PAGE, 2 * PAGE};
  show("lock", call3(SYS_shmctl, id, SHM_LOCK, 0));
  show("locked", mode_of(id));
  show("lock again", call3(SYS_shmctl, id, SHM_LOCK, 0));
  show("unlock", call3(SYS_shmctl, id, SHM_UNLOCK, 0));
  show("unlocked", mode_of(id));
  show("unlock again", call3(SYS_shmctl, id, SHM_UNLOCK, 0));
  call2(SYS_setrlimit, 8, limit);
  show("above the limit", call3(SYS_shmctl, id, SHM_LOCK, 0));
  limit[0] = 2 * PAGE, call2(SYS_setrlimit, 8, limit);
  show("at the limit", call3(SYS_shmctl, id, SHM_LOCK, 0));
  show("both", call3(SYS_shmctl, other, SHM_LOCK, 0));
  call3(SYS_shmctl, id, SHM_UNLOCK, 0);
  show("the other", call3(SYS_shmctl, other, SHM_LOCK, 0));
  limit[0] = 0, call2(SYS_setrlimit, 8, limit);
  show("no limit left", call3(SYS_shmctl, other, SHM_LOCK, 0));
  show("unlock all the same", call3(SYS_shmctl, other, SHM_UNLOCK, 0));
  limit[0] = 2 * PAGE, call2(SYS_setrlimit, 8, limit);
  ulong at = (ulong)call3(SYS_shmat, id, 0, 0);
  call3(SYS_shmctl, id, SHM_LOCK, 0);
  call3(SYS_shmctl, id, IPC_RMID, 0);
  show("locked and to be removed", mode_of(id));
  show("still counts", call3(SYS_shmctl, other, SHM_LOCK, 0));
  call1(SYS_shmdt, at);
  show("gone", call3(SYS_shmctl, other, SHM_LOCK, 0));
  show("lock none", call3(SYS_shmctl, id, SHM_LOCK, 0));
  show("huge pages", call3(SYS_shmget, 0, PAGE, 0600 | 04000));
  show("none of them", call3(SYS_shmget, 0, 0, 0600 | 04000));
  call3(SYS_shmctl, other, IPC_RMID, 0);
}

static void places(void) {
  long id = call3(SYS_shmget, 0, 2 * PAGE, 0600);
  ulong at = window();
  show("unaligned", call3(SYS_shmat, id, at + 1, 0));
  show("SHM_REMAP of nowhere", call3(SYS_shmat, id, 0, SHM_REMAP));
  show("rounded to nowhere, SHM_REMAP", call3(SYS_shmat, id, 1, SHM_RND | SHM_REMAP));
  show("aligned address", call3(SYS_shmat, id, at, 0) == (long)at);
  mapping(at);
  show("taken", call3(SYS_shmat, id, at + PAGE, 0));
  show("rounded", call3(SYS_shmat, id, at + 4 * PAGE + 77, SHM_RND) == (long)(at + 4 * PAGE));
  show("over another", call3(SYS_shmat, id, at + PAGE, SHM_REMAP) == (long)(at + PAGE));
  *(u8 *)(at + PAGE) = 42;
  show("the same bytes", *(u8 *)(at + 4 * PAGE));
  show("detach in the middle", call1(SYS_shmdt, at + 2 * PAGE));
  show("detach unaligned", call1(SYS_shmdt, at + 1));
  show("detach the rest of one", call1(SYS_shmdt, at));
  mapping(at);
  mapping(at + PAGE);
  show("no rights to execute", call3(SYS_shmat, id, 0, SHM_EXEC));
  show("beyond user space", call3(SYS_shmat, id, -PAGE, 0));
  call1(SYS_shmdt, at + PAGE);
  call1(SYS_shmdt, at + 4 * PAGE);
  call3(SYS_shmctl, id, IPC_RMID, 0);
}

static void rights(void) {
  long id = call3(SYS_shmget, 0, PAGE, 0700);
  ulong at = window();
  call3(SYS_shmat, id, at, SHM_RDONLY);
  mapping(at);
  show("write to a read-only one", call3(SYS_mprotect, at, PAGE, 3));
  show("execute it", call3(SYS_mprotect, at, PAGE, 5));
  call3(SYS_shmat, id, at + 2 * PAGE, SHM_EXEC);
  mapping(at + 2 * PAGE);
  call3(SYS_shmat, id, at + 4 * PAGE, SHM_EXEC | SHM_RDONLY);
  mapping(at + 4 * PAGE);
  show("stat", call3(SYS_shmctl, id, IPC_STAT, status));
  show("attached", status[NR(22, 18)]);
  show("size", status[NR(12, 9)]);
  show("mode", status[5]);
  call3(SYS_shmctl, id, IPC_RMID, 0);
  call3(SYS_shmctl, id, IPC_STAT, status);
  show("mode when marked", status[5]);
  show("attach a marked one", call3(SYS_shmat, id, at + 6 * PAGE, 0) == (long)(at + 6 * PAGE));
  for (int i = 0; i < 4; i++) show("detach", call1(SYS_shmdt, at + 2 * i * PAGE));
  show("gone", call3(SYS_shmat, id, 0, 0));
  id = call3(SYS_shmget, 0, PAGE, 0400);
  show("write without the right", call3(SYS_shmat, id, 0, 0));
  show("read", call3(SYS_shmat, id, at, SHM_RDONLY) == (long)at);
  show("IPC_SET from nowhere", call3(SYS_shmctl, id, IPC_SET, 8));
  call3(SYS_shmctl, id, IPC_RMID, 0);
  show("unmapped by munmap", call2(SYS_munmap, at, PAGE));
  show("gone", call3(SYS_shmctl, id, IPC_STAT, status));
}

#ifndef __x86_64__
static void multiplexer(void) {
  u32 at = 0;
  long id = call6(SYS_ipc, 23, 0, PAGE, 0600, 0, 0);
  show("ipc: shmget", id >= 0);
  show("ipc: shmat", call6(SYS_ipc, 21, id, 0, (long)&at, 0, 0));
  show("ipc: address", at != 0);
  mapping(at);
  show("ipc: address to nowhere", call6(SYS_ipc, 21, id, 0, 8, 0, 0));
  show("ipc: version 1", call6(SYS_ipc, 21 | 1 << 16, id, 0, (long)&at, 0, 0));
  show("ipc: shmdt", call6(SYS_ipc, 22, 0, 0, 0, at, 0));
  show("ipc: stat", call6(SYS_ipc, 24, id, IPC_STAT | 0x100, 0, (long)status, 0));
  show("ipc: mode", status[5]);
  show("shmctl knows no versions", call3(SYS_shmctl, id, IPC_STAT | 0x100, status));
  show("ipc: remove", call6(SYS_ipc, 24, id, IPC_RMID, 0, 0, 0));
  show("ipc: unknown", call6(SYS_ipc, 99, 0, 0, 0, 0, 0));
}
#endif

static int main(long argc, char **argv, char **envp) {
  (void)argc, (void)argv, (void)envp;
  making();
  locking();
  places();
  rights();
#ifndef __x86_64__
  multiplexer();
#endif
  return 0;
}

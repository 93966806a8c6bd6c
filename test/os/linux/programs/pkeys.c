/* Protection keys of the sandbox's processor: in a handler, in its frame, and after it. */
#include "guest.h"

#define SYS_pkey_mprotect NR(329, 380)
#define SYS_pkey_alloc NR(330, 381)
#define SYS_pkey_free NR(331, 382)

static u8 page[4096] __attribute__((aligned(4096)));
static volatile u32 in_handler, in_frame, code, key_told;
static int change;

static u32 rdpkru(void) {
  u32 low, high;
  __asm__ volatile("rdpkru" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static void wrpkru(u32 value) { __asm__ volatile("wrpkru" ::"a"(value), "c"(0), "d"(0) : "memory"); }

static void on_fault(int number, int *info, char *context) {
  (void)number;
  in_handler = rdpkru();
  code = info[2];
  key_told = info[NR(8, 5)];
  u8 *state = *(u8 **)(context + NR(40 + 184, 20 + 76));
#ifndef __x86_64__
  state += 112;
#endif
  in_frame = *(u32 *)(state + 2688);
  show("magic 1", *(u32 *)(state + 464));
  show("magic 2", *(u32 *)(state + *(u32 *)(state + 464 + 16)));
  *(u32 *)(state + 2688) = change;
}

#ifdef __x86_64__
__asm__("restore: mov $15, %eax\n syscall\n");
#else
__asm__("restore: mov $173, %eax\n int $0x80\n");
#endif
extern void restore(void);

static int main(long argc, char **argv, char **envp) {
  (void)argc, (void)argv, (void)envp;
  ulong action[5] = {(ulong)on_fault, 0x04000004, (ulong)restore, 0, 0};
  call4(SYS_rt_sigaction, 11, action, 0, 8);
  u32 a = 7, b, c = 0, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  show("announced", (c >> 3) & 3);
  show("pkru at start", rdpkru());
  long key = call2(SYS_pkey_alloc, 0, 1);
  show("key", key);
  show("pkey_mprotect", call4(SYS_pkey_mprotect, page, 4096, 3, key));
  wrpkru(0x5555555c);
  change = 0x10;
  page[5] = 7;
  show("in handler", in_handler);
  show("in frame", in_frame);
  show("code", code);
  show("key told", key_told);
  show("after", rdpkru());
  show("stored", page[5]);
  show("pkey_free", call1(SYS_pkey_free, key));
  show("pkey_free again", call1(SYS_pkey_free, key));
  return 0;
}

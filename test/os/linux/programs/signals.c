/* Signals: what handlers see in siginfo and ucontext, what they may change, masks, stacks, bad frames. */
#include "guest.h"

#define SA_SIGINFO 4
#define SA_RESTORER 0x04000000
#define SA_ONSTACK 0x08000000
#define SA_NODEFER 0x40000000
#define SA_RESETHAND 0x80000000ul

struct action {
  void *handler;
  ulong flags;
  void *restorer;
  u32 mask[2];
};

struct info {
  int signal, error, code;
#ifdef __x86_64__
  int pad;
#endif
  union {
    void *address;
    struct { int pid, uid; } sender;
  };
};

struct stack {
  void *start;
  int flags;
  ulong size;
};

#ifdef __x86_64__
struct context {
  ulong flags;
  void *link;
  struct stack stack;
  ulong r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, eflags;
  unsigned short cs, gs, fs, ss;
  ulong err, trapno, oldmask, cr2;
  u8 *fpstate;
  ulong reserved[8];
  u32 mask[2];
};
__asm__("restorer: mov $15, %eax\n syscall\n");
#define FPSTATE_XMM 160
#else
struct context {
  ulong flags;
  void *link;
  struct stack stack;
  u32 gs, fs, es, ds, di, si, bp, sp, bx, dx, cx, ax, trapno, err, ip, cs, eflags, sp_at_signal, ss;
  u8 *fpstate;
  ulong oldmask, cr2;
  u32 mask[2];
};
__asm__("restorer: mov $173, %eax\n int $0x80\n");
__asm__("plain_restorer: pop %eax\n mov $119, %eax\n int $0x80\n");
void plain_restorer(void);
#define FPSTATE_XMM (112 + 160)
#endif
void restorer(void);

static u8 *page;
static u8 alternate[16384];
static int depth;

static void install(int signal, void *handler, ulong flags) {
  struct action action = {handler, flags | SA_RESTORER, restorer, {0, 0}};
#ifdef __i386__
  if (!(flags & SA_SIGINFO)) action.restorer = plain_restorer;
  /* Without a restorer the kernel's own page has the way back. */
  if (signal == 12) action.flags &= ~SA_RESTORER;
#endif
  show("sigaction", call4(SYS_rt_sigaction, signal, &action, 0, 8));
}

static void fault(int signal, struct info *info, struct context *context) {
  u8 *here = (u8 *)&here;
  put("fault ");
  number(signal);
  show(" code", info->code);
  show(" address", (long)((u8 *)info->address - page));
  show(" cr2", (long)((u8 *)context->cr2 - page));
  show(" err", (long)context->err);
  show(" trapno", (long)context->trapno);
  show(" on alternate stack", here > alternate && here < alternate + sizeof alternate);
  show(" aligned", ((ulong)__builtin_frame_address(0) + sizeof(long)) % 16 == sizeof(long) * 1 % 16);
  show(" flags of stack", context->stack.flags);
  show(" cs", context->cs);
  show(" ss", context->ss);
  show(" eflags without CF..OF", (long)(context->eflags & 0x300));
  call3(SYS_mprotect, page, 4096, 3);
}

static void skip(int signal, struct info *info, struct context *context) {
  put("skip ");
  number(signal);
  show(" code", info->code);
  show(" at instruction", info->address == (void *)context->ip);
  show(" address", info->code == 128 ? (long)info->address : 0);
  show(" err", (long)context->err);
  show(" trapno", (long)context->trapno);
  u8 *at = (u8 *)context->ip;
  /* Behind an int3 the instruction is over already. */
  if (signal != 5) context->ip += at[0] == 0xf4 ? 1 : 2;
}

static void step(int signal, struct info *info, struct context *context) {
  (void)signal;
  show("step code", info->code);
  show(" at instruction", info->address == (void *)context->ip);
  show(" TF in the frame", (context->eflags & 0x100) != 0);
  context->eflags &= ~0x100ul;
}

static void plain(int signal) {
  show("plain", signal);
  depth++;
}

static void nested(int signal) {
  depth++;
  show("nested", depth);
  if (depth < 3) call2(SYS_kill, call0(SYS_getpid), signal);
  show("back", depth);
}

static void sent(int signal, struct info *info, struct context *context) {
  show("sent", signal);
  show(" code", info->code);
  show(" from self", info->sender.pid == call0(SYS_getpid));
  show(" mask", (long)context->mask[0]);
  u32 mask[2];
  call4(SYS_rt_sigprocmask, 0, 0, mask, 8);
  show(" mask now", (long)mask[0]);
  /* The interrupted code goes on with this mask. */
  context->mask[0] = 1 << 16;
}

static void edit(int signal, struct info *info, struct context *context) {
  (void)signal, (void)info;
  context->ax = 42;
  *(u32 *)(context->fpstate + FPSTATE_XMM) = 77;
  context->ip += 2;
}

static int main(long argc, char **argv, char **envp) {
  (void)argc, (void)argv, (void)envp;
  struct stack stack = {alternate, 0, sizeof alternate};
  show("sigaltstack", call2(SYS_sigaltstack, &stack, 0));
  page = (u8 *)call6(SYS_mmap, 0, 4096, 1, 0x22, -1, 0);
  install(11, fault, SA_SIGINFO | SA_ONSTACK);
  page[5] = 3;
  show("stored", page[5]);
  call3(SYS_mprotect, page, 4096, 0);
  show("loaded", *(volatile u8 *)(page + 7));
  call2(SYS_munmap, page, 4096);
  call6(SYS_mmap, (long)page, 4096, 0, 0x32, -1, 0);
  show("loaded", *(volatile u8 *)(page + 9));

  install(4, skip, SA_SIGINFO);
  __asm__ volatile("ud2");
  install(11, skip, SA_SIGINFO);
  __asm__ volatile("hlt");
  __asm__ volatile("int $0x81");
  __asm__ volatile("int $0x20");
  install(8, skip, SA_SIGINFO);
  __asm__ volatile("xor %%ecx, %%ecx\n xor %%edx, %%edx\n mov $1, %%eax\n div %%ecx" ::: "eax", "ecx", "edx");
  install(5, skip, SA_SIGINFO);
  __asm__ volatile("int3");
  install(5, step, SA_SIGINFO);
#ifdef __x86_64__
  __asm__ volatile("pushfq\n orl $0x100, (%%rsp)\n popfq\n nop\n nop" ::: "cc", "memory");
#else
  __asm__ volatile("pushfl\n orl $0x100, (%%esp)\n popfl\n nop\n nop" ::: "cc", "memory");
#endif

  install(10, plain, SA_RESETHAND);
  long self = call0(SYS_getpid);
  show("kill", call2(SYS_kill, self, 10));
  struct action old;
  show("asked", call4(SYS_rt_sigaction, 10, 0, &old, 8));
  show("handler is default", old.handler == 0);
  install(12, nested, SA_NODEFER);
  depth = 0;
  show("kill", call2(SYS_kill, self, 12));
  install(12, nested, 0);
  depth = 1;
  show("kill", call2(SYS_kill, self, 12));
  show("depth", depth);

  install(15, sent, SA_SIGINFO);
  show("kill", call2(SYS_kill, self, 15));
  u32 mask[2] = {0, 0};
  call4(SYS_rt_sigprocmask, 0, 0, mask, 8);
  show("mask after", (long)mask[0]);
  show("tgkill", call3(SYS_tgkill, self, self, 15));
  mask[0] = 0;
  call4(SYS_rt_sigprocmask, 2, mask, 0, 8);

  install(4, edit, SA_SIGINFO);
  long ax;
  u32 low;
  __asm__ volatile("mov $1, %%eax\n movd %%eax, %%xmm0\n ud2\n movd %%xmm0, %1" : "=&a"(ax), "=r"(low));
  show("ax", ax);
  show("xmm0", low);

  stack.size = 100;
  show("small", call2(SYS_sigaltstack, &stack, 0));
  stack.size = sizeof alternate;
  stack.flags = 5;
  show("bad flags", call2(SYS_sigaltstack, &stack, 0));
  stack.flags = 2;
  show("disable", call2(SYS_sigaltstack, &stack, 0));
  show("ask", call2(SYS_sigaltstack, 0, &stack));
  show("flags", stack.flags);
  show("bad pointer", call2(SYS_sigaltstack, 16, 0));
  show("signal 0", call4(SYS_rt_sigaction, 0, 0, &old, 8));
  show("signal 65", call4(SYS_rt_sigaction, 65, 0, &old, 8));
  show("kill handler", call4(SYS_rt_sigaction, 9, &old, 0, 8));
  show("kill asked", call4(SYS_rt_sigaction, 9, 0, &old, 8));
  show("size", call4(SYS_rt_sigaction, 10, 0, &old, 4));
  show("kill nobody", call2(SYS_kill, 999999, 15));
  show("kill bad signal", call2(SYS_kill, self, 65));
  show("kill nobody bad", call2(SYS_kill, 999999, 99));
  show("kill 0", call2(SYS_kill, self, 0));
  show("tgkill -1", call3(SYS_tgkill, -1, self, 15));

  /* A stack that holds no frame: the default action of SIGSEGV. */
#ifdef __x86_64__
  __asm__ volatile("mov $16, %rsp\n mov $15, %eax\n syscall");
#else
  __asm__ volatile("mov $16, %esp\n mov $173, %eax\n int $0x80");
#endif
  return 0;
}

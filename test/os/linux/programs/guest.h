/* Freestanding: system calls, printing and a start for both architectures. No C library is needed. */
typedef unsigned long ulong;
typedef long long i64;
typedef unsigned char u8;
typedef unsigned int u32;

#ifdef __x86_64__
static long call6(long n, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return n;
}
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call start_c\n");
#define NR(wide, narrow) (wide)
#else
static long call6(long n, long a, long b, long c, long d, long e, long f) {
  long block[7] = {n, a, b, c, d, e, f};
  long result;
  __asm__ volatile("push %%ebp\n push %%ebx\n mov %1, %%eax\n mov 4(%%eax), %%ebx\n mov 8(%%eax), %%ecx\n"
                   "mov 12(%%eax), %%edx\n mov 16(%%eax), %%esi\n mov 20(%%eax), %%edi\n mov 24(%%eax), %%ebp\n"
                   "mov (%%eax), %%eax\n int $0x80\n pop %%ebx\n pop %%ebp\n"
                   : "=a"(result) : "a"(block) : "ecx", "edx", "esi", "edi", "memory");
  return result;
}
__asm__(".globl _start\n_start: mov %esp, %eax\n and $-16, %esp\n sub $12, %esp\n push %eax\n call start_c\n");
#define NR(wide, narrow) (narrow)
#endif

#define call5(n, a, b, c, d, e) call6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define call4(n, a, b, c, d) call5(n, a, b, c, d, 0)
#define call3(n, a, b, c) call4(n, a, b, c, 0)
#define call2(n, a, b) call3(n, a, b, 0)
#define call1(n, a) call2(n, a, 0)
#define call0(n) call1(n, 0)

#define SYS_read NR(0, 3)
#define SYS_write NR(1, 4)
#define SYS_open NR(2, 5)
#define SYS_close NR(3, 6)
#define SYS_lseek NR(8, 19)
#define SYS_mmap NR(9, 192)
#define SYS_mprotect NR(10, 125)
#define SYS_munmap NR(11, 91)
#define SYS_brk NR(12, 45)
#define SYS_rt_sigaction NR(13, 174)
#define SYS_rt_sigprocmask NR(14, 175)
#define SYS_rt_sigreturn NR(15, 173)
#define SYS_getpid NR(39, 20)
#define SYS_exit NR(60, 1)
#define SYS_kill NR(62, 37)
#define SYS_sigaltstack NR(131, 186)
#define SYS_tgkill NR(234, 270)

static void put(const char *text) {
  ulong length = 0;
  while (text[length]) length++;
  call3(SYS_write, 1, text, length);
}

static void number(long value) {
  char text[24];
  char *at = text + sizeof text - 1;
  ulong rest = value < 0 ? -(ulong)value : (ulong)value;
  *at = 0;
  do {
    *--at = '0' + rest % 10;
    rest /= 10;
  } while (rest);
  if (value < 0) *--at = '-';
  put(at);
}

static void hex(ulong value) {
  char text[20];
  char *at = text + sizeof text - 1;
  *at = 0;
  do {
    *--at = "0123456789abcdef"[value & 15];
    value >>= 4;
  } while (value);
  *--at = 'x';
  *--at = '0';
  put(at);
}

/* One line: a label and a value. */
static void show(const char *label, long value) {
  put(label);
  put(" = ");
  number(value);
  put("\n");
}

static int main(long argc, char **argv, char **envp);

__attribute__((used)) static void start_c(ulong *sp) {
  call1(SYS_exit, main((long)sp[0], (char **)(sp + 1), (char **)(sp + 2 + sp[0])));
}

void *memcpy(void *to, const void *from, ulong count) {
  for (ulong i = 0; i < count; i++) ((u8 *)to)[i] = ((const u8 *)from)[i];
  return to;
}

void *memset(void *to, int value, ulong count) {
  for (ulong i = 0; i < count; i++) ((volatile u8 *)to)[i] = (u8)value;
  return to;
}

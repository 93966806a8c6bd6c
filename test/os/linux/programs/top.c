/* Accesses at the very end of the addresses: past the limit of a flat 32-bit segment they are no page faults. */
#include "guest.h"

#define SA_SIGINFO 4
#define SA_RESTORER 0x04000000
#define SA_ONSTACK 0x08000000
#define SA_NODEFER 0x40000000

#ifdef __x86_64__
__asm__("restorer: mov $15, %eax\n syscall\n");
#define UC_ERR (40 + 19 * 8)
#define UC_TRAP (40 + 20 * 8)
#define UC_PC (40 + 16 * 8)
#else
__asm__("restorer: mov $173, %eax\n int $0x80\n");
#define UC_ERR 72
#define UC_TRAP 68
#define UC_PC 76
#endif
void restorer(void);

static u8 alternate[16384];
ulong saved_stack, from;

/* Calls `code` with the address in ax, si, di and bp; comes back from a fault as well. */
#ifdef __x86_64__
__asm__("attempt: push %rbx\n push %rbp\n mov %rsp, saved_stack(%rip)\n mov %rsi, %rax\n mov %rsi, %rbp\n"
        "mov %rdi, %rbx\n mov %rsi, %rdi\n mov $1, %ecx\n call *%rbx\n"
        "back: mov saved_stack(%rip), %rsp\n cld\n pop %rbp\n pop %rbx\n ret\n");
#else
__asm__("attempt: push %ebx\n push %ebp\n push %esi\n push %edi\n mov %esp, saved_stack\n mov 20(%esp), %ebx\n"
        "mov 24(%esp), %eax\n mov %eax, %esi\n mov %eax, %edi\n mov %eax, %ebp\n mov $1, %ecx\n call *%ebx\n"
        "back: mov saved_stack, %esp\n cld\n pop %edi\n pop %esi\n pop %ebp\n pop %ebx\n ret\n");
#endif
void attempt(void *code, ulong address);
extern u8 back[];

static void on_fault(int signal, int *info, u8 *context) {
  put(" signal "), number(signal);
  put(" code "), number(info[2]);
  put(" at "), hex(*(ulong *)(info + NR(4, 3)));
  put(" trap "), number((long)*(ulong *)(context + UC_TRAP));
  put(" error "), number((long)(*(ulong *)(context + UC_ERR) & 6));
  *(ulong *)(context + UC_PC) = (ulong)back;
}

#define CODE(name, text) __asm__(".balign 16\n" name ": " text "\n ret\n");
#ifdef __x86_64__
#define A "%rax"
#define BP "%rbp"
#define SP "%rsp"
#else
#define A "%eax"
#define BP "%ebp"
#define SP "%esp"
#endif

#define CASES \
  ONE(byte, "mov (" A "), %dl") \
  ONE(word, "mov (" A "), %dx") \
  ONE(dword, "mov (" A "), %edx") \
  ONE(store_dword, "movl $1, (" A ")") \
  ONE(add, "addl $1, (" A ")") \
  ONE(compare, "cmpb $1, (" A ")") \
  ONE(by_bp, "mov (" BP "), %edx") \
  ONE(by_bp_in_ds, "mov %ds:(" BP "), %edx") \
  ONE(indexed, "mov -1(" BP "," A ",0x1), %edx") \
  ONE(move, "movsb") \
  ONE(moves, "movsl") \
  ONE(fill, "stosw") \
  ONE(mmx, "movq (" A "), %mm0") \
  ONE(sse_low, "movlps (" A "), %xmm0") \
  ONE(sse, "movups (" A "), %xmm0") \
  ONE(sse_store, "movups %xmm0, (" A ")") \
  ONE(scalar, "addss (" A "), %xmm0") \
  ONE(scalar_double, "addsd (" A "), %xmm0") \
  ONE(convert, "cvtsi2sdl (" A "), %xmm0") \
  ONE(insert, "pinsrw $1, (" A "), %xmm0") \
  ONE(fpu_word, "filds (" A ")") \
  ONE(fpu, "fldl (" A ")") \
  ONE(fpu_ten, "fldt (" A ")") \
  ONE(fpu_control, "fldcw (" A ")") \
  ONE(zero_extend, "movzwl (" A "), %edx") \
  ONE(exchange8, "cmpxchg8b (" A ")") \
  ONE(set, "sete (" A ")") \
  ONE(jump, "jmp *(" A ")") \
  ONE(push_memory, "push (" A ")") \
  ONE(pop, "mov " A ", " SP "\n pop %cx") \
  ONE(return_, "mov " A ", " SP "\n ret") \
  ONE(leave_, "leave") \
  ONE(push, "lea 4(" A "), " SP "\n pushw $1") \
  ONE(call, "lea 4(" A "), " SP "\n call back") \
  ONE(env_store, "fnstenv (" A ")") \
  ONE(env_load, "fldenv (" A ")") \
  ONE(state_store, "fnsave (" A ")") \
  ONE(state_load, "frstor (" A ")") \
  ONE(float_ten_store, "fld1\n fstpt (" A ")") \
  ONE(pusha_, "lea 4(" A "), " SP "\n pushf") \
  ONE(bounds, "cmpxchg %edx, (" A ")") \
  ONE(mxcsr, "ldmxcsr (" A ")") \
  ONE(mmx_low, "punpcklbw (" A "), %mm0") \
  ONE(widen, "cvtps2pd (" A "), %xmm0") \
  ONE(widen_dword, "cvtdq2pd (" A "), %xmm0") \
  ONE(lddqu_, "lddqu (" A "), %xmm0") \
  ONE(bits, "btl $1, (" A ")")

#define ONE(name, text) CODE("try_" #name, text) extern u8 try_##name[];
CASES
#undef ONE

static void at(ulong address) {
  put("at "), hex(address), put("\n");
#define ONE(name, text) put(#name), attempt(try_##name, address), put("\n");
  CASES
#undef ONE
}

static int main(long argc, char **argv, char **envp) {
  (void)argc, (void)argv, (void)envp;
  struct { void *start; int flags; ulong length; } stack = {alternate, 0, sizeof alternate};
  call2(SYS_sigaltstack, &stack, 0);
  ulong action[5] = {(ulong)on_fault, SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_NODEFER, (ulong)restorer};
  call4(SYS_rt_sigaction, 11, action, 0, 8);
  call4(SYS_rt_sigaction, 7, action, 0, 8);
  at(-1ul), at(-2ul), at(-3ul), at(-4ul), at(-7ul), at(-8ul), at(-9ul), at(-10ul), at(-15ul), at(-16ul);
  return 0;
}

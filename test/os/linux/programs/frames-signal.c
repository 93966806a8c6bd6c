/* A handler that crashes, entered while raises() was at its kill. */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static void handler(int signal) { *(volatile int *)4096 = signal; }

__attribute__((noinline)) static int raises(int signal) {
  volatile int result = 0;
  __asm__ volatile("int3");
  return result + signal;
}

int main(void) {
  signal(SIGTRAP, handler);
  return raises(SIGTRAP) + 1;
}

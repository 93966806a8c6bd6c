#include <windows.h>
#include <stdio.h>
#include <setjmp.h>
#include <signal.h>
static jmp_buf jb;
static jmp_buf jb2;
static void onsegv(int s)
{
  printf("signal %d\n", s);
  longjmp(jb2, 7);
} static void onfpe(int s)
{
  printf("fpe\n");
  longjmp(jb2, 8);
} static void onabrt(int s)
{
  printf("abrt\n");
  longjmp(jb2, 9);
}

static int depth(int n)
{
  if (n == 0)
    longjmp(jb, 3);
  return depth(n - 1) + 1;
}

static LONG CALLBACK veh(EXCEPTION_POINTERS * e)
{
  printf("veh %08lx %lu\n", e->ExceptionRecord->ExceptionCode, e->ExceptionRecord->NumberParameters);
#ifdef __x86_64__
  e->ContextRecord->Rip += 2;
#else
  e->ContextRecord->Eip += 2;
#endif
  return EXCEPTION_CONTINUE_EXECUTION;
}

int main(void)
{
  volatile int r = setjmp(jb);
  printf("setjmp %d\n", r);
  if (r == 0)
    depth(5);
  if (r != 3)
    return 9;
  void *h = AddVectoredExceptionHandler(1, veh);
  asm volatile ("ud2");
  printf("after\n");
  RemoveVectoredExceptionHandler(h);
  signal(SIGSEGV, onsegv);
  if (!(r = setjmp(jb2)))
    *(volatile int *) 16 = 1;
  printf("r %d\n", r);
  signal(SIGFPE, onfpe);
  if (!(r = setjmp(jb2))) {
    volatile int z = 0;
    z = 1 / z;
  }
  printf("r %d\n", r);
  signal(SIGABRT, onabrt);
  if (!(r = setjmp(jb2)))
    abort();
  printf("r %d\n", r);
  signal(SIGTERM, onfpe);
  if (!(r = setjmp(jb2)))
    raise(SIGTERM);
  printf("r %d\n", r);
  fflush(stdout);
  raise(SIGTERM);
  printf("unreached\n");
  return 4;
}

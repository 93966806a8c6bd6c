#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <assert.h>
#include <errno.h>
#include <locale.h>
static void bye(void)
{
  puts("atexit");
} static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

static BOOL CALLBACK on(PINIT_ONCE o, void *p, void **c)
{
  puts("once");
  return TRUE;
}

int main(int c, char **v)
{
  atexit(bye);
  SYSTEMTIME t;
  GetSystemTime(&t);
  printf("%d\n", t.wYear > 2000);
  FILETIME ft;
  SystemTimeToFileTime(&t, &ft);
  printf("%lu\n", (unsigned long) (GetTickCount64() >= 0));
  char b[300];
  printf("%d\n", GetModuleFileNameA(0, b, 300) > 0);
  printf("%lu\n", (unsigned long) GetCurrentProcessId() > 0);
  printf("%d\n", GetFullPathNameA("x.txt", 300, b, 0) > 0);
  printf("%s\n", GetCommandLineA() != 0 ? "cl" : "no");
  InitOnceExecuteOnce(&once, on, 0, 0);
  InitOnceExecuteOnce(&once, on, 0, 0);
  SRWLOCK l = SRWLOCK_INIT;
  AcquireSRWLockExclusive(&l);
  ReleaseSRWLockExclusive(&l);
  HLOCAL h = LocalAlloc(LPTR, 10);
  printf("%d\n", h != 0);
  LocalFree(h);
  HGLOBAL g = GlobalAlloc(GPTR, 10);
  GlobalFree(g);
  printf("%s\n", setlocale(LC_ALL, 0));
  void *a = _aligned_malloc(100, 64);
  printf("%d\n", (int) ((size_t) a % 64));
  _aligned_free(a);
  printf("%d\n", (int) _msize(malloc(10)));
  WIN32_FIND_DATAA fd;
  HANDLE f = FindFirstFileA("*.nope", &fd);
  printf("%d %lu\n", f == INVALID_HANDLE_VALUE, GetLastError());
  printf("%d\n", CreateDirectoryA("dd", 0));
  printf("%d %lu\n", CreateDirectoryA("dd", 0), GetLastError());
  f = CreateFileA("dd\\a.txt", GENERIC_WRITE, 0, 0, CREATE_NEW, 0, 0);
  printf("%d\n", f != INVALID_HANDLE_VALUE);
  CloseHandle(f);
  f = FindFirstFileA("dd\\*.txt", &fd);
  printf("%s\n", f != INVALID_HANDLE_VALUE ? fd.cFileName : "-");
  FindClose(f);
  printf("%d %d %d\n", MoveFileA("dd\\a.txt", "dd\\b.txt"), DeleteFileA("dd\\b.txt"), RemoveDirectoryA("dd"));
  printf("%d\n", system(NULL) != -5);
  char *m;
  OutputDebugStringA("x");
  printf("%d\n", IsDebuggerPresent());
  printf("%d\n", MulDiv(7, 6, 4));
  wsprintfA(b, "%d %s", 5, "w");
  puts(b);
  lstrcpyA(b, "zz");
  lstrcatA(b, "yy");
  printf("%s %d\n", b, lstrcmpiA("A", "a"));
  errno = 0;
  _set_errno(5);
  printf("%d\n", errno);
  exit(6);
}

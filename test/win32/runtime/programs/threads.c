#include <windows.h>
#include <process.h>
#include <stdio.h>
static CRITICAL_SECTION cs;
static volatile LONG n;
static int total;
static HANDLE ev;
static __thread int tls = 5;
static DWORD slot;
static DWORD WINAPI worker(void *a)
{
  TlsSetValue(slot, a);
  tls += (int) (INT_PTR) a;
  for (int i = 0; i < 1000; i++) {
    EnterCriticalSection(&cs);
    total++;
    LeaveCriticalSection(&cs);
    InterlockedIncrement(&n);
  } return (DWORD) (tls * 10 + (INT_PTR) TlsGetValue(slot));
}

static DWORD WINAPI waiter(void *a)
{
  DWORD r = WaitForSingleObject(ev, INFINITE);
  printf("waiter %lu\n", r);
  return 1;
}

static unsigned __stdcall bt(void *a)
{
  printf("beginthreadex %d\n", *(int *) a);
  _endthreadex(9);
  return 0;
}

int main(void)
{
  InitializeCriticalSection(&cs);
  slot = TlsAlloc();
  HANDLE t[4];
  DWORD id;
  for (int i = 0; i < 4; i++)
    t[i] = CreateThread(0, 0, worker, (void *) (INT_PTR) (i + 1), 0, &id);
  printf("wait %lu\n", WaitForMultipleObjects(4, t, TRUE, INFINITE));
  for (int i = 0; i < 4; i++) {
    DWORD c;
    GetExitCodeThread(t[i], &c);
    printf("code %lu\n", c);
    CloseHandle(t[i]);
  } printf("total %d n %ld tls %d\n", total, n, tls);
  ev = CreateEventA(0, TRUE, FALSE, 0);
  HANDLE w = CreateThread(0, 0, waiter, 0, 0, 0);
  Sleep(10);
  printf("timeout %lu\n", WaitForSingleObject(w, 0));
  SetEvent(ev);
  printf("%lu\n", WaitForSingleObject(w, 1000));
  int q = 77;
  HANDLE b = (HANDLE) _beginthreadex(0, 0, bt, &q, 0, 0);
  WaitForSingleObject(b, INFINITE);
  DWORD c;
  GetExitCodeThread(b, &c);
  printf("bt %lu\n", c);
  HANDLE s = CreateThread(0, 0, worker, (void *) 9, CREATE_SUSPENDED, 0);
  printf("susp %lu", WaitForSingleObject(s, 5));
  printf(" resume %lu", ResumeThread(s));
  printf(" %lu\n", WaitForSingleObject(s, INFINITE));
  HANDLE mu = CreateMutexA(0, TRUE, 0);
  printf("mutex %lu %d\n", WaitForSingleObject(mu, 0), ReleaseMutex(mu));
  HANDLE se = CreateSemaphoreA(0, 1, 2, 0);
  printf("%lu %lu\n", WaitForSingleObject(se, 0), WaitForSingleObject(se, 5));
  return 0;
}

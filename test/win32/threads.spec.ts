/** Threads of a program for Windows: turns, DLL_THREAD_ATTACH, locks, deadlock, and many of them. */
import { describe, expect, it } from 'vitest';
import { Sandbox, type SandboxOptions } from '../../src/index.js';
import { buildProgram, lacksMingw } from './mingw.js';

const lacking = lacksMingw('c');

function open(source: string, options: SandboxOptions = {}): Promise<Sandbox> {
  const bytes = buildProgram(options.arch ?? 'x86-64', source);
  return Sandbox.create({ ...options, program: { bytes, path: '/program.exe' } });
}

function output(sandbox: Sandbox): string {
  return new TextDecoder().decode(sandbox.stdout).replaceAll('\r', '');
}

/** Two threads that hand a number to and fro, one that only counts, and a reader's lock. */
const HANDED = `
#include <windows.h>
#include <stdio.h>
static CRITICAL_SECTION lock; static CONDITION_VARIABLE changed; static SRWLOCK slim;
static int number; static volatile int counted, stop;
static DWORD WINAPI odd(void *unused) {
  for (int i = 0; i < 20; i++) {
    EnterCriticalSection(&lock);
    while (number % 2 == 0) SleepConditionVariableCS(&changed, &lock, INFINITE);
    number++; WakeConditionVariable(&changed);
    LeaveCriticalSection(&lock);
  }
  return 7;
}
static DWORD WINAPI count(void *unused) {
  while (!stop) { AcquireSRWLockExclusive(&slim); counted++; ReleaseSRWLockExclusive(&slim); }
  return 0;
}
int main(void) {
  InitializeCriticalSection(&lock); InitializeConditionVariable(&changed); InitializeSRWLock(&slim);
  HANDLE threads[2] = { CreateThread(0, 0, odd, 0, 0, 0), CreateThread(0, 0, count, 0, 0, 0) };
  for (int i = 0; i < 20; i++) {
    EnterCriticalSection(&lock);
    while (number % 2) SleepConditionVariableCS(&changed, &lock, INFINITE);
    number++; WakeConditionVariable(&changed);
    LeaveCriticalSection(&lock);
  }
  stop = 1;
  WaitForMultipleObjects(2, threads, TRUE, INFINITE);
  DWORD code; GetExitCodeThread(threads[0], &code);
  printf("%d %lu %d\\n", number, code, counted > 0);
  return counted & 0x7f;
}`;

const TOLD = `
#include <windows.h>
#include <stdio.h>
int wsprintf_(char *text, int n);
static void WINAPI told(void *module, DWORD reason, void *reserved) {
  char text[40]; DWORD n;
  if (reason == DLL_THREAD_ATTACH || reason == DLL_THREAD_DETACH)
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text, wsprintf_(text, reason), &n, 0);
}
int wsprintf_(char *text, int n) { return sprintf(text, "reason %d\\n", n); }
__attribute__((section(".CRT$XLX"), used)) static void (WINAPI *callback)(void *, DWORD, void *) = told;
static __thread int own = 5;
static DWORD WINAPI work(void *unused) { own++; return own; }
int main(void) {
  own = 100;
  HANDLE thread = CreateThread(0, 0, work, 0, 0, 0);
  WaitForSingleObject(thread, INFINITE);
  DWORD code; GetExitCodeThread(thread, &code);
  return code;
}`;

const DEADLOCK = `
#include <windows.h>
static HANDLE a;
static DWORD WINAPI work(void *unused) { WaitForSingleObject(a, INFINITE); return 0; }
int main(void) {
  a = CreateEventA(0, TRUE, FALSE, 0);
  HANDLE thread = CreateThread(0, 0, work, 0, 0, 0);
  WaitForSingleObject(thread, INFINITE);
  return 0;
}`;

const MANY = `
#include <windows.h>
static volatile LONG done;
static DWORD WINAPI work(void *unused) { InterlockedIncrement(&done); return 0; }
int main(void) {
  for (int i = 0; i < 300; i++) {
    HANDLE thread = CreateThread(0, 0, work, 0, 0, 0);
    if (!thread) return 1;
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
  }
  return done == 300 ? 0 : 2;
}`;

const MORE = `
#include <windows.h>
static DWORD WINAPI work(void *unused) { Sleep(INFINITE); return 0; }
int main(void) { int n = 0; while (n < 100000 && CreateThread(0, 0, work, 0, 0, 0)) n++; return n == 999; }`;

describe('threads', () => {
  it.for(['x86-64', 'i386'] as const)('hand a number to and fro (%s)', async (arch, { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    using sandbox = await open(HANDED, { arch });
    sandbox.run();
    expect(output(sandbox)).toBe('40 7 1\n');
  });

  it('take the same turns however the run is cut', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    using whole = await open(HANDED);
    using pieces = await open(HANDED);
    const outcome = whole.run();
    let end = pieces.resume({ blocks: 777 });
    while (end.kind === 'pause') end = pieces.resume({ blocks: 777 });
    expect(end).toEqual(outcome);
    expect(output(pieces)).toBe(output(whole));
    expect(pieces.trace.length).toBe(whole.trace.length);
  });

  it.for(['windows', 'wine'] as const)(
    'are told to the modules, with data of their own (%s)',
    async (os, { skip }) => {
      if (lacking !== undefined) return skip(lacking);
      using sandbox = await open(TOLD, { os });
      expect(sandbox.run()).toEqual({ kind: 'exit', code: 6 });
      expect(output(sandbox)).toBe('reason 2\nreason 3\n');
    },
  );

  it('that wait for each other for ever are a deadlock, with what each waits in', async ({
    skip,
  }) => {
    if (lacking !== undefined) return skip(lacking);
    using sandbox = await open(DEADLOCK);
    const outcome = sandbox.run();
    expect(outcome).toMatchObject({
      kind: 'deadlock',
      waiting: [{ call: 'WaitForSingleObject' }, {}],
    });
  });

  it('leave nothing behind, and have an end', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    using many = await open(MANY);
    expect(many.run()).toEqual({ kind: 'exit', code: 0 });
    using more = await open(MORE, { limits: { memory: 512 << 20 } });
    expect(more.run()).toEqual({ kind: 'exit', code: 1 });
  });
});

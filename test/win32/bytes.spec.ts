/** A sandbox of Windows as bytes, where a snapshot cannot hold what the run has paused in. */
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../src/index.js';
import { buildProgram, lacksMingw } from './mingw.js';

const lacking = lacksMingw('c');

const PAUSED = `
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
static volatile LONG n;
static DWORD WINAPI work(void *p) { for (int i = 0; i < 3000; i++) InterlockedIncrement(&n); return 0; }
static int compare(const void *a, const void *b) { work(0); return *(int *)a - *(int *)b; }
int main(int argc, char **argv) {
  if (argc > 1) { HANDLE t = CreateThread(0, 0, work, 0, 0, 0); work(0); WaitForSingleObject(t, INFINITE); }
  else { int v[] = { 3, 1, 2 }; qsort(v, 3, 4, compare); }
  printf("%ld", n);
  return 0;
}`;

describe('a program that pauses', () => {
  it.for([
    ['in a callback of the system', []],
    ['with several threads', ['threads']],
  ] as const)(
    '%s is kept as bytes, though a snapshot cannot hold it',
    async ([, more], { skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const bytes = buildProgram('x86-64', PAUSED);
      const argv = ['program', ...more];
      using sandbox = await Sandbox.create({ program: { bytes, path: '/program.exe', argv } });
      // Until both threads are there, or the comparison runs.
      let said = '';
      for (let count = 0; count < 200 && said === ''; count++) {
        expect(sandbox.resume({ blocks: 200 }).kind).toBe('pause');
        try {
          sandbox.discard(sandbox.snapshot());
        } catch (error) {
          said = String(error);
        }
      }
      expect(said).toContain('toBytes');
      using again = await Sandbox.fromBytes(sandbox.toBytes());
      expect(again.run()).toEqual(sandbox.run());
      expect(again.stdout).toEqual(sandbox.stdout);
      expect(new TextDecoder().decode(again.stdout)).toMatch(/^(6000|9000)$/);
    },
  );
});

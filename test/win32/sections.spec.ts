/** Sections of images, the Nt calls of sections, and placeholders, as a program of mingw's uses them. */
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../src/index.js';
import { buildProgram, lacksMingw } from './mingw.js';

const lacking = lacksMingw('c');

async function lines(source: string, os: 'windows' | 'wine', arch: 'x86-64' | 'i386') {
  const program = { bytes: buildProgram(arch, source), path: '/program.exe' };
  using sandbox = await Sandbox.create({ program, os, arch });
  sandbox.run();
  return new TextDecoder().decode(sandbox.stdout).replaceAll('\r', '').trimEnd().split('\n');
}

const COMMON = `
#include <windows.h>
#include <stdio.h>
static int got;
static const char *at(void *p) {
  static char text[99]; MEMORY_BASIC_INFORMATION m;
  VirtualQuery(p, &m, sizeof m);
  sprintf(text, "%lx %lx %lx +%lx", (long)m.State, (long)m.Protect, (long)m.Type, (long)m.RegionSize);
  return text;
}
#define CALL(dll, result, name, ...) result (WINAPI *name)(__VA_ARGS__) = (void *)GetProcAddress(GetModuleHandleA(dll), #name)
`;

const IMAGE = `${COMMON}
typedef LONG NT;
int main(void) {
  CALL("ntdll", NT, NtCreateSection, HANDLE *, ULONG, void *, LARGE_INTEGER *, ULONG, ULONG, HANDLE);
  CALL("ntdll", NT, NtMapViewOfSection, HANDLE, HANDLE, void **, ULONG_PTR, SIZE_T, LARGE_INTEGER *, SIZE_T *, ULONG, ULONG, ULONG);
  CALL("ntdll", NT, NtUnmapViewOfSection, HANDLE, void *);
  HANDLE file = CreateFileA("program.exe", GENERIC_READ, FILE_SHARE_READ, 0, OPEN_EXISTING, 0, 0);
  HANDLE map = CreateFileMappingA(file, 0, PAGE_READONLY | 0x1000000, 0, 0, 0);
  char *view = MapViewOfFile(map, FILE_MAP_READ, 0, 0, 0);
  char *self = (char *)GetModuleHandleA(0);
  printf("%d %c%c %s\\n", view != self, view[0], view[1], at(view));
  printf("code %s\\n", at(view + 0x1000));
  printf("same code %d\\n", !memcmp(view + 0x1000, self + 0x1000, 4));
  got = UnmapViewOfFile(view); printf("unmap %d %s\\n", got, at(view));
  HANDLE text = CreateFileA("some.txt", GENERIC_READ | GENERIC_WRITE, 0, 0, CREATE_ALWAYS, 0, 0);
  DWORD n; WriteFile(text, "no image", 8, &n, 0);
  got = CreateFileMappingA(text, 0, PAGE_READONLY | 0x1000000, 0, 0, 0) != 0; printf("text %d %lu\\n", got, GetLastError());
  HANDLE section = 0; LARGE_INTEGER size; size.QuadPart = 0x20000; void *base = 0; SIZE_T length = 0;
  printf("create %08lx\\n", NtCreateSection(&section, 0xf001f, 0, &size, PAGE_EXECUTE_READWRITE, 0x8000000, 0));
  printf("map %08lx", NtMapViewOfSection(section, (HANDLE)-1, &base, 0, 0, 0, &length, 2, 0, PAGE_READWRITE));
  printf(" %lx %s\\n", (long)length, at(base));
  printf("inherit %08lx\\n", NtMapViewOfSection(section, (HANDLE)-1, &base, 0, 0, 0, &length, 7, 0, PAGE_READWRITE));
  printf("unmap %08lx", NtUnmapViewOfSection((HANDLE)-1, base));
  printf(" %08lx\\n", NtUnmapViewOfSection((HANDLE)-1, base));
  printf("no size %08lx\\n", NtCreateSection(&section, 0xf001f, 0, 0, PAGE_READWRITE, 0x8000000, 0));
  printf("protection %08lx\\n", NtCreateSection(&section, 0xf001f, 0, &size, 0, 0x8000000, 0));
  printf("image of nothing %08lx\\n", NtCreateSection(&section, 0xf001f, 0, &size, PAGE_READONLY, 0x1000000, 0));
  return 0;
}`;

const PLACEHOLDERS = `${COMMON}
int main(void) {
  CALL("kernelbase", void *, VirtualAlloc2, HANDLE, void *, SIZE_T, ULONG, ULONG, void *, ULONG);
  CALL("kernelbase", void *, MapViewOfFile3, HANDLE, HANDLE, void *, ULONG64, SIZE_T, ULONG, ULONG, void *, ULONG);
  CALL("kernelbase", BOOL, UnmapViewOfFile2, HANDLE, void *, ULONG);
  char *p = VirtualAlloc2(0, 0, 0x40000, 0x42000, PAGE_NOACCESS, 0, 0);
  printf("placeholder %s\\n", at(p));
  got = VirtualAlloc(p, 4096, MEM_COMMIT, PAGE_READWRITE) != 0; printf("commit %d %lu\\n", got, GetLastError());
  got = VirtualFree(p, 0x20000, 0x8002); printf("split %d %s\\n", got, at(p));
  got = VirtualFree(p, 0x20000, 0x8002); printf("whole %d %lu\\n", got, GetLastError());
  got = VirtualAlloc2(0, p, 0x10000, 0x6000, PAGE_READWRITE, 0, 0) != 0; printf("too small %d %lu\\n", got, GetLastError());
  char *ring = VirtualAlloc2(0, p, 0x20000, 0x6000, PAGE_READWRITE, 0, 0);
  got = ring == p; printf("replace %d %s\\n", got, at(p));
  got = VirtualFree(p, 0x20000, 0x8002); printf("back %d %s\\n", got, at(p));
  HANDLE map = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 0x20000, 0);
  char *a = MapViewOfFile3(map, 0, p, 0, 0x20000, 0x4000, PAGE_READWRITE, 0, 0);
  char *b = MapViewOfFile3(map, 0, p + 0x20000, 0, 0x20000, 0x4000, PAGE_READWRITE, 0, 0);
  a[5] = 42;
  printf("ring %d %d %d\\n", a == p, b == p + 0x20000, b[5]);
  printf("unmap %d %d\\n", UnmapViewOfFile2((HANDLE)-1, a, 2), UnmapViewOfFile2((HANDLE)-1, b, 2));
  got = VirtualFree(p, 0x40000, 0x8001); printf("coalesce %d %s\\n", got, at(p));
  got = VirtualFree(p, 0x40000, 0x8001); printf("again %d %lu\\n", got, GetLastError());
  got = VirtualFree(p, 0, MEM_RELEASE); printf("release %d %s\\n", got, at(p) ? "gone" : "");
  return 0;
}`;

describe('sections', () => {
  it.for([
    ['windows', 'x86-64'],
    ['windows', 'i386'],
    ['wine', 'x86-64'],
    ['wine', 'i386'],
  ] as const)('of images, and by the Nt calls (%s, %s)', async ([os, arch], { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const told = await lines(IMAGE, os, arch);
    expect(told[0]).toBe('1 MZ 1000 2 1000000 +1000');
    expect(told[1]).toMatch(/^code 1000 20 1000000 \+/);
    expect(told[2]).toBe('same code 1');
    expect(told[3]).toMatch(/^unmap 1 10000 1 0 \+/);
    expect(told.slice(4)).toEqual([
      'text 0 193',
      'create 00000000',
      'map 00000000 20000 1000 4 40000 +20000',
      'inherit c00000f6',
      'unmap 00000000 c0000019',
      'no size c00000f2',
      'protection c0000045',
      'image of nothing c0000020',
    ]);
  });
});

describe('placeholders', () => {
  it('are cut, replaced by memory and views, and joined again', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    expect(await lines(PLACEHOLDERS, 'windows', 'x86-64')).toEqual([
      'placeholder 2000 0 20000 +40000',
      'commit 0 487',
      'split 1 2000 0 20000 +20000',
      'whole 0 487',
      'too small 0 487',
      'replace 1 2000 0 20000 +20000',
      'back 1 2000 0 20000 +20000',
      'ring 1 1 42',
      'unmap 1 1',
      'coalesce 1 2000 0 20000 +40000',
      'again 0 487',
      'release 1 gone',
    ]);
  });
});

/** Programs of mingw-w64 run under Windows: start-up, output, exceptions, exit code. */
import { describe, expect, it } from 'vitest';
import { type Outcome, Sandbox, type SandboxOptions } from '../../src/index.js';
import { buildProgram, lacksMingw } from './mingw.js';

const lacking = lacksMingw('c') ?? lacksMingw('c++');
const ARCHES = ['x86-64', 'i386'] as const;

async function run(
  bytes: Uint8Array,
  options: SandboxOptions = {},
): Promise<{ outcome: Outcome; stdout: string; log: readonly string[]; sandbox: Sandbox }> {
  const program = { bytes, path: '/program.exe', argv: ['program.exe', 'one', 'two words'] };
  const sandbox = await Sandbox.create({ program, ...options });
  try {
    const outcome = sandbox.run();
    const stdout = new TextDecoder().decode(sandbox.stdout).replaceAll('\r', '');
    return { outcome, stdout, log: sandbox.kernelLog, sandbox };
  } finally {
    sandbox.close();
  }
}

const HELLO = `
#include <stdio.h>
int main(int argc, char **argv) {
  printf("%d %s|%5d|%-5s|%05x|%.3f|%p|%I64d\\n", argc, argv[2], 42, "ab", 255, 3.14159, (void *)16, 1LL << 40);
  return 7;
}`;

const EXCEPTIONS = `
#include <cstdio>
#include <stdexcept>
struct Noisy { ~Noisy() { std::puts("destroyed"); } };
static int depth(int n) { Noisy noisy; if (n == 0) throw std::runtime_error("deep"); return depth(n - 1) + 1; }
struct Early { Early() { try { throw 5; } catch (int n) { std::printf("early %d\\n", n); } } } early;
int main() { try { depth(2); } catch (const std::exception &e) { std::printf("caught %s\\n", e.what()); } return 9; }`;

const JIT = `
#include <windows.h>
#include <stdio.h>
int main(void) {
  unsigned char *p = VirtualAlloc(0, 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  p[0] = 0xb8; *(int *)(p + 1) = 42; p[5] = 0xc3;
#ifdef FLIP
  DWORD old;
  if (!VirtualProtect(p, 4096, PAGE_EXECUTE_READ, &old)) { printf("error %lu\\n", GetLastError()); fflush(stdout); return 1; }
#endif
  printf("%d\\n", ((int (*)(void))p)());
  return 0;
}`;

const STACK = `
#include <stdio.h>
static int deep(int n) { volatile char room[3000]; room[0] = (char)n; return n == 0 ? room[0] : deep(n - 1) + 1; }
int main(void) { printf("%d\\n", deep(200)); return 0; }`;

const OVERFLOW =
  'int main(int argc, char **argv) { volatile char room[5000]; room[0] = argc; return main(argc + 1, argv) + room[0]; }';

const FILTER = `
#include <windows.h>
#include <stdio.h>
static LONG WINAPI filter(EXCEPTION_POINTERS *e) {
  printf("code %08lx, %d parameters\\n", e->ExceptionRecord->ExceptionCode, (int)e->ExceptionRecord->NumberParameters);
  fflush(stdout);
  return EXCEPTION_EXECUTE_HANDLER;
}
int main(void) { SetUnhandledExceptionFilter(filter); RaiseException(0xe0000042, 0, 0, 0); return 0; }`;

describe.each(ARCHES)('a program of mingw for %s', (arch) => {
  it('prints, and ends with its exit code', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { outcome, stdout } = await run(buildProgram(arch, HELLO));
    const pointer = arch === 'x86-64' ? '0000000000000010' : '00000010';
    expect(stdout).toBe(`3 two words|   42|ab   |000ff|3.142|${pointer}|1099511627776\n`);
    expect(outcome).toEqual({ kind: 'exit', code: 7 });
  });

  it('throws and catches, destructors and initialisers included', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const bytes = buildProgram(arch, EXCEPTIONS, { language: 'c++', options: ['-O1', '-static'] });
    const { outcome, stdout } = await run(bytes);
    expect(stdout).toBe('early 5\ndestroyed\ndestroyed\ndestroyed\ncaught deep\n');
    expect(outcome).toEqual({ kind: 'exit', code: 9 });
  });

  it('gets its stack page by page, and STATUS_STACK_OVERFLOW at its end', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    expect(await run(buildProgram(arch, STACK))).toMatchObject({ stdout: '200\n' });
    const { outcome } = await run(buildProgram(arch, OVERFLOW, { options: ['-O0'] }));
    expect(outcome).toMatchObject({ kind: 'exception', status: 0xc00000fd });
  });

  it('has its own filter asked about what nobody handles', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { outcome, stdout } = await run(buildProgram(arch, FILTER));
    expect(stdout).toBe('code e0000042, 0 parameters\n');
    expect(outcome).toMatchObject({ kind: 'exception', status: 0xe0000042 });
  });
});

describe('DEP', () => {
  const flip = { options: ['-O1', '-DFLIP'] };
  const unmarked = { options: ['-O1', '-Wl,--disable-nxcompat'] };

  it('lets code run that was made executable, and stops a fetch from what was not', async ({
    skip,
  }) => {
    if (lacking !== undefined) return skip(lacking);
    for (const arch of ARCHES) {
      expect(await run(buildProgram(arch, JIT, flip))).toMatchObject({ stdout: '42\n' });
      const { outcome } = await run(buildProgram(arch, JIT));
      expect(outcome).toMatchObject({
        kind: 'exception',
        status: 0xc0000005,
        parameters: [8n, expect.anything()],
      });
    }
  });

  it.for([
    ['dep:mode=optin', 'i386', true, false],
    ['dep:mode=optin', 'i386', false, true],
    ['dep:mode=optout', 'i386', false, false],
    ['dep:mode=optout,exempt=program.exe', 'i386', false, true],
    ['dep:mode=alwayson,exempt=program.exe', 'i386', false, false],
    ['dep:mode=alwayson', 'i386', false, false],
    ['dep:mode=alwaysoff', 'i386', true, true],
    ['dep:mode=optin', 'x86-64', false, false],
    ['dep:mode=optout', 'x86-64', false, false],
  ] as const)('%s, %s, marked %s: data runs %s', async ([policy, arch, marked, runs], { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const bytes = buildProgram(arch, JIT, marked ? {} : unmarked);
    const { outcome } = await run(bytes, { policy });
    expect(outcome).toMatchObject(runs ? { kind: 'exit', code: 0 } : { kind: 'exception' });
  });
});

describe('ACG', () => {
  it('refuses new code with error 1655', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { stdout, log } = await run(buildProgram('x86-64', JIT, { options: ['-O1', '-DFLIP'] }), {
      policy: 'acg',
    });
    expect(stdout).toBe('error 1655\n');
    expect(log.at(-1)).toContain('event 2');
  });
});

describe('what is not there', () => {
  it('is named in one line: DLL, function and caller', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const source = '#include <windows.h>\nint main(void) { return (int)GetDriveTypeA("C:"); }';
    const { outcome, log } = await run(buildProgram('x86-64', source));
    expect(outcome).toMatchObject({ kind: 'exception', status: 0xc0000139 });
    expect(log.at(-1)).toMatch(
      /^kernel32\.dll!GetDriveTypeA is not among .* called from 0x[0-9a-f]+ \(C:\\program\.exe\+0x/,
    );
  });

  it('keeps a program from starting when it is a DLL', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const source = '#include <windows.h>\nint main(void) { return (int)timeGetTime(); }';
    const bytes = buildProgram('x86-64', source, { options: ['-lwinmm'] });
    await expect(run(bytes)).rejects.toThrow(/needs WINMM.dll, which is neither/);
  });
});

describe('a snapshot', () => {
  it('takes the process back to where it was', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    using sandbox = await Sandbox.create({
      program: { bytes: buildProgram('x86-64', HELLO), path: '/program.exe' },
    });
    const before = sandbox.snapshot();
    const first = sandbox.run();
    const output = sandbox.stdout;
    sandbox.restore(before);
    expect(sandbox.stdout.length).toBe(0);
    expect(sandbox.run()).toEqual(first);
    expect(sandbox.stdout).toEqual(output);
  });
});

describe('the host', () => {
  it('calls functions of the API by name', async () => {
    using sandbox = await Sandbox.create({ os: 'windows' });
    const base = sandbox.syscall('VirtualAlloc', 0, 4096, 0x3000, 0x20).value;
    expect(base % 0x10000n).toBe(0n);
    expect(sandbox.syscall('VirtualFree', base, 4096, 0x8000)).toEqual({ value: 0n, error: 87 });
    expect(sandbox.syscall('VirtualFree', base, 0, 0x8000)).toEqual({ value: 1n });
    expect(() => sandbox.syscall('VirtualAloc')).toThrow("did you mean 'VirtualAlloc'?");
  });
});

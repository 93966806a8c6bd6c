/** Wine on Linux: its system calls, what each refusal becomes, and under which policies it starts at all. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type Outcome,
  Sandbox,
  type SandboxOptions,
  straceLine,
  type TraceEvent,
} from '../../src/index.js';
import { buildProgram, lacksMingw } from './mingw.js';

const lacking = lacksMingw();

interface Ran {
  readonly outcome: Outcome;
  readonly stdout: string;
  readonly stderr: string;
  readonly trace: readonly TraceEvent[];
}

async function run(bytes: Uint8Array, options: SandboxOptions = {}): Promise<Ran> {
  using sandbox = await Sandbox.create({
    os: 'wine',
    program: { bytes, path: '/program.exe' },
    ...options,
  });
  const outcome = sandbox.run();
  const text = (given: Uint8Array): string => new TextDecoder().decode(given).replaceAll('\r', '');
  return {
    outcome,
    stdout: text(sandbox.stdout),
    stderr: text(sandbox.stderr),
    trace: sandbox.trace,
  };
}

function source(name: string): string {
  return readFileSync(new URL(`./oracle/${name}.c`, import.meta.url), 'utf8');
}

/** System calls between an API call and the one before it, without alignment. */
function callsFor(trace: readonly TraceEvent[], name: string, nth = 0): string[] {
  const calls = trace.flatMap((event, index) =>
    event.type === 'api' && event.name === name ? [index] : [],
  );
  const end = calls[nth] ?? -1;
  const start = trace.slice(0, Math.max(end, 0)).findLastIndex(({ type }) => type === 'api');
  return trace
    .slice(start + 1, end)
    .filter(({ type }) => type === 'syscall')
    .map((event) => (straceLine(event) ?? '').replace(/ +=/, ' ='));
}

const CALLS = `
#include <windows.h>
int main(void) {
  DWORD old; char *p = VirtualAlloc(0, 8192, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  VirtualProtect(p, 4096, PAGE_READONLY, &old); VirtualProtect(p, 4096, PAGE_EXECUTE, &old); VirtualProtect(p, 4096, PAGE_READWRITE | PAGE_GUARD, &old);
  char *r = VirtualAlloc(0, 65536, MEM_RESERVE, PAGE_EXECUTE_READWRITE); VirtualAlloc(r, 4096, MEM_COMMIT, PAGE_EXECUTE_READWRITE);
  VirtualFree(r, 0, MEM_RELEASE);
  HeapCreate(0, 0, 0); HeapCreate(HEAP_CREATE_ENABLE_EXECUTE, 0, 0);
  HANDLE s = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 65536, 0); MapViewOfFile(s, FILE_MAP_WRITE, 0, 0, 0);
  return 0;
}`;

const JIT = `
#include <windows.h>
#include <stdio.h>
int main(void) {
  unsigned char *p = VirtualAlloc(0, 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE); DWORD old;
  p[0] = 0xb8; *(int *)(p + 1) = 42; p[5] = 0xc3;
  if (!VirtualProtect(p, 4096, PAGE_EXECUTE_READ, &old)) return 1;
  printf("%d\\n", ((int (*)(void))p)()); return 0;
}`;

/** The table "Refusals" of the recordings: the program set PR_SET_MDWE on itself, on real Wine 8.0. */
const REFUSALS = `prctl(PR_SET_MDWE) = 0
VirtualAlloc RWX -> NULL err 87
VirtualAlloc RX -> ok err 0  state 1000 prot 20
VirtualAlloc X -> ok err 0  state 1000 prot 10
VirtualAlloc reserve RWX -> ok err 0  state 2000 prot 0
VirtualAlloc commit RWX in older reservation -> NULL err 5
VirtualProtect RW to RX -> 0 err 5 old abcd  query prot 4
VirtualProtect RW to RWX -> 0 err 5 old abcd  query prot 4
VirtualProtect RX to RWX -> 0 err 5 old abcd  query prot 20
VirtualProtect RX to RW -> 1 err 0 old 20  query prot 4
VirtualProtect back to RX -> 0 err 5 old abcd  query prot 4
VirtualProtect RWX to RX -> 1 err 0 old 40  query prot 20
VirtualProtect RX to RWX (was RWX) -> 0 err 5 old abcd  query prot 20
VirtualProtect image .text RWX -> 0 err 5 old abcd  query prot 20
MapViewOfFile RX -> ok err 0  state 1000 prot 20
MapViewOfFile RWX -> NULL err 87
HeapCreate EXECUTE -> NULL err 8
HeapCreate -> ok err 0  state 1000 prot 4
LoadLibrary version.dll -> NULL err 87
`;

describe('Wine', () => {
  it('makes the system calls that were recorded, with their flags', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { trace } = await run(buildProgram('x86-64', CALLS));
    const at = (pattern: string, name: string, nth = 0): void => {
      expect(callsFor(trace, name, nth).join('\n')).toMatch(new RegExp(`^${pattern}$`));
    };
    const fixed = 'MAP_PRIVATE\\|MAP_FIXED\\|MAP_ANONYMOUS';
    const place = '0x[0-9a-f]+';
    at(
      `mmap\\(${place}, 8192, PROT_READ\\|PROT_WRITE, ${fixed}, -1, 0\\) = ${place}`,
      'VirtualAlloc',
    );
    at(`mprotect\\(${place}, 4096, PROT_READ\\) = 0`, 'VirtualProtect');
    at(`mprotect\\(${place}, 4096, PROT_READ\\|PROT_EXEC\\) = 0`, 'VirtualProtect', 1);
    at(`mprotect\\(${place}, 4096, PROT_NONE\\) = 0`, 'VirtualProtect', 2);
    at(`mmap\\(${place}, 65536, PROT_NONE, ${fixed}, -1, 0\\) = ${place}`, 'VirtualAlloc', 1);
    at(`mprotect\\(${place}, 4096, PROT_READ\\|PROT_WRITE\\|PROT_EXEC\\) = 0`, 'VirtualAlloc', 2);
    at(
      `mmap\\(${place}, 65536, PROT_NONE, ${fixed}\\|MAP_NORESERVE, -1, 0\\) = ${place}`,
      'VirtualFree',
    );
    const heap = (rights: string): string =>
      `mmap\\(${place}, 4194304, PROT_NONE, ${fixed}, -1, 0\\) = ${place}\nmprotect\\(${place}, 65536, ${rights}\\) = 0`;
    at(heap('PROT_READ\\|PROT_WRITE'), 'HeapCreate');
    at(heap('PROT_READ\\|PROT_WRITE\\|PROT_EXEC'), 'HeapCreate', 1);
    at(
      `mmap\\(${place}, 65536, PROT_READ\\|PROT_WRITE, ${fixed}, -1, 0\\) = ${place}\nmmap\\(${place}, 65536, PROT_READ\\|PROT_WRITE, MAP_SHARED\\|MAP_FIXED, \\d+, 0\\) = ${place}`,
      'MapViewOfFile',
    );
  });

  it('reserves before anything else is there, and searches the top by halves on i386', async ({
    skip,
  }) => {
    if (lacking !== undefined) return skip(lacking);
    const { trace } = await run(buildProgram('i386', JIT));
    const lines = trace
      .filter(({ type }) => type === 'syscall')
      .map((event) => straceLine(event) ?? '');
    const reserve = 'PROT_NONE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0)';
    expect(lines.slice(0, 4)).toEqual([
      expect.stringContaining(`mmap2(NULL, 65536, ${reserve} = -1 EPERM`),
      `mmap2(0x10000, 1048576, ${reserve} = 0x10000`,
      `mmap2(0x110000, 1743716352, ${reserve} = 0x110000`,
      `mmap2(0x7f000000, 50331648, ${reserve} = 0x7f000000`,
    ]);
    const search = lines.filter(
      (line) => line.includes('MAP_NORESERVE') && line.includes('NOREPLACE'),
    );
    expect(search[0]).toMatch(/^mmap2\(0x82000000, \d+, PROT_NONE.* = -1 EEXIST/);
    expect(search.length).toBeGreaterThan(20);
    expect(search.length).toBeLessThan(180);
  });

  it('maps an image writable and executable before its sections get their rights', async ({
    skip,
  }) => {
    if (lacking !== undefined) return skip(lacking);
    const { trace } = await run(buildProgram('x86-64', JIT));
    const lines = trace
      .filter(({ type }) => type === 'syscall')
      .map((event) => straceLine(event) ?? '');
    const first = lines.findIndex((line) => line.startsWith('mmap(0x140000000, '));
    expect(lines[first]).toContain(
      'PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE',
    );
    expect(lines[first + 2]).toMatch(
      /^mmap\(0x140000000, 4096, PROT_READ\|PROT_WRITE\|PROT_EXEC, MAP_PRIVATE\|MAP_FIXED, 3, 0\)/,
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/^mprotect\(0x140001000, \d+, PROT_READ\|PROT_EXEC\) += 0/),
    );
  });

  it('turns one refusal of Linux into three errors', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    expect(await run(buildProgram('x86-64', source('mdwe-self')))).toMatchObject({
      stdout: REFUSALS,
    });
  });

  it.for(['windows', 'wine'] as const)(
    'runs the five thunks of ATL, and no other code in data (%s)',
    async (os, { skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const { stdout } = await run(buildProgram('i386', source('atl-thunks')), { os });
      const lines = stdout.trimEnd().split('\n');
      expect(lines.slice(0, 10).every((line) => / ran result (1234|77)$/.test(line))).toBe(true);
      expect(lines.slice(10).every((line) => line.includes('EXC c0000005 info 8'))).toBe(true);
      expect(lines.length).toBe(12);
    },
  );

  it.for([
    ['none', 0],
    ['nx', 0],
    ['selinux', 0],
    ['exec-shield', 0],
    ['mdwe', 13],
    ['systemd-mdwe', 13],
    ['restricted-wx', 13],
    ['pax', 13],
  ] as const)('starts or not under %s: %i', async ([policy, code], { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { outcome, stderr } = await run(buildProgram('x86-64', JIT), { policy });
    expect(outcome).toEqual({ kind: 'exit', code });
    expect(stderr).toBe(code === 0 ? '' : 'wine: failed to load start.exe: c000000d\n');
  });

  it('runs when its program has the mark that exempts it from PaX', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const program = { bytes: buildProgram('x86-64', JIT), path: '/program.exe' };
    const marked = { ...program, xattrs: { 'user.pax.flags': 'm' } };
    expect(await run(program.bytes, { policy: 'pax', program: marked })).toMatchObject({
      stdout: '42\n',
    });
  });
});

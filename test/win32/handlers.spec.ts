/** Which handlers of frames Windows lets run (32-bit), and unwinding through code that a program makes (64-bit). */
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../src/index.js';
import { buildProgram, lacksMingw } from './mingw.js';

const lacking = lacksMingw('c');

async function run(
  arch: 'x86-64' | 'i386',
  bytes: Uint8Array,
  {
    os = 'windows',
    dep = 'dep',
    argv,
  }: { os?: 'windows' | 'wine'; dep?: string; argv?: readonly string[] } = {},
) {
  const policy = os === 'windows' ? dep : 'nx';
  const program = { bytes, path: '/program.exe', ...(argv === undefined ? {} : { argv }) };
  using sandbox = await Sandbox.create({ program, arch, os, policy });
  return sandbox.run();
}

/** A frame's handler ends the process with 9; the structure before it is a load configuration, for who fills it in. */
const FRAME = `
#include <windows.h>
static int handler(EXCEPTION_RECORD *r, void *frame, CONTEXT *c, void *d) { ExitProcess(9); return 0; }
static int other(EXCEPTION_RECORD *r, void *frame, CONTEXT *c, void *d) { ExitProcess(8); return 0; }
void *table[1];
volatile unsigned config[18] = { 0x600dcafe, 0x600dcaff };
int main(int argc, char **argv) {
  unsigned room[3], *frame = room;
  static unsigned elsewhere[2];
  unsigned char on_stack[8] = { 0xe9 };
  char form = argc > 1 ? argv[1][0] : 0;
  if (form == 'm') frame = (unsigned *)((char *)room + 2);
  if (form == 'e') frame = elsewhere;
#ifdef ON_HEAP
  char *code = VirtualAlloc(0, 4096, MEM_COMMIT, ON_HEAP); code[0] = 0xe9; *(int *)(code + 1) = (char *)handler - code - 5;
#else
  char *code = (char *)handler;
#endif
  if (config[1] == 1) code = (char *)other;
  if (form == 's') { *(int *)(on_stack + 1) = (char *)handler - (char *)on_stack - 5; code = (char *)on_stack; }
#ifdef FLAGS
  LONG (WINAPI *set)(HANDLE, int, void *, ULONG) = (void *)GetProcAddress(GetModuleHandleA("ntdll"), "NtSetInformationProcess");
  ULONG flags = FLAGS; LONG status = set((HANDLE)-1, 0x22, &flags, 4); if (status) return status == 0xc000000d ? 13 : 2;
#endif
  __asm__ volatile("movl %%fs:0, %%eax; movl %%eax, (%0); movl %1, 4(%0); movl %0, %%fs:0" :: "r"(frame), "r"(code) : "eax", "memory");
#ifdef OVERWRITTEN
  *(volatile unsigned *)frame = 0x909006eb;
#endif
  if (form == 'x') *(volatile unsigned *)frame = 0xffffffff;
  if (form == 'n') __asm__ volatile("movl (%0), %%eax; movl %%eax, %%fs:0" :: "r"(frame) : "eax", "memory");
  *(volatile int *)8 = 1;
  return 1;
}`;

const NO_NX = '-Wl,--disable-nxcompat';
const HANDLED = { kind: 'exit', code: 9 };
const UNHANDLED = { kind: 'exception', status: 0xc0000005 };

interface SafeSeh {
  /** What the structure says of its own size. */
  readonly size?: number;
  readonly hasTable?: boolean;
  /** Handlers that the table has before and after the program's. */
  readonly before?: number;
  readonly after?: number;
}

/** Makes the marked structure the load configuration, with a table that has the program's `handler`. */
function withSafeSeh(
  built: Uint8Array,
  flag: number,
  { size = 0x48, hasTable = true, before = 0, after = 0 }: SafeSeh = {},
): Uint8Array {
  const bytes = built.slice();
  const view = new DataView(bytes.buffer);
  const header = view.getUint32(0x3c, true);
  const sections = Array.from({ length: view.getUint16(header + 6, true) }, (_, index) => {
    const at = header + 24 + view.getUint16(header + 20, true) + index * 40;
    const [rva, size, offset] = [12, 16, 20].map((field) => view.getUint32(at + field, true));
    return { rva: rva!, size: size!, offset: offset! };
  });
  const rvaOf = (offset: number): number => {
    const section = sections.find((one) => offset >= one.offset && offset < one.offset + one.size)!;
    return offset - section.offset + section.rva;
  };
  let config = -1;
  for (let at = 0; at + 8 <= bytes.length && config < 0; at += 4) {
    if (view.getUint32(at, true) === 0x600dcafe && view.getUint32(at + 4, true) === 0x600dcaff)
      config = at;
  }
  // `handler` is what pushes 9, or stores it, for ExitProcess.
  const handler = functionWith(bytes, 9);
  view.setUint32(config, size, true);
  view.setUint32(config + 4, flag, true);
  for (let index = -before; index <= after; index++)
    view.setUint32(config + 8 + (before + index) * 4, rvaOf(handler) + index, true);
  view.setUint32(config + 0x40, hasTable ? 0x400000 + rvaOf(config + 8) : 0, true);
  view.setUint32(config + 0x44, before + 1 + after, true);
  view.setUint32(header + 24 + 96 + 10 * 8, rvaOf(config), true);
  view.setUint32(header + 24 + 96 + 10 * 8 + 4, 0x48, true);
  return bytes;
}

/** Where gcc's code begins that passes the number to ExitProcess: sub esp, 28; mov dword [esp], number. */
function functionWith(bytes: Uint8Array, number: number): number {
  const code = [0x83, 0xec, 0x1c, 0xc7, 0x04, 0x24, number, 0, 0, 0];
  return bytes.findIndex((_, at) => code.every((byte, index) => bytes[at + index] === byte));
}

describe('a handler of a frame', () => {
  it.for([
    ['in an image without a table runs', [], HANDLED],
    ['in an image that says it has none does not', ['-Wl,--no-seh'], UNHANDLED],
    ['outside of images does not, with DEP', ['-DON_HEAP=0x40', '-Wl,--nxcompat'], UNHANDLED],
    ['outside of images runs without', ['-DON_HEAP=0x40', NO_NX], HANDLED],
    ['in memory that may not be executed does not', ['-DON_HEAP=4', '-Wl,--nxcompat'], UNHANDLED],
    ['in such memory runs without DEP', ['-DON_HEAP=4', NO_NX], HANDLED],
    ['needs ImageDispatchEnable', ['-DON_HEAP=0x40', NO_NX, '-DFLAGS=0x12'], UNHANDLED],
    ['runs with ImageDispatchEnable', ['-DON_HEAP=0x40', NO_NX, '-DFLAGS=0x22'], HANDLED],
    ['needs ExecuteDispatchEnable', ['-DON_HEAP=4', NO_NX, '-DFLAGS=0x22'], UNHANDLED],
    ['runs with both', ['-DON_HEAP=4', NO_NX, '-DFLAGS=0x32'], HANDLED],
    ['hears that a flag is not known', [NO_NX, '-DFLAGS=0x82'], { kind: 'exit', code: 13 }],
  ] as const)('%s', async ([, options, expected], { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const bytes = buildProgram('i386', FRAME, { options: ['-O1', ...options] });
    expect(await run('i386', bytes)).toMatchObject(expected);
  });

  it.for([
    ['in the table runs', 0, HANDLED],
    ['that the table lacks does not', 1, UNHANDLED],
  ] as const)('of SafeSEH: one %s', async ([, flag, expected], { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const options = ['-O1', '-Wl,--disable-dynamicbase', '-Wl,--image-base,0x400000'];
    const bytes = withSafeSeh(buildProgram('i386', FRAME, { options }), flag);
    expect(await run('i386', bytes)).toMatchObject(expected);
    expect(await run('i386', bytes, { dep: 'dep:safeseh=off' })).toMatchObject({ kind: 'exit' });
  });

  it.for([
    ['is found at the beginning of the table', 0, { after: 12 }, 9],
    ['is found in its middle', 0, { before: 5, after: 7 }, 9],
    ['is found at its end', 0, { before: 12 }, 9],
    ['is not there where the table is that of others', 1, { before: 6, after: 6 }, undefined],
    ['needs no table that an older structure does not have', 1, { size: 0x40 }, 8],
    ['needs no table where there is none', 1, { hasTable: false }, 8],
  ] as const)('of SafeSEH %s', async ([, flag, table, code], { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const options = ['-O1', '-Wl,--disable-dynamicbase', '-Wl,--image-base,0x400000'];
    const bytes = withSafeSeh(buildProgram('i386', FRAME, { options }), flag, table);
    const end = code === undefined ? UNHANDLED : { kind: 'exit', code };
    expect(await run('i386', bytes)).toMatchObject(end);
  });

  it.for([
    ['that lies on the stack does not run, even without DEP', 's'],
    ['of a record that is not aligned does not run', 'm'],
    ['of a record that is not on the stack does not run', 'e'],
  ] as const)('%s', async ([, form], { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const bytes = buildProgram('i386', FRAME, { options: ['-O1', NO_NX] });
    const argv = ['program.exe', form];
    expect(await run('i386', bytes)).toEqual(HANDLED);
    expect(await run('i386', bytes, { argv })).toMatchObject(UNHANDLED);
    if (form === 's') expect(await run('i386', bytes, { argv, os: 'wine' })).not.toEqual(HANDLED);
  });

  it.for([
    ['of a whole list runs with SEHOP', [], 'dep:sehop=on', HANDLED],
    ['of an overwritten list runs without SEHOP', ['-DOVERWRITTEN'], 'dep', HANDLED],
    ['of an overwritten list does not with SEHOP', ['-DOVERWRITTEN'], 'dep:sehop=on', UNHANDLED],
    [
      'of such a list runs where the process has switched SEHOP off',
      ['-DOVERWRITTEN', NO_NX, '-DFLAGS=0x72'],
      'dep:sehop=on',
      HANDLED,
    ],
  ] as const)('%s', async ([, options, dep, expected], { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const bytes = buildProgram('i386', FRAME, { options: ['-O1', ...options] });
    expect(await run('i386', bytes, { dep })).toMatchObject(expected);
  });

  it('of a list that ends too early does not run with SEHOP', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const bytes = buildProgram('i386', FRAME, { options: ['-O1'] });
    const argv = ['program.exe', 'x'];
    expect(await run('i386', bytes, { argv })).toEqual(HANDLED);
    expect(await run('i386', bytes, { argv, dep: 'dep:sehop=on' })).toMatchObject(UNHANDLED);
  });

  it('of the end of the list, which SEHOP puts there, is nobody who handles', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const bytes = buildProgram('i386', FRAME, { options: ['-O1'] });
    const argv = ['program.exe', 'n'];
    for (const dep of ['dep', 'dep:sehop=on'])
      expect(await run('i386', bytes, { argv, dep })).toMatchObject(UNHANDLED);
  });

  it('under Wine runs wherever it is, but on the stack', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const bytes = buildProgram('i386', FRAME, { options: ['-O1', '-Wl,--no-seh'] });
    expect(await run('i386', bytes, { os: 'wine' })).toEqual(HANDLED);
  });
});

/** A generated function that calls back, whose caller catches with its own handler: found by what the program tells of it alone. */
const DYNAMIC = `
#include <windows.h>
#include <setjmp.h>
static EXCEPTION_DISPOSITION handler(EXCEPTION_RECORD *r, void *frame, CONTEXT *c, void *d) { ExitProcess(77); return 0; }
static void fails(void) { *(volatile int *)8 = 1; }
#ifndef AFTER
#define AFTER 0x90,
#endif
static void *asked; static int answers = 1;
static RUNTIME_FUNCTION *function(DWORD64 pc, void *context) { asked = (void *)pc; return answers ? context : 0; }
#define CALL(result, name, ...) result (WINAPI *name)(__VA_ARGS__) = (void *)GetProcAddress(GetModuleHandleA("ntdll"), #name)
int main(void) {
  CALL(ULONG, RtlAddGrowableFunctionTable, void **, void *, ULONG, ULONG, ULONG_PTR, ULONG_PTR);
  CALL(void, RtlGrowFunctionTable, void *, ULONG);
  CALL(void, RtlDeleteGrowableFunctionTable, void *);
  unsigned char *page = VirtualAlloc(0, 4096, MEM_COMMIT, PAGE_EXECUTE_READWRITE);
  unsigned char code[] = { 0x48, 0x83, 0xec, 0x28, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd0, AFTER 0x48, 0x83, 0xc4, 0x28, 0xc3 };
  *(void **)(code + 6) = fails;
  memcpy(page, code, sizeof code);
  unsigned char jump[] = { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0 };
  *(void **)(jump + 2) = handler;
  memcpy(page + 0x100, jump, sizeof jump);
  unsigned char info[] = { 1 | (1 << 3), 4, 1, 0, 4, 0x42, 0, 0, 0, 1, 0, 0 };
  memcpy(page + 0x200, info, sizeof info);
  RUNTIME_FUNCTION *f = (RUNTIME_FUNCTION *)(page + 0x300);
  f->BeginAddress = 0; f->EndAddress = sizeof code; f->UnwindData = 0x200;
  DWORD64 base = (DWORD64)page, id = base | 3;
#if TOLD == 1 || TOLD == 2
  if (!RtlAddFunctionTable(f, 1, base)) return 2;
#endif
#if TOLD == 2
  if (!RtlDeleteFunctionTable(f) || RtlDeleteFunctionTable(f)) return 3;
#endif
#if TOLD == 3 || TOLD == 4 || TOLD == 5
  if (RtlInstallFunctionTableCallback(base, base, 4096, function, f, 0)) return 4;
  if (!RtlInstallFunctionTableCallback(id, base, 4096, function, f, 0)) return 5;
  DWORD64 found; if (RtlLookupFunctionEntry(base + 8, &found, 0) != f || found != base || asked != page + 8) return 6;
  if (RtlLookupFunctionEntry(base + 4096, &found, 0)) return 6;
#endif
#if TOLD == 4
  answers = 0;
#elif TOLD == 5
  if (!RtlDeleteFunctionTable((void *)id)) return 7;
#endif
#if TOLD >= 6
  void *table = 0;
  if (RtlAddGrowableFunctionTable(&table, f, 0, 1, base, base + 4096) || !table) return 8;
  if (RtlLookupFunctionEntry(base + 8, &base, 0)) return 9;
#endif
#if TOLD >= 7
  RtlGrowFunctionTable(table, 1);
#endif
#if TOLD == 8
  RtlDeleteGrowableFunctionTable(table);
#endif
  ((void (*)(void))page)();
  return 1;
}`;

describe('a handler of a generated function', () => {
  const handled = { kind: 'exit', code: 77 };
  const lost = { kind: 'exception', status: 0xc0000005 };
  it('is not asked where the call stands right before the epilogue', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const bytes = buildProgram('x86-64', DYNAMIC, { options: ['-O1', '-DTOLD=1', '-DAFTER='] });
    expect(await run('x86-64', bytes)).toMatchObject(lost);
  });

  it.for([
    ['nobody was told of', 0, lost],
    ['has a table', 1, handled],
    ['had a table', 2, lost],
    ['has a callback that finds it', 3, handled],
    ['has a callback that finds nothing', 4, lost],
    ['had a callback', 5, lost],
    ['has a growable table that has not grown', 6, lost],
    ['has a growable table', 7, handled],
    ['had a growable table', 8, lost],
  ] as const)('of one that %s', async ([, told, expected], { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const bytes = buildProgram('x86-64', DYNAMIC, { options: ['-O1', `-DTOLD=${told}`] });
    expect(await run('x86-64', bytes)).toMatchObject(expected);
  });
});

describe('an image whose relocations were stripped', () => {
  it('stays where it wants to be, whatever else its header says', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const source =
      '#include <windows.h>\nint main(void) { return GetModuleHandleA(0) == (HMODULE)0x400000; }';
    const bytes = buildProgram('i386', source).slice();
    const header = new DataView(bytes.buffer).getUint32(0x3c, true);
    const view = new DataView(bytes.buffer, header);
    view.setUint16(22, view.getUint16(22, true) | 1, true);
    view.setUint16(24 + 70, view.getUint16(24 + 70, true) | 0x40, true);
    expect(await run('i386', bytes)).toEqual({ kind: 'exit', code: 1 });
  });
});

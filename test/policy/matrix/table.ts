/**
 * The matrix of policies.md section 13: for each strategy what comes of it under each policy. 'ok', the
 * errno of the first call refused, or what the call of the code ends in: S a SIGSEGV by the page's
 * rights, G a general protection fault, K a SIGKILL. '-': does not apply.
 */
import type { Arch } from '../../../src/base/address.js';

export interface Column {
  readonly name: string;
  readonly policy: string;
  readonly arches: readonly Arch[];
}

const BOTH = ['x86-64', 'i386'] as const;

export const COLUMNS: readonly Column[] = [
  { name: 'V0', policy: 'none', arches: BOTH },
  { name: 'VN', policy: 'nx', arches: BOTH },
  { name: 'ES', policy: 'exec-shield', arches: ['i386'] },
  { name: 'PaX', policy: 'pax', arches: BOTH },
  { name: 'ARD', policy: 'restricted-wx', arches: BOTH },
  { name: 'MDW', policy: 'mdwe', arches: BOTH },
  { name: 'SEu', policy: 'selinux', arches: BOTH },
  { name: 'SEc', policy: 'selinux:domain=confined', arches: BOTH },
  { name: 'SYD', policy: 'systemd-mdwe', arches: BOTH },
  { name: 'OB', policy: 'openbsd', arches: BOTH },
  { name: 'NB', policy: 'netbsd-mprotect', arches: BOTH },
  { name: 'FB', policy: 'freebsd:allow_wx=0', arches: BOTH },
];

/** Short names of the table. */
const NAMES: Readonly<Record<string, string>> = {
  EAC: 'EACCES',
  EPM: 'EPERM',
  ENS: 'ENOTSUP',
  EIN: 'EINVAL',
};

/** In the order of COLUMNS. */
const ROWS: Readonly<Record<string, string>> = {
  //                                   V0  VN  ES  PaX ARD MDW SEu SEc SYD OB  NB  FB
  '1 malloc small, write, call': 'ok  S   G   K   S   S   S   S   S   S   S   S',
  '2 mmap RWX anonymous': 'ok  ok  ok  EPM EAC EAC ok  EAC EPM ENS EAC EAC',
  '3 mmap RW, write, mprotect RX': 'ok  ok  ok  EAC EAC EAC ok  EAC EPM ok  EAC ok',
  '4 mmap NONE, mprotect RW, write, mprotect RX': 'ok  ok  ok  EAC EAC EAC ok  EAC EPM ok  EAC ok',
  '5 mmap RX, RW, write, RX': 'ok  ok  ok  EAC EAC EAC ok  EAC EPM ok  EAC ok',
  '6 /dev/zero private, write, mprotect X': 'ok  ok  ok  EAC EAC EAC EAC EAC EPM ok  EAC ok',
  '7 /dev/zero private, mprotect RX before any write':
    'ok  ok  ok  EAC EAC EAC ok  EAC EPM ok  EAC ok',
  '8 posix_memalign of a page (brk), mprotect RX': 'ok  ok  ok  EAC EAC EAC EAC EAC EPM ok  EAC ok',
  '9 malloc of 1 MiB (mmap), mprotect RX': 'ok  ok  ok  EAC EAC EAC ok  EAC EPM ok  EAC ok',
  '10 heap mprotect RWX': 'ok  ok  ok  EAC EAC EAC EAC EAC EPM ENS EAC EAC',
  '11 code on the stack, GNU_STACK=RW': 'ok  S   G   K   S   S   S   S   S   S   S   S',
  '12 code on the stack, GNU_STACK=RWX': 'ok  ok  ok  K   ok  ok  ok  ok  ok  S   S   ok',
  '13 trampoline on the stack, GNU_STACK=RWX': 'ok  ok  ok  K   ok  ok  ok  ok  ok  S   S   ok',
  '14 mprotect(stack, RWX) at run time': 'ok  ok  ok  EAC EAC EAC ok  EAC EPM ENS EAC EAC',
  '15 dlopen of a library with GNU_STACK=RWX': 'ok  ok  ok  EAC EAC EAC ok  EAC EPM -   -   -',
  '16 memfd, shared RW and shared RX': 'ok  ok  ok  ok  ok  ok  ok  EAC ok  -   -   ok',
  '17 shared memory, RW and RX': 'ok  ok  ok  ok  ok  ok  ok  EAC EPM ok  ok  ok',
  '18 shmat with SHM_EXEC, writable': 'ok  ok  ok  EPM EAC EAC ok  EAC EPM -   -   -',
  '19 file mapped twice': 'ok  ok  ok  ok  ok  ok  ok  EAC ok  ok  ok  ok',
  '20 the same on a noexec mount': 'EPM EPM EPM EPM EPM EPM EPM EAC EPM EPM EPM EPM',
  '21 code written to a file, mapped private RX': 'ok  ok  ok  ok  ok  ok  ok  EAC ok  ok  ok  ok',
  '22 shared anonymous RW, mprotect RX': 'ok  ok  ok  EAC EAC EAC ok  EAC EPM ok  EAC ok',
  '23 mremap of length 0 duplicates shared RW, mprotect RX':
    'ok  ok  ok  EAC EAC EAC ok  EAC EPM -   EAC -',
  '24 MAP_REMAPDUP with PROT_MPROTECT(X)': '-   -   -   -   -   -   -   -   -   -   ok  -',
  '24b MAP_REMAPDUP without it': '-   -   -   -   -   -   -   -   -   -   EAC -',
  '25 text relocation: RX, RW, write, RX': 'ok  ok  ok  EAC EAC EAC ok  EAC EPM ok  EAC ok',
  '26 RELRO: write, mprotect R': 'ok  ok  ok  ok  ok  ok  ok  ok  ok  ok  ok  ok',
  '27 mprotect RW of a RELRO page': 'ok  ok  ok  EAC ok  ok  ok  ok  ok  EPM ok  ok',
  '28 PROT_FINAL loader': 'EIN EIN EIN EPM ok  EAC EIN EAC EPM EIN EAC EIN',
  '29 protection key on an RWX region': 'ok  ok  -   EPM EAC EAC ok  EAC EPM ENS EAC EAC',
  '37 anonymous RX written through /proc/self/mem': 'ok  ok  ok  EIO EIO ok  ok  EAC ok  -   -   -',
  '38 process heap of Wine': 'ok  ok  ok  EAC EAC EAC ok  EAC EPM ENS EAC EAC',
  '39 declared maximum RW, then RX': '-   -   -   -   -   -   -   -   -   -   ok  EAC',
  '40 mprotect RX of sealed RW': '-   EPM -   -   -   EAC EPM EAC EPM EPM -   -',
};

export interface Row {
  readonly strategy: string;
  /** By column; undefined: does not apply. */
  readonly cells: ReadonlyMap<string, string | undefined>;
}

export const TABLE: readonly Row[] = Object.entries(ROWS).map(([strategy, text]) => {
  const cells = text
    .split(/\s+/)
    .map((short) => (short === '-' ? undefined : (NAMES[short] ?? short)));
  if (cells.length !== COLUMNS.length)
    throw new Error(`row '${strategy}' has ${cells.length} cells`);
  return { strategy, cells: new Map(COLUMNS.map(({ name }, index) => [name, cells[index]])) };
});

/** Rows that no Linux program reaches. */
export const WITHOUT: readonly (readonly [row: string, reason: string])[] = [
  [
    '30 MAP_JIT with a switch per thread',
    'a row of macOS alone: test/policy/effects.spec.ts has it',
  ],
  [
    '31 VirtualAlloc RW, VirtualProtect EXECUTE_READ',
    'a row of Windows: test/win32 and scenarios/windows have it',
  ],
  ['32 VirtualAlloc RWX', 'a row of Windows: test/win32 and scenarios/windows have it'],
  [
    '33 HeapAlloc of the default heap',
    'a row of Windows: test/win32 and scenarios/windows have it',
  ],
  ['34 HeapCreate(ENABLE_EXECUTE)', 'a row of Windows: test/win32 and scenarios/windows have it'],
  ['35 ATL thunk in the heap', 'a row of Windows: test/win32 and scenarios/windows have it'],
  [
    '36 pagefile section mapped twice',
    'a row of Windows: test/win32 and scenarios/windows have it',
  ],
];

/**
 * policies.md 14, a column each: A an anonymous page, F one of /dev/zero, H one of the heap. '-': the
 * page that the step needs was refused. Only the x86-64 filter of systemd-mdwe is listed there; it is the
 * same on i386 for mmap2.
 */
export const ORACLE: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries({
    //                   A    A R  A RX A2RX RW   RX   RWX  F    H    odd  hole    len 0
    nx: 'ok ok ok ok ok ok ok ok ok EINVAL ENOMEM ok',
    pax: 'ok ok EAC ok EAC ok EPM EAC EAC EINVAL ENOMEM ok',
    'restricted-wx': 'ok ok EAC ok EAC ok EAC EAC EAC EINVAL ENOMEM ok',
    mdwe: 'ok ok EAC ok ok EAC EAC EAC EAC EINVAL ENOMEM ok',
    selinux: 'ok ok ok ok ok ok ok EAC EAC EINVAL ENOMEM ok',
    'selinux:domain=confined': 'ok ok EAC EAC - - EAC EAC EAC EINVAL ENOMEM ok',
    'systemd-mdwe': 'ok ok EPM ok ok EPM EPM EPM EPM EINVAL EPM EPM',
  }).map(([policy, text]) => [policy, text.split(' ').map((short) => NAMES[short] ?? short)]),
);

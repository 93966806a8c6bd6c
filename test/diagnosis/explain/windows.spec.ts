/** Explanations for programs of Windows, under Windows and under Wine: the call, the rule, and remedies that were run. */
import { describe, expect, it } from 'vitest';
import {
  type Arch,
  assemblePe,
  type Explanation,
  explain,
  type SandboxOptions,
} from '../../../src/index.js';

const IMPORTS =
  '.import kernel32.dll, VirtualAlloc, VirtualProtect, HeapAlloc, GetProcessHeap, GetLastError, ExitProcess';

/** Memory, code that returns 7, a call; the exit code is what the code returned, or the error of a refusal. */
const jit = (allocate: string, protect: string): string => `
    ${IMPORTS}
    .globl _start
_start:
    sub rsp, 0x48
    ${allocate}
    test rax, rax
    jz failed
    mov rbx, rax
    mov byte ptr [rbx], 0xb8
    mov dword ptr [rbx + 1], 7
    mov byte ptr [rbx + 5], 0xc3
    ${protect}
    call rbx
    mov ecx, eax
    call [ExitProcess]
failed:
    call [GetLastError]
    mov ecx, eax
    call [ExitProcess]
`;

const alloc = (protect: number): string => `
    xor ecx, ecx
    mov edx, 4096
    mov r8d, 0x3000
    mov r9d, ${protect}
    call [VirtualAlloc]`;
const HEAP = `
    call [GetProcessHeap]
    mov rcx, rax
    xor edx, edx
    mov r8d, 16
    call [HeapAlloc]`;
const protect = (protection: number): string => `
    mov rcx, rbx
    mov edx, 4096
    mov r8d, ${protection}
    lea r9, [rsp + 0x40]
    call [VirtualProtect]
    test eax, eax
    jz failed`;

async function explained(
  source: string,
  options: SandboxOptions,
  arch: Arch = 'x86-64',
): Promise<Explanation> {
  const { elf } = await assemblePe(source, { arch });
  const explanation = await explain({ program: elf, seed: 0, ...options });
  if (explanation === undefined) throw new Error('nothing was refused');
  return explanation;
}

const worksOf = ({ remedies }: Explanation): string[] =>
  remedies.filter(({ works, kind }) => works && kind === 'call').map(({ text }) => text);
const refusals = ({ remedies }: Explanation): (string | undefined)[] =>
  remedies.filter(({ works }) => !works).map(({ refused }) => refused);

const FLIP = 'VirtualProtect to PAGE_EXECUTE_READ once the code is written, before it is called';
const SEALED =
  'VirtualAlloc with PAGE_READWRITE, and VirtualProtect to PAGE_EXECUTE_READ once the code is written';
const FROM_START = 'VirtualAlloc with PAGE_EXECUTE_READWRITE from the start';
const VIEWS =
  'two views of a section (CreateFileMapping), one with FILE_MAP_WRITE and one with FILE_MAP_EXECUTE';
const HEAP_FOR_CODE = 'a heap for code: HeapCreate with HEAP_CREATE_ENABLE_EXECUTE';

describe('under DEP', () => {
  it('a fetch from data is explained by the rule, the history of the page, and what executes', async () => {
    const found = await explained(jit(alloc(4), ''), { policy: 'dep:mode=alwayson' });
    expect(found).toMatchObject({
      class: 'crashes',
      rule: 'dep/no-exec',
      asked: expect.stringMatching(
        /^a fetch from 0x\w+ in anonymous memory, which is PAGE_READWRITE$/,
      ),
      byCall: false,
    });
    expect(found.history.map(({ what }) => what)).toEqual(['made PAGE_READWRITE by VirtualAlloc']);
    expect(worksOf(found)).toEqual([FLIP, FROM_START, VIEWS]);
  });

  it('of a block of the heap an executable heap is a way', async () => {
    const found = await explained(jit(HEAP, ''), { policy: 'dep' });
    expect(worksOf(found)).toEqual([FLIP, HEAP_FOR_CODE]);
  });

  it('names the switch that lets an old program be, and that it was run', async () => {
    const old = `
    .import kernel32.dll, GetProcessHeap, HeapAlloc, ExitProcess
    .globl _start
_start:
    push 16
    push 0
    call [GetProcessHeap]
    push eax
    call [HeapAlloc]
    mov byte ptr [eax], 0xc3
    call eax
    push 0
    call [ExitProcess]`;
    const found = await explained(old, { policy: 'dep:mode=alwayson' }, 'i386');
    const switches = found.remedies.filter(({ kind, works }) => kind === 'switch' && works);
    expect(switches.map(({ text }) => text)).toEqual([
      expect.stringContaining('exemption list'),
      'bcdedit /set nx AlwaysOff',
    ]);
  });
});

describe('under ACG', () => {
  it('nothing that the program could ask for works, and each refusal is told', async () => {
    const found = await explained(jit(alloc(4), protect(0x20)), { policy: 'acg' });
    expect(found).toMatchObject({
      class: 'errors',
      rule: 'acg/gain-exec',
      byCall: true,
      asked: expect.stringMatching(
        /^VirtualProtect\(0x\w+, 4096, PAGE_EXECUTE_READ, 0x\w+\) = 0 \(ERROR_DYNAMIC_CODE_BLOCKED, 1655\)/,
      ),
    });
    expect(worksOf(found)).toEqual([]);
    expect(refusals(found)).toContain(
      'VirtualAlloc refused with ERROR_DYNAMIC_CODE_BLOCKED by acg/new-code',
    );
    expect(
      found.remedies.filter(({ kind }) => kind === 'switch').map(({ works }) => works),
    ).toEqual([true, true]);
  });

  it('a thread that may opt out can', async () => {
    const found = await explained(jit(alloc(0x40), ''), { policy: 'acg:optout=on' });
    expect(worksOf(found)).toEqual([
      'SetThreadInformation(ThreadDynamicCodePolicy) in the thread that compiles, where the policy has AllowThreadOptOut',
    ]);
  });
});

describe('under Wine', () => {
  it('the call of the program stands above the one of Linux that was refused', async () => {
    const inject = 'mmap:error=EACCES:when=50';
    const found = await explained(jit(alloc(0x40), ''), { os: 'wine', policy: 'nx', inject });
    expect(found.asked).toMatch(/^mmap\(.*PROT_READ\|PROT_WRITE\|PROT_EXEC.* = -1 EACCES/);
    expect(found.above).toMatch(/^VirtualAlloc\(.* = 0 \(ERROR_INVALID_PARAMETER, 87\)$/);
  });

  it('a failure that was injected is explained as any refusal', async () => {
    const inject = 'VirtualAlloc:error=ERROR_INVALID_PARAMETER';
    const found = await explained(jit(alloc(0x40), ''), { os: 'wine', policy: 'nx', inject });
    expect(found.asked).toMatch(
      /^VirtualAlloc\(.* = 0 \(ERROR_INVALID_PARAMETER, 87\) \(INJECTED\)$/,
    );
    expect(worksOf(found)).toEqual([SEALED, VIEWS]);
  });

  it('that Wine itself is refused is no call of the program', async () => {
    const found = await explained(jit(alloc(4), protect(0x20)), { os: 'wine', policy: 'mdwe' });
    expect(found).toMatchObject({ above: undefined, byCall: true, rule: 'mdwe/write-exec' });
    expect(found.asked).toMatch(/^mmap\(0x400000/);
  });
});

it('a program that dies of itself everywhere is not helped', async () => {
  const crash = jit('xor eax, eax\n inc eax', '');
  const { elf } = await assemblePe(crash, { arch: 'x86-64' });
  expect(await explain({ program: elf, policy: 'acg' })).toBe(undefined);
});
